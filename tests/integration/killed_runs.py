"""Trains in processes that are killed, and goes on with what they left.

Run by test_killed_runs: prints a line of JSON for each run that was killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from traceback import print_exc
from typing import Any

import numpy as np

import wayfed as wf
from wayfed.federated.runs.results import FederatedRun

# Before it forks, so that each process need not.
BEFOREHAND = ("duckdb", "pyarrow.csv", "wayfed.federated.context", "wayfed.federated.runs.resuming")
ROUNDS = 8
CALLS = 100
"""Audited calls after a round within which a run is killed: writing a checkpoint makes about 20."""
BANKS = ("ash", "birch", "cedar")


@dataclass(frozen=True)
class Kill:
    """So many calls after a round, wherever these lead; a party after the first round besides."""

    rounds: int
    calls: int
    party: str | None = None


def federation(root: Path) -> dict[str, Any]:
    """Describe three banks with files of their own, written once."""
    chance = np.random.default_rng(3)
    parties = {}
    for rows, bank in zip((40, 60, 90), BANKS, strict=True):
        path = root / f"{bank}.csv"
        x, y = chance.normal(size=(2, rows))
        late = x - y + chance.logistic(size=rows) > 0
        lines = [f"{a!r},{b!r},{c}" for a, b, c in zip(x.tolist(), y.tolist(), late, strict=True)]
        path.write_text("\n".join(["x,y,late", *lines]))
        parties[bank] = {"tables": {"tx": {"source": str(path)}}}
    schema = {"tx": {"x": "float64", "y": "float64", "late": "bool"}}
    return {"schema": schema, "party": parties, "runs": {"store": str(root / "runs.db")}}


def train(
    parties: dict[str, Any], runner: str, kill: Kill | None = None, checkpoint: Path | None = None
) -> FederatedRun:
    """Train, from the beginning."""
    with wf.context(env="federated", parties=parties) as ctx:

        def on_round(run: FederatedRun) -> None:
            if kill is not None and kill.party is not None and len(run.history) == 1:
                os.kill(ctx._runners["processes"].pids[kill.party], signal.SIGKILL)
            if kill is not None and len(run.history) == kill.rounds:
                die_after(kill.calls)

        return ctx.run_federated(
            ctx.read("tx").to_numpy(),
            label="late",
            model=wf.models.mlp(hidden=(3,), batch_size=16),
            preprocess=wf.features(standardize=True),
            strategy="fedadam",
            rounds=ROUNDS,
            runner=runner,
            checkpoint=checkpoint,
            on_round=on_round,
        )


def resume(parties: dict[str, Any], checkpoint: Path, runner: str, result: Path) -> None:
    """Go on with a run, and write down what comes of it."""
    with wf.context(env="federated", parties=parties) as ctx:
        run = ctx.resume(checkpoint, runner=runner)
    lost = sorted({failure.party for each in run.history for failure in each.failures})
    last = sorted(run.history[-1].weights)
    told = {"status": run.status, "rounds": len(run.history), "lost": lost, "last": last}
    np.savez(result, told=json.dumps(told), **run.arrays)


def die_after(calls: int) -> None:
    """Kill this process when so many calls were made that Python lets audit."""
    left = calls + 1

    def hook(event: str, _: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:  # killing is such a call too
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def in_a_process(work: Callable[[], object]) -> int:
    """Do something in a process of its own, and return how that ended."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            print_exc()
            raise
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def outcome(
    parties: dict[str, Any], runner: str, directory: Path, kill: Kill, expected: dict[str, bytes]
) -> dict[str, Any]:
    """Train until that is killed, go on, and tell what came of it."""
    killed = in_a_process(lambda: train(parties, runner, kill, directory))
    (checkpoint,) = directory.glob("*.checkpoint")
    result = directory / "result.npz"
    resumed = in_a_process(lambda: resume(parties, checkpoint, runner, result))
    arrays = {} if resumed else dict(np.load(result))
    told = json.loads(str(arrays.pop("told", "{}")))
    same = {name: array.tobytes() for name, array in arrays.items()} == expected
    return {"killed": killed, "resumed": resumed, "same": same, **told}


def main() -> None:
    """Kill runs at random places, and go on with each of them."""
    arguments = ArgumentParser()
    arguments.add_argument("runner")
    arguments.add_argument("root", type=Path)
    arguments.add_argument("--kills", type=int, default=1)
    arguments.add_argument("--seed", default="0")
    arguments.add_argument("--party")
    asked = arguments.parse_args()
    for module in BEFOREHAND:
        import_module(module)
    parties = federation(asked.root)
    whole = asked.root / "undisturbed.npz"
    if in_a_process(lambda: np.savez(whole, **train(parties, "local").arrays)):
        sys.exit("the undisturbed run failed")
    expected = {name: array.tobytes() for name, array in np.load(whole).items()}
    chance = random.Random(asked.seed)
    for number in range(asked.kills):
        first = 3 if asked.party else 1
        kill = Kill(chance.randrange(first, ROUNDS - 2), chance.randrange(CALLS), asked.party)
        told = outcome(parties, asked.runner, asked.root / str(number), kill, expected)
        sys.stdout.write(json.dumps({**told, "after": kill.rounds, "calls": kill.calls}) + "\n")


if __name__ == "__main__":
    main()
