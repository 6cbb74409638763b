"""Linear and logistic regression: generalized linear models with canonical links."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from wayfed.federated.models import links
from wayfed.federated.models.descent import Descent
from wayfed.federated.models.spec import check_weights
from wayfed.federated.privacy.descent import cut, squared_norms
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wayfed.federated.models.adapter import Examples, Matrix, Seed, Task, Weights


def logistic_regression(task: Task, *, intercept: bool = True, **descent: Any) -> LinearModel:
    """Build a binary or multinomial logistic regression (entry point)."""
    if task.classes is None:
        raise InvalidOption("a logistic regression learns classes, not values")
    check_weights((task.features + 1) * (links.outputs(task) or 1))
    return LinearModel(task, Descent(**descent), intercept)


def linear_regression(task: Task, *, intercept: bool = True, **descent: Any) -> LinearModel:
    """Build a least-squares regression (entry point)."""
    if task.classes is not None:
        raise InvalidOption("a linear regression learns values, not classes")
    return LinearModel(task, Descent(**descent), intercept)


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Scores ``x @ coefficients + intercept`` behind a canonical link.

    The loss is the mean over rows of the negative log likelihood: half the squared error, or the
    log loss.
    """

    task: Task
    descent: Descent
    intercept: bool = True

    def initial_weights(self, seed: int) -> Weights:
        """Give zeros: the loss is convex, so that no seed is needed."""
        columns = links.outputs(self.task)
        shape = (self.task.features,) if columns is None else (self.task.features, columns)
        weights = {"coefficients": np.zeros(shape)}
        if self.intercept:
            weights["intercept"] = np.zeros(columns or 1)
        return weights

    def in_round(self, number: int) -> LinearModel:
        """Return the model with the learning rate of a round."""
        descent = self.descent.in_round(number)
        return self if descent is self.descent else replace(self, descent=descent)

    def train(
        self,
        weights: Weights,
        examples: Examples,
        *,
        seed: Seed,
        proximal_mu: float = 0.0,
    ) -> Weights:
        """Step down the mean log loss."""
        with links.overflow_is_infinite():
            return self.descent.run(
                self._gradient, weights, examples, seed=seed, proximal_mu=proximal_mu
            )

    def predict(self, weights: Weights, x: Matrix) -> Matrix:
        """Give probabilities, or values."""
        scores = self._scores(weights, x)
        with links.overflow_is_infinite():
            return links.probabilities(self.task, links.mean(self.task, scores))

    def _scores(self, weights: Weights, x: Matrix) -> Matrix:
        scores: Matrix = x @ weights["coefficients"]
        if self.intercept:
            scores += weights["intercept"]
        return scores

    def _gradient(self, weights: Weights, examples: Examples) -> dict[str, Any]:
        residual = links.slope(self.task, self._scores(weights, examples.x), examples)
        residual *= 1.0 / examples.total_weight
        gradient = {"coefficients": examples.x.T @ residual}
        if self.intercept:
            gradient["intercept"] = residual.sum(axis=0, keepdims=residual.ndim == 1)
        return gradient

    def clipped_gradient(
        self, weights: Weights, examples: Examples, clip: float
    ) -> dict[str, NDArray[np.float64]]:
        """Sum up the rows' gradients, each cut to `clip`.

        A row's gradient is the outer product of its features and its residual, so that its norm is
        the product of theirs (Goodfellow, arXiv:1510.01799).
        """
        with links.overflow_is_infinite(), np.errstate(over="ignore", invalid="ignore"):
            residual = links.slope(self.task, self._scores(weights, examples.x), examples)
            rows = residual if residual.ndim > 1 else residual[:, np.newaxis]
            squares = squared_norms(examples.x) + self.intercept
            factors = cut(np.sqrt(squares * squared_norms(rows)), clip)
        residual *= factors if residual.ndim == 1 else factors[:, np.newaxis]
        residual[factors == 0.0] = 0.0
        x = np.where(factors[:, np.newaxis] > 0.0, examples.x, 0.0)
        gradient = {"coefficients": x.T @ residual}
        if self.intercept:
            gradient["intercept"] = residual.sum(axis=0, keepdims=residual.ndim == 1)
        return gradient
