"""Models of sums: what comes out is what scikit-learn fits to all rows together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB

from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.run import run_federated
from wayfed_optimizer.errors import InvalidOption, TypeMismatch

FEATURES = ["a", "b", "c"]


@pytest.fixture
def counted() -> dict[str, Arrays]:
    """Three unequal parties whose features are counts."""
    random = np.random.default_rng(3)
    parties = {}
    for name, rows in {"ash": 20, "birch": 90, "cedar": 200}.items():
        kind = random.integers(3, size=rows)
        x = random.poisson(np.array([[4, 1, 1], [1, 4, 1], [1, 1, 4]])[kind])
        columns = dict(zip(FEATURES, x.T.astype(float), strict=True))
        parties[name] = Arrays.from_table(
            pa.table({**columns, "kind": kind, "often": random.random(rows) + 0.5})
        )
    return parties


def pooled(parties: dict[str, Arrays], *names: str) -> tuple[np.ndarray, ...]:
    x = np.concatenate([part.matrix(FEATURES) for part in parties.values()])
    return x, *(np.concatenate([part[n] for part in parties.values()]) for n in names)


@pytest.mark.parametrize(
    "estimator",
    [
        GaussianNB(),
        GaussianNB(priors=[0.2, 0.3, 0.5], var_smoothing=1e-3),
        MultinomialNB(alpha=0.5),
        MultinomialNB(fit_prior=False),
        BernoulliNB(alpha=0.1, binarize=1.0),
        BernoulliNB(class_prior=np.array([0.2, 0.3, 0.5])),
    ],
)
@pytest.mark.parametrize("weight", [None, "often"])
def test_naive_bayes_of_one_round_is_the_centralised_fit(
    counted: dict[str, Arrays], estimator: Any, weight: str | None
) -> None:
    run = run_federated(
        counted,
        label="kind",
        features=FEATURES,
        model=models.sklearn(estimator),
        rounds=1,
        test=None,
        sample_weight=weight,
    )

    x, kind, often = pooled(counted, "kind", "often")
    reference = estimator.fit(x, kind, sample_weight=None if weight is None else often)
    whole = Arrays.from_table(pa.table(dict(zip(FEATURES, x.T, strict=True))))
    found = run.model.predict_proba(whole)
    # The variance that smooths is of the rows as they are in scikit-learn, of weighed ones here.
    loose = isinstance(estimator, GaussianNB) and weight is not None
    tolerance = 1e-4 if loose and estimator.var_smoothing == 1e-3 else 1e-9
    np.testing.assert_allclose(found, reference.predict_proba(x), rtol=0, atol=tolerance)
    np.testing.assert_allclose(run.arrays["class_count_"], reference.class_count_, rtol=1e-12)


def test_counts_of_whole_numbers_are_exact(counted: dict[str, Arrays]) -> None:
    run = run_federated(
        counted,
        label="kind",
        features=FEATURES,
        model=models.sklearn(MultinomialNB()),
        rounds=1,
        test=None,
    )

    x, kind = pooled(counted, "kind")
    assert (run.arrays["feature_count_"] == MultinomialNB().fit(x, kind).feature_count_).all()


def test_a_second_round_keeps_the_digits_of_means_that_are_large() -> None:
    random = np.random.default_rng(0)
    parties = {
        name: Arrays.from_table(
            pa.table({"x": random.normal(1e8, 1.0, rows), "y": np.arange(rows) % 2})
        )
        for name, rows in {"ash": 40, "birch": 300}.items()
    }

    run = run_federated(parties, label="y", model=models.sklearn(GaussianNB()), rounds=2, test=None)

    x = np.concatenate([part["x"] for part in parties.values()])
    y = np.concatenate([part["y"] for part in parties.values()])
    variances = [x[y == number].var() for number in (0, 1)]
    np.testing.assert_allclose(run.arrays["var_"][:, 0], variances, rtol=1e-7)


@pytest.mark.parametrize(
    "estimator",
    [LinearRegression(), LinearRegression(fit_intercept=False), Ridge(alpha=3.0), Ridge()],
)
def test_least_squares_of_one_round_are_the_centralised_fit(
    unequal_parties: dict[str, Arrays], estimator: Any
) -> None:
    run = run_federated(
        unequal_parties,
        label="minutes",
        features=FEATURES,
        model=models.sklearn(estimator),
        rounds=1,
        test=None,
    )

    x, minutes = pooled(unequal_parties, "minutes")
    reference = estimator.fit(x, minutes)
    np.testing.assert_allclose(run.arrays["coef_"], reference.coef_, rtol=0, atol=1e-9)
    np.testing.assert_allclose(run.arrays["intercept_"], [reference.intercept_], rtol=0, atol=1e-9)


def test_columns_that_depend_on_each_other_get_the_shortest_solution() -> None:
    x = np.arange(40.0)
    table = pa.table({"p": [0, 1] * 20, "a": x, "b": 2 * x, "y": 5 * x + 1})

    run = run_federated(
        Arrays.from_table(table).partition_by("p"),
        label="y",
        model=models.sklearn(LinearRegression()),
        rounds=1,
        test=None,
    )

    np.testing.assert_allclose(run.arrays["coef_"], [1.0, 2.0], atol=1e-9)


def test_numbers_below_zero_are_refused_with_party_and_remedy() -> None:
    parties = {
        name: Arrays.from_table(pa.table({"a": [lowest, 1.0, 2.0], "y": [0, 1, 0]}))
        for name, lowest in {"ash": 0.0, "birch": -1.0}.items()
    }

    with pytest.raises(
        TypeMismatch, match=r"party 'birch': 'a' is below zero.*MultinomialNB.*GaussianNB"
    ):
        run_federated(
            parties, label="y", model=models.sklearn(MultinomialNB()), rounds=1, test=None
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "fedadam"}, "FedAdam makes nothing"),
        ({"strategy": {"name": "fedavg", "fraction_train": 0.5}}, "leaves some out"),
        ({"strategy": "fedprox"}, "FedProx makes nothing"),
    ],
)
def test_what_does_not_add_sums_is_refused(
    counted: dict[str, Arrays], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidOption, match=message):
        run_federated(
            counted, label="kind", model=models.sklearn(GaussianNB()), rounds=1, **options
        )


def test_parameters_that_sums_cannot_honour_are_refused() -> None:
    with pytest.raises(InvalidOption, match="positive=True"):
        models.sklearn(LinearRegression(positive=True))
    with pytest.raises(InvalidOption, match="once a round"):
        models.sklearn(GaussianNB(), local_epochs=3)


@pytest.mark.parametrize("weight", [None, "c"])
def test_each_round_is_an_iteration_of_k_means_over_all_rows(
    counted: dict[str, Arrays], weight: str | None
) -> None:
    begin = np.array([[4.0, 1.0], [1.0, 4.0], [0.0, 0.0]])

    run = run_federated(
        counted,
        features=["a", "b"],
        model=models.sklearn(KMeans(3, init=begin)),
        rounds=6,
        test=None,
        sample_weight=weight,
    )

    x, counts = pooled(counted, "c")
    whole = KMeans(3, init=begin, n_init=1, max_iter=6, tol=0, algorithm="lloyd")
    whole.fit(x[:, :2], sample_weight=None if weight is None else counts)
    np.testing.assert_allclose(run.arrays["cluster_centers_"], whole.cluster_centers_, atol=1e-9)
    held = Arrays.from_table(pa.table({"a": x[:, 0], "b": x[:, 1]}))
    assert (run.model.predict(held) == whole.predict(x[:, :2])).all()


def test_centres_that_nobody_gave_are_placed_by_moments_in_the_first_round() -> None:
    random = np.random.default_rng(0)
    middle = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    x = np.concatenate([random.normal(size=(60, 2)) + each for each in middle])
    rows = pa.table({"p": np.arange(180) % 4, "a": x[:, 0], "b": x[:, 1]})

    run = run_federated(
        Arrays.from_table(rows).partition_by("p"), model=models.sklearn(KMeans(3)), rounds=15
    )

    found = run.arrays["cluster_centers_"]
    np.testing.assert_allclose(found[np.lexsort(np.round(found).T)], middle, atol=1.0)
    assert run.metrics["inertia"] < 4.0


def test_a_label_goes_with_models_that_learn_one(counted: dict[str, Arrays]) -> None:
    with pytest.raises(InvalidOption, match="has no label"):
        run_federated(counted, label="kind", model=models.sklearn(KMeans(3)), rounds=1)
    with pytest.raises(InvalidOption, match="learns a label"):
        run_federated(counted, model=models.sklearn(GaussianNB()), rounds=1)
    with pytest.raises(InvalidOption, match="2 numbers for 3 centres"):
        run_federated(
            counted, model=models.sklearn(KMeans(3, init=np.zeros((1, 2)))), rounds=1, test=None
        )


def test_a_model_without_a_proximal_term_is_refused_before_training(
    counted: dict[str, Arrays],
) -> None:
    with pytest.raises(InvalidOption, match="no proximal term"):
        run_federated(
            counted,
            label="kind",
            model=models.sklearn(SGDClassifier(loss="log_loss")),
            rounds=1,
            strategy="fedprox",
        )
