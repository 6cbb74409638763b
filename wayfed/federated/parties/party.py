"""Someone who takes part in a run, what answers her messages, and the Context in which it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from flwr.app import Context, RecordDict

if TYPE_CHECKING:
    from collections.abc import Callable

    from flwr.app import Message

    from wayfed.arrays import Arrays


class Answering(Protocol):
    """What answers the messages of a session; see `wayfed.federated.parties.session.Session`."""

    def answer(self, message: Message, context: Context) -> Message:
        """Answer a message; raises what keeps the party from it."""
        ...

    def lend(self) -> Arrays:
        """Return the session's arrays to code of somebody's own, if that may have them."""
        ...

    def end(self, reason: str) -> None:
        """Stop what runs, from whatever thread; what is asked from now on is refused."""
        ...


@dataclass(frozen=True, slots=True)
class Party:
    """Someone who takes part: a name, what answers its messages, and the rows it answers from.

    Parameters
    ----------
    name
        The party's name, by which everything is ordered.
    app
        What answers: Flower's ClientApp, or a function of its form. It leaves the content of a
        message, which all parties share, as it is.
    rows
        Gives the party's arrays, made at the first call; a ClientApp of the user's own finds them
        as ``context.arrays``.
    """

    name: str
    app: Callable[[Message, Context], Message]
    rows: Callable[[], Arrays]


class PartyContext(Context):  # type: ignore[misc]  # Flower is untyped here
    """Flower's Context of a party, with the party's name and arrays."""

    def __init__(self, party: Party, *, node_id: int, number: int, parties: int) -> None:
        config = {"partition-id": number, "num-partitions": parties, "party": party.name}
        super().__init__(1, node_id, config, RecordDict(), {})
        self.party = party.name
        self._rows = party.rows

    @property
    def arrays(self) -> Arrays:
        """The party's arrays."""
        return self._rows()
