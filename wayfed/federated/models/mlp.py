"""A multilayer perceptron in numpy: dense layers, one activation, a canonical link at the end."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wayfed.federated.models import links
from wayfed.federated.models.descent import Descent
from wayfed.federated.models.spec import check_whole
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed.federated.models.adapter import Examples, Matrix, Seed, Task, Weights


@dataclass(frozen=True, slots=True)
class _Activation:
    """A function of a layer's scores, and its slope as a function of its own result."""

    value: Callable[[Matrix], Matrix]
    slope: Callable[[Matrix], Matrix]


ACTIVATIONS: Final = {
    "relu": _Activation(lambda z: np.maximum(z, 0.0), lambda a: (a > 0.0).astype(np.float64)),
    "tanh": _Activation(np.tanh, lambda a: 1.0 - a * a),
}


def mlp(
    task: Task, *, hidden: tuple[int, ...] = (32,), activation: str = "relu", **descent: Any
) -> MultilayerPerceptron:
    """Build a perceptron with these hidden layers (entry point)."""
    if activation not in ACTIVATIONS:
        raise InvalidOption.unknown(activation, ACTIVATIONS, of="activation")
    for width in hidden:
        check_whole(hidden=width)
    return MultilayerPerceptron(task, Descent(**descent), tuple(hidden), activation)


@dataclass(frozen=True, slots=True)
class MultilayerPerceptron:
    """Dense layers ``a = f(a @ coefficients_i + intercept_i)``, trained by backpropagation."""

    task: Task
    descent: Descent
    hidden: tuple[int, ...]
    activation: str

    def initial_weights(self, seed: int) -> Weights:
        """Draw coefficients within ±sqrt(6 / (in + out)); intercepts are zero.

        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
        networks, AISTATS 2010.
        """
        random = np.random.default_rng([seed, 0])
        widths = (self.task.features, *self.hidden, links.outputs(self.task) or 1)
        weights: dict[str, Matrix] = {}
        for layer, (inputs, outputs) in enumerate(pairwise(widths)):
            bound = np.sqrt(6.0 / (inputs + outputs))
            weights[f"coefficients_{layer}"] = random.uniform(-bound, bound, (inputs, outputs))
            weights[f"intercept_{layer}"] = np.zeros(outputs)
        return weights

    def train(
        self,
        weights: Weights,
        examples: Examples,
        *,
        seed: Seed,
        proximal_mu: float = 0.0,
    ) -> Weights:
        """Step down the mean loss."""
        with links.overflow_is_infinite():
            return self.descent.run(
                self._gradient, weights, examples, seed=seed, proximal_mu=proximal_mu
            )

    def predict(self, weights: Weights, x: Matrix) -> Matrix:
        """Give probabilities, or values."""
        scores = self._layers(weights, x)[-1]
        with links.overflow_is_infinite():
            return links.probabilities(self.task, links.mean(self.task, scores))

    def _layers(self, weights: Weights, x: Matrix) -> list[Matrix]:
        """Give what each layer puts out, the input first, the scores of the output last."""
        activation = ACTIVATIONS[self.activation]
        layers = [x]
        for layer in range(len(self.hidden) + 1):
            scores = layers[-1] @ weights[f"coefficients_{layer}"] + weights[f"intercept_{layer}"]
            layers.append(activation.value(scores) if layer < len(self.hidden) else scores)
        if links.outputs(self.task) is None:
            layers[-1] = layers[-1][:, 0]
        return layers

    def _gradient(self, weights: Weights, examples: Examples) -> dict[str, Any]:
        *layers, scores = self._layers(weights, examples.x)
        slope = links.slope(self.task, scores, examples)
        slope *= 1.0 / examples.total_weight
        if slope.ndim == 1:
            slope = slope[:, np.newaxis]
        gradient: dict[str, Matrix] = {}
        for layer in range(len(self.hidden), -1, -1):
            gradient[f"coefficients_{layer}"] = layers[layer].T @ slope
            gradient[f"intercept_{layer}"] = slope.sum(axis=0)
            if layer:
                backwards = slope @ weights[f"coefficients_{layer}"].T
                slope = backwards * ACTIVATIONS[self.activation].slope(layers[layer])
        return gradient
