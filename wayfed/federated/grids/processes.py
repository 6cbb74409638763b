"""Runners that start a process a party on this machine, and a place where they are asked."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol

from wayfed_optimizer.errors import PartyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed.federated.grids.base import PartyGrid
    from wayfed.federated.parties.configuration import Federation

LOG: Final = logging.getLogger("wayfed.federated.grid")
_NURSERY: Final = "wayfed.federated.grids.rpc.nursery"


class Door(Protocol):
    """Where parties and requester meet: made for as long as a runner lives."""

    def told(self, party: str) -> dict[str, Any]:
        """Say what a party has to know to come here."""
        ...

    def await_all(self, alive: Callable[[], bool]) -> None:
        """Wait until all parties are here; raises PartyError where they will not come."""
        ...

    def open(self) -> PartyGrid:
        """Open a session with every party."""
        ...

    def close(self) -> None:
        """Let everybody go."""
        ...


@dataclass(frozen=True, slots=True)
class DoorKind:
    """How parties and requester of a runner meet.

    Parameters
    ----------
    package
        Where its module ``door`` is, of which parties call ``serve``.
    make
        Makes the door for parties of these names.
    """

    package: str
    make: Callable[[tuple[str, ...]], Door]


class ProcessRunner:
    """Parties in processes of their own on this machine, started at the first use.

    They are what parties elsewhere are, but for two things: their certificates are made for as
    long as they live, and what they are to be comes through a pipe, which also tells them when
    this process is gone.

    Parameters
    ----------
    federation
        What is published, and the parties.
    door
        The place where they meet the requester.
    optimize_for
        ``time`` or ``bytes``, at each party.
    """

    def __init__(
        self,
        federation: Federation,
        door: DoorKind,
        *,
        optimize_for: str = "time",
    ) -> None:
        self._parties = {
            name: {
                "name": name,
                "published": {
                    table: {column.name: str(column.type) for column in schema}
                    for table, schema in federation.published.items()
                },
                "party": party.model_dump(by_alias=True, mode="json"),
                "optimize_for": optimize_for,
            }
            for name, party in federation.parties.items()
        }
        self._kind = door
        self._lock = Lock()
        self._started: tuple[Nursery, Door] | None = None
        self._closed = False

    def open(self) -> PartyGrid:
        """Open a session with every party; the first call starts them.

        Raises
        ------
        PartyError
            They did not start.
        """
        with self._lock:
            if self._closed:
                raise PartyError("the parties' processes have ended", hint="make another context")
            if self._started is None:
                self._started = self._start()
            _, door = self._started
        return door.open()

    @property
    def pids(self) -> Mapping[str, int]:
        """The process ids of the parties, by name."""
        return {} if self._started is None else dict(self._started[0].pids)

    def close(self) -> None:
        """End the processes; closing twice does nothing."""
        with self._lock:
            self._closed = True
            if self._started is not None:
                nursery, door = self._started
                self._started = None
                nursery.close()
                door.close()

    def _start(self) -> tuple[Nursery, Door]:
        names = tuple(self._parties)
        LOG.info("starting a process for each of %d parties", len(names))
        # The nursery imports, and the parties begin, while the door is made.
        nursery = Nursery(names, self._kind.package)
        try:
            for name, described in self._parties.items():
                nursery.tell(name, described)
            door = self._kind.make(names)
        except BaseException:
            nursery.close()
            raise
        try:
            for name in names:
                nursery.tell(name, door.told(name))
            nursery.await_forks()
            door.await_all(nursery.is_alive)
        except BaseException:
            nursery.close()
            door.close()
            raise
        return nursery, door


class Nursery:
    """The process from which the parties' are forked, and a pipe to each of them.

    Parameters
    ----------
    names
        The parties.
    package
        That of the door where they will be asked.
    """

    def __init__(self, names: tuple[str, ...], package: str) -> None:
        reading, writing = zip(*(os.pipe() for _ in names), strict=True)
        self.pids: dict[str, int] = {}
        self._lifelines = dict(zip(names, writing, strict=True))
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", _NURSERY, package, *map(str, reading)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=reading,
            env=quiet_environment(),
        )
        for descriptor in reading:
            os.close(descriptor)

    def tell(self, name: str, what: Mapping[str, Any]) -> None:
        """Tell a party what it is to be."""
        view = memoryview(f"{json.dumps(what)}\n".encode())
        while view:
            view = view[os.write(self._lifelines[name], view) :]

    def await_forks(self) -> None:
        """Wait until each party has a process."""
        stdout = self._process.stdout
        for name in self._lifelines:
            line = stdout.readline() if stdout is not None else b""
            if not line:
                raise PartyError(
                    "the parties' processes did not start",
                    hint="what they wrote to the standard error says why",
                )
            self.pids[name] = int(line)

    def is_alive(self) -> bool:
        """Say whether the process is there from which the parties' were forked."""
        return self._process.poll() is None

    def close(self) -> None:
        """End all of them."""
        for lifeline in self._lifelines.values():
            os.close(lifeline)
        self._lifelines.clear()
        if self._process.stdout is not None:
            self._process.stdout.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def quiet_environment() -> dict[str, str]:
    """Give the environment of processes that we start: what grpcio writes, we say ourselves."""
    return {"GRPC_VERBOSITY": "NONE", **os.environ}


def _at_a_hub(names: tuple[str, ...]) -> Door:
    from wayfed.federated.grids.rpc.door import HubDoor

    return HubDoor(names)


def _at_a_superlink(names: tuple[str, ...]) -> Door:
    from wayfed.federated.grids.superlink import guarded

    process = guarded.start()  # it imports for seconds, and so does what comes next
    from wayfed.federated.grids.superlink.door import SuperLinkDoor

    return SuperLinkDoor(names, process)


DOORS: Final = {
    "processes": DoorKind("rpc", _at_a_hub),
    "flower": DoorKind("superlink", _at_a_superlink),
}
"""Where the parties of each runner that starts them meet the requester."""
