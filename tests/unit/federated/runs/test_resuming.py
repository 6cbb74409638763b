"""Runs that go on: the undisturbed model bit for bit, or a refusal that says what has changed."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from flwr.serverapp.strategy import FedAdam, FedAvg
from sklearn.cluster import KMeans

import wayfed as wf
from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.runs import versions
from wayfed.federated.runs.archive import read_archive, replace_archive
from wayfed.federated.runs.checkpoint import read_checkpoint
from wayfed.federated.runs.results import FederatedRun
from wayfed.local import Context
from wayfed_optimizer.errors import (
    InvalidOption,
    PlanError,
    SourceChanged,
    SourceError,
    Unsupported,
)

ASKED: dict[str, Any] = {
    "label": "late",
    "features": ["a", "b", "c"],
    "model": models.mlp(hidden=(4,), batch_size=16),
    "preprocess": wf.features(standardize=True),
    "rounds": 6,
}
STRATEGIES = [
    "fedavg",
    "fedavgm",
    "fedadagrad",
    "fedadam",
    "fedyogi",
    "fedprox",
    "fedmedian",
    "fedtrimmedavg",
    "krum",
    {"name": "fedavg", "fraction_train": 0.67},
    FedAdam(eta=0.05, min_train_nodes=1, min_evaluate_nodes=1, min_available_nodes=1),
]

Train = Callable[..., FederatedRun]


@pytest.fixture
def context(tmp_path: Path) -> Any:
    with wf.context({"runs": {"store": str(tmp_path / "runs.db")}}) as made:
        yield made


@pytest.fixture
def train(context: Context, unequal_parties: dict[str, Arrays]) -> Train:
    def run(**asked: Any) -> FederatedRun:
        return context.run_federated(unequal_parties, **{**ASKED, **asked})

    return run


def stop_after(rounds: int) -> Callable[[FederatedRun], None]:
    def stop(run: FederatedRun) -> None:
        if len(run.history) == rounds:
            run.stop()

    return stop


def assert_same(one: FederatedRun, other: FederatedRun) -> None:
    assert {name: array.tobytes() for name, array in one.arrays.items()} == {
        name: array.tobytes() for name, array in other.arrays.items()
    }
    assert [dataclasses.replace(each, seconds=0.0) for each in one.history] == [
        dataclasses.replace(each, seconds=0.0) for each in other.history
    ]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_a_run_that_goes_on_gives_the_undisturbed_model(
    strategy: Any,
    context: Context,
    train: Train,
    unequal_parties: dict[str, Arrays],
    tmp_path: Path,
) -> None:
    undisturbed = train(strategy=strategy)
    stopped = train(strategy=strategy, checkpoint=tmp_path, on_round=stop_after(3))

    resumed = context.resume(stopped.id, unequal_parties)

    assert (stopped.status, resumed.status) == ("stopped", "finished")
    assert resumed.id == stopped.id
    assert_same(resumed, undisturbed)


def test_a_federations_run_goes_on_in_another_context_without_its_program(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    parties = {}
    for bank in ("ash", "birch"):
        path = tmp_path / f"{bank}.csv"
        x = rng.normal(size=60)
        lines = [f"{value!r},{value + rng.normal() > 0}\n" for value in x.tolist()]
        path.write_text("x,late\n" + "".join(lines))
        parties[bank] = {"tables": {"tx": {"source": str(path)}}}
    federation = {"schema": {"tx": {"x": "float64", "late": "bool"}}, "party": parties}
    asked: dict[str, Any] = {"label": "late", "model": models.logistic_regression(), "rounds": 5}
    with wf.context(env="federated", parties=federation) as ctx:
        rows = ctx.read("tx").filter(lambda t: t.x < 2).to_numpy()
        undisturbed = ctx.run_federated(rows, **asked)
        stopped = ctx.run_federated(rows, **asked, checkpoint=tmp_path, on_round=stop_after(2))

    checkpoint = tmp_path / f"{stopped.id}.checkpoint"
    with wf.context(env="federated", parties=federation) as ctx:
        resumed = ctx.resume(checkpoint)
        with pytest.raises(
            SourceChanged, match=r"was of the plan .*, these arrays are of the plan"
        ):
            ctx.resume(checkpoint, ctx.read("tx").to_numpy())
    assert_same(resumed, undisturbed)

    with (tmp_path / "birch.csv").open("a") as file:
        file.write("0.5,true\n")
    with wf.context(env="federated", parties=federation) as ctx:
        with pytest.raises(SourceChanged) as raised:
            ctx.resume(checkpoint)
        assert "party 'birch': 60 rows then, 61 now" in str(raised.value)
    with wf.context() as local, pytest.raises(PlanError, match="was one of a federated context"):
        local.resume(checkpoint)


def test_parties_with_other_rows_are_named_and_may_be_allowed(
    context: Context, train: Train, unequal_parties: dict[str, Arrays], tmp_path: Path
) -> None:
    stopped = train(checkpoint=tmp_path, on_round=stop_after(2))
    changed = {**unequal_parties, "birch": unequal_parties["birch"].take(slice(0, 149))}

    with pytest.raises(SourceChanged) as raised:
        context.resume(stopped.id, changed)
    resumed = context.resume(stopped.id, changed, allow_changed=True)

    assert "party 'birch': 150 rows then, 149 now" in str(raised.value)
    assert "'ash'" not in str(raised.value)
    assert len(resumed.history) == 6


def test_as_many_rows_of_other_values_may_be_the_same_of_a_party_with_another_key(
    context: Context, train: Train, unequal_parties: dict[str, Arrays], tmp_path: Path
) -> None:
    stopped = train(checkpoint=tmp_path, rounds=1)
    other = {**unequal_parties, "birch": unequal_parties["cedar"].take(slice(0, 150))}

    with pytest.raises(SourceChanged, match="'birch': 150 rows, of other values than then; or"):
        context.resume(stopped.id, other)


def test_a_run_whose_updates_nobody_reads_goes_on_too(
    context: Context, train: Train, unequal_parties: dict[str, Arrays], tmp_path: Path
) -> None:
    asked: dict[str, Any] = {
        "secure_aggregation": True,
        "model": models.logistic_regression(),
        "preprocess": None,
        "classes": (False, True),
        "test": None,
    }
    undisturbed = train(**asked)
    stopped = train(**asked, checkpoint=tmp_path, on_round=stop_after(2))

    assert_same(context.resume(stopped.id, unequal_parties), undisturbed)


def test_clusters_that_have_no_label_go_on_too(
    context: Context, train: Train, unequal_parties: dict[str, Arrays], tmp_path: Path
) -> None:
    asked: dict[str, Any] = {
        "label": None,
        "model": models.sklearn(KMeans(n_clusters=3)),
        "test": None,
    }
    undisturbed = train(**asked)
    stopped = train(**asked, checkpoint=tmp_path, on_round=stop_after(2))

    assert_same(context.resume(stopped.id, unequal_parties), undisturbed)


def test_a_run_that_goes_on_has_begun_when_it_first_began(
    context: Context, train: Train, unequal_parties: dict[str, Arrays], tmp_path: Path
) -> None:
    stopped = train(checkpoint=tmp_path, on_round=stop_after(2))
    context.run_store._database.write(  # type: ignore[union-attr]  # it is on
        [("UPDATE wayfed_runs_1 SET started = 'long ago'", {})]
    )

    context.resume(stopped.id, unequal_parties)

    (info,) = context.runs()
    assert (info.started, info.status, info.rounds) == ("long ago", "finished", "6 of 6")


def test_a_run_that_ended_is_given_back_or_prolonged(
    context: Context, train: Train, unequal_parties: dict[str, Arrays], tmp_path: Path
) -> None:
    ended = train(checkpoint=tmp_path)
    longer = train(rounds=8)

    assert_same(context.resume(ended.id, unequal_parties), ended)
    assert_same(context.resume(ended.id, unequal_parties, rounds=8), longer)
    with pytest.raises(InvalidOption, match="rounds=3 is less than the 8 that run"):
        context.resume(ended.id, unequal_parties, rounds=3)


def test_a_round_that_fails_is_played_again(
    context: Context, train: Train, unequal_parties: dict[str, Arrays], tmp_path: Path
) -> None:
    def fail(run: FederatedRun) -> None:
        if len(run.history) == 4:
            raise KeyboardInterrupt

    undisturbed = train()
    with pytest.raises(KeyboardInterrupt):
        train(checkpoint=tmp_path, on_round=fail)

    (info,) = [each for each in context.runs() if each.status == "failed"]
    assert info.rounds == "4 of 6"
    assert_same(context.resume(info.id, unequal_parties), undisturbed)


def test_a_checkpoint_holds_plain_arrays_and_json_only(train: Train, tmp_path: Path) -> None:
    run = train(strategy="fedadam", checkpoint=tmp_path)

    with zipfile.ZipFile(tmp_path / f"{run.id}.checkpoint") as archive:
        names = set(archive.namelist())
    arrays, documents = read_archive(tmp_path / f"{run.id}.checkpoint")
    assert {Path(name).suffix for name in names} == {".npy", ".json"}
    assert {array.dtype.kind for array in arrays.values()} == {"f"}
    assert set(documents) == {"state"}
    assert {name.split("/")[0] for name in arrays} == {"model", "strategy"}


@pytest.mark.parametrize("harm", ["cut", "bit", "other", "empty", "hollow"])
def test_a_damaged_checkpoint_is_refused_with_its_place(
    harm: str, train: Train, context: Context, tmp_path: Path
) -> None:
    run = train(checkpoint=tmp_path, rounds=1)
    path = tmp_path / f"{run.id}.checkpoint"
    data = bytearray(path.read_bytes())
    match harm:
        case "cut":
            data = data[: len(data) // 2]
        case "bit":
            data[len(data) // 2] ^= 16
        case "other":
            data = bytearray(b"a text, not a checkpoint")
        case "empty":
            data = bytearray()
    path.write_bytes(data)
    if harm == "hollow":
        replace_archive(path, {"model/w": np.zeros(2)}, {"state": {"versions": {}}})

    with pytest.raises(SourceError, match=r"the checkpoint .* is (damaged|of form)") as raised:
        context.resume(run.id, {})

    assert str(path) in str(raised.value)
    assert "start the run again" in str(raised.value)


def test_a_checkpoint_of_other_versions_names_them(
    context: Context,
    train: Train,
    unequal_parties: dict[str, Arrays],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = train(checkpoint=tmp_path, on_round=stop_after(1))
    path = tmp_path / f"{run.id}.checkpoint"
    written = read_checkpoint(path)
    older = {**versions.versions(), "flwr": "1.40.0", "plans": "0"}
    dataclasses.replace(written, versions=older).write(path)

    with pytest.raises(SourceChanged, match=r"plans 0, here 1; flwr 1\.40\.0, here 1\.41"):
        context.resume(run.id, unequal_parties)

    assert context.resume(run.id, unequal_parties, allow_changed=True).status == "finished"


def rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Write a checkpoint as another version might have."""
    arrays, documents = read_archive(path)
    change(documents["state"])
    replace_archive(path, arrays, documents)


