"""Models that are made of sums: parties tell sufficient statistics, which are added, not averaged.

What comes out is the model that one would fit to all rows together (Fisher, On the mathematical
foundations of theoretical statistics, 1922, section 4: a statistic is sufficient where nothing else
in the rows says more of the parameters).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from wayfed.federated.models.adapter import Examples, Matrix, Seed, Weights


@runtime_checkable
class StatisticsModel(Protocol):
    """A model whose `train` gives sums over rows, and whose weights follow from all of them."""

    def initial_weights(self, seed: int) -> Weights:
        """As in `wayfed.federated.models.adapter.Model`."""
        ...

    def train(
        self, weights: Weights, examples: Examples, *, seed: Seed, proximal_mu: float = 0.0
    ) -> Weights:
        """Return sums over the rows, in arrays of the names and shapes of `weights`."""
        ...

    def fitted(self, weights: Weights, sums: Weights) -> Weights:
        """Return the weights that follow from the sums of all parties, told about `weights`."""
        ...

    def predict(self, weights: Weights, x: Matrix) -> Matrix:
        """As in `wayfed.federated.models.adapter.Model`."""
        ...


@runtime_checkable
class Choosy(Protocol):
    """A model that cannot learn from every number."""

    def refusals(self, x: Matrix) -> Iterator[tuple[int, str, str]]:
        """Yield each column that does not fit: its place, what is wrong with it, and the remedy."""
        ...


@runtime_checkable
class Clustering(Protocol):
    """A model of rows without a label."""

    def squared_distances(self, weights: Weights, x: Matrix) -> NDArray[np.float64]:
        """Return how far each row is from what stands for it, squared."""
        ...


def row_weights(examples: Examples) -> NDArray[np.float64]:
    """Return how much each row counts."""
    return np.ones(len(examples)) if examples.weight is None else examples.weight


def memberships(examples: Examples, classes: int) -> Matrix:
    """Return rows x classes: a row's weight under its own class, zero elsewhere."""
    members = np.zeros((len(examples), classes))
    members[np.arange(len(examples)), examples.y.astype(np.intp)] = row_weights(examples)
    return members


def shares(scores: Matrix) -> Matrix:
    """Turn logarithms of joint probabilities into the classes' probabilities, row by row."""
    likeliest = scores.max(axis=1, keepdims=True)
    result: Matrix = np.exp(scores - likeliest)
    result /= result.sum(axis=1, keepdims=True)
    return result


def log_priors(
    rows: NDArray[np.float64], priors: tuple[float, ...] | None, *, fitted: bool = True
) -> NDArray[np.float64]:
    """Return the logarithm of each class's prior: as given, as the rows say, or all alike."""
    if priors is not None:
        return np.log(np.asarray(priors, dtype=np.float64))
    with np.errstate(divide="ignore"):  # a class without rows has no probability
        return np.log(rows / rows.sum()) if fitted else np.full(len(rows), -np.log(len(rows)))


def check_priors(priors: tuple[float, ...] | None) -> tuple[float, ...] | None:
    """Return priors as they were given, where they are shares."""
    if priors is None:
        return None
    if not np.isclose(sum(priors), 1.0) or min(priors) < 0:
        raise InvalidOption(f"priors={priors} are not shares: they add up to 1, none below 0")
    return tuple(map(float, priors))


def check_one_a_class(priors: tuple[float, ...] | None, classes: int) -> None:
    """Raise unless there is a prior for each class; how many there are is known once bound."""
    if priors is not None and len(priors) != classes:
        raise InvalidOption(
            f"priors={priors} are not for {classes} classes",
            hint="one number a class, in the order of the classes",
        )
