"""Naive Bayes over parties: counts, sums and squares by class, added up; the pooled rows' model.

The formulas are those of scikit-learn's `naive_bayes`, whose models these equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wayfed.federated.models.spec import check_positive
from wayfed.federated.models.statistics import (
    check_one_a_class,
    check_priors,
    log_priors,
    memberships,
    shares,
)
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wayfed.federated.models.adapter import Examples, Matrix, Seed, Task, Weights

_TINY = float(np.finfo(np.float64).tiny)


def gaussian(
    task: Task, *, priors: tuple[float, ...] | None = None, var_smoothing: float = 1e-9
) -> GaussianBayes:
    """Build what scikit-learn's GaussianNB is over all rows."""
    classes = _classes(task)
    return GaussianBayes(task.features, classes, check_priors(priors), var_smoothing)


def multinomial(task: Task, **parameters: Any) -> CountingBayes:
    """Build what scikit-learn's MultinomialNB is over all rows."""
    return _counting(task, binary=False, **parameters)


def bernoulli(task: Task, *, binarize: float | None = 0.0, **parameters: Any) -> CountingBayes:
    """Build what scikit-learn's BernoulliNB is over all rows."""
    return _counting(task, binary=True, binarize=binarize, **parameters)


def _counting(
    task: Task,
    *,
    binary: bool,
    binarize: float | None = None,
    alpha: float = 1.0,
    force_alpha: bool = True,
    fit_prior: bool = True,
    class_prior: tuple[float, ...] | None = None,
) -> CountingBayes:
    classes = _classes(task)
    smallest = alpha if force_alpha else max(alpha, 1e-10)
    check_positive(alpha=smallest)
    priors = check_priors(class_prior)
    return CountingBayes(task.features, classes, smallest, fit_prior, priors, binary, binarize)


def _classes(task: Task) -> int:
    if task.classes is None:
        raise InvalidOption("naive Bayes learns classes, not values")
    return task.classes


@dataclass(frozen=True, slots=True)
class GaussianBayes:
    """Each feature is normal within a class.

    Sums are taken about the means that are known: zeros in the first round, which then gives them.
    A second round takes the squares about the means themselves and loses no digits where a mean is
    large beside its deviation (Chan, Golub and LeVeque, Algorithms for computing the sample
    variance, 1983).
    """

    features: int
    classes: int
    priors: tuple[float, ...] | None
    var_smoothing: float

    def initial_weights(self, seed: int) -> Weights:
        """Give zeros."""
        check_one_a_class(self.priors, self.classes)
        shape = (self.classes, self.features)
        return {
            "class_count_": np.zeros(self.classes),
            "theta_": np.zeros(shape),
            "var_": np.zeros(shape),
        }

    def train(
        self, weights: Weights, examples: Examples, *, seed: Seed, proximal_mu: float = 0.0
    ) -> Weights:
        """Return for each class its rows, and sums and squares of the distances from `theta_`."""
        members = memberships(examples, self.classes)
        distance = examples.x - weights["theta_"][examples.y.astype(np.intp)]
        return {
            "class_count_": members.sum(axis=0),
            "theta_": members.T @ distance,
            "var_": members.T @ np.square(distance),
        }

    def fitted(self, weights: Weights, sums: Weights) -> Weights:
        """Return the means and variances of all rows."""
        rows = sums["class_count_"]
        each = np.where(rows > 0, rows, 1.0)[:, np.newaxis]
        moved = sums["theta_"] / each
        return {
            "class_count_": rows.copy(),
            "theta_": weights["theta_"] + moved,
            "var_": np.maximum(sums["var_"] / each - np.square(moved), 0.0),
        }

    def predict(self, weights: Weights, x: Matrix) -> Matrix:
        """Give probabilities."""
        rows, means, variances = (weights[name] for name in ("class_count_", "theta_", "var_"))
        share = (rows / rows.sum())[:, np.newaxis]
        middle = (share * means).sum(axis=0)
        overall = (share * (variances + np.square(means - middle))).sum(axis=0)
        smooth = np.maximum(variances + self.var_smoothing * overall.max(), _TINY)
        scores = np.stack(
            [
                -0.5 * (np.log(2.0 * np.pi * v).sum() + (np.square(x - m) / v).sum(axis=1))
                for m, v in zip(means, smooth, strict=True)
            ],
            axis=1,
        )
        return shares(scores + log_priors(rows, self.priors))


@dataclass(frozen=True, slots=True)
class CountingBayes:
    """Features count how often something occurs in a row, or (`binary`) whether it does."""

    features: int
    classes: int
    alpha: float
    fit_prior: bool
    priors: tuple[float, ...] | None
    binary: bool
    binarize: float | None

    def initial_weights(self, seed: int) -> Weights:
        """Give zeros."""
        check_one_a_class(self.priors, self.classes)
        return {
            "class_count_": np.zeros(self.classes),
            "feature_count_": np.zeros((self.classes, self.features)),
        }

    def train(
        self, weights: Weights, examples: Examples, *, seed: Seed, proximal_mu: float = 0.0
    ) -> Weights:
        """Return for each class its rows, and the sum of each feature."""
        members = memberships(examples, self.classes)
        return {
            "class_count_": members.sum(axis=0),
            "feature_count_": members.T @ self._counts(examples.x),
        }

    def fitted(self, weights: Weights, sums: Weights) -> Weights:
        """Return the counts of all rows."""
        return {name: value.copy() for name, value in sums.items()}

    def predict(self, weights: Weights, x: Matrix) -> Matrix:
        """Give probabilities."""
        rows, counts = weights["class_count_"], weights["feature_count_"] + self.alpha
        priors = log_priors(rows, self.priors, fitted=self.fit_prior)
        if self.binary:
            of = (rows + 2.0 * self.alpha)[:, np.newaxis]
            yes, no = np.log(counts / of), np.log(1.0 - counts / of)
            return shares(self._counts(x) @ (yes - no).T + no.sum(axis=1) + priors)
        shared = np.log(counts) - np.log(counts.sum(axis=1, keepdims=True))
        return shares(x @ shared.T + priors)

    def refusals(self, x: Matrix) -> Iterator[tuple[int, str, str]]:
        """Yield the columns that count nothing."""
        if not self.binary:
            for place in np.flatnonzero((x < 0).any(axis=0)):
                yield (
                    int(place),
                    "is below zero in some rows, and MultinomialNB learns from counts",
                    "GaussianNB() takes any number; or leave standardize= out",
                )
        elif self.binarize is None:
            for place in np.flatnonzero(((x != 0) & (x != 1)).any(axis=0)):
                yield (
                    int(place),
                    "is neither 0 nor 1 in some rows, and BernoulliNB(binarize=None) takes them "
                    "as they are",
                    "binarize=0.0 makes 1 of what lies above 0",
                )

    def _counts(self, x: Matrix) -> Matrix:
        if not self.binary or self.binarize is None:
            return x
        return (x > self.binarize).astype(np.float64)
