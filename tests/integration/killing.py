"""What programs share that train in processes which are killed, and tests that look at them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from traceback import print_exc
from typing import Any

from wayfed.federated.runs.results import FederatedRun

ROOT = Path(__file__).parents[2]
# Before it forks, so that each process need not.
BEFOREHAND = ("duckdb", "pyarrow.csv", "wayfed.federated.context", "wayfed.federated.runs.resuming")


@dataclass(frozen=True)
class Kill:
    """So many calls after a round, wherever these lead; a party after the first round besides."""

    rounds: int
    calls: int
    party: str | None = None


def killer(ctx: Any, kill: Kill | None) -> Callable[[FederatedRun], None]:
    """Kill this process some calls after a round, and a party after the first round."""

    def on_round(run: FederatedRun) -> None:
        if kill is None:
            return
        if kill.party is not None and len(run.history) == 1:
            os.kill(ctx._runners["processes"].pids[kill.party], signal.SIGKILL)
        if len(run.history) == kill.rounds:
            die_after(kill.calls)

    return on_round


def die_after(calls: int) -> None:
    """Kill this process when so many calls were made that Python lets audit."""
    left = calls + 1

    def hook(event: str, _: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:  # killing is such a call too
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def forked(work: Callable[[], object]) -> int:
    """Do something in a process of its own; return its id at once."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        print_exc()
        raise
    finally:
        os._exit(status)


def in_a_process(work: Callable[[], object]) -> int:
    """Do something in a process of its own, and return how that ended."""
    return os.waitstatus_to_exitcode(os.waitpid(forked(work), 0)[1])


def asked(parser: ArgumentParser) -> Any:
    """Return what a program is asked, with everything imported before it forks."""
    arguments = parser.parse_args()
    for module in BEFOREHAND:
        import_module(module)
    return arguments


def asked_for_kills() -> Any:
    """Return how a program is to kill runs: by which runner, where, how many, and by which seed."""
    parser = ArgumentParser()
    parser.add_argument("runner")
    parser.add_argument("root", type=Path)
    parser.add_argument("--kills", type=int, default=1)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--party")
    return asked(parser)


def outcomes(program: str, *arguments: str) -> list[dict[str, Any]]:
    """Run one of these programs; return what it printed, a line of JSON each."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.integration.{program}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
