"""What a run computes: the centralised model, each strategy's arithmetic, the same bits again."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from flwr.serverapp.strategy import FedAvg

from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.features.recipe import features
from wayfed.federated.grids.local import LocalGrid
from wayfed.federated.metrics import classification_sums, pool
from wayfed.federated.parties.learning import learning_party
from wayfed.federated.rounds.strategies import configured
from wayfed.federated.run import run_federated
from wayfed.federated.runs.results import FederatedRun
from wayfed.federated.wire import record_of

FEATURES = ["a", "b", "c"]


def weights_of(run: FederatedRun) -> np.ndarray:
    return np.concatenate([array.ravel() for array in run.arrays.values()])


def centralised(parties: dict[str, Arrays]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.concatenate([part.matrix(FEATURES) for part in parties.values()])
    late = np.concatenate([part["late"] for part in parties.values()]).astype(float)
    minutes = np.concatenate([part["minutes"] for part in parties.values()])
    return x, late, minutes


def logistic_step(
    x: np.ndarray, y: np.ndarray, w: np.ndarray, b: float, rate: float
) -> tuple[np.ndarray, float]:
    residual = 1 / (1 + np.exp(-(x @ w + b))) - y
    return w - rate * x.T @ residual / len(y), b - rate * residual.mean()


def test_one_full_batch_step_a_round_is_centralised_gradient_descent(
    unequal_parties: dict[str, Arrays],
) -> None:
    run = run_federated(
        unequal_parties,
        label="late",
        features=FEATURES,
        model=models.logistic_regression(learning_rate=0.5),
        rounds=60,
        test=None,
    )

    x, y, _ = centralised(unequal_parties)
    w, b = np.zeros(3), 0.0
    for _ in range(60):
        w, b = logistic_step(x, y, w, b, 0.5)
    np.testing.assert_allclose(run.arrays["coefficients"], w, rtol=0, atol=1e-9)
    np.testing.assert_allclose(run.arrays["intercept"], [b], rtol=0, atol=1e-9)


def test_a_linear_regression_is_centralised_gradient_descent_too(
    unequal_parties: dict[str, Arrays],
) -> None:
    run = run_federated(
        unequal_parties,
        label="minutes",
        features=FEATURES,
        model=models.linear_regression(learning_rate=0.1, l2=0.01),
        rounds=50,
        test=None,
    )

    x, _, y = centralised(unequal_parties)
    w, b = np.zeros(3), 0.0
    for _ in range(50):
        residual = x @ w + b - y
        w, b = w - 0.1 * (x.T @ residual / len(y) + 0.01 * w), b - 0.1 * residual.mean()
    np.testing.assert_allclose(run.arrays["coefficients"], w, rtol=0, atol=1e-9)
    np.testing.assert_allclose(run.arrays["intercept"], [b], rtol=0, atol=1e-9)


def test_three_classes_and_a_perceptron_are_centralised_gradient_descent(
    unequal_parties: dict[str, Arrays],
) -> None:
    # given one party that holds all rows, beside the three that share them
    together = {
        "all": Arrays.from_table(
            pa.table(
                {
                    name: np.concatenate([part[name] for part in unequal_parties.values()])
                    for name in ("a", "b", "c", "late", "minutes")
                }
            )
        )
    }

    def with_third_class(arrays: Arrays) -> Arrays:
        kind = np.where(arrays["late"], "late", np.where(arrays["minutes"] > 0, "slow", "fine"))
        table = {name: arrays[name] for name in FEATURES}
        return Arrays.from_table(pa.table({**table, "kind": kind.astype(object)}))

    for model in (
        models.logistic_regression(learning_rate=0.3),
        models.mlp(hidden=(5, 4), activation="tanh", learning_rate=0.3),
    ):
        apart, whole = (
            run_federated(
                {name: with_third_class(part) for name, part in parties.items()},
                label="kind",
                model=model,
                rounds=20,
                test=None,
                seed=3,
            )
            for parties in (unequal_parties, together)
        )

        np.testing.assert_allclose(weights_of(apart), weights_of(whole), rtol=0, atol=1e-9)


def test_sample_weights_count_in_the_loss_and_in_the_average(
    unequal_parties: dict[str, Arrays],
) -> None:
    def weighted(arrays: Arrays) -> Arrays:
        table = {name: arrays[name] for name in (*FEATURES, "late")}
        return Arrays.from_table(pa.table({**table, "w": np.abs(arrays["a"]) + 0.1}))

    parties = {name: weighted(part) for name, part in unequal_parties.items()}

    run = run_federated(
        parties,
        label="late",
        model=models.logistic_regression(learning_rate=0.5),
        rounds=20,
        test=None,
        sample_weight="w",
    )

    x, y, _ = centralised(unequal_parties)
    importance = np.concatenate([part["w"] for part in parties.values()])
    w, b = np.zeros(3), 0.0
    for _ in range(20):
        residual = importance * (1 / (1 + np.exp(-(x @ w + b))) - y) / importance.sum()
        w, b = w - 0.5 * x.T @ residual, b - 0.5 * residual.sum()
    np.testing.assert_allclose(run.arrays["coefficients"], w, rtol=0, atol=1e-9)
    np.testing.assert_allclose(run.arrays["intercept"], [b], rtol=0, atol=1e-9)


class Reference:
    """Each strategy in numpy: what becomes of the weights, the parties' updates and their sizes."""

    def __init__(self) -> None:
        self.momentum: np.ndarray | float = 0.0
        self.first: np.ndarray | float = 0.0
        self.second: np.ndarray | float = 0.0

    def mean(self, updates: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        return (updates * (sizes / sizes.sum())[:, None]).sum(axis=0)

    def fedavg(self, w: np.ndarray, u: np.ndarray, n: np.ndarray, number: int) -> np.ndarray:
        return self.mean(u, n)

    def fedavgm(self, w: np.ndarray, u: np.ndarray, n: np.ndarray, number: int) -> np.ndarray:
        self.momentum = 0.9 * self.momentum + (w - self.mean(u, n))
        return w - 1.0 * self.momentum

    def fedadagrad(self, w: np.ndarray, u: np.ndarray, n: np.ndarray, number: int) -> np.ndarray:
        delta = self.mean(u, n) - w
        self.second = self.second + delta**2
        return w + 0.1 * delta / (np.sqrt(self.second) + 1e-3)

    def fedadam(self, w: np.ndarray, u: np.ndarray, n: np.ndarray, number: int) -> np.ndarray:
        delta = self.mean(u, n) - w
        self.first = 0.9 * self.first + 0.1 * delta
        self.second = 0.99 * self.second + 0.01 * delta**2
        eta = 0.1 * np.sqrt(1 - 0.99 ** (number + 1)) / (1 - 0.9 ** (number + 1))
        return w + eta * self.first / (np.sqrt(self.second) + 1e-3)

    def fedyogi(self, w: np.ndarray, u: np.ndarray, n: np.ndarray, number: int) -> np.ndarray:
        delta = self.mean(u, n) - w
        self.first = 0.9 * self.first + 0.1 * delta
        self.second = self.second - 0.01 * delta**2 * np.sign(self.second - delta**2)
        return w + 0.01 * self.first / (np.sqrt(self.second) + 1e-3)

    fedprox = fedavg

    def fedmedian(self, w: np.ndarray, u: np.ndarray, n: np.ndarray, number: int) -> np.ndarray:
        return np.median(u, axis=0)

    def fedtrimmedavg(self, w: np.ndarray, u: np.ndarray, n: np.ndarray, number: int) -> np.ndarray:
        cut = int(0.4 * len(u))
        return np.sort(u, axis=0)[cut : len(u) - cut].mean(axis=0)

    def krum(self, w: np.ndarray, u: np.ndarray, n: np.ndarray, number: int) -> np.ndarray:
        distances = np.square(u[:, None] - u[None]).sum(axis=2)
        closest = np.sort(distances, axis=1)[:, 1 : 1 + max(1, len(u) - 2)]
        return u[np.argmin(closest.sum(axis=1))]


@pytest.mark.parametrize(
    "strategy",
    [
        "fedavg",
        "fedavgm",
        "fedadagrad",
        "fedadam",
        "fedyogi",
        "fedprox",
        "fedmedian",
        "fedtrimmedavg",
        "krum",
    ],
)
def test_each_strategy_equals_its_reference_in_numpy(
    strategy: str, unequal_parties: dict[str, Arrays]
) -> None:
    options = {"fedtrimmedavg": {"beta": 0.4}, "fedprox": {"proximal_mu": 0.3}}.get(strategy, {})
    mu = options.get("proximal_mu", 0.0)

    run = run_federated(
        unequal_parties,
        label="late",
        features=FEATURES,
        model=models.logistic_regression(learning_rate=0.5, local_epochs=4),
        rounds=6,
        strategy={"name": strategy, **options},
        test=None,
    )

    reference, w = Reference(), np.zeros(4)
    sizes = np.array([part.rows for part in unequal_parties.values()], dtype=float)
    for number in range(1, 7):
        updates = []
        for part in unequal_parties.values():
            x, y = part.matrix(FEATURES), part["late"].astype(float)
            here = w.copy()
            for _ in range(4):
                coefficients, intercept = logistic_step(x, y, here[:3], here[3], 0.5)
                here = np.array([*coefficients, intercept]) - 0.5 * mu * (here - w)
            updates.append(here)
        w = getattr(reference, strategy)(w, np.array(updates), sizes, number)
    np.testing.assert_allclose(weights_of(run), w, rtol=1e-9, atol=1e-12)


def test_a_strategy_object_of_flower_leaves_nothing_for_the_next_run(
    unequal_parties: dict[str, Arrays],
) -> None:
    from flwr.serverapp.strategy import FedAvgM

    strategy = FedAvgM(server_momentum=0.9)

    first, second = (
        run_federated(
            unequal_parties,
            label="late",
            features=FEATURES,
            model=models.logistic_regression(),
            rounds=3,
            strategy=strategy,
            test=None,
        )
        for _ in range(2)
    )

    assert weights_of(first).tobytes() == weights_of(second).tobytes()


@pytest.mark.parametrize(
    "model",
    [
        models.logistic_regression(batch_size=16, local_epochs=2),
        models.mlp(hidden=(8,), batch_size=16),
    ],
    ids=str,
)
def test_one_seed_gives_the_same_bits_whatever_the_threads_did(
    model: models.ModelSpec, unequal_parties: dict[str, Arrays]
) -> None:
    runs = [
        run_federated(
            unequal_parties,
            label="late",
            features=FEATURES,
            model=model,
            rounds=4,
            strategy={"name": "fedavg", "fraction_train": 0.7},
            seed=5,
            threads=threads,
        )
        for threads in (1, 2, 7, 2)
    ]

    assert len({weights_of(run).tobytes() for run in runs}) == 1
    assert len({str([r.metrics for r in run.history]) for run in runs}) == 1


def test_the_order_of_rows_and_of_parties_changes_no_bit(
    unequal_parties: dict[str, Arrays],
) -> None:
    shuffled = {
        name: part.take(np.random.default_rng(1).permutation(part.rows))
        for name, part in reversed(unequal_parties.items())
    }

    first, second = (
        run_federated(
            parties,
            label="late",
            features=FEATURES,
            preprocess=features(standardize=True),
            model=models.mlp(hidden=(4,), batch_size=32),
            rounds=3,
        )
        for parties in (unequal_parties, shuffled)
    )

    assert weights_of(first).tobytes() == weights_of(second).tobytes()
    assert first.metrics == second.metrics
    assert {n: r.digest for n, r in first.parties.items()} == {
        n: r.digest for n, r in second.parties.items()
    }


def test_another_seed_gives_another_model(unequal_parties: dict[str, Arrays]) -> None:
    first, second = (
        run_federated(
            unequal_parties,
            label="late",
            features=FEATURES,
            model=models.mlp(hidden=(4,)),
            rounds=1,
            seed=seed,
        )
        for seed in (0, 1)
    )

    assert weights_of(first).tobytes() != weights_of(second).tobytes()


def test_a_thousand_parties_train_together() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=10_000)
    rows = Arrays.from_table(
        pa.table(
            {"party": np.arange(10_000) % 1000, "x": x, "y": x + random.normal(size=10_000) > 0}
        )
    )

    run = run_federated(
        rows.partition_by("party"),
        label="y",
        model=models.logistic_regression(),
        rounds=2,
        test=None,
    )

    assert len(run.parties) == 1000
    assert len(run.history[-1].weights) == 1000
    assert sum(run.history[-1].weights.values()) == 10_000


