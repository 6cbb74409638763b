"""Hubs, parties and requesters in this process, over real sockets with mutual TLS."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from flwr.app import Context, Message, RecordDict

from tests.waiting import wait_until
from wayfed.arrays import Arrays
from wayfed.federated.grids.rpc.exchange import Limits
from wayfed.federated.grids.rpc.grid import RpcGrid
from wayfed.federated.grids.rpc.hub import Hub
from wayfed.federated.grids.rpc.identity import Identity, make_identity
from wayfed.federated.grids.rpc.link import Link
from wayfed.federated.grids.rpc.outbound import Coordinator
from wayfed.federated.grids.rpc.requester import RemoteDesk
from wayfed.federated.grids.rpc.roster import FixedRoster, Roster
from wayfed.federated.parties.audit import Asker
from wayfed.federated.wire import question, read_json
from wayfed_optimizer.errors import PartyError

FIRST = "query.plan"
NAMES = ("ash", "birch", "cedar")
QUICK = Limits(grace_seconds=0.3, settle_seconds=0.3, roster_seconds=0.05)
"""Who is gone is given up soon; who comes may take its time, on a machine that is busy."""


class Echo:
    """A session that gives back what it gets; a message may ask it to fail or to wait."""

    release = threading.Event()
    waiting = threading.Event()
    waiters: ClassVar[set[int]] = set()
    """The nodes that wait."""

    def __init__(self, asker: Asker | None = None) -> None:
        self.asker = asker

    def answer(self, message: Message, context: Context) -> Message:
        content = message.content
        told = read_json(content, "question") if "question" in content else {}
        if told.get("do") == "wait":
            Echo.waiters.add(message.metadata.dst_node_id)
            Echo.waiting.set()
            Echo.release.wait(600)
        if told.get("do") == "fail":
            raise ValueError("no")
        if told.get("do") == "fail in no words":
            raise ValueError("\ud800")
        return Message(content, reply_to=message)

    def lend(self) -> Arrays:
        raise PartyError("an echo lends no arrays")

    def end(self, reason: str) -> None:
        """Go on: an echo has nothing to stop."""


@dataclass
class Federation:
    """A hub, its roster, and parties that echo."""

    hub_identity: Identity = field(default_factory=lambda: make_identity("hub"))
    analyst: Identity = field(default_factory=lambda: make_identity("analyst"))
    identities: dict[str, Identity] = field(
        default_factory=lambda: {name: make_identity(name) for name in NAMES}
    )
    limits: Limits = QUICK
    message_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        self.served = {self.analyst.fingerprint}
        self.roster = FixedRoster(self.listed(self.identities))
        self.hub = Hub(self.hub_identity, self.roster, self.limits)
        self.hub.start("127.0.0.1:0")
        self.stack = contextlib.ExitStack()
        self.stack.callback(self.close)

    def close(self) -> None:
        self.hub.close()

    def listed(self, parties: dict[str, Identity], *more: Identity) -> Roster:
        """List these parties and the analyst; TLS takes `more` too."""
        everyone = [*parties.values(), self.analyst, *more]
        return Roster(
            {identity.fingerprint: name for name, identity in parties.items()},
            {self.analyst.fingerprint: "analyst"},
            b"".join(identity.certificate for identity in everyone),
        )

    @property
    def coordinator(self) -> Coordinator:
        return Coordinator(
            f"127.0.0.1:{self.hub.port}",
            self.hub_identity.fingerprint,
            self.hub_identity.certificate,
        )

    def party(self, name: str, identity: Identity | None = None) -> Link:
        """Start a party that echoes."""
        link = Link(
            name,
            identity or self.identities[name],
            self.coordinator,
            tables=("tx",),
            min_rows=1,
            make=Echo,
            serves=lambda: self.served,
            first=FIRST,
            message_bytes=self.message_bytes,
        )
        thread = threading.Thread(target=link.serve, daemon=True)
        thread.start()
        self.stack.callback(thread.join, 5)
        self.stack.callback(link.stop)
        return link

    def parties(self) -> dict[str, Link]:
        """Start all parties, and wait until they are connected."""
        links = {name: self.party(name) for name in self.identities}
        wait_until(lambda: set(self.hub.present) == set(self.identities))
        return links

    def desk(self, identity: Identity | None = None) -> RemoteDesk:
        """Connect as a requester elsewhere."""
        desk = RemoteDesk(self.coordinator, identity or self.analyst)
        self.stack.callback(desk.close)
        return desk

    def grid(self) -> RpcGrid:
        """Open a session as the analyst, in the hub's process."""
        return RpcGrid(self.hub.desk("analyst", self.analyst.fingerprint), self.hub.names)

    def restart_hub(self) -> None:
        """End the hub, and start another one at the same port."""
        port = self.hub.port
        self.hub.close()
        self.hub = Hub(self.hub_identity, self.roster, self.limits)
        self.hub.start(f"127.0.0.1:{port}")


@contextlib.contextmanager
def federation(**options: object) -> Iterator[Federation]:
    """Start a hub, and end all at the end."""
    made = Federation(**options)  # type: ignore[arg-type]  # the test's own options
    Echo.release.clear()
    Echo.waiting.clear()
    Echo.waiters.clear()
    try:
        yield made
    finally:
        Echo.release.set()
        made.stack.close()


def ask(
    grid: RpcGrid, kind: str = FIRST, *, timeout: float | None = 120, **told: object
) -> dict[str, str]:
    """Ask every party; give for each what it answered, in a word or as the error's reason."""
    content = question(told)
    messages = [Message(content, node, kind) for node in grid.parties]
    replies = grid.send_and_receive(messages, timeout=timeout)
    return {
        grid.parties[r.metadata.src_node_id]: r.error.reason if r.has_error() else "echo"
        for r in replies
    }


def echoed(grid: RpcGrid, content: RecordDict) -> list[RecordDict]:
    """Send content to every party, and give what came back."""
    messages = [Message(content, node, FIRST) for node in grid.parties]
    replies = grid.send_and_receive(messages, timeout=60)
    assert not [reply.error.reason for reply in replies if reply.has_error()]
    return [reply.content for reply in replies]
