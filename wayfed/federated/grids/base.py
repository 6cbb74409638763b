"""What all grids share: a Flower Grid that knows its parties by name, and their order."""

from __future__ import annotations

import hashlib
import itertools
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid

from wayfed.federated.grids.patience import patience_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flwr.supercore.run import Run


def node_id_of(party: str) -> int:
    """Give the number by which Flower knows a party: the same in every run and on every grid."""
    return int.from_bytes(hashlib.sha256(party.encode()).digest()[:8], "big") >> 1


class PartyGrid(Grid):  # type: ignore[misc]  # Flower is untyped here
    """A Flower Grid that knows its parties by name.

    A grid needs `send_and_receive` and nothing else; what may be pushed and pulled follows from it.

    Parameters
    ----------
    parties
        The parties' names by their numbers, in the order of the names.
    """

    def __init__(self, parties: Mapping[int, str]) -> None:
        self.parties = parties
        self._numbers = itertools.count(1)
        self._pulled: dict[str, Message] = {}
        self._run: Run | None = None

    @abstractmethod
    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> list[Message]:
        """Deliver messages and give the replies in the order of the parties' names."""

    def cause_of(self, node_id: int) -> BaseException | None:
        """Give what a party's app raised at the last message, where that is known here."""
        return None

    def expect(self, work: int) -> None:
        """Hear about how many numbers a party works through at a message."""
        return

    def patience(self, message_type: str) -> float | None:
        """Return for how many seconds parties are waited for where there is no deadline."""
        return patience_for(message_type)

    def arrivals(self) -> Mapping[int, str]:
        """Give the parties that are there and hold nothing of ours: they came late, or came back.

        Each is told once; where it is not in `parties` yet, it is from now on.
        """
        return {}

    def close(self) -> None:
        """Let go of what the grid holds."""
        return

    def set_run(self, run: Run) -> None:
        """Remember Flower's description of the run."""
        self._run = run

    @property
    def run(self) -> Any:
        """Flower's description of the run."""
        return self._run

    def get_node_ids(self) -> list[int]:
        """Give the numbers of the parties that take part, in the order of their names."""
        return list(self.parties)

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Make a message to a party."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Deliver messages; `pull_messages` gives the replies."""
        sent = list(messages)
        for reply in self.send_and_receive(sent):
            self._pulled[reply.metadata.reply_to_message_id] = reply
        return [message.metadata.message_id for message in sent]

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """Give the replies to messages that were pushed."""
        found = (self._pulled.pop(number, None) for number in message_ids)
        return [reply for reply in found if reply is not None]

    def _number(self, message: Message) -> None:
        # Flower lets its SuperLink number messages, and has no setter for those who do it here.
        message.metadata.__dict__["_message_id"] = str(next(self._numbers))
