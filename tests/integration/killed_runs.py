"""Trains in processes that are killed, and goes on with what they left.

Run by test_killed_runs: prints a line of JSON for each run that was killed.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np

import wayfed as wf
from tests.integration.killing import Kill, asked_for_kills, in_a_process, killer
from wayfed.federated.runs.results import FederatedRun

ROUNDS = 8
CALLS = 100
"""Audited calls after a round within which a run is killed: writing a checkpoint makes about 20."""
BANKS = ("ash", "birch", "cedar")


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
        return ctx.run_federated(
            ctx.read("tx").to_numpy(),
            label="late",
            model=wf.models.mlp(hidden=(3,), batch_size=16),
            preprocess=wf.features(standardize=True),
            strategy="fedadam",
            rounds=ROUNDS,
            runner=runner,
            checkpoint=checkpoint,
            on_round=killer(ctx, kill),
        )


def resume(parties: dict[str, Any], checkpoint: Path, runner: str, result: Path) -> None:
    """Go on with a run, and write down what comes of it."""
    with wf.context(env="federated", parties=parties) as ctx:
        run = ctx.resume(checkpoint, runner=runner)
    lost = sorted({failure.party for each in run.history for failure in each.failures})
    last = sorted(run.history[-1].weights)
    told = {"status": run.status, "rounds": len(run.history), "lost": lost, "last": last}
    np.savez(result, told=json.dumps(told), **run.arrays)


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
    asked = asked_for_kills()
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
