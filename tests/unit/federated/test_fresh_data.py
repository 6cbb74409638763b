"""Rows that come in while a run lasts: arrays made anew before each round, or a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wayfed as wf
from wayfed.federated.context import FederatedContext
from wayfed.federated.models.adapter import Task
from wayfed.federated.models.descent import Descent
from wayfed.federated.models.linear import LinearModel
from wayfed.federated.models.spec import OwnModel
from wayfed.federated.releases import Release, ReleaseKind
from wayfed.federated.run import run_federated
from wayfed.federated.runs.results import FederatedRun
from wayfed_optimizer.errors import InvalidOption, PartyError, Unsupported

NAMES = ("ash", "birch", "cedar")


class Banks:
    """Parties' files, to which rows are added."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in NAMES:
            self.write(name, 40)

    def write(self, name: str, rows: int, **other: Any) -> None:
        random = np.random.default_rng(NAMES.index(name))
        x = random.normal(size=(400, 2))
        late = x @ [1.0, -2.0] + random.logistic(size=400) > 0
        columns = {"x": x[:rows, 0], "y": x[:rows, 1], "late": late[:rows], **other}
        pq.write_table(pa.table(columns), self.directory / f"{name}.parquet")

    def grow(self, run: FederatedRun) -> None:
        """Add ten rows everywhere."""
        for name in NAMES:
            self.write(name, 40 + 10 * len(run.history))


@pytest.fixture
def banks(tmp_path: Path) -> Banks:
    return Banks(tmp_path)


@pytest.fixture
def ctx(banks: Banks) -> Iterator[FederatedContext]:
    files = {name: str(banks.directory / f"{name}.parquet") for name in NAMES}
    parties = {
        "schema": {"loans": {"x": "float64", "y": "float64", "late": "bool"}},
        "party": {name: {"tables": {"loans": {"source": files[name]}}} for name in NAMES},
        "runs": {"store": str(banks.directory / "runs.db")},
    }
    with wf.context(env="federated", parties=parties) as made:
        yield made


def train(ctx: FederatedContext, **options: Any) -> FederatedRun:
    asked: dict[str, Any] = {
        "label": "late",
        "model": wf.models.mlp(hidden=(4,), batch_size=16),
        "preprocess": wf.features(standardize=True),
        "rounds": 3,
        "refresh": "round",
        **options,
    }
    return ctx.run_federated(ctx.read("loans").to_numpy(), **asked)


def bits(run: FederatedRun) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in run.arrays.items()}


def test_each_round_learns_from_the_rows_that_there_are(
    ctx: FederatedContext, banks: Banks
) -> None:
    run = train(ctx, on_round=banks.grow)

    assert {report.rows for report in run.parties.values()} == {60}
    assert [sum(played.weights.values()) for played in run.history] == sorted(
        {sum(played.weights.values()) for played in run.history}
    )
    assert run.status == "finished"
    assert not run.failures


def test_rows_that_stay_give_the_model_of_a_run_without_refresh(ctx: FederatedContext) -> None:
    assert bits(train(ctx)) == bits(train(ctx, refresh="once"))


def test_a_model_of_ones_own_is_lent_again(ctx: FederatedContext, banks: Banks) -> None:
    def build(task: Task) -> LinearModel:
        return LinearModel(task, Descent(learning_rate=0.5))

    own = OwnModel.made("mine", "classification", build)
    ours = wf.models.logistic_regression(learning_rate=0.5)

    runs = []
    for model in (own, ours):
        for name in NAMES:
            banks.write(name, 40)
        runs.append(train(ctx, model=model, on_round=banks.grow))

    assert bits(runs[0]) == bits(runs[1])


def test_a_round_over_new_rows_is_that_of_a_run_which_goes_on_with_them(
    ctx: FederatedContext, banks: Banks
) -> None:
    fresh = train(ctx, rounds=2, on_round=banks.grow)
    for name in NAMES:
        banks.write(name, 40)

    begun = train(ctx, rounds=1, refresh="once", checkpoint=banks.directory)
    banks.grow(begun)

    again = ctx.resume(begun.id, rounds=2, allow_changed=True)
    assert bits(again) == bits(fresh)


def test_a_run_that_goes_on_takes_the_rows_there_are(ctx: FederatedContext, banks: Banks) -> None:
    begun = train(ctx, checkpoint=banks.directory, on_round=lambda run: run.stop())
    banks.grow(begun)

    again = ctx.resume(begun.id)

    assert len(again.history) == 3
    assert {report.rows for report in again.parties.values()} == {50}


def test_a_party_whose_new_rows_do_not_fit_is_left_out_until_they_do(
    ctx: FederatedContext, banks: Banks
) -> None:
    def spoil(run: FederatedRun) -> None:
        if len(run.history) == 1:
            banks.write("birch", 2, x=[float("nan"), 1.0])
        else:
            banks.write("birch", 50)

    run = train(ctx, on_round=spoil)

    assert [set(played.weights) for played in run.history] == [
        set(NAMES),
        {"ash", "cedar"},
        set(NAMES),
    ]
    (failure,) = run.history[1].failures
    assert failure.party == "birch"
    assert "'x' is NaN" in failure.reason


def test_a_run_ends_where_nobody_has_rows_to_go_on_with(
    ctx: FederatedContext, banks: Banks
) -> None:
    def empty(run: FederatedRun) -> None:
        for name in NAMES:
            banks.write(name, 0)

    with pytest.raises(PartyError, match="round 2: no party has rows to go on with") as raised:
        train(ctx, on_round=empty)
    assert "party 'birch': no rows" in str(raised.value)


def test_nothing_else_leaves_a_party_than_when_it_began(ctx: FederatedContext) -> None:
    left: list[Release] = []
    arrays = ctx.read("loans").to_numpy()
    model = wf.models.logistic_regression()
    asked: dict[str, Any] = {"label": "late", "model": model, "rounds": 2, "record": left.append}
    run_federated(arrays, refresh="round", **asked)

    kinds = {each.kind for each in left}
    once = len([each for each in left if each.kind is ReleaseKind.STATISTICS])
    assert kinds <= {
        ReleaseKind.BINDING,
        ReleaseKind.LABELS,
        ReleaseKind.STATISTICS,
        ReleaseKind.VOCABULARY,
        ReleaseKind.UPDATE,
        ReleaseKind.TRAINING,
        ReleaseKind.METRICS,
    }
    assert once == len(NAMES)


def test_what_cannot_be_made_anew_is_refused(ctx: FederatedContext) -> None:
    with pytest.raises(InvalidOption, match="'rounds'"):
        train(ctx, refresh="rounds")
    with pytest.raises(InvalidOption, match="does not go with refresh='round'"):
        train(ctx, privacy=wf.dp(epsilon=1.0, delta=1e-5, clip=1.0), classes=[False, True])
    with pytest.raises(Unsupported, match="a client of your own"):
        train(ctx, model=lambda arrays: None)
    with wf.context() as local, pytest.raises(Unsupported, match="made already"):
        rows = local.read({"bank": ["a", "b"], "x": [1.0, 2.0], "late": [True, False]})
        local.run_federated(
            rows.to_numpy().partition_by("bank"),
            label="late",
            model=wf.models.logistic_regression(),
            rounds=2,
            refresh="round",
        )
