"""The runner `processes`: one operating-system process a party here, over the grid of grpcio."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import PartyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.federated.grids.rpc.grid import RpcGrid
    from wayfed.federated.grids.rpc.hub import Hub, LocalDesk
    from wayfed.federated.parties.configuration import Federation

_START_SECONDS: Final = 60.0
_STEP_SECONDS: Final = 0.02


class ProcessRunner:
    """Parties in processes of their own on this machine, started at the first use.

    They are what parties elsewhere are, but for two things: their certificates are made for as
    long as they live, and what they are to be comes through a pipe, which also tells them when
    this process is gone.

    Parameters
    ----------
    federation
        What is published, and the parties.
    optimize_for
        ``time`` or ``bytes``, at each party.
    """

    def __init__(self, federation: Federation, *, optimize_for: str = "time") -> None:
        self._parties = {
            name: {
                "published": {
                    table: {column.name: str(column.type) for column in schema}
                    for table, schema in federation.published.items()
                },
                "party": party.model_dump(by_alias=True, mode="json"),
                "optimize_for": optimize_for,
            }
            for name, party in federation.parties.items()
        }
        self._lock = Lock()
        self._started: _Started | None = None
        self._closed = False

    def open(self) -> RpcGrid:
        """Open a session with every party; the first call starts them.

        Raises
        ------
        PartyError
            They did not start.
        """
        from wayfed.federated.grids.rpc.grid import RpcGrid

        with self._lock:
            if self._closed:
                raise PartyError("the parties' processes have ended", hint="make another context")
            if self._started is None:
                self._started = _start(self._parties)
        return RpcGrid(self._started.desk, self._parties)

    @property
    def pids(self) -> Mapping[str, int]:
        """The process ids of the parties, by name."""
        return {} if self._started is None else dict(self._started.pids)

    def close(self) -> None:
        """End the processes; closing twice does nothing."""
        with self._lock:
            self._closed = True
            if self._started is not None:
                self._started.close()
                self._started = None


@dataclass(slots=True)
class _Started:
    """Processes that run, and the hub to which they are connected."""

    hub: Hub
    desk: LocalDesk
    nursery: subprocess.Popen[bytes]
    lifelines: list[int]
    pids: dict[str, int] = field(default_factory=dict)

    def close(self) -> None:
        for lifeline in self.lifelines:
            os.close(lifeline)
        if self.nursery.stdout is not None:
            self.nursery.stdout.close()
        try:
            self.nursery.wait(5)
        except subprocess.TimeoutExpired:
            self.nursery.kill()
            self.nursery.wait()
        self.hub.close()


def _start(parties: Mapping[str, Mapping[str, Any]]) -> _Started:
    """Start a process for each party, and wait until all of them are connected."""
    reading, writing = zip(*(os.pipe() for _ in parties), strict=True)
    # It begins to import while the hub is started here.
    nursery = subprocess.Popen(  # noqa: S603  # our own interpreter and module
        [sys.executable, "-m", "wayfed.federated.grids.rpc.nursery", *map(str, reading)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        pass_fds=reading,
    )
    for descriptor in reading:
        os.close(descriptor)
    from wayfed.federated.grids.rpc.hub import Hub
    from wayfed.federated.grids.rpc.identity import make_identity
    from wayfed.federated.grids.rpc.roster import FixedRoster, Roster

    own, requester = make_identity("wayfed"), make_identity("requester")
    identities = {name: make_identity(name) for name in parties}
    roster = Roster(
        {identity.fingerprint: name for name, identity in identities.items()},
        {},
        b"".join(identity.certificate for identity in identities.values()),
    )
    hub = Hub(own, FixedRoster(roster))
    hub.start("127.0.0.1:0")
    started = _Started(hub, hub.desk("requester", requester.fingerprint), nursery, list(writing))
    try:
        for lifeline, (name, described) in zip(writing, parties.items(), strict=True):
            told = {
                "name": name,
                "address": f"127.0.0.1:{hub.port}",
                "coordinator": own.certificate.decode(),
                "certificate": identities[name].certificate.decode(),
                "key": identities[name].key.decode(),
                "requester": requester.fingerprint,
                **described,
            }
            _write(lifeline, f"{json.dumps(told)}\n".encode())
        for name in parties:
            started.pids[name] = _process_id(nursery)
        _await_all(started, parties)
    except BaseException:
        started.close()
        raise
    return started


def _process_id(nursery: subprocess.Popen[bytes]) -> int:
    """Read the next process id that a nursery tells."""
    line = nursery.stdout.readline() if nursery.stdout is not None else b""
    if not line:
        raise PartyError(
            "the parties' processes did not start",
            hint="what they wrote to the standard error says why",
        )
    return int(line)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _await_all(started: _Started, parties: Mapping[str, object]) -> None:
    mailbox = started.desk.open("presence")
    end = monotonic() + _START_SECONDS
    with mailbox.changed:
        while missing := sorted(parties.keys() - mailbox.present.keys()):
            if started.nursery.poll() is not None or monotonic() > end:
                raise PartyError(
                    f"the processes of these parties did not start: {', '.join(missing)}",
                    hint="what they wrote to the standard error says why",
                )
            mailbox.changed.wait(_STEP_SECONDS)
