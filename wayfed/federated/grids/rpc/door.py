"""A hub of this process's own, where the parties of the runner `processes` are asked."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from wayfed.federated.grids.rpc.grid import RpcGrid
from wayfed.federated.grids.rpc.hub import Hub
from wayfed.federated.grids.rpc.identity import Identity, fingerprint_of, make_identity
from wayfed.federated.grids.rpc.outbound import Coordinator
from wayfed.federated.grids.rpc.roster import FixedRoster, Roster
from wayfed.federated.grids.rpc.serving import link_of
from wayfed_optimizer.errors import PartyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed.federated.parties.member import Member

_START_SECONDS: Final = 60.0
_PARTY_SECONDS: Final = 2.0
"""More for each party: they share the cores of this machine while they start."""
_STEP_SECONDS: Final = 0.02


class HubDoor:
    """A hub on a free port of this machine, and certificates for those who meet there.

    Parameters
    ----------
    names
        The parties.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._own = make_identity("wayfed")
        self._requester = make_identity("requester").fingerprint
        self._identities = {name: make_identity(name) for name in names}
        roster = Roster(
            {identity.fingerprint: name for name, identity in self._identities.items()},
            {},
            b"".join(identity.certificate for identity in self._identities.values()),
        )
        self._hub = Hub(self._own, FixedRoster(roster))
        self._hub.start("127.0.0.1:0")
        self._desk = self._hub.desk("requester", self._requester)

    def told(self, party: str) -> dict[str, Any]:
        """Say where the hub is, and who the party is there."""
        return {
            "address": f"127.0.0.1:{self._hub.port}",
            "coordinator": self._own.certificate.decode(),
            "certificate": self._identities[party].certificate.decode(),
            "key": self._identities[party].key.decode(),
            "requester": self._requester,
        }

    def await_all(self, check: Callable[[], None]) -> None:
        """Wait until all parties are connected."""
        mailbox = self._desk.open("presence")
        end = monotonic() + _START_SECONDS + _PARTY_SECONDS * len(self._names)
        with mailbox.changed:
            while missing := sorted(set(self._names) - mailbox.present.keys()):
                check()
                if monotonic() > end:
                    raise PartyError(
                        f"the processes of these parties did not start: {', '.join(missing)}",
                        hint="what they wrote to the standard error says why",
                    )
                mailbox.changed.wait(_STEP_SECONDS)

    def open(self) -> RpcGrid:
        """Open a session with every party."""
        return RpcGrid(self._desk, self._names)

    def close(self) -> None:
        """Let the hub end."""
        self._hub.close()


def serve(member: Member, told: dict[str, Any]) -> None:
    """Be a party that was told of a hub."""
    certificate = told["coordinator"].encode()
    requesters = frozenset({told["requester"]})
    link_of(
        member,
        Identity(told["certificate"].encode(), told["key"].encode()),
        Coordinator(told["address"], fingerprint_of(certificate), certificate),
        lambda: requesters,
    ).serve()
