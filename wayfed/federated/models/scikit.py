"""Estimators of scikit-learn as federated models: coefficients are averaged, statistics added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from wayfed.federated.models import bayes, clusters, least_squares
from wayfed.federated.models.spec import ModelSpec, TaskKind, check_whole
from wayfed_optimizer.errors import InvalidOption, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed.federated.models.adapter import Examples, Matrix, Model, Seed, Task, Weights


@dataclass(frozen=True, slots=True)
class _Estimator:
    """Where an estimator lives, what it learns, what its weights are called and how it goes on."""

    module: str
    task: TaskKind
    weights: tuple[str, str] = ("coef_", "intercept_")
    incremental: bool = True


_ESTIMATORS: Final = {
    "LogisticRegression": _Estimator("linear_model", "classification", incremental=False),
    "SGDClassifier": _Estimator("linear_model", "classification"),
    "SGDRegressor": _Estimator("linear_model", "regression"),
    "MLPClassifier": _Estimator("neural_network", "classification", ("coefs_", "intercepts_")),
    "MLPRegressor": _Estimator("neural_network", "regression", ("coefs_", "intercepts_")),
}


@dataclass(frozen=True, slots=True)
class _OfSums:
    """An estimator that follows from sums over rows, what makes it, and what it takes of its own.

    `fixed` says what the others must be left at, since the rounds of a run do their work.
    """

    build: Callable[..., Model]
    task: TaskKind
    takes: tuple[str, ...]
    fixed: tuple[str, ...] = ()


_COUNTING: Final = ("alpha", "force_alpha", "fit_prior", "class_prior")
_OF_SUMS: Final = {
    "GaussianNB": _OfSums(bayes.gaussian, "classification", ("priors", "var_smoothing")),
    "MultinomialNB": _OfSums(bayes.multinomial, "classification", _COUNTING),
    "BernoulliNB": _OfSums(bayes.bernoulli, "classification", (*_COUNTING, "binarize")),
    "KMeans": _OfSums(
        clusters.k_means, "clustering", ("n_clusters", "init"), ("max_iter", "n_init", "algorithm")
    ),
    "LinearRegression": _OfSums(
        least_squares.least_squares, "regression", ("fit_intercept",), ("positive",)
    ),
    "Ridge": _OfSums(
        least_squares.ridge, "regression", ("alpha", "fit_intercept"), ("positive", "max_iter")
    ),
}
_WITH_PROBABILITIES: Final = ("log_loss", "modified_huber")


def specify(estimator: Any, local_epochs: int) -> ModelSpec:
    """Describe a scikit-learn estimator by its name and the parameters that were set.

    Raises
    ------
    Unsupported
        No federated form of this estimator is known.
    InvalidOption
        A parameter is not a scalar, or keeps the estimator from going on where another stopped.
    """
    name = type(estimator).__name__
    known = {*_ESTIMATORS, *_OF_SUMS}
    if name not in known or not type(estimator).__module__.startswith("sklearn."):
        raise Unsupported(
            f"{name} as a federated model",
            reason="its fitted state is neither an average nor a sum over parties",
            available=sorted(known),
            hint="wf.models.custom(name) takes an adapter that a package of yours installs",
        )
    check_whole(local_epochs=local_epochs)
    parameters = estimator.get_params(deep=False)
    defaults = type(estimator)().get_params(deep=False)
    chosen = {key: value for key, value in parameters.items() if value is not defaults[key]}
    if name in _OF_SUMS:
        return _specify_sums(name, local_epochs, chosen)
    if parameters.get("class_weight") is not None:
        raise InvalidOption(
            f"{name}(class_weight=) would weigh classes by each party's own rows",
            hint="run_federated(…, class_weight='balanced') weighs them by all rows",
        )
    if parameters.get("average"):
        raise InvalidOption("average= keeps a second set of weights", hint="leave average=False")
    if parameters.get("early_stopping"):
        raise InvalidOption("early_stopping= would hold out rows of its own", hint="leave it off")
    if name == "SGDClassifier" and parameters["loss"] not in _WITH_PROBABILITIES:
        raise InvalidOption(
            f"SGDClassifier(loss={parameters['loss']!r}) gives no probabilities to evaluate",
            available=_WITH_PROBABILITIES,
            hint="set loss='log_loss'",
        )
    return ModelSpec.of(
        "sklearn", _ESTIMATORS[name].task, estimator=name, local_epochs=local_epochs, **chosen
    )


def _specify_sums(name: str, local_epochs: int, chosen: dict[str, Any]) -> ModelSpec:
    kind = _OF_SUMS[name]
    if local_epochs != 1:
        raise InvalidOption(
            f"{name} goes through a party's rows once a round", hint="leave local_epochs out"
        )
    for option in kind.fixed:
        if option in chosen:
            raise InvalidOption(
                f"{name}({option}={chosen[option]!r}) is not what sums over parties give",
                hint=f"leave {option} at its default",
            )
    taken = {key: _flat(value) for key, value in chosen.items() if key in kind.takes}
    return ModelSpec.of("sklearn", kind.task, estimator=name, **taken)


def _flat(value: Any) -> Any:
    return tuple(value.ravel().tolist()) if isinstance(value, np.ndarray) else value


def scikit_model(task: Task, *, estimator: str, local_epochs: int = 1, **parameters: Any) -> Model:
    """Build the adapter of a known estimator (entry point)."""
    if estimator in _OF_SUMS:
        return _OF_SUMS[estimator].build(task, **parameters)
    if estimator not in _ESTIMATORS:
        known = (*_ESTIMATORS, *_OF_SUMS)
        raise InvalidOption.unknown(estimator, known, of="scikit-learn models")
    if (task.classes is None) != (_ESTIMATORS[estimator].task == "regression"):
        raise InvalidOption(f"{estimator} learns a {_ESTIMATORS[estimator].task}")
    return ScikitModel(task, estimator, local_epochs, parameters)


@dataclass(frozen=True, slots=True)
class ScikitModel:
    """An estimator that is made anew each round, given the weights, and trained on from there."""

    task: Task
    estimator: str
    local_epochs: int
    parameters: dict[str, Any]
    takes_proximal: ClassVar[bool] = False  # scikit-learn has no such term

    def initial_weights(self, seed: int) -> Weights:
        """Give zeros to a linear model, and to a perceptron what `wf.models.mlp` starts from."""
        random = np.random.default_rng([seed, 0])
        weights = self._weights_of(self._primed(seed))
        for name, value in weights.items():
            value[...] = 0.0
            if name.startswith("coefs_"):
                bound = np.sqrt(6.0 / sum(value.shape))
                value[...] = random.uniform(-bound, bound, value.shape)
        return weights

    def train(
        self,
        weights: Weights,
        examples: Examples,
        *,
        seed: Seed,
        proximal_mu: float = 0.0,
    ) -> Weights:
        """Let the estimator learn on from `weights`."""
        if proximal_mu:
            raise Unsupported(
                f"fedprox with {self.estimator}",
                reason="scikit-learn has no proximal term",
                hint="wf.models.logistic_regression() and wf.models.mlp() have one",
            )
        state = int(np.random.default_rng(seed).integers(2**31))
        estimator = self._holding(weights, state)
        target = examples.y if self.task.classes is None else examples.y.astype(np.intp)
        if _ESTIMATORS[self.estimator].incremental:
            for _ in range(self.local_epochs):
                estimator.partial_fit(examples.x, target, sample_weight=examples.weight)
        else:
            self._check_classes(target)
            estimator.fit(examples.x, target, sample_weight=examples.weight)
        return self._weights_of(estimator)

    def predict(self, weights: Weights, x: Matrix) -> Matrix:
        """Give probabilities, or values."""
        estimator = self._holding(weights, seed=0)
        predicted: Matrix = (
            estimator.predict(x) if self.task.classes is None else estimator.predict_proba(x)
        )
        return predicted

    def _check_classes(self, target: Any) -> None:
        here = len(np.unique(target))
        if self.task.classes is not None and here < self.task.classes:
            raise InvalidOption(
                f"{self.estimator} needs rows of all {self.task.classes} classes, here are {here}",
                hint="SGDClassifier(loss='log_loss') and wf.models.logistic_regression() do not",
            )

    def _primed(self, seed: int) -> Any:
        """Give an estimator with its arrays allocated: it has seen one zero row of each class."""
        from importlib import import_module

        kind = _ESTIMATORS[self.estimator]
        parameters = {"random_state": seed, **self.parameters}
        if not kind.incremental:
            parameters["warm_start"] = True
        cls = getattr(import_module(f"sklearn.{kind.module}"), self.estimator)
        estimator = cls(**parameters)
        rows = self.task.classes or 1
        x, y = np.zeros((rows, self.task.features)), np.arange(rows)
        if not kind.incremental:
            return estimator.fit(x, y)
        if self.task.classes is None:
            return estimator.partial_fit(x, y.astype(np.float64))
        return estimator.partial_fit(x, y, classes=y)

    def _holding(self, weights: Weights, seed: int) -> Any:
        estimator = self._primed(seed)
        for name, value in self._weights_of(estimator, copy=False).items():
            value[...] = weights[name]
        if hasattr(estimator, "t_"):
            estimator.t_ = type(estimator.t_)(1 if self.estimator.startswith("SGD") else 0)
        # The row that primed it must not live on in the optimizer's moments.
        if hasattr(estimator, "_optimizer"):
            del estimator._optimizer
        return estimator

    def _weights_of(self, estimator: Any, *, copy: bool = True) -> dict[str, Matrix]:
        weights: dict[str, Matrix] = {}
        for attribute in _ESTIMATORS[self.estimator].weights:
            value = getattr(estimator, attribute)
            if isinstance(value, list):
                weights |= {f"{attribute}{layer}": part for layer, part in enumerate(value)}
            else:
                weights[attribute] = value
        return {name: value.copy() for name, value in weights.items()} if copy else weights
