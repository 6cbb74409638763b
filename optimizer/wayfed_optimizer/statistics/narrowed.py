"""What is known of columns after rows were left out."""

from __future__ import annotations

from dataclasses import replace
from math import expm1, log1p
from types import MappingProxyType
from typing import TYPE_CHECKING

from wayfed_optimizer.expressions import Call, Column, Expression, InList, conjuncts
from wayfed_optimizer.statistics.computed import constant
from wayfed_optimizer.statistics.positions import is_below
from wayfed_optimizer.statistics.predicates import bound_of
from wayfed_optimizer.statistics.shares import Range, range_share

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed_optimizer.statistics.estimates import ColumnStatistics

_NO_NULLS = frozenset({"equal", "less", "less_equal", "greater", "greater_equal", "not_equal"})


def distinct_among(distinct: float, rows: float, kept: float) -> float:
    """Return how many different values some of the rows have.

    Of `rows` rows with `distinct` values, each as frequent, `kept` are taken at random (Cardenas,
    "Analysis and performance of inverted data base structures", CACM 1975).

    Examples
    --------
    >>> round(distinct_among(1000, 1000, 500)), round(distinct_among(10, 1000, 500))
    (500, 10)
    """
    if kept >= rows or rows <= 0 or distinct <= 1:
        return distinct
    share = kept / rows
    each = rows / distinct
    return max(min(1.0, kept), -distinct * expm1(each * log1p(-share)))


def sampled(column: ColumnStatistics, rows: float, kept: float) -> ColumnStatistics:
    """Return what is known of a column where rows were left out for reasons of other columns."""
    if column.distinct is None or kept >= rows:
        return column
    return column.with_distinct(distinct_among(column.distinct, rows, kept))


def within(column: ColumnStatistics, wanted: Range) -> ColumnStatistics:
    """Return what is known of a column of which only a range of values was kept."""
    share = range_share(column, wanted)
    if share.likely <= 0:
        return replace(column, null_fraction=0.0)
    low, high = column.low, column.high
    if wanted.low is not None and (low is None or is_below(low, wanted.low)):
        low = wanted.low
    if wanted.high is not None and (high is None or is_below(wanted.high, high)):
        high = wanted.high
    present = 1.0 - (column.null_fraction or 0.0)
    distinct = column.distinct
    common = {v: s / share.likely for v, s in column.common.items() if v in wanted}
    if distinct is not None:
        distinct = max(1.0, len(common), distinct * share.likely / present)
    histogram = tuple(v for v in column.histogram if v in wanted)
    return replace(
        column,
        low=low,
        high=high,
        null_fraction=0.0,
        distinct=distinct,
        common=MappingProxyType(common),
        histogram=histogram if len(histogram) > 2 else (),
    )


def filtered(
    name: str,
    column: ColumnStatistics,
    predicate: Expression,
    columns: Callable[[str], ColumnStatistics],
) -> tuple[ColumnStatistics, bool]:
    """Return what a condition leaves of a column, and whether it looks at it at all."""
    touched = False
    wanted: Range | None = None
    for part in conjuncts(predicate):
        match part:
            case InList(Column(of), values) if of == name:
                column, touched = replace(column, distinct=float(len(set(values)))), True
                column = replace(column, null_fraction=0.0, common=MappingProxyType({}))
            case Call("is_not_null", (Column(of),)) if of == name:
                column, touched = replace(column, null_fraction=0.0), True
            case Call("is_null", (Column(of),)) if of == name:
                column, touched = replace(constant(None), width=column.width), True
            case Call(function) if function in _NO_NULLS:
                bound = bound_of(part, columns)
                if bound is None or not isinstance(bound.value, Column):
                    continue
                if bound.value.name != name:
                    continue
                touched = True
                if bound.comparison == "equal":
                    fixed = constant(bound.constant) if bound.constant is not None else None
                    column = replace(fixed or replace(column, distinct=1.0), width=column.width)
                elif (each := bound.as_range()) is not None:
                    wanted = each if wanted is None else wanted.meet(each)
                else:
                    column = replace(column, null_fraction=0.0)
    return (column if wanted is None else within(column, wanted)), touched
