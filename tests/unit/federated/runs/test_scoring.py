"""A model scores datasets through a plan, as it scores arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import wayfed as wf
from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.run import run_federated
from wayfed.federated.runs.exported import export_run
from wayfed.federated.runs.results import TrainedModel
from wayfed_optimizer.errors import (
    ColumnNotFound,
    DuplicateColumn,
    ExecutionError,
    SourceError,
    Unsupported,
)


def trained(label: str, values: list[Any], **asked: Any) -> TrainedModel:
    """Train on 40 rows at each of two parties, of numbers and texts with gaps."""
    rows = pa.table(
        {
            "x": [1.0, 2.0, 3.0, None] * 20,
            "origin": ["JFK", "LGA", None, "JFK"] * 20,
            label: values * 20,
        }
    )
    run = run_federated(
        {"a": Arrays.from_table(rows.slice(0, 40)), "b": Arrays.from_table(rows.slice(40))},
        label=label,
        preprocess=wf.features(impute="mean", standardize=True, one_hot=True),
        rounds=3,
        **{"model": models.logistic_regression(learning_rate=1.0, local_epochs=9), **asked},
    )
    assert isinstance(run.model, TrainedModel)
    return run.model


ROWS = {"id": [7, 8, 9], "x": [1.0, None, 3.0], "origin": ["LGA", "EWR", None]}


@pytest.mark.parametrize(
    ("label", "values", "kind"),
    [
        ("late", [False, True, True, False], "bool"),
        ("kind", ["a", "b", "c", "a"], "text"),
        ("stars", [1, 2, 3, 1], "int64"),
    ],
)
def test_a_dataset_comes_back_with_the_classes_that_arrays_get(
    label: str, values: list[Any], kind: str
) -> None:
    model = trained(label, values)
    with wf.context() as ctx:
        rows = ctx.read(ROWS)
        scored = model.predict(rows.filter(lambda t: t.id > 7))
        probable = model.predict_proba(rows)

        expected = model.predict(rows.to_numpy())[1:].tolist()
        assert str(scored.schema["prediction"].type) == kind
        assert scored.columns == ("id", "x", "origin", "prediction")
        assert scored.to_arrow()["prediction"].to_pylist() == expected
        names = [f"probability_{each}" for each in model.classes or ()]
        assert probable.columns[3:] == tuple(names)
        np.testing.assert_array_equal(
            probable.to_numpy().matrix(names), model.predict_proba(rows.to_numpy())
        )


def test_a_regression_gives_numbers_under_a_name() -> None:
    model = trained("fare", [3.0, 4.0, 5.5, 4.0], model=models.linear_regression())
    with wf.context() as ctx:
        scored = model.predict(ctx.read(ROWS), name="fare").select("fare").to_numpy()["fare"]

        np.testing.assert_array_equal(scored, model.predict(ctx.read(ROWS).to_numpy()))
        with pytest.raises(Unsupported, match="predicts numbers"):
            model.predict_proba(ctx.read(ROWS))


def test_what_cannot_be_scored_is_said_when_the_plan_is_made() -> None:
    model = trained("late", [False, True, True, False])
    with wf.context() as ctx:
        rows = ctx.read(ROWS)
        with pytest.raises(ColumnNotFound, match="'origin' is not a column of the dataset"):
            model.predict(rows.drop("origin"))
        with pytest.raises(DuplicateColumn, match="has a column 'id' already"):
            model.predict(rows, name="id")


def test_a_missing_number_without_a_fill_is_named_when_the_plan_runs() -> None:
    rows = Arrays.from_table(pa.table({"x": [1.0, 2.0] * 10, "late": [False, True] * 10}))
    asked: dict[str, Any] = {"label": "late", "model": models.logistic_regression(), "rounds": 1}
    model = run_federated({"a": rows}, **asked).model
    with wf.context() as ctx, pytest.raises(ExecutionError, match="'x' has 1 rows without a value"):
        model.predict(ctx.read({"x": [1.0, None]})).to_arrow()


def test_rows_of_a_federation_are_not_scored_here(tmp_path: Path) -> None:
    model = trained("late", [False, True, True, False])
    (tmp_path / "a.csv").write_text("x,origin\n1.0,JFK\n")
    party = {"tables": {"tx": {"source": str(tmp_path / "a.csv")}}}
    schema = {"tx": {"x": "float64", "origin": "text"}}
    with (
        wf.context(env="federated", parties={"schema": schema, "party": {"a": party}}) as ctx,
        pytest.raises(Unsupported, match="its rows stay with the parties"),
    ):
        model.predict(ctx.read("tx"))


@pytest.mark.parametrize("target", ["model", "model.zip"])
def test_an_exported_model_scores_like_the_one_it_was(target: str, tmp_path: Path) -> None:
    rows = Arrays.from_table(pa.table({"x": [1.0, 2.0] * 10, "late": [False, True] * 10}))
    run = run_federated({"a": rows}, label="late", model=models.mlp(hidden=(3,)), rounds=2)

    loaded = wf.models.load(export_run(run, tmp_path / target))

    np.testing.assert_array_equal(loaded.predict_proba(rows), run.model.predict_proba(rows))
    assert loaded.inputs == {"x": "float64"}


def test_a_model_that_is_none_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("not an archive")
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "card.json").write_text("[]")
    (tmp_path / "card" / "model.npz").write_bytes(b"")

    for name, reason in (("text.zip", "damaged"), ("card", "no card"), ("none", "cannot be read")):
        with pytest.raises(SourceError, match=reason) as raised:
            wf.models.load(tmp_path / name)
        assert name in str(raised.value)
