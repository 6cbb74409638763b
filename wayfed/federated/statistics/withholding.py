"""What of a party's rows is not told because too few of them share it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wayfed.arrays import numeric_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wayfed.arrays import Arrays


@dataclass(frozen=True, slots=True)
class Threshold:
    """Of how many rows a statistic must be, at least.

    Parameters
    ----------
    least
        So many.
    rule
        What says so, in words.
    """

    least: float
    rule: str

    def lets_tell(self, values: int, rows: int) -> bool:
        """Say whether enough rows have a value, and enough or none of them have none.

        What is told of all rows but a few, beside what is told of all, tells of those few.
        """
        return values >= self.least and not 0 < rows - values < self.least


def withheld(counts: Sequence[int], least: float) -> list[int | None]:
    """Return counts, without those of fewer rows than `least` but zero.

    What the total tells of those that are withheld is of `least` rows, too: where they are fewer
    together, the smallest of the others is withheld with them.

    Examples
    --------
    >>> withheld([50, 3, 0, 20], least=10)
    [50, None, 0, None]
    >>> withheld([50, 6, 5, 20], least=10)
    [50, None, None, 20]
    """
    small = {place for place, count in enumerate(counts) if 0 < count < least}
    hidden = sum(counts[place] for place in small)
    others = sorted((count, place) for place, count in enumerate(counts) if count >= least)
    for count, place in others:
        if not 0 < hidden < least:
            break
        small.add(place)
        hidden += count
    return [None if place in small else count for place, count in enumerate(counts)]


def present_numbers(
    arrays: Arrays, name: str, rows: NDArray[np.intp] | None = None
) -> NDArray[np.float64]:
    """Return a column's numbers, without NULL and NaN; of `rows`, or of all."""
    column = numeric_column(arrays, name)
    chosen = column if rows is None else column[rows]
    values = np.ma.getdata(chosen).astype(np.float64)
    return values[~(np.ma.getmaskarray(chosen) | np.isnan(values))]
