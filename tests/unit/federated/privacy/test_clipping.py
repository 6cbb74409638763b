"""Models cut each row's gradient for itself; the sum is that of gradients taken one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from wayfed.federated.models.adapter import Examples, Model, Task, resolve_model
from wayfed.federated.models.descent import Descent
from wayfed.federated.models.spec import ModelSpec
from wayfed.federated.privacy.client_level import cut_update
from wayfed.federated.privacy.descent import (
    ClippingModel,
    Steps,
    block_of,
    clipped_sum,
    descend,
)

RANDOM = np.random.default_rng(3)
MODELS = {
    "linear": (ModelSpec.of("linear_regression", "regression"), None),
    "binary": (ModelSpec.of("logistic_regression", "classification"), 2),
    "without intercept": (
        ModelSpec.of("logistic_regression", "classification", intercept=False),
        2,
    ),
    "multinomial": (ModelSpec.of("logistic_regression", "classification"), 4),
    "mlp": (ModelSpec.of("mlp", "classification", hidden=(5, 3), activation="tanh"), 3),
    "mlp regression": (ModelSpec.of("mlp", "regression", hidden=(4,)), None),
}


def made(spec: ModelSpec, classes: int | None) -> tuple[Model, Examples, dict[str, np.ndarray]]:
    model = resolve_model(spec, Task(6, classes))
    y = RANDOM.integers(classes or 9, size=40).astype(float)
    examples = Examples(RANDOM.normal(size=(40, 6)) * 3, y, RANDOM.uniform(0, 2, 40))
    weights = {
        name: RANDOM.normal(size=value.shape) for name, value in model.initial_weights(1).items()
    }
    return model, examples, weights


@pytest.mark.parametrize(("spec", "classes"), MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("clip", [0.7, 1e9])
def test_the_clipped_sum_is_that_of_rows_one_by_one(
    spec: ModelSpec, classes: int | None, clip: float
) -> None:
    model, examples, weights = made(spec, classes)
    assert isinstance(model, ClippingModel)

    together = model.clipped_gradient(weights, examples, clip)

    expected = {name: np.zeros(value.shape) for name, value in weights.items()}
    for row in range(len(examples)):
        one = model._gradient(weights, examples.at(np.array([row])))  # the mean over one row
        one = {name: value * examples.weight[row] for name, value in one.items()}
        norm = np.sqrt(sum(np.square(value).sum() for value in one.values()))
        for name, value in one.items():
            expected[name] += value * min(1.0, clip / norm)
    for name, value in expected.items():
        np.testing.assert_allclose(together[name], value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("spec", "classes"), MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("huge", [1e6, 1e160, 1e308])
def test_no_row_moves_the_sum_further_than_the_clip(
    spec: ModelSpec, classes: int | None, huge: float
) -> None:
    model, examples, weights = made(spec, classes)
    assert isinstance(model, ClippingModel)
    x = examples.x.copy()
    x[7] = huge
    rest = np.delete(np.arange(40), 7)

    one = model.clipped_gradient(weights, Examples(x, examples.y), 0.5)
    without = model.clipped_gradient(weights, Examples(x[rest], examples.y[rest]), 0.5)

    moved = np.sqrt(sum(np.square(one[name] - without[name]).sum() for name in one))
    assert moved <= 0.5 * (1 + 1e-9)


def test_a_slope_whose_square_is_no_float_is_cut_too() -> None:
    model = resolve_model(MODELS["without intercept"][0], Task(1, 2))
    assert isinstance(model, ClippingModel)
    huge = 1.3e154
    weights = {"coefficients": np.array([-373.5 / huge])}  # a slope of about 6e-163
    row = Examples(np.array([[huge]]), np.zeros(1))

    moved = model.clipped_gradient(weights, row, clip=1e-9)["coefficients"]

    assert abs(moved[0]) <= 1e-9 * (1 + 1e-9)


@pytest.mark.parametrize(("spec", "classes"), MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("block", [1, 16, 64])
def test_blocks_of_any_size_give_the_sum_of_all_rows(
    spec: ModelSpec, classes: int | None, block: int
) -> None:
    model, examples, weights = made(spec, classes)
    assert isinstance(model, ClippingModel)

    found = clipped_sum(model, weights, examples, 0.7, block=block)

    together = model.clipped_gradient(weights, examples, 0.7)
    for name, value in together.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-12)


@dataclass
class Watched:
    """Moves by what its rows say of themselves; remembers in how many rows at a time."""

    seen: list[int] = field(default_factory=list)
    descent: Descent = field(default_factory=Descent)

    def clipped_gradient(self, weights: Any, examples: Examples, clip: float) -> Any:
        self.seen.append(len(examples))
        weight = np.ones(len(examples)) if examples.weight is None else examples.weight
        return {"w": np.array([(weight * examples.x[:, 0]).sum()])}

    def predict(self, weights: Any, x: Any) -> Any:
        return x


def rows_of(values: list[float]) -> Examples:
    return Examples(np.array(values)[:, np.newaxis], np.zeros(len(values)))


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 300])
def test_how_rows_are_taken_does_not_say_how_many_there_are(rows: int) -> None:
    model = Watched()

    descend(
        model,
        {"w": np.zeros(1)},
        rows_of([1.0] * rows),
        rows=64,
        steps=Steps(2, 1.0),
        clip=1.0,
        sensitivity=1.0,
        multiplier=1.0,
    )

    assert set(model.seen) == {64}


def test_what_sums_of_blocks_lose_is_kept() -> None:
    values = [2.0**53, 1.0, 1.0, 1.0, -(2.0**53)]

    found = clipped_sum(Watched(), {"w": np.zeros(1)}, rows_of(values), 1.0, block=1)

    assert found["w"][0] == math.fsum(values) == 3.0


@pytest.mark.parametrize(
    ("rows", "size", "block"),
    [(0, 3, 1), (100, 3, 128), (1e9, 3, 4096), (1e9, 1 << 20, 64), (1e9, 1 << 28, 1)],
)
def test_a_block_is_bounded_by_rows_and_by_memory(rows: float, size: int, block: int) -> None:
    assert block_of(rows, size) == block


@pytest.mark.parametrize(("spec", "classes"), MODELS.values(), ids=MODELS)
def test_no_rows_give_zeros(spec: ModelSpec, classes: int | None) -> None:
    model, examples, weights = made(spec, classes)
    assert isinstance(model, ClippingModel)

    none = model.clipped_gradient(weights, examples.at(np.array([], dtype=np.intp)), 1.0)

    assert all(value.shape == weights[name].shape for name, value in none.items())
    assert all((value == 0).all() for value in none.values())


def test_an_update_of_zeros_is_cut_to_zeros() -> None:
    start = {"w": np.ones(3), "b": np.zeros(1)}

    assert np.array_equal(cut_update(start, start, clip=1.0)["w"], np.ones(3))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_an_update_that_leads_nowhere_is_none(bad: float) -> None:
    start = {"w": np.ones(3)}

    cut = cut_update(start, {"w": np.array([bad, 1.0, 1.0])}, clip=1.0)["w"]

    assert np.linalg.norm(cut - start["w"]) <= 1 + 1e-12
