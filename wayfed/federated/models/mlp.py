"""A multilayer perceptron in numpy: dense layers, one activation, a canonical link at the end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wayfed.federated.models import links
from wayfed.federated.models.descent import Descent
from wayfed.federated.models.spec import check_weights, check_whole
from wayfed.federated.privacy.descent import cut, squared_norms
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

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
    widths = (task.features, *hidden, links.outputs(task) or 1)
    check_weights(sum((inputs + 1) * outputs for inputs, outputs in pairwise(widths)))
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

    def in_round(self, number: int) -> MultilayerPerceptron:
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

    def clipped_gradient(
        self, weights: Weights, examples: Examples, clip: float
    ) -> dict[str, NDArray[np.float64]]:
        """Sum up the rows' gradients, each cut to `clip`.

        Within a layer a row's gradient is the outer product of what comes in and the slope of what
        goes out, so that its norm needs no gradient of its own (Goodfellow, arXiv:1510.01799).
        """
        with links.overflow_is_infinite(), np.errstate(over="ignore", invalid="ignore"):
            parts = list(self._backwards(weights, examples, scale=1.0))
            squares = sum(
                (squared_norms(inputs) + 1.0) * squared_norms(slope) for _, inputs, slope in parts
            )
            factors = cut(np.sqrt(squares), clip)
        gradient: dict[str, Matrix] = {}
        counts = factors[:, np.newaxis] > 0.0
        for layer, inputs, slope in parts:
            cut_slope = np.where(counts, slope, 0.0) * factors[:, np.newaxis]
            gradient |= _layer_gradient(layer, np.where(counts, inputs, 0.0), cut_slope)
        return gradient

    def _gradient(self, weights: Weights, examples: Examples) -> dict[str, Any]:
        gradient: dict[str, Matrix] = {}
        for layer, inputs, slope in self._backwards(
            weights, examples, scale=1.0 / examples.total_weight
        ):
            gradient |= _layer_gradient(layer, inputs, slope)
        return gradient

    def _backwards(
        self, weights: Weights, examples: Examples, *, scale: float
    ) -> Iterator[tuple[int, Matrix, Matrix]]:
        """Yield each layer, the last first: its inputs, and the loss's slope in its scores."""
        *layers, scores = self._layers(weights, examples.x)
        slope = links.slope(self.task, scores, examples)
        slope *= scale
        if slope.ndim == 1:
            slope = slope[:, np.newaxis]
        for layer in range(len(self.hidden), -1, -1):
            yield layer, layers[layer], slope
            if layer:
                backwards = slope @ weights[f"coefficients_{layer}"].T
                slope = backwards * ACTIVATIONS[self.activation].slope(layers[layer])


def _layer_gradient(layer: int, inputs: Matrix, slope: Matrix) -> dict[str, Matrix]:
    return {
        f"coefficients_{layer}": inputs.T @ slope,
        f"intercept_{layer}": slope.sum(axis=0),
    }
