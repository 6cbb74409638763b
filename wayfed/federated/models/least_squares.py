"""Least squares over parties by moments: sums of products, added up and solved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wayfed.federated.models.spec import check_weights
from wayfed.federated.models.statistics import row_weights
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from wayfed.federated.models.adapter import Examples, Matrix, Seed, Task, Weights


def least_squares(task: Task, *, alpha: float = 0.0, fit_intercept: bool = True) -> LeastSquares:
    """Build what scikit-learn's LinearRegression, or with `alpha` its Ridge, is over all rows."""
    if task.classes is not None:
        raise InvalidOption("least squares learn values, not classes")
    if not (isinstance(alpha, int | float) and math.isfinite(alpha) and alpha >= 0):
        raise InvalidOption(f"alpha is a number from 0 up, not {alpha!r}")
    check_weights((task.features + 1) ** 2)
    return LeastSquares(task.features, float(alpha), bool(fit_intercept))


def ridge(task: Task, *, alpha: float = 1.0, fit_intercept: bool = True) -> LeastSquares:
    """Build what scikit-learn's Ridge is over all rows."""
    return least_squares(task, alpha=alpha, fit_intercept=fit_intercept)


@dataclass(frozen=True, slots=True)
class LeastSquares:
    """The normal equations ``(X'X + alpha I) w = X'y`` of centred columns.

    What travels are the sums of a party's columns, label last, and of their products in pairs.
    Products are taken about the means that are known: zeros in the first round, which then gives
    them; a second round loses no digits where means are large beside deviations.
    """

    features: int
    alpha: float
    fit_intercept: bool

    def initial_weights(self, seed: int) -> Weights:
        """Give zeros."""
        width = self.features + 1
        return {
            "coef_": np.zeros(self.features),
            "intercept_": np.zeros(1),
            "rows": np.zeros(1),
            "means": np.zeros(width),
            "products": np.zeros((width, width)),
        }

    def train(
        self, weights: Weights, examples: Examples, *, seed: Seed, proximal_mu: float = 0.0
    ) -> Weights:
        """Return rows, and sums and products of the distances from `means`."""
        distance = np.column_stack([examples.x, examples.y]) - weights["means"]
        counted = row_weights(examples)
        weighed = distance * counted[:, np.newaxis]
        return {
            "coef_": np.zeros(self.features),
            "intercept_": np.zeros(1),
            "rows": np.array([counted.sum()]),
            "means": weighed.sum(axis=0),
            "products": distance.T @ weighed,
        }

    def fitted(self, weights: Weights, sums: Weights) -> Weights:
        """Solve for all rows."""
        rows = max(float(sums["rows"][0]), np.finfo(np.float64).tiny)
        moved = sums["means"] / rows
        means = weights["means"] + moved
        products = sums["products"] - rows * np.outer(moved, moved)
        about = products if self.fit_intercept else products + rows * np.outer(means, means)
        gram, slope = about[:-1, :-1], about[:-1, -1]
        if self.alpha:
            coefficients = np.linalg.solve(gram + self.alpha * np.eye(self.features), slope)
        else:  # where columns depend on each other, the shortest solution, as scikit-learn gives it
            coefficients = np.linalg.lstsq(gram, slope, rcond=None)[0]
        constant = means[-1] - means[:-1] @ coefficients if self.fit_intercept else 0.0
        return {
            "coef_": coefficients,
            "intercept_": np.array([constant]),
            "rows": sums["rows"].copy(),
            "means": means,
            "products": products,
        }

    def predict(self, weights: Weights, x: Matrix) -> Matrix:
        """Give values."""
        values: Matrix = x @ weights["coef_"] + weights["intercept_"]
        return values
