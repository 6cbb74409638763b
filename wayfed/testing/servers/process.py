"""Processes that end with their owner, however that ends, and leave nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from wayfed_java import java_home
from wayfed_optimizer.errors import ExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    Report = Callable[[str], None]

_LINES_SHOWN = 15

# Holds the process group's number as long as somebody may want to kill it.
_LEADER = "cat >/dev/null"
# Reads a pipe that closes when the owner ends, however it ends; then nobody needs the group.
_WATCHER = """
cat >/dev/null
kill -s KILL -- "-$2"
rm -rf "$1"
"""


class ProcessGroup:
    """Servers in a directory of their own, all gone when their owner is, even one that was killed.

    The processes form a group (what they start belongs to it), so that a terminal's Ctrl-C does
    not reach them. A shell that waits for the owner's end kills the group and removes the
    directory.

    Parameters
    ----------
    name
        Names the directory, and the platform in errors.

    Examples
    --------
    >>> with ProcessGroup("sleeping") as group:
    ...     group.start("sleeper", ["sleep", "100"])
    ...     group.kill("sleeper")
    ...     group.running("sleeper")
    False
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.directory = Path(tempfile.mkdtemp(prefix=f"wayfed-{name}-"))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        leader, watcher = _watch(self.directory)
        self._group = leader.pid
        self._finalizer = weakref.finalize(
            self, _stop, self._processes, leader, watcher, os.getpid()
        )

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start a process, or start it again; it writes to its log and reads nothing.

        Parameters
        ----------
        name
            By which the other methods know it.
        command
            The program and its arguments.
        environment
            Variables besides the owner's own.
        """
        with self.log(name).open("ab") as log:
            self._processes[name] = self._run(command, log.fileno(), environment)

    def run(self, name: str, command: Sequence[str | Path]) -> None:
        """Run a program to its end.

        Raises
        ------
        ExecutionError
            Where it fails; the message carries the end of its log.
        """
        self.start(name, command)
        self.finish(name)

    def finish(self, name: str) -> None:
        """Wait for the end of a process that comes to one.

        Raises
        ------
        ExecutionError
            Where it failed; the message carries the end of its log.
        """
        if self._processes.pop(name).wait() != 0:
            raise self.failure(name, "failed")

    def wait(self, name: str, ready: Callable[[], bool], *, seconds: float = 600) -> None:
        """Wait until a process is ready.

        Raises
        ------
        ExecutionError
            Where it ends, or takes longer; the message carries the end of its log.
        """
        end = time.monotonic() + seconds
        while not ready():
            if not self.running(name):
                raise self.failure(name, "ended as it started")
            if time.monotonic() > end:
                raise self.failure(name, f"was not ready after {seconds:g} seconds")
            time.sleep(0.02)

    def running(self, name: str) -> bool:
        """Whether a process has started and not ended."""
        process = self._processes.get(name)
        return process is not None and process.poll() is None

    def pid(self, name: str) -> int:
        """Return a process's id."""
        return self._processes[name].pid

    def kill(self, name: str) -> None:
        """End a process as a crash would (SIGKILL)."""
        process = self._processes[name]
        process.kill()
        process.wait()

    def pause(self, name: str) -> None:
        """Hold a process still, as a machine that hangs (SIGSTOP), until :meth:`resume`."""
        self._processes[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a process that was paused go on."""
        self._processes[name].send_signal(signal.SIGCONT)

    def log(self, name: str) -> Path:
        """Return the file that a process writes to."""
        return self.directory / f"{name}.log"

    def failure(self, name: str, what: str) -> ExecutionError:
        """Return the error that says what a process did, with the end of its log."""
        lines = self.log(name).read_text(errors="replace").splitlines()[-_LINES_SHOWN:]
        tail = "\n".join(f"    {line}" for line in lines)
        return ExecutionError(f"{name} {what}; its log ends:\n{tail}", platform=self.name)

    def stop(self) -> None:
        """End all processes and remove their directory; a second call does nothing."""
        self._finalizer()

    def _run(
        self, command: Sequence[str | Path], log: int, environment: Mapping[str, str] | None
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  the commands are those of the tests' servers
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=self.directory,
            process_group=self._group,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def free_ports(count: int) -> tuple[int, ...]:
    """Return loopback ports that were free a moment ago.

    Examples
    --------
    >>> len(set(free_ports(3)))
    3
    """
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return tuple(probe.getsockname()[1] for probe in probes)


def accepts(port: int) -> bool:
    """Say whether a loopback port takes connections.

    Examples
    --------
    >>> accepts(free_ports(1)[0])
    False
    """
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def java_program(group: ProcessGroup) -> Path:
    """Return the ``java`` that a group's servers run on.

    Raises
    ------
    ExecutionError
        Where there is none that they can use.
    """
    return java_home(group.directory, group.name) / "bin" / "java"


def _watch(directory: Path) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
    """Start a process group's leader, and what ends the group when its owner has ended."""
    read, write = os.pipe()
    try:
        leader = subprocess.Popen(  # noqa: S603  a constant
            ["/bin/sh", "-c", _LEADER], stdin=read, process_group=0
        )
        watcher = subprocess.Popen(  # noqa: S603  a constant, and a directory of our own
            ["/bin/sh", "-c", _WATCHER, "watcher", directory, str(leader.pid)],
            stdin=subprocess.PIPE,
            stdout=write,  # never written to: the leader lives as long as it is open
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except BaseException:
        shutil.rmtree(directory)
        raise
    finally:
        os.close(read)
        os.close(write)
    return leader, watcher


def _stop(
    processes: dict[str, subprocess.Popen[bytes]],
    leader: subprocess.Popen[bytes],
    watcher: subprocess.Popen[bytes],
    owner: int,
) -> None:
    if os.getpid() != owner:  # a fork that ends must not take its parent's servers along
        return
    # Their files go with them, so none has anything to bring to an end, which takes seconds.
    for process in processes.values():
        process.kill()
    for process in processes.values():
        process.wait()
    watcher.communicate()
    leader.wait()
