"""What some rows tell of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


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
