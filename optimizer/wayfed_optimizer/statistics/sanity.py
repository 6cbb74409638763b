"""Statistics as they can be used: what cannot be true is taken out, and said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from itertools import pairwise
from math import isfinite
from operator import le
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.statistics.estimates import ColumnStatistics, Estimate, TableStatistics
from wayfed_optimizer.statistics.positions import is_below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_COMPARABLE: Final = ({int}, {str}, {date})


def sound(table: TableStatistics) -> TableStatistics:
    """Return statistics of which nothing contradicts itself; `trouble` says what did.

    Columns are looked at when they are asked for: what is wrong with one is left out quietly.

    Examples
    --------
    >>> broken = TableStatistics(Estimate(0, -5, 10))
    >>> sound(broken).trouble
    'its statistics say that it has -5 rows'
    """
    rows = table.rows
    numbers = (rows.low, rows.likely, rows.high)
    if not all(isfinite(number) for number in numbers) or min(numbers) < 0:
        unknown = TableStatistics.unknown(f"its statistics say that it has {rows.likely:,.0f} rows")
        return replace(unknown, keys=table.keys)
    if not rows.low <= rows.likely <= rows.high or not 0 <= rows.confidence <= 1:
        rows = Estimate(min(numbers), rows.likely, max(numbers), 0.5, rows.provenance)
        table = replace(table, rows=rows)
    if not table.columns:
        return table
    return replace(table, columns=_Sound(table.columns, rows.high))


class _Sound(Mapping[str, ColumnStatistics]):
    def __init__(self, columns: Mapping[str, ColumnStatistics], rows: float) -> None:
        self._columns = columns
        self._rows = rows
        self._seen: dict[str, ColumnStatistics] = {}

    def __getitem__(self, name: str) -> ColumnStatistics:
        known = self._seen.get(name)
        if known is None:
            known = self._seen[name] = sound_column(self._columns[name], self._rows)
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


def sound_column(column: ColumnStatistics, rows: float) -> ColumnStatistics:
    """Return what is known of a column without what cannot be true of `rows` rows."""
    low, high = column.low, column.high
    if low is not None and high is not None and is_below(high, low):
        low = high = None
    common = column.common
    shares = tuple(common.values())
    if shares and not (all(0 <= share <= 1 for share in shares) and sum(shares) <= 1.01):
        common = MappingProxyType({})
    bounds = column.histogram if _ascend(column.histogram) else ()
    distinct = _checked(column.distinct, lambda number: number >= 0)
    return ColumnStatistics(
        distinct=None if distinct is None else min(distinct, max(1.0, rows)),
        null_fraction=_checked(column.null_fraction, lambda number: 0 <= number <= 1),
        low=low,
        high=high,
        width=_checked(column.width, lambda number: number >= 0),
        common=common,
        histogram=bounds,
    )


def _ascend(bounds: tuple[Any, ...]) -> bool:
    """Say whether none of the bounds of a histogram is below the one before it."""
    if {*map(type, bounds)} in _COMPARABLE:  # there may be thousands
        return all(map(le, bounds, bounds[1:]))
    return not any(is_below(after, before) for before, after in pairwise(bounds))


def _checked(number: float | None, holds: Callable[[float], bool]) -> float | None:
    return number if number is not None and isfinite(number) and holds(number) else None
