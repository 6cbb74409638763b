"""Learning rates that fall over the rounds: by the round's number alone, and as scalars only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wayfed as wf
from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.models.adapter import Task, resolve_model
from wayfed.federated.models.schedule import Schedule, rate_in
from wayfed.federated.models.spec import ModelSpec
from wayfed.federated.run import run_federated
from wayfed.federated.runs.results import FederatedRun
from wayfed_optimizer.errors import InvalidOption

FEATURES = ["a", "b", "c"]
SCHEDULES = [
    models.schedule("exponential", 0.5, factor=0.9),
    models.schedule("step", 0.5, factor=0.5, every=2),
    models.schedule("cosine", 0.5, rounds=4, last=0.1),
]
SCHEDULED = pytest.mark.parametrize("rate", SCHEDULES, ids=lambda rate: rate.kind)


def train(parties: dict[str, Arrays], model: ModelSpec, **options: Any) -> FederatedRun:
    asked = {"label": "late", "features": FEATURES, "rounds": 6, "test": None, **options}
    return run_federated(parties, model=model, **asked)


def bits(run: FederatedRun) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in run.arrays.items()}


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (SCHEDULES[0], [0.5, 0.45, 0.405, 0.3645]),
        (SCHEDULES[1], [0.5, 0.5, 0.25, 0.25]),
        (models.schedule("cosine", 0.5, rounds=3), [0.5, 0.375, 0.125, 0.0]),
        (models.schedule("cosine", 0.5, rounds=2, last=0.1), [0.5, 0.3, 0.1, 0.1]),
    ],
)
def test_rates_are_what_the_formulas_give(rate: Schedule, expected: list[float]) -> None:
    assert [rate.at(number) for number in (1, 2, 3, 4)] == pytest.approx(expected)
    assert rate_in(rate.to_parameter(), 3) == rate.at(3)


@SCHEDULED
def test_scheduled_steps_are_centralised_gradient_descent(
    unequal_parties: dict[str, Arrays], rate: Schedule
) -> None:
    run = train(unequal_parties, models.logistic_regression(learning_rate=rate))

    x = np.concatenate([part.matrix(FEATURES, np.float64) for part in unequal_parties.values()])
    y = np.concatenate([part["late"] for part in unequal_parties.values()])
    w, b = np.zeros(3), 0.0
    for number in range(1, 7):
        residual = 1 / (1 + np.exp(-(x @ w + b))) - y
        w, b = w - rate.at(number) * x.T @ residual / len(y), b - rate.at(number) * residual.mean()
    np.testing.assert_allclose(run.arrays["coefficients"], w, rtol=0, atol=1e-9)
    np.testing.assert_allclose(run.arrays["intercept"], [b], rtol=0, atol=1e-9)


@SCHEDULED
def test_a_run_that_goes_on_takes_the_steps_that_it_would_have_taken(
    unequal_parties: dict[str, Arrays], tmp_path: Path, rate: Schedule
) -> None:
    with wf.context({"runs": {"store": str(tmp_path / "runs.db")}}) as ctx:
        asked: dict[str, Any] = {
            "label": "late",
            "features": FEATURES,
            "model": models.mlp(hidden=(4,), batch_size=16, learning_rate=rate),
            "rounds": 5,
        }
        whole = ctx.run_federated(unequal_parties, **asked)

        def stop(run: FederatedRun) -> None:
            if len(run.history) == 2:
                run.stop()

        begun = ctx.run_federated(unequal_parties, **asked, checkpoint=tmp_path, on_round=stop)

        assert bits(ctx.resume(begun.id, unequal_parties)) == bits(whole)


def test_a_rate_that_stays_is_the_number(unequal_parties: dict[str, Arrays]) -> None:
    for make in (models.logistic_regression, models.mlp):
        stays = models.schedule("exponential", 0.3, factor=1.0)
        assert bits(train(unequal_parties, make(learning_rate=stays))) == bits(
            train(unequal_parties, make(learning_rate=0.3))
        )


def test_steps_with_noise_are_scheduled_too(unequal_parties: dict[str, Arrays]) -> None:
    nothing = models.schedule("step", 0.5, factor=1e-300, every=1)
    private: dict[str, Any] = {
        "classes": [False, True],
        "privacy": wf.dp(epsilon=5.0, delta=1e-5, clip=1.0),
    }
    seen: list[np.ndarray] = []
    train(
        unequal_parties,
        models.logistic_regression(learning_rate=nothing),
        rounds=3,
        on_round=lambda run: seen.append(run.arrays["coefficients"]),
        **private,
    )

    # noise moves the model in the first round only, but for the rounding of averages
    assert np.abs(seen[0]).max() > 1e-6
    np.testing.assert_allclose(seen[1:], [seen[0]] * 2, rtol=1e-9)


def test_a_schedule_travels_as_scalars() -> None:
    for rate in SCHEDULES:
        spec = models.mlp(learning_rate=rate)
        there = ModelSpec.from_dict(spec.to_dict())
        assert there == spec
        assert dict(there.parameters)["learning_rate"] == rate.to_parameter()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"kind": "cosin", "first": 0.1}, "did you mean 'cosine'"),
        ({"kind": "cosine", "first": 0.1}, "needs rounds="),
        ({"kind": "exponential", "first": 0.1}, "needs factor="),
        ({"kind": "exponential", "first": 0.1, "factor": 0.9, "rounds": 3}, "takes no rounds="),
        ({"kind": "exponential", "first": 0.1, "factor": 1.1}, "it is at most 1"),
        ({"kind": "exponential", "first": 0.1, "factor": 0.0}, "factor is a number above 0"),
        ({"kind": "exponential", "first": -0.1, "factor": 0.9}, "first is a number above 0"),
        ({"kind": "step", "first": 0.1, "factor": 0.5, "every": 0}, "every is a whole number"),
        ({"kind": "cosine", "first": 0.1, "rounds": 2.5}, "rounds is a whole number"),
        ({"kind": "cosine", "first": 0.1, "rounds": 2, "last": 0.2}, "above the first rate"),
        ({"kind": "cosine", "first": 0.1, "rounds": 2, "last": float("nan")}, "last is a number"),
    ],
)
def test_a_schedule_that_is_none_is_refused(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidOption) as raised:
        models.schedule(**asked)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    "arrived",
    [
        ("sine", 0.1, 2, 0.0),
        ("cosine", 0.1),
        ("cosine", "x", 2, 0.0),
        ("cosine", 0.1, None, 0.0),
        ("step", 0.1, 0.5, 1e9),
        (0.1, 0.1),
        (),
        "fast",
        float("inf"),
        True,
    ],
)
def test_a_rate_that_arrives_is_trusted_no_more_than_any_option(arrived: Any) -> None:
    spec = ModelSpec.of("logistic_regression", "classification", learning_rate=arrived)
    with pytest.raises(InvalidOption):
        resolve_model(spec, Task(2, 2))
