"""Weights of classes: scikit-learn's, of all parties' rows together; what they cannot be."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.utils.class_weight import compute_class_weight

import wayfed as wf
from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.features.split import by_hash
from wayfed.federated.models.class_weight import class_weight_from_plain
from wayfed.federated.parties.question import Question
from wayfed.federated.releases import Release, ReleaseKind
from wayfed.federated.run import run_federated
from wayfed.federated.runs.checkpoint import read_checkpoint
from wayfed.federated.runs.results import FederatedRun, TrainedModel
from wayfed_optimizer.errors import InvalidOption, Unsupported, WayfedError

FEATURES = ["a", "b", "c"]
WEIGHTS = {False: 0.5, True: 3.0}


def train(parties: dict[str, Arrays], **options: Any) -> FederatedRun:
    asked = {
        "label": "late",
        "features": FEATURES,
        "model": models.logistic_regression(learning_rate=0.5),
        "rounds": 4,
        "test": None,
        **options,
    }
    return run_federated(parties, **asked)


def bits(run: FederatedRun) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in run.arrays.items()}


def together(parties: dict[str, Arrays]) -> tuple[np.ndarray, np.ndarray]:
    x = np.concatenate([part.matrix(FEATURES, np.float64) for part in parties.values()])
    return x, np.concatenate([part["late"] for part in parties.values()])


def with_columns(parties: dict[str, Arrays], **columns: Any) -> dict[str, Arrays]:
    """Give parties columns more, each made of the party's arrays."""
    return {
        party: Arrays.from_table(
            pa.table({name: own[name] for name in own} | {n: f(own) for n, f in columns.items()})
        )
        for party, own in parties.items()
    }


