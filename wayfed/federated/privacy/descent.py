"""DP-SGD at a party: clipped gradients of a Poisson sample, noise of the party's own, a step.

What a row adds to a sum must depend on the row and the weights alone, to the last bit: weights may
be chosen so that a gradient is all rounding, which is cut to the clip like any other. So rows are
taken in blocks of one size, which follows from what is told of their number; the last is filled up
with rows that weigh nothing. Whatever makes a matrix product or compiles a function by its shape
then does the same whether somebody is among the rows or not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import numpy as np

from wayfed.federated.models.adapter import Examples
from wayfed.federated.privacy.noise import LONGEST_SUM, noised, poisson_sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from wayfed.federated.models.adapter import Matrix, Weights
    from wayfed.federated.models.descent import Descent

_MOST_GRADIENTS: Final = 1 << 26
"""How many numbers the gradients of a block's rows may be: half a gibibyte."""
_LOST: Final = float(np.finfo(np.float64).tiny)
"""What the square of a number may lose where it is too small for a float of full precision."""


@runtime_checkable
class ClippingModel(Protocol):
    """A model that can be trained with differential privacy of its rows."""

    @property
    def descent(self) -> Descent:
        """How it steps down its loss."""
        ...

    def clipped_gradient(
        self, weights: Weights, examples: Examples, clip: float
    ) -> Mapping[str, NDArray[np.float64]]:
        """Return the sum over rows of each row's own gradient, cut to L2 norm `clip`.

        The gradient is that of the row's loss times its weight; its norm is over all arrays
        together. A row whose gradient is not finite counts as zeros. Nothing but the row itself
        and `weights` may decide what it adds: no batch statistics. Norms, cuts and sums are of
        float64, whatever the weights are: in float32 a sum of some thousand rows may move further
        than any row is long.
        """
        ...

    def predict(self, weights: Weights, x: Matrix) -> Matrix:
        """As in `wayfed.federated.models.adapter.Model`."""
        ...


@dataclass(frozen=True, slots=True)
class Steps:
    """How a party steps through its rows: of each round, and how each step draws its rows.

    Parameters
    ----------
    in_round
        Steps of one round.
    sampling
        The probability with which a row is drawn for a step.
    """

    in_round: int
    sampling: float

    @classmethod
    def of(cls, descent: Descent, rows: float) -> Steps:
        """Return the steps of a descent over about so many rows (as told with noise)."""
        sampling = 1.0
        if descent.batch_size is not None:
            # Fourths of an octave: parties of about the same size share what the noise costs.
            octaves = math.log2(descent.batch_size / max(rows, 1.0))
            sampling = min(1.0, 2.0 ** (math.ceil(4 * octaves) / 4))
        return cls(descent.local_epochs * math.ceil(1 / sampling), sampling)


def cut(norms: NDArray[np.float64], clip: float) -> NDArray[np.float64]:
    """Return the factors that cut gradients of these norms to `clip`; 0 for what is not finite.

    A gradient of zeros keeps the factor 1.

    Examples
    --------
    >>> cut(np.array([0.0, 0.5, 4.0, np.inf, np.nan]), clip=1.0)
    array([1.  , 1.  , 0.25, 0.  , 0.  ])
    """
    factors = clip / np.maximum(norms, clip)
    return np.where(np.isfinite(factors), factors, 0.0)


def squared_norms(rows: Matrix) -> NDArray[np.float64]:
    """Return the squared L2 norm of each row; rather too great where numbers are very small.

    Examples
    --------
    >>> squared_norms(np.array([[3.0, 4.0]])), bool((squared_norms(np.full((1, 2), 1e-200)) > 0)[0])
    (array([25.]), True)
    """
    norms: NDArray[np.float64] = np.square(rows).sum(axis=1) + rows.shape[1] * _LOST
    return norms


def block_of(rows: float, size: int) -> int:
    """Return how many rows make a block: a power of two, where about so many rows are drawn.

    Parameters
    ----------
    rows
        About how many rows are drawn for a step; nothing that has not been told.
    size
        How many numbers the model's weights are.
    """
    most = min(LONGEST_SUM, max(1, _MOST_GRADIENTS // max(1, size)))
    return 1 << min(math.ceil(math.log2(max(rows, 1.0))), most.bit_length() - 1)


def clipped_sum(
    model: ClippingModel, weights: Weights, examples: Examples, clip: float, *, block: int
) -> dict[str, NDArray[np.float64]]:
    """Sum up the clipped gradients of all rows, block by block.

    Blocks are added with what each addition loses (Knuth, The Art of Computer Programming, volume
    2, 4.2.2, theorem B), so that only the sums within a block are rounded.
    """
    sums = {name: np.zeros(np.shape(value)) for name, value in weights.items()}
    lost = {name: np.zeros(np.shape(value)) for name, value in weights.items()}
    for part in _blocks(examples, block):
        for name, value in model.clipped_gradient(weights, part, clip).items():
            before = sums[name]
            added = before + value
            taken = added - before
            lost[name] += (before - (added - taken)) + (value - taken)
            sums[name] = added
    return {name: value + lost[name] for name, value in sums.items()}


def _blocks(examples: Examples, size: int) -> Iterator[Examples]:
    """Yield the rows in blocks of one size, the last with rows that weigh nothing."""
    every = examples.weight
    for start in range(0, len(examples), size):
        rows = slice(start, start + size)
        found = len(examples.y[rows])
        x, y, weight = np.zeros((size, examples.x.shape[1])), np.zeros(size), np.zeros(size)
        x[:found], y[:found] = examples.x[rows], examples.y[rows]
        weight[:found] = 1.0 if every is None else every[rows]
        yield Examples(x, y, weight)


def descend(
    model: ClippingModel,
    weights: Weights,
    examples: Examples,
    *,
    rows: float,
    steps: Steps,
    clip: float,
    sensitivity: float,
    multiplier: float,
    proximal_mu: float = 0.0,
) -> Weights:
    """Step down from `weights` by noisy gradients (Abadi et al., Deep Learning with DP, CCS 2016).

    Parameters
    ----------
    model, weights, examples
        What learns, from where, and of what.
    rows
        About how many rows there are, as was told with noise: how many there are is private too.
    steps
        How many steps, and how each draws its rows.
    clip
        What the norm of a row's gradient is cut to.
    sensitivity
        How far a unit of privacy can move a sum of gradients; `clip` where it is one row.
    multiplier
        The noise's standard deviation over the sensitivity.
    proximal_mu
        As in `wayfed.federated.models.adapter.Model`.
    """
    current = {name: value.copy() for name, value in weights.items()}
    expected = max(1.0, rows * steps.sampling)
    block = block_of(expected, sum(value.size for value in current.values()))
    for _ in range(steps.in_round):
        drawn = examples.at(poisson_sample(len(examples), steps.sampling))
        sums = clipped_sum(model, current, drawn, clip, block=block)
        noisy = noised(sums, sensitivity=sensitivity, multiplier=multiplier)
        slopes = {name: value / expected for name, value in noisy.items()}
        model.descent.step(current, slopes, weights, proximal_mu=proximal_mu)
    return current
