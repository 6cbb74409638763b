"""Gaussian noise and Poisson samples from the operating system's secure generator, on a grid.

Noise in floating point betrays what it was added to by the bits that it can have and those that it
cannot (Mironov, On significance of the least significant bits for differential privacy, CCS 2012).
So a sum is first rounded to a grid of a power of two, and noise is rounded to the same grid: what
is told is a multiple of the grid's step whatever the rows were. As ``round(z) + k = round(z + k)``
for a whole k, that is the Gaussian mechanism on the rounded sum, followed by rounding, which costs
no privacy; only the sum's own rounding has to be added to its sensitivity, and is. The same way is
taken by Google's library (Secure Noise Generation, 2020).

What remains is that z itself is made of 53-bit numbers (Box and Muller, A note on the generation of
random normal deviates, 1958), which is finer than the grid by 2^30, and cut off beyond 8.5
standard deviations, which has a probability of 1e-17.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_GRID: Final = 20
"""The noise's standard deviation is between 2^20 and 2^21 steps of the grid."""
_LARGEST: Final = 2.0**62
LONGEST_SUM: Final = 1 << 12
"""How many rows are summed up in float64 at once; what sums of so many add to loses nothing."""
_SUMMING: Final = 1 + 2.0**-10
"""Sums of floats depend on their order: by less than this, up to a thousand million rows.

Each sum of `LONGEST_SUM` rows, of products of three factors, is wrong by less than 2^-53 of their
norms' sum for each addition and factor (Higham, Accuracy and Stability of Numerical Algorithms,
section 3.1), in either of two tables that differ by a row: n rows by 2 n (2^12 + 4) 2^-53.
"""
_UNIT: Final = 2.0**-53
_TO_53_BITS: Final = np.uint64(11)


def noised(
    sums: Mapping[str, NDArray[np.float64]], *, sensitivity: float, multiplier: float
) -> dict[str, NDArray[np.float64]]:
    """Add Gaussian noise to sums over rows.

    Parameters
    ----------
    sums
        Arrays that together are one vector.
    sensitivity
        How far one row can move the vector, in L2.
    multiplier
        The noise's standard deviation over the sensitivity.

    Examples
    --------
    >>> told = noised({"rows": np.array([1000.0])}, sensitivity=1.0, multiplier=2.0)
    >>> bool(970 < told["rows"][0] < 1030)
    True
    """
    size = sum(value.size for value in sums.values())
    step, deviation = grid_of(sensitivity, multiplier, size)
    return {
        name: _on_grid(value, step)
        + step * np.rint(deviation * gaussians(value.size)).reshape(value.shape)
        for name, value in sums.items()
    }


def grid_of(sensitivity: float, multiplier: float, size: int) -> tuple[float, float]:
    """Return the step of the grid, and the noise's standard deviation in steps.

    Rounding moves each of `size` numbers by less than a step more or less than its neighbour's, so
    that the rounded vector's sensitivity is greater by the root of `size` steps. What summing in
    floating point may add (Casacuberta et al., Widespread underestimation of sensitivity in
    differentially private libraries and how to fix it, CCS 2022) is in it too.
    """
    step = math.ldexp(1.0, math.frexp(sensitivity * multiplier)[1] - 1 - _GRID)
    return step, multiplier * (_SUMMING * sensitivity / step + math.sqrt(size))


def gaussians(count: int) -> NDArray[np.float64]:
    """Return standard normal numbers."""
    pairs = (count + 1) // 2
    radius = np.sqrt(-2.0 * np.log(1.0 - uniforms(pairs)))
    angle = (2.0 * np.pi) * uniforms(pairs)
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]


def uniforms(count: int) -> NDArray[np.float64]:
    """Return numbers that are uniform in [0, 1), of 53 bits."""
    words = np.frombuffer(os.urandom(8 * count), dtype=np.uint64)
    return (words >> _TO_53_BITS).astype(np.float64) * _UNIT


def poisson_sample(rows: int, probability: float) -> NDArray[np.intp]:
    """Return the places of those of `rows` rows that are drawn, each for itself."""
    if probability >= 1:
        return np.arange(rows)
    return np.flatnonzero(uniforms(rows) < probability)


def _on_grid(value: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    # Beyond 2^53 steps a float64 is a whole number of them anyway.
    steps = np.rint(np.clip(value / step, -_LARGEST, _LARGEST))
    rounded: NDArray[np.float64] = steps * step
    return rounded