def test_measures_are_those_of_all_held_out_rows_together(
    unequal_parties: dict[str, Arrays],
) -> None:
    run = run_federated(
        unequal_parties,
        label="late",
        features=FEATURES,
        model=models.logistic_regression(learning_rate=0.5, local_epochs=5),
        rounds=10,
        test=0.3,
    )

    last = run.history[-1]
    sizes = {name: report.testing for name, report in run.parties.items()}
    total = sum(sizes.values())
    accuracy = sum(last.parties[name]["accuracy"] * n for name, n in sizes.items()) / total
    assert 0.2 < total / 500 < 0.4
    assert run.metrics["accuracy"] == pytest.approx(accuracy, abs=1e-12)
    assert run.metrics["auc"] > 0.8
    assert run.metrics["auc_error"] < 0.005
    others = {"accuracy", "log_loss", "f1", "brier", "calibration_error"}
    assert set(run.metrics) == {"auc", "auc_error", *others}


def test_the_model_predicts_as_it_was_measured(unequal_parties: dict[str, Arrays]) -> None:
    run = run_federated(
        unequal_parties,
        label="late",
        features=FEATURES,
        preprocess=features(standardize=True),
        model=models.logistic_regression(learning_rate=0.5, local_epochs=20),
        rounds=10,
    )

    cedar = unequal_parties["cedar"]
    probabilities = run.model.predict_proba(cedar)
    measures = pool([classification_sums(probabilities, cedar["late"].astype(float))])

    assert probabilities.shape == (310, 2)
    assert run.model.predict(cedar).dtype == np.bool_
    assert measures["accuracy"] == pytest.approx((run.model.predict(cedar) == cedar["late"]).mean())
    assert measures["accuracy"] > 0.75


