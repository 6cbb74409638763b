"""What some rows tell of all of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_BUCKETS: Final = 100
_IN_EACH: Final = 10
"""So many values a bucket, at least: fewer are chance."""
_BEYOND: Final = 3 / _IN_EACH
"""What lies outside of the values that were met, in buckets: three times what is between two."""


def distinct_of(met: Collection[int], rows: float) -> float:
    """Return how many values `rows` rows have, of which some were looked at.

    Haas and Stokes's estimator Duj1 (IBM Research Report RJ 10025, 1996), as PostgreSQL uses it:
    what was met once only is rare, and there is more of it.

    Parameters
    ----------
    met
        How often each of the values was met.
    rows
        How many rows there are in all.

    Examples
    --------
    >>> distinct_of([200, 200], 10_000.0)
    2.0
    >>> distinct_of([1] * 400, 10_000.0)
    10000.0
    """
    size, once = sum(met), sum(count == 1 for count in met)
    if rows <= size:
        return float(len(met))
    return min(rows, size * len(met) / (size - once + once * size / rows))


def histogram_of(count: int, at: Callable[[int], Any]) -> tuple[object, ...]:
    """Return bounds between which equal parts of some values lie; none where there are too few.

    The first and the last are further out than any value that was met, as those of all rows are:
    what is asked for beyond the sample is rare, and not missing.

    Parameters
    ----------
    count
        How many values there are.
    at
        Gives the value at a place in their order.

    Examples
    --------
    >>> histogram_of(40, range(40).__getitem__)
    (-3.9, 13, 26, 42.9)
    >>> histogram_of(2, "ab".__getitem__)
    ()
    """
    buckets = min(_BUCKETS, count // _IN_EACH - 1)
    if buckets < 2:
        return ()
    bounds = [at(place * (count - 1) // buckets) for place in range(buckets + 1)]
    if None in bounds:
        return ()
    if not isinstance(bounds[0], str):
        with suppress(OverflowError):  # the calendar ends
            bounds[0] -= (bounds[1] - bounds[0]) * _BEYOND
            bounds[-1] += (bounds[-1] - bounds[-2]) * _BEYOND
    return tuple(bounds)
