"""How the parties of a federation are reached: one door for each way in which messages travel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wayfed.federated.grids.local import LocalGrid
from wayfed.federated.parties.party import Party
from wayfed.federated.parties.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed.federated.grids.base import PartyGrid
    from wayfed.federated.parties.member import Member


class Runner(Protocol):
    """A way to reach the parties; it is opened once a plan, and lives as long as its context."""

    def open(self) -> PartyGrid:
        """Open a session with every party that is there, and return what carries its messages."""
        ...

    def close(self) -> None:
        """Let go of the parties; closing twice does nothing."""
        ...


class LocalRunner:
    """Parties simulated in this process, each with a context of its own."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = tuple(members)

    def open(self) -> LocalGrid:
        """Open a session with every party."""
        sessions = {member.name: Session(member) for member in self._members}
        return LocalGrid(
            [Party(name, session.answer, session.arrays) for name, session in sessions.items()]
        )

    def close(self) -> None:
        """Do nothing: the members' contexts are their owner's."""
