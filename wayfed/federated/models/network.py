"""A network that a framework differentiates, as a federated model: our descent, its gradients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from wayfed.federated.models import links
from wayfed.federated.privacy.descent import cut, squared_norms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wayfed.federated.models.adapter import Examples, Matrix, Seed, Task, Weights
    from wayfed.federated.models.descent import Descent


class Network(Protocol):
    """What a framework does of a model: its first weights, scores, and gradients of the loss.

    The loss is that of `wf.models.mlp`: half the squared error, or the log loss of scores that are
    logits, one for two classes and one a class for more.
    """

    def first(self, seed: int) -> Weights:
        """Return the weights to begin with."""
        ...

    def scores(self, weights: Weights, x: Matrix) -> NDArray[np.floating]:
        """Return rows x outputs, or rows."""
        ...

    def gradient(
        self, weights: Weights, examples: Examples, seed: Seed
    ) -> dict[str, NDArray[np.floating]]:
        """Return the gradient of the mean loss; `seed` is what layers draw from."""
        ...

    def of_rows(self, weights: Weights, examples: Examples) -> Mapping[str, NDArray[np.floating]]:
        """Return the gradient of each row's loss, times its weight: rows x an array's shape.

        What layers draw must be another chance for each row, and nobody's to know.
        """
        ...


@dataclass(frozen=True, slots=True)
class NetworkModel:
    """A network, trained by descent down its loss."""

    task: Task
    descent: Descent
    network: Network

    def initial_weights(self, seed: int) -> Weights:
        """Give what the network begins with."""
        return self.network.first(seed)

    def in_round(self, number: int) -> NetworkModel:
        """Return the model with the learning rate of a round."""
        descent = self.descent.in_round(number)
        return self if descent is self.descent else replace(self, descent=descent)

    def train(
        self, weights: Weights, examples: Examples, *, seed: Seed, proximal_mu: float = 0.0
    ) -> Weights:
        """Step down the mean loss."""
        steps = iter(range(2**31))  # a network that draws (dropout) draws anew in each step

        def gradient(current: Weights, batch: Examples) -> dict[str, NDArray[np.floating]]:
            return self.network.gradient(current, batch, (*seed, next(steps)))

        return self.descent.run(gradient, weights, examples, seed=seed, proximal_mu=proximal_mu)

    def predict(self, weights: Weights, x: Matrix) -> Matrix:
        """Give probabilities, or values."""
        scores = np.array(self.network.scores(weights, x), dtype=np.float64)
        return link(self.task, scores)

    def clipped_gradient(
        self, weights: Weights, examples: Examples, clip: float
    ) -> Mapping[str, NDArray[np.float64]]:
        """Return the sum of the rows' gradients, each cut to `clip`."""
        if not len(examples):
            return {name: np.zeros(np.shape(value)) for name, value in weights.items()}
        # Exact: frameworks compute in float32, in which neither norms nor sums keep to a clip.
        rows = {
            name: np.asarray(value, dtype=np.float64).reshape(len(examples), -1)
            for name, value in self.network.of_rows(weights, examples).items()
        }
        with np.errstate(over="ignore", invalid="ignore"):
            factors = cut(np.sqrt(sum(map(squared_norms, rows.values()))), clip)
        kept = factors[:, np.newaxis] > 0.0
        return {
            name: (factors @ np.where(kept, rows[name], 0.0)).reshape(np.shape(value))
            for name, value in weights.items()
        }


def link(task: Task, scores: NDArray[np.float64]) -> Matrix:
    """Turn a network's scores into probabilities, or values."""
    if links.outputs(task) is None and scores.ndim > 1:
        scores = scores[:, 0]
    with links.overflow_is_infinite():
        return links.probabilities(task, links.mean(task, scores))
