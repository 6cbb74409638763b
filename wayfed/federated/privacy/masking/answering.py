"""How a party answers the questions of secure aggregation, around what trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flwr.app import ArrayRecord, Message, RecordDict

from wayfed.federated import metrics
from wayfed.federated.privacy.masking.messages import (
    KEYS,
    MASKED,
    RECORD,
    REVEAL,
    SHARES,
    SUM,
    by_node,
    read_by_node,
)
from wayfed.federated.privacy.masking.party import Masking
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.wire import Reply, record_of, weights_of
from wayfed_optimizer.errors import PolicyViolation

if TYPE_CHECKING:
    from collections.abc import Callable

    from flwr.app import ConfigRecord, Context
    from flwr.clientapp import ClientApp


class MaskedTraining:
    """Trains like `train`, and gives its update under masks.

    Parameters
    ----------
    train
        Answers a message that asks for training.
    """

    def __init__(self, train: Callable[[Message, Context], Message]) -> None:
        self._train = train
        self._masking: Masking | None = None

    def serve(self, app: ClientApp) -> None:
        """Let a ClientApp answer the four questions."""
        for stage, answered in (
            (KEYS, self._keys),
            (SHARES, self._shares),
            (MASKED, self._masked),
            (REVEAL, self._reveal),
        ):
            app.query(stage.partition(".")[2])(answered)

    def _keys(self, message: Message, context: Context) -> Message:
        asked = message.content[RECORD]
        self._masking = Masking(message.metadata.dst_node_id)
        names = ("parties", "shares", "threshold")
        keys = self._masking.keys(*(int(asked[name]) for name in names))
        node = message.metadata.dst_node_id
        return _answer(message, by_node(0, {node: [keys["pk1"], keys["pk2"]]}))

    def _shares(self, message: Message, context: Context) -> Message:
        shares = self._round().shares(read_by_node(message.content[RECORD], each=2))
        return _answer(message, by_node(0, {node: [share] for node, share in shares.items()}))

    def _masked(self, message: Message, context: Context) -> Message:
        masking = self._round()
        asked = {name: each for name, each in message.content.items() if name != RECORD}
        trained = self._train(Message(RecordDict(asked), metadata=message.metadata), context)
        update: ArrayRecord = trained.content[ReleaseKind.UPDATE.value]
        told = trained.content[ReleaseKind.TRAINING.value]
        shares = {n: each[0] for n, each in read_by_node(message.content[RECORD]).items()}
        total = masking.mask(weights_of(update), float(told[metrics.WEIGHT]), shares)
        content = {
            ReleaseKind.MASKED.value: record_of({SUM: total}),
            ReleaseKind.TRAINING.value: told,
        }
        return Message(Reply(content), reply_to=message)

    def _reveal(self, message: Message, context: Context) -> Message:
        asked = message.content[RECORD]
        shares = self._round().reveal(list(asked["active"]), list(asked["lost"]))
        self._masking = None
        return _answer(message, by_node(0, {node: [share] for node, share in shares.items()}))

    def _round(self) -> Masking:
        if self._masking is None:
            raise PolicyViolation("the stages of secure aggregation come once and in their order")
        return self._masking


def _answer(message: Message, record: ConfigRecord) -> Message:
    return Message(Reply({ReleaseKind.MASKING.value: record}), reply_to=message)
