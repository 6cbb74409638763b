"""Programs in processes of their own, stopped by Ctrl-C once they are where the test wants them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.waiting import PATIENCE_SECONDS, wait_until


@dataclass
class Interrupted:
    """How a program ended that was sent SIGINT.

    Parameters
    ----------
    code
        Its exit code; as Python gives it, so -2 where SIGINT ended it.
    output, errors
        What it wrote.
    left
        Temporary files and directories that it left.
    """

    code: int
    output: str
    errors: str
    left: list[str] = field(default_factory=list)


@dataclass
class Program:
    """A program with a directory for temporary files of its own.

    Parameters
    ----------
    directory
        Where it runs; ``tmp`` in it is for temporary files.
    """

    directory: Path

    def interrupt(
        self,
        arguments: Sequence[str],
        *,
        once: Callable[[psutil.Process], object],
    ) -> Interrupted:
        """Start a program, send it SIGINT when `once` holds of it, and return how it ended."""
        temporary = self.directory / "tmp"
        temporary.mkdir(exist_ok=True)
        with (
            _minding_sigint(),
            subprocess.Popen(
                arguments,
                cwd=self.directory,
                env={**os.environ, "TMPDIR": str(temporary)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as process,
        ):
            try:
                running = psutil.Process(process.pid)
                wait_until(lambda: process.poll() is not None or once(running), "it was ready")
                assert process.poll() is None, f"it ended too soon:\n{process.communicate()[1]}"
                children = running.children(recursive=True)
                process.send_signal(signal.SIGINT)
                output, errors = process.communicate(timeout=PATIENCE_SECONDS)
            finally:
                process.kill()
        wait_until(lambda: not any(each.is_running() for each in children), "its children ended")
        left = [str(path.relative_to(temporary)) for path in temporary.rglob("*")]
        return Interrupted(process.returncode, output, errors, left)

    def interrupt_python(
        self, source: str, *, once: Callable[[psutil.Process], object] | None = None
    ) -> Interrupted:
        """Run Python source and interrupt it when `once` holds, or when it calls ``ready()``."""
        (self.directory / "program.py").write_text(_PRELUDE + source)
        ready = self.directory / "ready"
        return self.interrupt(
            [sys.executable, "program.py"], once=once or (lambda _: ready.exists())
        )


@contextmanager
def _minding_sigint() -> Iterator[None]:
    """Let what is started mind SIGINT, which a shell's background jobs, and theirs, do not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def has_worked(program: psutil.Process) -> bool:
    """Say whether a program has used more of the processor than its imports and planning take."""
    return program.cpu_times().user > _SECONDS_OF_WORK


_SECONDS_OF_WORK = 5.0

_PRELUDE = """\
import pathlib
from tests.waiting import PATIENCE_SECONDS, wait_until
import wayfed as wf


def ready():
    pathlib.Path("ready").touch()


"""
