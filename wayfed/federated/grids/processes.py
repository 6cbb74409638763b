"""Runners that start a process a party on this machine, and a place where they are asked."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

from wayfed.federated.grids.lines import Lines
from wayfed_optimizer.errors import PartyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed.federated.grids.base import PartyGrid
    from wayfed.federated.parties.configuration import Federation

LOG: Final = logging.getLogger("wayfed.federated.grid")
_ONE_POLLER: Final = "-event_engine_client,-event_engine_listener,-event_engine_callback_cq"
"""Whoever waits for a message of grpcio reads it, too; else four threads hand it on (measured)."""
_NURSERY: Final = "wayfed.federated.grids.rpc.nursery"
_START_SECONDS: Final = 120.0
_STEP_SECONDS: Final = 0.1
_WHY: Final = "what it wrote to the standard error says why"


class Door(Protocol):
    """Where parties and requester meet: made for as long as a runner lives."""

    def told(self, party: str) -> dict[str, Any]:
        """Say what a party has to know to come here."""
        ...

    def await_all(self, check: Callable[[], None]) -> None:
        """Wait until all parties are here; raises PartyError where they will not come.

        `check` raises it where one of their processes has ended.
        """
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
            door.await_all(nursery.check)
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
        self._names = names
        self._said: dict[str, str] = {}
        self._ended: dict[str, int] = {}
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
        if self._process.stdout is None:
            raise AssertionError("it was asked for")
        self._news = Lines(self._process.stdout)

    def tell(self, name: str, what: Mapping[str, Any]) -> None:
        """Tell a party what it is to be."""
        view = memoryview(f"{json.dumps(what)}\n".encode())
        with contextlib.suppress(BrokenPipeError):  # it has ended, which `check` finds
            while view:
                view = view[os.write(self._lifelines[name], view) :]

    def await_forks(self) -> None:
        """Wait until each party has a process.

        Raises
        ------
        PartyError
            They get none, or one of them has ended.
        """
        end = monotonic() + _START_SECONDS
        while len(self.pids) < len(self._names):
            self.check(_STEP_SECONDS)
            if monotonic() > end:
                raise PartyError(
                    f"the parties have no processes after {_START_SECONDS:g} s", hint=_WHY
                )

    def check(self, seconds: float = 0) -> None:
        """Raise PartyError where a party's process has ended, after waiting for news for a while.

        Parameters
        ----------
        seconds
            How long to wait at most.
        """
        for line in self._news.take(seconds):
            told = json.loads(line)
            name = self._names[told["party"]]
            match told:
                case {"pid": pid}:
                    self.pids[name] = pid
                case {"said": said}:
                    self._said[name] = said
                case {"code": code}:
                    self._ended[name] = code
        if self._ended:
            raise PartyError(
                "not all of the parties' processes started"
                + "".join(f"\n  party '{name}': {self._how(name)}" for name in sorted(self._ended)),
                hint=_WHY,
            )
        if self._news.ended or self._process.poll() is not None:
            raise PartyError("the parties' processes did not start", hint=_WHY)

    def _how(self, name: str) -> str:
        said = f", and said last: {self._said[name]}" if name in self._said else ""
        return f"its process ended {_ending(self._ended[name])}{said}"

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


def _ending(code: int) -> str:
    """Say how a process ended.

    Examples
    --------
    >>> _ending(1), _ending(-9)
    ('with status 1', 'by SIGKILL')
    """
    if code >= 0:
        return f"with status {code}"
    known = {each.value: each.name for each in signal.Signals}
    return f"by {known.get(-code, f'signal {-code}')}"


def quiet_environment() -> dict[str, str]:
    """Give the environment of processes that we start: what grpcio writes, we say ourselves."""
    return {"GRPC_VERBOSITY": "NONE", "GRPC_EXPERIMENTS": _ONE_POLLER, **os.environ}


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