def test_balanced_classes_weigh_as_scikit_learn_weighs_all_rows_together(
    unequal_parties: dict[str, Arrays],
) -> None:
    run = train(
        unequal_parties,
        class_weight="balanced",
        model=models.logistic_regression(learning_rate=1.0, l2=0.1),
        rounds=400,
    )

    x, late = together(unequal_parties)
    whole = LogisticRegression(
        C=10.0 / len(late), class_weight="balanced", solver="newton-cholesky", tol=1e-14
    ).fit(x, late)
    np.testing.assert_allclose(run.arrays["coefficients"], whole.coef_[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(run.arrays["intercept"], whole.intercept_, rtol=0, atol=1e-9)


def test_naive_bayes_counts_classes_as_one_fit_to_all_rows_does(
    unequal_parties: dict[str, Arrays],
) -> None:
    run = train(unequal_parties, class_weight="balanced", model=models.sklearn(GaussianNB()))

    x, late = together(unequal_parties)
    by_class = compute_class_weight("balanced", classes=np.array([False, True]), y=late)
    whole = GaussianNB().fit(x, late, sample_weight=by_class[late.astype(int)])
    assert isinstance(run.model, TrainedModel)
    ours = run.model.predict_proba(next(iter(unequal_parties.values())))
    theirs = whole.predict_proba(next(iter(unequal_parties.values())).matrix(FEATURES, np.float64))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "model",
    [
        models.logistic_regression(batch_size=16, local_epochs=2),
        models.mlp(hidden=(4,), batch_size=16),
        models.sklearn(SGDClassifier(loss="log_loss", alpha=0.01)),
        models.sklearn(LogisticRegression(C=1.0)),
        models.sklearn(MLPClassifier(hidden_layer_sizes=(4,))),
    ],
    ids=lambda model: dict(model.parameters).get("estimator", model.name),
)
def test_weights_by_class_are_weights_of_rows(
    unequal_parties: dict[str, Arrays], model: Any
) -> None:
    parties = with_columns(
        unequal_parties, w=lambda own: np.where(own["late"], WEIGHTS[True], WEIGHTS[False])
    )

    assert bits(train(parties, model=model, class_weight=WEIGHTS)) == bits(
        train(parties, model=model, sample_weight="w")
    )


def test_weights_of_rows_and_of_classes_are_multiplied(unequal_parties: dict[str, Arrays]) -> None:
    parties = with_columns(
        unequal_parties,
        w=lambda own: np.abs(own["a"]) + 0.1,
        both=lambda own: np.where(own["late"], 3.0, 1.0) * (np.abs(own["a"]) + 0.1),
    )

    # a class that is not named weighs 1
    one, other = (
        train(parties, sample_weight="w", class_weight={True: 3}),
        train(parties, sample_weight="both"),
    )

    assert bits(one) == bits(other)


def test_only_rows_that_are_learned_from_are_balanced(unequal_parties: dict[str, Arrays]) -> None:
    left: list[Release] = []
    run = train(unequal_parties, class_weight="balanced", test=0.3, record=left.append)

    told = [
        np.array([count for _, count in told_counts(each)])
        for each in left
        if each.kind is ReleaseKind.LABELS
    ]
    learned = [report.training for report in run.parties.values()]
    assert [int(counts.sum()) for counts in told] == learned
    rows = np.sum(told, axis=0)
    weights = {False: rows.sum() / (2 * rows[0]), True: rows.sum() / (2 * rows[1])}
    assert bits(run) == bits(train(unequal_parties, class_weight=weights, test=0.3))


def told_counts(release: Release) -> list[list[Any]]:
    counts: list[list[Any]] = json.loads(release.content["json"])["counts"]
    return counts


def test_weights_of_classes_count_in_sums_under_masks_too(
    unequal_parties: dict[str, Arrays],
) -> None:
    openly, secretly = (
        train(unequal_parties, class_weight="balanced", secure_aggregation=secret)
        for secret in (False, True)
    )

    for name, array in openly.arrays.items():
        np.testing.assert_allclose(secretly.arrays[name], array, rtol=0, atol=1e-6)


def test_three_classes_are_balanced_where_a_party_has_not_all_of_them() -> None:
    def party(kinds: list[str]) -> Arrays:
        return Arrays.from_table(pa.table({"x": [float(len(k)) for k in kinds], "kind": kinds}))

    parties = {"ash": party(["a"] * 6 + ["bb"] * 2), "birch": party(["bb"] * 2 + ["ccc"] * 2)}
    balanced, named = (
        train(parties, label="kind", features=["x"], class_weight=weight)
        for weight in ("balanced", {"a": 12 / 18, "bb": 12 / 12, "ccc": 12 / 6})
    )

    assert bits(balanced) == bits(named)


def test_a_run_goes_on_with_the_weights_that_it_began_with(
    unequal_parties: dict[str, Arrays], tmp_path: Any
) -> None:
    with wf.context({"runs": {"store": str(tmp_path / "runs.db")}}) as ctx:
        asked: dict[str, Any] = {
            "label": "late",
            "features": FEATURES,
            "model": models.logistic_regression(learning_rate=0.5),
            "class_weight": "balanced",
            "rounds": 5,
        }
        whole = ctx.run_federated(unequal_parties, **asked)
        stopped = ctx.run_federated(
            unequal_parties, **asked, checkpoint=tmp_path, on_round=lambda run: run.stop()
        )
        written = read_checkpoint(tmp_path / f"{stopped.id}.checkpoint").request.question

        assert isinstance(written.class_weight, tuple)
        assert list(dict(written.class_weight)) == [False, True]
        assert bits(ctx.resume(stopped.id, unequal_parties)) == bits(whole)


def test_under_privacy_classes_have_weights_that_are_named(
    unequal_parties: dict[str, Arrays],
) -> None:
    private = {
        "classes": [False, True],
        "privacy": wf.dp(epsilon=5.0, delta=1e-5, clip=1.0),
        "rounds": 1,
    }
    assert train(unequal_parties, **private, class_weight=WEIGHTS).status == "finished"

    with pytest.raises(InvalidOption, match="does not go with class_weight='balanced'") as raised:
        train(unequal_parties, **private, class_weight="balanced")
    assert "class_weight={0: 1.0, 1: 5.0}" in str(raised.value)


def test_a_party_that_has_few_rows_of_a_class_does_not_tell_how_many() -> None:
    late = [True] * 5 + [False] * 95
    few = Arrays.from_table(pa.table({"x": [float(n) for n in range(100)], "late": late}))

    with pytest.raises(InvalidOption, match=r"party 'ash' does not tell their number"):
        train(
            {"ash": few},
            features=["x"],
            min_rows=10,
            class_weight="balanced",
            classes=[False, True],
        )


def test_weights_by_which_few_rows_count_are_refused_as_too_few() -> None:
    late = [True] * 20 + [False] * 80
    rows = Arrays.from_table(pa.table({"x": [float(n) for n in range(100)], "late": late}))

    asked = {"features": ["x"], "min_rows": 50, "classes": [False, True]}
    train({"ash": rows}, **asked, class_weight={True: 1.5})
    with pytest.raises(WayfedError, match="fewer training rows than its min_rows=50"):
        train({"ash": rows}, **asked, class_weight={True: 1e6})


@pytest.mark.parametrize(
    ("weight", "told"),
    [
        ("balance", "did you mean 'balanced'"),
        (2.0, "says no weights"),
        ({}, "says no weights"),
        ({True: 0.0}, "a number above 0"),
        ({True: float("nan")}, "a number above 0"),
        ({True: float("inf")}, "a number above 0"),
        ({True: "much"}, "a number above 0"),
        ({True: True}, "a number above 0"),
        ({1.5: 2.0}, "a category is a text, a whole number or a bool"),
        ({"late": 2.0}, "'late'"),
    ],
)
def test_what_weighs_no_class_is_refused(
    unequal_parties: dict[str, Arrays], weight: Any, told: str
) -> None:
    with pytest.raises(InvalidOption) as raised:
        train(unequal_parties, class_weight=weight)
    assert told in str(raised.value)


def test_a_class_that_is_none_of_those_named_is_refused_before_parties_are_asked(
    unequal_parties: dict[str, Arrays],
) -> None:
    left: list[Release] = []
    with pytest.raises(InvalidOption, match="the classes of 'late'"):
        train(unequal_parties, classes=[False, True], class_weight={2: 1.0}, record=left.append)
    assert not left


def test_values_and_clients_of_ones_own_have_no_classes_to_weigh(
    unequal_parties: dict[str, Arrays],
) -> None:
    with pytest.raises(InvalidOption, match="weighs classes, which a regression has none of"):
        train(
            unequal_parties,
            label="minutes",
            model=models.linear_regression(),
            class_weight="balanced",
        )
    with pytest.raises(InvalidOption, match="no rows with 'late' = 2 to learn from"):
        train(unequal_parties, classes=[0, 1, 2], class_weight="balanced")
    with pytest.raises(Unsupported, match="class_weight="):
        train(unequal_parties, model=lambda arrays: None, class_weight="balanced")
    with pytest.raises(InvalidOption, match="by each party's own rows"):
        models.sklearn(LogisticRegression(class_weight="balanced"))


def test_a_question_keeps_weights_and_trusts_none_that_arrive() -> None:
    asked = Question(
        label="late",
        features=("a",),
        sample_weight=None,
        split=by_hash("a"),
        model=models.logistic_regression(),
        recipe=wf.features(),
        classes=None,
        seed=0,
        class_weight=((False, 1.0), (True, 5.0)),
    )
    assert Question.from_dict(asked.to_dict()) == asked
    for plain in ("even", 3, [[True]], [[True, -1.0]], [[True, "x"]], [[[1], 2.0]], {"a": 1}):
        with pytest.raises(InvalidOption):
            class_weight_from_plain(plain)
