"""Quantiles that merge exactly and hold no row's value: counts of ranges of growing width."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

ACCURACY: Final = 0.01
"""How far a quantile may be from the value it stands for, as a fraction of it."""
SMALLEST: Final = 1e-12
"""What is nearer to zero than this counts as zero."""
_GROWTH: Final = (1 + ACCURACY) / (1 - ACCURACY)
_STEP: Final = math.log(_GROWTH)
LAST: Final = math.ceil((math.log(np.finfo(np.float64).max) - math.log(SMALLEST)) / _STEP)
"""The number of the outermost range."""

Bin: TypeAlias = tuple[int, int, int]
"""The first range of a bin, the last one, and how many values are in them."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """How many values lie in each of a fixed list of ranges, numbered from the least to the most.

    Range 0 is zero; range n > 0 ends at ``SMALLEST * growth ** n``, and range -n is its mirror
    image. As the ranges are the same everywhere, the sketch of several parties' values is the sum
    of theirs, whatever their order (Masson, Rim and Lee, DDSketch: a fast and fully-mergeable
    quantile sketch with relative-error guarantees, VLDB 2019, section 2).

    Parameters
    ----------
    bins
        Neighbouring ranges with their counts, in order and apart from each other.

    Examples
    --------
    >>> sketch = Sketch.of(np.arange(1.0, 1001.0))
    >>> abs(sketch.quantile(0.5) - 500) <= 500 * 0.011
    True
    >>> coarse = sketch.coarsened(100)
    >>> min(count for _, _, count in coarse.bins) >= 100, coarse.count
    (True, 1000)
    """

    bins: tuple[Bin, ...]

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Sketch:
        """Take the sketch of finite values."""
        size = np.abs(values)
        counted = size > SMALLEST
        # In logarithms: a quotient of the largest and the smallest number is not finite.
        logs = np.log(np.where(counted, size, 1.0)) - math.log(SMALLEST)
        places = np.clip(np.ceil(logs / _STEP), 1, LAST)
        numbers = np.where(counted, np.copysign(places, values), 0).astype(np.int64)
        found, counts = np.unique(numbers, return_counts=True)
        pairs = zip(found.tolist(), counts.tolist(), strict=True)
        return cls(tuple((number, number, count) for number, count in pairs))

    @property
    def count(self) -> int:
        """How many values it is of."""
        return sum(count for _, _, count in self.bins)

    def coarsened(self, least: float) -> Sketch:
        """Join neighbouring bins until each has `least` values; no bins where all have fewer."""
        joined: list[Bin] = []
        for first, last, count in self.bins:
            if joined and joined[-1][2] < least:
                joined[-1] = joined[-1][0], last, joined[-1][2] + count
            else:
                joined.append((first, last, count))
        if len(joined) > 1 and joined[-1][2] < least:
            _, last, count = joined.pop()
            joined[-1] = joined[-1][0], last, joined[-1][2] + count
        return Sketch(tuple(joined) if joined and joined[0][2] >= least else ())

    def quantile(self, fraction: float) -> float | None:
        """Return about the value below which `fraction` of the values lie; None of no values."""
        return merged_quantile((self,), fraction)

    def to_plain(self) -> list[list[int]]:
        """Give plain values, fit for JSON."""
        return [list(each) for each in self.bins]

    @classmethod
    def from_plain(cls, plain: object) -> Sketch:
        """Read what `to_plain` wrote, trusting nothing."""
        if not isinstance(plain, list):
            raise InvalidOption("a sketch is a list of bins")
        bins: list[Bin] = []
        after = -LAST - 1
        for each in plain:
            match each:
                case [int(first), int(last), int(count)] if (
                    after < first <= last <= LAST and 0 < count < 1 << 53
                ):
                    bins.append((first, last, count))
                    after = last
                case _:
                    raise InvalidOption(f"{str(each)[:80]} is no bin of a sketch")
        return cls(tuple(bins))


def merged_quantile(sketches: Iterable[Sketch], fraction: float) -> float | None:
    """Return a quantile of all values together; those of a wide bin count as spread over it."""
    masses = np.zeros(2 * LAST + 1)
    for sketch in sketches:
        for first, last, count in sketch.bins:
            masses[first + LAST : last + LAST + 1] += count / (last - first + 1)
    total = masses.sum()
    if not total:
        return None
    below = np.cumsum(masses)
    place = int(np.searchsorted(below, fraction * total * (1 - 1e-12), side="left"))
    held = np.flatnonzero(masses)
    return value_of(int(np.clip(place, held[0], held[-1])) - LAST)


def value_of(number: int) -> float:
    """Return the value that stands for a range: nowhere in it is further than `ACCURACY` away."""
    if number == 0:
        return 0.0
    middle = math.log(SMALLEST) + abs(number) * _STEP + math.log(2 / (1 + _GROWTH))
    largest = math.log(np.finfo(np.float64).max)
    return math.copysign(math.exp(min(middle, largest)), number)


def quantile_names(fractions: Sequence[float]) -> tuple[str, ...]:
    """Name quantiles as people write them.

    Examples
    --------
    >>> quantile_names([0.25, 0.999])
    ('25%', '99.9%')
    """
    return tuple(f"{fraction * 100:g}%" for fraction in fractions)