def test_fractions_of_parties_are_drawn_by_the_seed_alone(
    unequal_parties: dict[str, Arrays],
) -> None:
    import random

    def asked(python_seed: int, seed: int) -> list[list[str]]:
        random.seed(python_seed)
        run = run_federated(
            unequal_parties,
            label="late",
            features=FEATURES,
            model=models.logistic_regression(),
            rounds=8,
            strategy=FedAvg(fraction_train=0.4, min_train_nodes=1),
            test=None,
            seed=seed,
        )
        return [sorted(r.weights) for r in run.history]

    state = random.getstate()
    first = asked(1, seed=1)
    random.setstate(copy.copy(state))

    assert first == asked(2, seed=1)
    assert first != asked(1, seed=2)
    assert {len(names) for names in first} == {1}


class Noting(FedAvg):
    """A strategy of the user's own, which draws as Flower does."""


@pytest.mark.parametrize("kind", [FedAvg, Noting])
def test_runs_side_by_side_draw_the_parties_that_they_draw_alone(
    unequal_parties: dict[str, Arrays], kind: type[FedAvg]
) -> None:
    def drawn(seed: int) -> list[list[str]]:
        run = run_federated(
            unequal_parties,
            label="late",
            features=FEATURES,
            model=models.logistic_regression(),
            rounds=8,
            strategy=kind(fraction_train=0.4, min_train_nodes=1),
            test=None,
            seed=seed,
        )
        return [sorted(each.weights) for each in run.history]

    seeds = list(range(6))
    alone = [drawn(seed) for seed in seeds]
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(drawn, seeds))

    assert together == alone
    assert len({str(each) for each in alone}) == len(seeds)


