"""Gradient descent at a party: the loop that every model written in numpy shares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from wayfed.federated.models.schedule import Rate, rate_in
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
        The length of a step; or a schedule of it, as it travels.
    local_epochs
        How often a party goes through its rows in one round.
    batch_size
        Rows of one step; None takes all of them, so that an epoch is one step.
    l2
        The weight of ``l2/2 |coefficients|²`` in the loss; intercepts are free.
    round
        The number of the round, on which a scheduled rate depends.
    """

    learning_rate: Rate = 0.1
    local_epochs: int = 1
    batch_size: int | None = None
    l2: float = 0.0
    round: int = 1

    def __post_init__(self) -> None:
        check_descent(self.learning_rate, self.local_epochs, self.batch_size, self.l2)
        rate_in(self.learning_rate, self.round)  # raises where it is no schedule

    @property
    def rate(self) -> float:
        """The length of a step in this round."""
        return rate_in(self.learning_rate, self.round)

    def in_round(self, number: int) -> Descent:
        """Return the descent of a round."""
        return replace(self, round=number) if isinstance(self.learning_rate, tuple) else self

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
        rate = self.rate
        for name, value in current.items():
            slope = slopes[name]
            if self.l2 and value.ndim and not name.startswith("intercept"):
                slope += self.l2 * value
            if proximal_mu:
                slope += proximal_mu * (value - start[name])
            np.subtract(value, rate * slope, out=value)

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
