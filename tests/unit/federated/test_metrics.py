"""Measures: equal to scikit-learn's over all rows together, made of sums alone."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from wayfed.federated.metrics import classification_sums, pool, regression_sums


@pytest.mark.parametrize("classes", [2, 4])
def test_classification_equals_scikit_learn(classes: int) -> None:
    random = np.random.default_rng(classes)
    truth = random.integers(classes, size=300)
    # Rounded, so that there are ties.
    scores = np.round(random.dirichlet(np.ones(classes), size=300) + np.eye(classes)[truth], 1)
    scores /= scores.sum(axis=1, keepdims=True)

    measures = pool(
        classification_sums(scores[part], truth[part].astype(float))
        for part in (slice(0, 100), slice(100, 300))
    )

    guess = scores.argmax(axis=1)
    average = "binary" if classes == 2 else "macro"
    assert measures["accuracy"] == pytest.approx(reference.accuracy_score(truth, guess))
    assert measures["f1"] == pytest.approx(reference.f1_score(truth, guess, average=average))
    clipped = np.clip(scores, 1e-15, 1)
    expected = -np.log(clipped[np.arange(300), truth]).mean()
    assert measures["log_loss"] == pytest.approx(expected)


@pytest.mark.parametrize("width", [0.05, 0.5, 5.0])
def test_auc_over_parties_is_within_the_error_that_is_told(width: float) -> None:
    random = np.random.default_rng(0)
    truth = random.integers(2, size=3000)
    score = 1 / (1 + np.exp(-width * random.normal(loc=truth, size=3000) - 2))
    both = np.stack([1 - score, score], axis=1)
    parts = [slice(0, 600), slice(600, 3000)]

    measures = pool(classification_sums(both[part], truth[part].astype(float)) for part in parts)

    exact = reference.roc_auc_score(truth, score)
    assert abs(measures["auc"] - exact) <= measures["auc_error"]
    assert measures["auc_error"] < {0.05: 0.1, 0.5: 0.01, 5.0: 0.01}[width]


def test_auc_of_several_classes_is_exact_at_a_party_and_weighted_by_rows_over_them() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(3, size=300)
    scores = random.dirichlet(np.ones(3), size=300) + np.eye(3)[truth] / 2
    scores /= scores.sum(axis=1, keepdims=True)
    parts = [slice(0, 60), slice(60, 300)]

    measures = pool(classification_sums(scores[part], truth[part].astype(float)) for part in parts)

    areas = [
        reference.roc_auc_score(truth[part], scores[part], multi_class="ovr") for part in parts
    ]
    assert measures["auc"] == pytest.approx((60 * areas[0] + 240 * areas[1]) / 300)
    assert "auc_error" not in measures


@pytest.mark.parametrize("classes", [2, 3])
def test_brier_and_calibration_are_those_of_all_rows(classes: int) -> None:
    random = np.random.default_rng(1)
    truth = random.integers(classes, size=400)
    scores = random.dirichlet(np.ones(classes), size=400)
    parts = [slice(0, 60), slice(60, 400)]

    measures = pool(classification_sums(scores[part], truth[part].astype(float)) for part in parts)

    sure, right = scores[:, 1], truth == 1
    brier = np.square(sure - right).mean()
    if classes > 2:
        sure, right = scores.max(axis=1), scores.argmax(axis=1) == truth
        brier = np.square(scores - np.eye(classes)[truth]).sum(axis=1).mean()
    tenths = np.minimum((sure * 10).astype(int), 9)
    gaps = [abs((sure - right)[tenths == tenth].sum()) for tenth in range(10)]
    assert measures["brier"] == pytest.approx(brier)
    assert measures["calibration_error"] == pytest.approx(sum(gaps) / 400)


def test_a_party_of_one_class_has_no_auc_and_counts_in_that_of_all() -> None:
    both = np.array([[0.9, 0.1], [0.2, 0.8]])
    one_class = classification_sums(both, np.zeros(2))
    two_classes = classification_sums(both, np.array([0.0, 1.0]))

    assert "auc" not in pool([one_class])
    # The late row scores 0.8; the others 0.1, 0.1, and 0.8, which is half a win.
    assert pool([one_class, two_classes])["auc"] == pytest.approx(2.5 / 3)


def test_regression_equals_scikit_learn() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(loc=1000, size=300)
    predicted = truth + random.normal(size=300)

    measures = pool(
        regression_sums(predicted[part], truth[part]) for part in (slice(0, 7), slice(7, 300))
    )

    squared = reference.mean_squared_error(truth, predicted)
    assert measures["rmse"] == pytest.approx(np.sqrt(squared))
    assert measures["mae"] == pytest.approx(reference.mean_absolute_error(truth, predicted))
    assert measures["r2"] == pytest.approx(reference.r2_score(truth, predicted), rel=1e-9)


def test_parties_without_held_out_rows_tell_nothing() -> None:
    assert pool([{"num-examples": 0}]) == {}
