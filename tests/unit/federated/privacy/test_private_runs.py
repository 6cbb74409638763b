"""Runs under privacy: what leaves a party, what is refused, and what it costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import wayfed as wf
from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.features.recipe import features
from wayfed.federated.parties.question import Question
from wayfed.federated.releases import Release
from wayfed.federated.run import run_federated
from wayfed.federated.runs.results import FederatedRun
from wayfed_optimizer.errors import InvalidOption, PartyError, PolicyViolation, TypeMismatch

FEATURES = ["a", "b", "c"]
CANARY = 98765.4321

QUESTION = Question(
    label="y",
    features=("x",),
    sample_weight=None,
    split=None,
    model=models.logistic_regression(),
    recipe=features(),
    classes=(0, 1),
    seed=0,
    rounds=7,
    strategy="fedadam",
    privacy=wf.dp(epsilon=1.5, delta=1e-6, clip=2.0),
)


def rows(count: int, seed: int = 0, **more: Any) -> Arrays:
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 3))
    late = x @ [1.0, -2.0, 0.5] + random.logistic(size=count) > 0
    columns = {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "late": late, **more}
    return Arrays.from_table(pa.table(columns))


def broken_rows() -> Arrays:
    """2,000 rows of which one each has no feature, no number, no end, no label, no weight."""
    party = rows(2000, 1)
    columns = {name: list(party[name].tolist()) for name in party}
    columns["a"][0], columns["b"][1], columns["c"][2] = None, float("nan"), float("inf")
    columns["late"][3] = None
    columns["w"] = [-1.0] + [1.0] * 1999
    return Arrays.from_table(pa.table(columns))


def train(parties: dict[str, Arrays] | None = None, **options: Any) -> FederatedRun:
    chosen: dict[str, Any] = {
        "label": "late",
        "features": FEATURES,
        "model": models.logistic_regression(learning_rate=1.0, local_epochs=2),
        "rounds": 4,
        "classes": [False, True],
        "privacy": wf.dp(epsilon=2.0, delta=1e-5, clip=1.0),
        **options,
    }
    return run_federated(parties or {"ash": rows(3000, 1), "birch": rows(5000, 2)}, **chosen)


@pytest.mark.parametrize(
    "model",
    [
        models.logistic_regression(learning_rate=1.0, local_epochs=2),
        models.logistic_regression(learning_rate=1.0, batch_size=400),
        models.mlp(hidden=(8,), learning_rate=0.5, batch_size=400),
    ],
    ids=["whole", "sampled", "perceptron"],
)
def test_a_model_is_learned_within_its_budget(model: models.ModelSpec) -> None:
    run = train(model=model, rounds=8)

    assert run.metrics["auc"] > 0.8
    assert run.privacy_spent is not None
    assert set(run.privacy_spent) == {"ash", "birch"}
    for spent in run.privacy_spent.values():
        assert 1.9 < spent.epsilon <= 2.0
        assert (spent.delta, spent.unit) == (1e-5, "example")


def test_noise_does_not_come_from_the_seed() -> None:
    first, second = (train(seed=5, rounds=1) for _ in range(2))

    assert first.arrays["coefficients"].tolist() != second.arrays["coefficients"].tolist()


def test_without_privacy_nothing_is_said_to_be_spent() -> None:
    assert train(privacy=None, rounds=1).privacy_spent is None


def test_what_leaves_a_party_has_neither_numbers_of_rows_nor_digests() -> None:
    told: list[Release] = []

    train({"ash": rows(3000, 1)}, record=told.append, rounds=2)

    by_stage: dict[str, list[str]] = {}
    for release in told:
        by_stage.setdefault(release.stage, []).append(str(release.content))
    assert by_stage["query.bind"] == [str({"json": '{"problems": []}'})]
    assert "query.statistics" not in by_stage
    assert not any("digest" in content for content in by_stage["query.begin"])
    assert len(by_stage["train"]) == 4  # two rounds of an update and a weight
    assert [release.kind.value for release in told[:2]] == ["binding", "binding"]


def test_numbers_of_rows_are_about_right_and_not_exact_each_time() -> None:
    party = {"ash": rows(1000, 1)}

    reports = [train(party, rounds=1).parties["ash"] for _ in range(6)]

    assert len({report.rows for report in reports}) > 1
    assert all(850 < report.rows < 1150 for report in reports)
    assert all(report.digest is None for report in reports)


def test_rows_that_cannot_be_used_are_left_out_in_silence() -> None:
    run = train({"ash": broken_rows()}, sample_weight="w", rounds=2)

    assert run.status == "finished"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"classes": None}, "classes="),
        ({"preprocess": features(standardize=True)}, "features fitted"),
        ({"preprocess": features(impute={"a": "mean"})}, "features fitted"),
        ({"preprocess": features(one_hot=["a"])}, "features fitted"),
        (
            {"model": models.linear_regression(), "label": "c", "features": ["a"], "classes": None},
            "measures of a regression",
        ),
    ],
    ids=["classes", "standardize", "mean", "one_hot", "regression"],
)
@pytest.mark.parametrize("unit", ["example", "client"])
def test_what_rows_would_tell_of_themselves_is_refused_before_binding(
    options: dict[str, Any], words: str, unit: str
) -> None:
    told: list[Release] = []

    with pytest.raises(InvalidOption, match=f"does not go with.*{words}") as refused:
        train(
            **options, privacy=wf.dp(epsilon=1, delta=1e-5, clip=1, unit=unit), record=told.append
        )

    assert told == []
    assert refused.value.hint


def test_a_model_that_cannot_clip_is_refused_before_binding() -> None:
    from sklearn.linear_model import SGDClassifier

    told: list[Release] = []

    with pytest.raises(InvalidOption, match="cannot clip"):
        train(model=models.sklearn(SGDClassifier(loss="log_loss")), record=told.append)

    assert told == []


def test_columns_of_other_types_are_named_and_nothing_is_said_of_values() -> None:
    party = rows(100, 1, word=["x"] * 100)

    with pytest.raises(TypeMismatch, match=r"'word' is (text|string), not a number"):
        train({"ash": party}, features=["a", "word"])


def test_a_failure_says_no_more_than_that_there_was_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError(f"the row with {CANARY} is odd")

    monkeypatch.setattr("wayfed.federated.models.linear.LinearModel.clipped_gradient", fail)
    told: list[Release] = []

    with pytest.raises(PartyError, match="failed under privacy="):
        train({"ash": rows(100, 1)}, record=told.append)

    assert str(CANARY) not in str(told)


@pytest.mark.parametrize("privacy", [object(), 1.0, {"epsilon": 1.0}])
def test_privacy_is_a_budget(privacy: object) -> None:
    with pytest.raises(InvalidOption, match=r"wf\.dp\("):
        train(privacy=privacy)


@pytest.mark.parametrize(
    "values",
    [
        {"epsilon": 0.0},
        {"epsilon": float("inf")},
        {"epsilon": float("nan")},
        {"epsilon": True},
        {"delta": 0.0},
        {"delta": 1.0},
        {"clip": 0.0},
        {"clip": 1e-310},
        {"delta": 1e-300},
        {"clip": float("inf")},
        {"unit": "row"},
    ],
    ids=str,
)
def test_a_budget_out_of_its_range_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        wf.dp(**{"epsilon": 1.0, "delta": 1e-5, "clip": 1.0, **values})


def test_a_question_with_privacy_comes_back_as_it_was() -> None:
    assert Question.from_dict(QUESTION.to_dict()) == QUESTION


def test_parties_of_a_client_budget_weigh_alike_and_move_the_model_by_the_clip_at_most() -> None:
    privacy = wf.dp(epsilon=1e6, delta=1e-5, clip=1.0, unit="client")  # next to no noise

    run = train(
        {"ash": rows(3, 1), "birch": rows(2, 2), "cedar": rows(3000, 3, d=np.full(3000, 1e6))},
        privacy=privacy,
        rounds=1,
        test=None,
        model=models.logistic_regression(learning_rate=1e6),
    )

    moved = np.sqrt(sum(np.square(value).sum() for value in run.arrays.values()))
    assert set(run.history[0].weights.values()) == {1.0}
    assert moved <= 1.0 + 0.2  # the mean of three cut updates, and a little noise


def test_no_value_of_a_row_leaves_a_party() -> None:
    told: list[Release] = []
    canaries = {"a": CANARY, "b": -CANARY, "c": CANARY * 3}
    party = rows(3000, 1)
    columns = {name: party[name].tolist() for name in party}
    for name, value in canaries.items():
        columns[name][17] = value

    train({"ash": Arrays.from_table(pa.table(columns))}, record=told.append)

    numbers = [
        float(number)
        for release in told
        for value in release.content.values()
        if isinstance(value, np.ndarray | list | int | float)
        for number in np.asarray(value, dtype=float).ravel()
    ]
    assert len(numbers) > 50
    assert not any(
        abs(number - canary) < 1e-6 for number in numbers for canary in canaries.values()
    )
    assert str(CANARY)[:6] not in str([release.content for release in told])


def test_what_a_model_cannot_clip_by_row_is_cut_by_party() -> None:
    from sklearn.linear_model import SGDClassifier

    run = train(
        model=models.sklearn(SGDClassifier(loss="log_loss")),
        privacy=wf.dp(epsilon=1e6, delta=1e-5, clip=5.0, unit="client"),
        test=None,
        rounds=3,
    )

    assert run.privacy_spent is not None
    assert {spent.unit for spent in run.privacy_spent.values()} == {"client"}
    assert run.metrics == {}
    assert (run.model.predict(rows(500, 5)) == rows(500, 5)["late"]).mean() > 0.7


@pytest.mark.parametrize("strategy", ["fedmedian", "fedadam", {"name": "fedprox"}])
def test_parties_are_hidden_by_one_strategy_only(strategy: Any) -> None:
    private = wf.dp(epsilon=1.0, delta=1e-5, clip=1.0, unit="client")

    with pytest.raises(InvalidOption, match="does not go with") as refused:
        train(strategy=strategy, privacy=private, test=None)

    assert "strategy='fedavg'" in str(refused.value)


@pytest.mark.parametrize("strategy", ["fedmedian", "fedadam", "krum"])
def test_rows_are_hidden_whatever_becomes_of_their_parties_updates(strategy: str) -> None:
    run = train(strategy=strategy, rounds=2)

    assert run.status == "finished"
    assert run.privacy_spent is not None


def test_three_classes_are_measured_by_what_was_guessed() -> None:
    party = rows(4000, 1)
    kinds = np.digitize(party["a"], [-0.5, 0.5])
    columns = {name: party[name] for name in FEATURES}
    run = train(
        {"ash": Arrays.from_table(pa.table({**columns, "kind": kinds}))},
        label="kind",
        classes=[0, 1, 2],
        model=models.logistic_regression(learning_rate=2.0, local_epochs=5),
        rounds=6,
        privacy=wf.dp(epsilon=8.0, delta=1e-5, clip=1.0),
    )

    assert set(run.metrics) == {"accuracy", "f1"}
    assert run.metrics["accuracy"] > 0.6


def test_messages_at_the_same_time_are_paid_for_one_by_one() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from wayfed.federated.features.fitting import FittedFeatures, Number
    from wayfed.federated.parties.rules import Rules
    from wayfed.federated.privacy.party import PrivateRun
    from wayfed.federated.wire import record_of

    question = Question(
        label="late",
        features=("a",),
        sample_weight=None,
        split=None,
        model=models.logistic_regression(local_epochs=20),
        recipe=features(),
        classes=(False, True),
        seed=0,
        rounds=3,
        privacy=wf.dp(epsilon=1.0, delta=1e-6, clip=1.0),
    )
    party = rows(2000, 1)
    run = PrivateRun(lambda: party, Rules(), question, 0)
    run.begin(FittedFeatures((Number("a"),)), [False, True])

    def step(number: int) -> bool:
        weights = {"coefficients": np.full(1, float(number)), "intercept": np.zeros(1)}
        try:
            run.train(record_of(weights), {})
        except PolicyViolation:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        answered = list(threads.map(step, range(40)))

    assert sum(answered) == 3


def test_what_is_known_beforehand_need_not_be_told() -> None:
    party = rows(4000, 1)
    sides = np.where(party["b"] > 0, "left", "right").tolist()
    recipe = features(standardize={"a": (1.0, 2.0)}, one_hot={"side": ["left", "right"]})
    columns = {name: party[name] for name in party}
    told: list[Release] = []

    run = train(
        {"ash": Arrays.from_table(pa.table({**columns, "side": sides}))},
        features=["a", "side"],
        preprocess=recipe,
        record=told.append,
        rounds=6,
    )

    assert run.arrays["coefficients"].shape == (3,)
    assert run.metrics["auc"] > 0.7
    assert {release.kind.value for release in told} == {"binding", "update", "training", "metrics"}


def test_what_is_known_beforehand_is_taken_as_it_is_without_privacy_too() -> None:
    party = rows(200, 1, side=["left", "right"] * 100)
    recipe = features(standardize={"a": (1.0, 2.0)}, one_hot={"side": ["left", "middle"]})
    told: list[Release] = []

    run = train(
        {"ash": party},
        features=["a", "side"],
        preprocess=recipe,
        privacy=None,
        rounds=1,
        record=told.append,
    )

    matrix = run.model.features.matrix(party)
    assert run.model.features.names == ("a", "side=left", "side=middle")
    np.testing.assert_allclose(matrix[:, 0], (party["a"] - 1) / 2)
    assert matrix[:2, 1:].tolist() == [[1, 0], [0, 0]]
    assert all("right" not in str(release.content) for release in told)
    assert Question.from_dict({**QUESTION.to_dict(), "recipe": recipe.to_dict()}).recipe == recipe


@pytest.mark.parametrize(
    "known",
    [
        {"standardize": {"a": (1.0, 0.0)}},
        {"standardize": {"a": (1.0,)}},
        {"standardize": {"a": (float("nan"), 1.0)}},
        {"one_hot": {"a": []}},
        {"one_hot": {"a": ["x", "x"]}},
        {"one_hot": {"a": [1.5]}},
        {"one_hot": {"a": "xy"}},
    ],
    ids=str,
)
def test_what_is_said_to_be_known_has_to_be_something(known: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match="is no"):
        features(**known)