def test_no_draw_of_another_thread_changes_who_is_asked(
    unequal_parties: dict[str, Arrays],
) -> None:
    import random

    class Restless(LocalGrid):
        """A grid beside which somebody else draws."""

        def get_node_ids(self) -> list[int]:
            random.random()
            return list(super().get_node_ids())

    def asked(grid: type[LocalGrid]) -> list[int]:
        parties = [learning_party(name, each) for name, each in unequal_parties.items()]
        messages = configured(
            FedAvg(fraction_train=0.4, min_train_nodes=1),
            "train",
            1,
            record_of({"w": np.zeros(1)}),
            grid(parties),
            seed=3,
        )
        return [message.metadata.dst_node_id for message in messages]

    assert asked(Restless) == asked(LocalGrid)


@pytest.mark.parametrize(
    "estimator",
    ["LogisticRegression", "SGDClassifier", "SGDRegressor", "MLPClassifier", "MLPRegressor"],
)
def test_scikit_learn_estimators_learn_together(
    estimator: str, unequal_parties: dict[str, Arrays]
) -> None:
    from sklearn import linear_model, neural_network

    made = {
        "LogisticRegression": linear_model.LogisticRegression(C=10.0),
        "SGDClassifier": linear_model.SGDClassifier(loss="log_loss", alpha=0.01),
        "SGDRegressor": linear_model.SGDRegressor(),
        "MLPClassifier": neural_network.MLPClassifier(
            hidden_layer_sizes=(8,), learning_rate_init=0.01
        ),
        "MLPRegressor": neural_network.MLPRegressor(
            hidden_layer_sizes=(8,), learning_rate_init=0.01
        ),
    }[estimator]
    regression = estimator.endswith("Regressor")

    runs = [
        run_federated(
            unequal_parties,
            label="minutes" if regression else "late",
            features=FEATURES,
            model=models.sklearn(made, local_epochs=3),
            rounds=15,
            threads=threads,
        )
        for threads in (1, 3)
    ]

    assert weights_of(runs[0]).tobytes() == weights_of(runs[1]).tobytes()
    assert runs[0].metrics["r2" if regression else "auc"] > 0.75
