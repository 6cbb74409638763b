"""Models that are larger than what travels at once: the same on every grid, in bounded memory."""

from __future__ import annotations

from pathlib import Path

import pytest

import wayfed as wf
from wayfed.federated.grids.rpc.frames import PART_BYTES
from wayfed.federated.runs.results import FederatedRun

BANKS = ("ash", "birch", "cedar")
COLUMNS = {"x": "float64", "y": "float64", "late": "bool"}


def trained(directory: Path, hidden: int, *runners: str) -> list[FederatedRun]:
    """Train two rounds of a network of about `hidden` times four numbers, by each runner."""
    parties = {}
    for shift, bank in enumerate(BANKS):
        rows = [f"{n % 5},{(n + shift) % 3},{n % 5 > 2}" for n in range(12)]
        (directory / f"{bank}.csv").write_text("\n".join(["x,y,late", *rows]))
        parties[bank] = {"tables": {"tx": {"source": str(directory / f"{bank}.csv")}}}
    with wf.context(env="federated", parties={"schema": {"tx": COLUMNS}, "party": parties}) as ctx:
        arrays = ctx.read("tx").to_numpy()
        model = wf.models.mlp(hidden=(hidden,), batch_size=12)
        return [
            ctx.run_federated(arrays, label="late", model=model, rounds=2, test=None, runner=runner)
            for runner in runners
        ]


def size(run: FederatedRun) -> int:
    return sum(array.nbytes for array in run.arrays.values())


def weights(run: FederatedRun) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in run.arrays.items()}


@pytest.mark.slow
def test_a_model_of_several_parts_is_the_same_in_processes(tmp_path):
    here, there = trained(tmp_path, 100_000, "local", "processes")

    assert size(here) > 3 * PART_BYTES
    assert weights(there) == weights(here)


@pytest.mark.soak
@pytest.mark.parametrize("runner", ["local", "processes", "flower"])
def test_a_model_of_100_mb_passes(runner, tmp_path):
    (run,) = trained(tmp_path, 3_300_000, runner)

    assert size(run) > 100_000_000
    assert not run.failures
    assert [sorted(each.weights) for each in run.history] == [list(BANKS)] * 2