def test_a_checkpoint_from_before_there_was_a_choice_is_gone_on_with(
    context: Context, train: Train, unequal_parties: dict[str, Arrays], tmp_path: Path
) -> None:
    run = train(checkpoint=tmp_path, on_round=stop_after(1))
    rewritten(tmp_path / f"{run.id}.checkpoint", lambda state: state["request"].pop("refresh"))

    assert context.resume(run.id, unequal_parties).status == "finished"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda state: state["request"].update(later=1), "was written by another version"),
        (lambda state: state.pop("classes"), "was written by another version"),
        (lambda state: state["request"]["question"].update(later=1), "by another version"),
        (lambda state: state["versions"].update(checkpoints="9"), "is of form 9, this version"),
    ],
)
def test_a_checkpoint_of_a_version_that_wrote_other_things_is_not_called_damaged(
    context: Context, train: Train, tmp_path: Path, change: Any, told: str
) -> None:
    run = train(checkpoint=tmp_path, rounds=1)
    rewritten(tmp_path / f"{run.id}.checkpoint", change)

    with pytest.raises(SourceError, match=told) as raised:
        context.resume(run.id, {})

    assert "damaged" not in str(raised.value)
    assert raised.value.hint == (
        f"resume it with wayfed {version('wayfed')}, flwr {version('flwr')}, or start the run "
        "again: equal seeds take the same way"
    )


