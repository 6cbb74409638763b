"""Features: fitted over all parties as over their rows together, applied to any rows."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.features.fitting import FittedFeatures, Moments, Number, OneHot, fit, gather
from wayfed.federated.features.recipe import Recipe, features
from wayfed.federated.releases import Release, ReleaseKind
from wayfed.federated.run import run_federated
from wayfed.federated.runs.results import FederatedRun, TrainedModel
from wayfed_optimizer.errors import InvalidOption, TypeMismatch

PARTIES = {
    "ash": {"x": [1.0, 2.0, None, 4.0], "b": [True, False, True, True], "t": ["u", "u", "v", None]},
    "birch": {"x": [10.0, 30.0], "b": [False, False], "t": ["v", "w"]},
}


def arrays_of(name: str) -> Arrays:
    return Arrays.from_table(pa.table(PARTIES[name]))


def fitted_over(recipe: Recipe, columns: tuple[str, ...]) -> FittedFeatures:
    told = [
        gather(recipe, arrays, columns, np.arange(arrays.rows))
        for arrays in map(arrays_of, PARTIES)
    ]
    return fit(recipe, columns, ["b"], told)


def test_moments_of_parts_merge_to_those_of_the_whole() -> None:
    values = np.random.default_rng(0).normal(loc=1e6, size=1000)
    parts = np.split(values, [0, 10, 400])

    merged = Moments(0, 0.0, 0.0)
    for part in parts:
        merged = merged.merge(Moments.of(part))

    assert merged.count == 1000
    assert merged.mean == pytest.approx(values.mean(), rel=1e-12)
    assert merged.deviation == pytest.approx(values.std(), rel=1e-12)


def test_a_fitted_recipe_scales_fills_and_spreads_categories() -> None:
    recipe = features(impute="mean", standardize=True, one_hot=True)

    fitted = fitted_over(recipe, ("x", "b", "t"))

    x = np.array([1.0, 2.0, 4.0, 10.0, 30.0])
    assert fitted.names == ("x", "b", "t=u", "t=v", "t=w")
    np.testing.assert_allclose(
        fitted.matrix(arrays_of("ash")),
        [
            [(1 - x.mean()) / x.std(), 1, 1, 0, 0],
            [(2 - x.mean()) / x.std(), 0, 1, 0, 0],
            [0.0, 1, 0, 1, 0],
            [(4 - x.mean()) / x.std(), 1, 0, 0, 0],
        ],
        atol=1e-12,
    )


def test_rare_categories_are_left_out_by_their_count_over_all_parties() -> None:
    fitted = fitted_over(features(one_hot=["t"], min_count=2), ("t",))

    assert fitted.parts == (OneHot("t", ("u", "v")),)
    with pytest.raises(InvalidOption, match="no category of 't' has 9 rows"):
        fitted_over(features(one_hot=["t"], min_count=9), ("t",))


def test_an_unseen_category_is_all_zeros() -> None:
    unseen = Arrays.from_table(pa.table({"t": ["z", "w"]}))

    fitted = fitted_over(features(one_hot=True), ("t",))

    assert fitted.matrix(unseen).tolist() == [[0, 0, 0], [0, 0, 1]]


def test_whole_numbers_and_bools_can_be_categories() -> None:
    arrays = Arrays.from_table(pa.table({"m": [3, 1, 3], "b": [True, False, True]}))
    recipe = features(one_hot=["m", "b"])

    told = gather(recipe, arrays, ("m", "b"), np.arange(3))
    fitted = fit(recipe, ("m", "b"), ["b"], [told])

    assert fitted.names == ("m=1", "m=3", "b=False", "b=True")
    assert fitted.matrix(arrays).tolist() == [[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]]


def test_a_column_without_variance_becomes_zero() -> None:
    arrays = Arrays.from_table(pa.table({"x": [5.0, 5.0]}))
    recipe = features(standardize=True)

    fitted = fit(recipe, ("x",), (), [gather(recipe, arrays, ("x",), np.arange(2))])

    assert fitted.matrix(arrays).tolist() == [[0.0], [0.0]]


def test_nan_is_filled_like_null() -> None:
    arrays = Arrays.from_table(pa.table({"x": [1.0, float("nan"), None]}))

    assert FittedFeatures((Number("x", fill=7.0),)).matrix(arrays).tolist() == [[1], [7], [7]]
    with pytest.raises(TypeMismatch, match="'x' has 2 rows without a value"):
        FittedFeatures((Number("x"),)).matrix(arrays)


@pytest.mark.parametrize(
    ("impute", "filled"),
    [("mean", 9.4), ("median", 4.0), ("zero", 0.0), (3, 3.0), ({"x": "zero"}, 0.0)],
)
def test_each_way_to_fill(impute: Any, filled: float) -> None:
    fitted = fitted_over(features(impute=impute), ("x",))

    assert fitted.matrix(arrays_of("ash"))[2, 0] == pytest.approx(filled, rel=0.0101)


def test_a_party_tells_no_category_that_fewer_rows_have_than_its_policy_says() -> None:
    arrays = Arrays.from_table(pa.table({"t": ["u"] * 5 + ["v"] * 4 + ["w"], "x": [1.0] * 10}))
    recipe = features(one_hot=True, standardize=["x"])

    told = gather(recipe, arrays, ("t", "x"), np.arange(10), least=2)
    few = gather(recipe, arrays, ("t", "x"), np.arange(1), least=2)

    # With "v" told, the number of rows would tell of "w".
    assert told.vocabularies == {"t": {"u": 5}}
    assert (few.vocabularies, few.moments["x"]) == ({"t": {}}, Moments(0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"impute": "meen"}, "did you mean 'mean'"),
        ({"impute": float("nan")}, "not a way to fill"),
        ({"standardize": 3}, "neither True, False nor a list"),
        ({"one_hot": [1]}, "neither True, False nor a list"),
        ({"min_count": 0}, "whole number from 1"),
    ],
    ids=str,
)
def test_a_recipe_that_says_nothing_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        features(**options)


def test_a_recipe_and_what_it_was_fitted_to_survive_json() -> None:
    recipe = features(impute={"x": "mean"}, standardize=["x"], one_hot=True, min_count=2)
    fitted = fitted_over(recipe, ("x", "b", "t"))

    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert FittedFeatures.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted
    assert recipe.to_dict() != features().to_dict()
    with pytest.raises(InvalidOption, match="no extra"):
        Recipe.from_dict({**recipe.to_dict(), "extra": 1})


def trained(releases: list[Release]) -> FederatedRun:
    random = np.random.default_rng(0)
    kind = random.choice(["p", "q", "r"], size=400).astype(object)
    x = random.normal(size=400) * 50 + 1000
    late = (x > 1000) ^ (kind == "q")
    rows = pa.table({"bank": np.arange(400) % 3, "x": x, "kind": kind, "late": late})
    return run_federated(
        Arrays.from_table(rows).partition_by("bank"),
        label="late",
        preprocess=features(standardize=True, one_hot=True),
        model=models.mlp(hidden=(8,), learning_rate=0.5, local_epochs=20),
        rounds=10,
        record=releases.append,
    )


def test_a_model_keeps_its_recipe_and_predicts_rows_of_any_party() -> None:
    run = trained([])

    assert isinstance(run.model, TrainedModel)
    assert run.model.features.names == ("x", "kind=p", "kind=q", "kind=r")
    assert run.metrics["auc"] > 0.95
    strangers = Arrays.from_table(
        pa.table({"kind": ["p", "q", "new"], "x": [1100.0, 1100.0, 900.0]})
    )
    assert run.model.predict(strangers)[:2].tolist() == [True, False]


def test_all_that_leaves_a_party_is_recorded_by_kind() -> None:
    releases: list[Release] = []

    trained(releases)

    of_first = [(r.stage, r.kind) for r in releases if r.party == "0"]
    assert of_first[:6] == [
        ("query.bind", ReleaseKind.BINDING),
        ("query.bind", ReleaseKind.LABELS),
        ("query.statistics", ReleaseKind.STATISTICS),
        ("query.statistics", ReleaseKind.VOCABULARY),
        ("query.begin", ReleaseKind.BINDING),
        ("train", ReleaseKind.UPDATE),
    ]
    assert {kind for _, kind in of_first[5:]} == {
        ReleaseKind.UPDATE,
        ReleaseKind.TRAINING,
        ReleaseKind.METRICS,
    }
    update = next(r for r in releases if r.kind is ReleaseKind.UPDATE)
    assert set(update.content) == {
        "coefficients_0",
        "intercept_0",
        "coefficients_1",
        "intercept_1",
    }
