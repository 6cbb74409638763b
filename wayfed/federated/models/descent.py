"""Gradient descent at a party: the loop that every model written in numpy shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from wayfed.federated.models.spec import check_descent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wayfed.federated.models.adapter import Examples, Seed, Weights

Gradient: TypeAlias = "Callable[[Weights, Examples], dict[str, np.ndarray]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """How far and how often to step down a gradient.

    Parameters
    ----------
    learning_rate
        The length of a step.
    local_epochs
        How often a party goes through its rows in one round.
    batch_size
        Rows of one step; None takes all of them, so that an epoch is one step.
    l2
        The weight of ``l2/2 |coefficients|²`` in the loss; intercepts are free.
    """

    learning_rate: float = 0.1
    local_epochs: int = 1
    batch_size: int | None = None
    l2: float = 0.0

    def __post_init__(self) -> None:
        check_descent(self.learning_rate, self.local_epochs, self.batch_size, self.l2)

    def run(
        self,
        gradient: Gradient,
        weights: Weights,
        examples: Examples,
        *,
        seed: Seed,
        proximal_mu: float,
    ) -> Weights:
        """Step down from `weights` and give where it ended."""
        current = {name: value.copy() for name, value in weights.items()}
        for batch in self._batches(examples, seed):
            self.step(current, gradient(current, batch), weights, proximal_mu=proximal_mu)
        return current

    def step(
        self,
        current: dict[str, np.ndarray],
        slopes: dict[str, np.ndarray],
        start: Weights,
        *,
        proximal_mu: float,
    ) -> None:
        """Take one step down `slopes`, which it may change, in place."""
        for name, value in current.items():
            slope = slopes[name]
            if self.l2 and value.ndim and not name.startswith("intercept"):
                slope += self.l2 * value
            if proximal_mu:
                slope += proximal_mu * (value - start[name])
            np.subtract(value, self.learning_rate * slope, out=value)

    def _batches(self, examples: Examples, seed: Seed) -> Iterator[Examples]:
        if self.batch_size is None or self.batch_size >= len(examples):
            for _ in range(self.local_epochs):
                yield examples
            return
        random = np.random.default_rng(seed)
        for _ in range(self.local_epochs):
            order = random.permutation(len(examples))
            for start in range(0, len(order), self.batch_size):
                yield examples.at(order[start : start + self.batch_size])