def test_a_run_that_nobody_knows_is_said_so(context: Context, train: Train, tmp_path: Path) -> None:
    run = train(rounds=1)

    with pytest.raises(SourceError, match=f"run {run.id} left no checkpoint"):
        context.resume(run.id)
    with pytest.raises(SourceError, match="there is no run 'mine'"):
        context.resume("mine")
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        context.resume(tmp_path / "mine.checkpoint")


def test_what_cannot_be_written_down_is_refused_before_training(
    train: Train, tmp_path: Path
) -> None:
    class Own(FedAvg):  # type: ignore[misc]  # Flower is untyped here
        pass

    own = Own(min_train_nodes=1, min_evaluate_nodes=1, min_available_nodes=1)
    with pytest.raises(Unsupported, match=r"what a strategy of your own keeps .* is not known"):
        train(strategy=own, checkpoint=tmp_path)
    assert train(strategy=own, rounds=1).status == "finished"
    with pytest.raises(Unsupported, match="code of your own cannot be written down"):
        train(model=lambda arrays: None, checkpoint=tmp_path)
    with pytest.raises(InvalidOption, match="is a file, not a directory"):
        (tmp_path / "file").touch()
        train(checkpoint=tmp_path / "file")


def test_arrays_are_needed_again_where_there_is_no_plan(
    context: Context, train: Train, tmp_path: Path
) -> None:
    run = train(checkpoint=tmp_path, rounds=1)

    with pytest.raises(PlanError, match="was given arrays, which are not written down"):
        context.resume(run.id)


def test_a_party_that_had_failed_before_may_be_missing(context: Context, tmp_path: Path) -> None:
    def rows(count: int, kind: Any) -> Arrays:
        x = [float(i % 7) for i in range(count)]
        return Arrays.from_table(pa.table({"x": x, "y": [kind(v > 3) for v in x]}))

    parties = {"ash": rows(50, int), "birch": rows(40, int)}
    asked: dict[str, Any] = {"label": "y", "model": models.logistic_regression(), "rounds": 4}
    stopped = context.run_federated(parties, **asked, checkpoint=tmp_path, on_round=stop_after(2))

    resumed = context.resume(stopped.id, {"ash": parties["ash"]})

    assert [sorted(each.weights) for each in resumed.history] == [
        ["ash", "birch"],
        ["ash", "birch"],
        ["ash"],
        ["ash"],
    ]
