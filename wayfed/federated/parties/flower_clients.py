"""Flower clients of the user's own as parties: a ClientApp, or a NumPyClient over arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from wayfed.federated import metrics
from wayfed.federated.parties.party import Party
from wayfed.federated.parties.tensors import Tensors
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.wire import record_of, weights_of
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from wayfed.arrays import Arrays


@runtime_checkable
class NumPyClient(Protocol):
    """What of Flower's NumPyClient a party needs: training and evaluation on lists of arrays."""

    def fit(
        self, parameters: list[NDArray[Any]], config: dict[str, Any]
    ) -> tuple[list[NDArray[Any]], int, dict[str, Any]]:
        """Train from `parameters`; give new ones, the number of examples, and metrics."""
        ...

    def evaluate(
        self, parameters: list[NDArray[Any]], config: dict[str, Any]
    ) -> tuple[float, int, dict[str, Any]]:
        """Give the loss, the number of examples, and metrics."""
        ...

    def get_parameters(self, config: dict[str, Any]) -> list[NDArray[Any]]:
        """Give the parameters to begin with."""
        ...


ClientLike: TypeAlias = "ClientApp | Callable[[Arrays], NumPyClient]"


def is_client(model: object) -> bool:
    """Say whether `model` is code of the user's own rather than a specification."""
    return isinstance(model, ClientApp) or callable(model)


def client_party(name: str, arrays: Arrays, client: ClientLike, engine: str = "numpy") -> Party:
    """Make a party that answers by the user's own client.

    Parameters
    ----------
    name, arrays
        The party and its rows.
    client
        A ClientApp, which finds the rows as ``context.arrays``; or what makes a NumPyClient of
        them, called once.
    engine
        As what tensors it is given the rows.
    """
    given: Any = arrays if engine == "numpy" else Tensors(arrays, engine)

    def rows() -> Arrays:
        handed: Arrays = given
        return handed

    if isinstance(client, ClientApp):
        app = client
        return Party(name, lambda message, context: app(_private_copy(message), context), rows)
    made = client(given)
    if not isinstance(made, NumPyClient):
        raise InvalidOption(
            f"client gave {type(made).__name__} for party '{name}', which is not a NumPyClient",
            hint="a NumPyClient has fit, evaluate and get_parameters",
        )
    return Party(name, _ClientParty(made).app(), rows)


def _private_copy(message: Message) -> Message:
    # A strategy puts one RecordDict into all messages, and a user's app may change what it gets.
    content = RecordDict({name: record.copy() for name, record in message.content.items()})
    return Message(content, metadata=message.metadata)


class _ClientParty:
    """A NumPyClient behind a ClientApp: lists of arrays on its side, named arrays on ours."""

    def __init__(self, client: NumPyClient) -> None:
        self._client = client

    def app(self) -> ClientApp:
        app = ClientApp()
        app.query("begin")(self._begin)
        app.train()(self._train)
        app.evaluate()(self._evaluate)
        return app

    def _begin(self, message: Message, context: Context) -> Message:
        parameters = enumerate(self._client.get_parameters({}))
        record = record_of({str(number): np.asarray(array) for number, array in parameters})
        return Message(RecordDict({ReleaseKind.UPDATE.value: record}), reply_to=message)

    def _train(self, message: Message, context: Context) -> Message:
        arrays, config = _inputs(message.content)
        updated, examples, told = self._client.fit(_writable(arrays), config)
        if len(updated) != len(arrays):
            raise ValueError(f"fit gave {len(updated)} arrays instead of {len(arrays)}")
        values = (np.asarray(array) for array in updated)
        content = RecordDict()
        content[ReleaseKind.UPDATE.value] = record_of(dict(zip(arrays, values, strict=True)))
        content[ReleaseKind.TRAINING.value] = _figures(examples, told)
        return Message(content, reply_to=message)

    def _evaluate(self, message: Message, context: Context) -> Message:
        arrays, config = _inputs(message.content)
        loss, examples, told = self._client.evaluate(_writable(arrays), config)
        figures = _figures(examples, {"loss": loss, **told} if examples else {})
        return Message(RecordDict({ReleaseKind.METRICS.value: figures}), reply_to=message)


def _inputs(content: RecordDict) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    config: dict[str, Any] = {}
    for record in content.values():
        if isinstance(record, ArrayRecord):
            arrays = weights_of(record)
        elif isinstance(record, ConfigRecord):
            config = dict(record)
    return arrays, config


def _writable(arrays: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    return [array.copy() for array in arrays.values()]


def _figures(examples: int, told: Mapping[str, Any]) -> MetricRecord:
    figures: dict[str, int | float | list[int] | list[float]] = {metrics.WEIGHT: int(examples)}
    for name, value in told.items():
        if not isinstance(value, bool | int | float | np.number):
            raise TypeError(f"metric '{name}' is {type(value).__name__}, not a number")
        figures[name] = float(value)
    return MetricRecord(figures)
