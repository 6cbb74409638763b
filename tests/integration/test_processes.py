"""Parties in processes of their own: the same model, and what happens when one is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

import wayfed as wf
from tests.integration.served_parties import rows_with_ties
from tests.waiting import wait_until
from wayfed.federated.context import FederatedContext
from wayfed.federated.runs.results import FederatedRun

NAMES = ("ash", "birch", "cedar")


@contextmanager
def three_banks(directory: Path) -> Iterator[FederatedContext]:
    """Three banks whose rows have ties and NULLs."""
    random = np.random.default_rng(3)
    for name in NAMES:
        csv.write_csv(rows_with_ties(random), directory / f"{name}.csv")
    schema = {"flights": {"x": "float64", "y": "float64", "late": "bool"}}
    parties = {
        name: {"tables": {"flights": {"source": str(directory / f"{name}.csv")}}} for name in NAMES
    }
    with wf.context(env="federated", parties={"schema": schema, "party": parties}) as made:
        yield made


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("banks")


@pytest.fixture(scope="module")
def ctx(directory: Path) -> Iterator[FederatedContext]:
    """Banks whose processes start once for all tests; what they hold stays as it is."""
    with three_banks(directory) as made:
        yield made


def train(ctx: FederatedContext, **options: object) -> FederatedRun:
    asked = {
        "label": "late",
        "model": wf.models.logistic_regression(learning_rate=0.5),
        "preprocess": wf.features(impute="mean", standardize=True),
        "rounds": 3,
        **options,
    }
    arrays = asked.pop("arrays", None) or ctx.read("flights").to_numpy()
    return ctx.run_federated(arrays, **asked)


def weights(run: FederatedRun) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in run.arrays.items()}


def pids(ctx: FederatedContext) -> dict[str, int]:
    return dict(ctx._runners["processes"].pids)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_processes_train_the_model_that_one_process_trains_bit_for_bit(ctx):
    here = train(ctx, class_weight="balanced")
    there = train(ctx, runner="processes", class_weight="balanced")

    assert weights(there) == weights(here)
    assert there.metrics == here.metrics
    assert [report.digest for report in there.parties.values()] == [
        report.digest for report in here.parties.values()
    ]


def test_processes_make_their_arrays_anew_before_each_round(ctx, directory):
    before = {name: (directory / f"{name}.csv").read_text() for name in NAMES}

    def restore() -> None:
        for name, text in before.items():
            (directory / f"{name}.csv").write_text(text)

    def grow(run: FederatedRun) -> None:
        for name, text in before.items():
            lines = text.splitlines(keepends=True)
            more = "".join(lines[1 : 1 + 5 * len(run.history)])
            (directory / f"{name}.csv").write_text(text + more)

    runs = []
    for runner in ("local", "processes"):
        try:
            runs.append(train(ctx, runner=runner, refresh="round", on_round=grow))
        finally:
            restore()

    here, there = runs
    assert {report.rows for report in here.parties.values()} == {70}
    assert weights(there) == weights(here)


def test_who_is_killed_is_named_at_once_and_the_others_go_on_and_end_with_the_context(tmp_path):
    def kill(run: FederatedRun) -> None:
        if len(run.history) == 1:
            os.kill(pids(own)["birch"], signal.SIGKILL)

    with three_banks(tmp_path) as own:
        run = train(own, runner="processes", rounds=3, deadline=300, on_round=kill)
        started = pids(own)

    assert set(started) == set(NAMES)
    wait_until(lambda: not any(map(is_there, started.values())))
    assert run.status == "finished"
    assert sorted(run.history[0].weights) == list(NAMES)
    assert sorted(run.history[2].weights) == ["ash", "cedar"]
    assert {failure.party for failure in run.history[1].failures} == {"birch"}
    assert all("within 2 s" in f.reason or "not connected" in f.reason for f in run.failures)


def test_partitions_of_given_arrays_are_handed_to_processes():
    random = np.random.default_rng(4)
    x = random.integers(-3, 4, size=150).astype(float)
    rows = pa.table(
        {
            "bank": [NAMES[number % 3] for number in range(150)],
            "x": pa.array([None if value > 2 else value for value in x]),
            "day": pa.array(random.integers(0, 999, size=150), pa.int32()),
            "late": x + random.normal(size=150) > 0,
        }
    )
    with wf.context() as ctx:
        arrays = ctx.read(rows).to_numpy().partition_by("bank")
        asked = {
            "label": "late",
            "model": wf.models.logistic_regression(),
            "preprocess": wf.features(impute="mean", standardize=True),
            "rounds": 2,
        }
        here = ctx.run_federated(arrays, **asked)
        apart = ctx.run_federated(arrays, runner="processes", **asked)

    assert weights(apart) == weights(here)
    assert apart.metrics == here.metrics


def test_a_second_run_goes_over_the_same_processes(ctx):
    arrays = ctx.read("flights").to_numpy()
    first = train(ctx, arrays=arrays, runner="processes", rounds=1)
    before = pids(ctx)
    second = train(ctx, arrays=arrays, runner="processes", rounds=1)

    assert pids(ctx) == before
    assert weights(second) == weights(first)
