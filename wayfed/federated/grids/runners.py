"""How the parties of a federation are reached: one door for each way in which messages travel."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Protocol

from wayfed.federated.grids.local import LocalGrid
from wayfed.federated.parties.opening import open_session
from wayfed.federated.parties.party import Party
from wayfed_optimizer.errors import PartyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed.federated.grids.base import PartyGrid
    from wayfed.federated.grids.rpc.identity import Identity
    from wayfed.federated.grids.rpc.outbound import Coordinator
    from wayfed.federated.grids.rpc.requester import RemoteDesk
    from wayfed.federated.parties.member import Member


class Runner(Protocol):
    """A way to reach the parties; it is opened once a plan, and lives as long as its context."""

    def open(self) -> PartyGrid:
        """Open a session with every party that is there, and return what carries its messages."""
        ...

    def close(self) -> None:
        """Let go of the parties; closing twice does nothing."""
        ...


class HubRunner:
    """Parties elsewhere, over a coordinator's hub, to which this connects at the first use.

    Parameters
    ----------
    coordinator
        Where the hub is.
    identity
        Who asks.
    """

    def __init__(self, coordinator: Coordinator, identity: Identity) -> None:
        self._coordinator = coordinator
        self._identity = identity
        self._lock = Lock()
        self._desk: RemoteDesk | None = None
        self._closed = False

    @property
    def desk(self) -> RemoteDesk:
        """The place at the hub.

        Raises
        ------
        PartyError
            The coordinator does not answer, or refuses.
        """
        from wayfed.federated.grids.rpc.requester import RemoteDesk

        with self._lock:
            if self._closed:
                raise PartyError("the connection was closed", hint="make another context")
            if self._desk is None:
                self._desk = RemoteDesk(self._coordinator, self._identity)
            return self._desk

    def open(self) -> PartyGrid:
        """Open a session with every party that the hub lists."""
        from wayfed.federated.grids.rpc.grid import RpcGrid

        desk = self.desk
        if not desk.names():
            raise PartyError("the coordinator lists no parties")
        return RpcGrid(desk, desk.names())

    def close(self) -> None:
        """Disconnect; closing twice does nothing."""
        with self._lock:
            self._closed = True
            if self._desk is not None:
                self._desk.close()
                self._desk = None


class LocalRunner:
    """Parties simulated in this process, each with a context of its own."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = tuple(members)

    def open(self) -> LocalGrid:
        """Open a session with every party."""
        sessions = {member.name: open_session(member) for member in self._members}
        return LocalGrid(
            [Party(name, session.answer, session.lend) for name, session in sessions.items()]
        )

    def close(self) -> None:
        """Do nothing: the members' contexts are their owner's."""
