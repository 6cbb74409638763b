"""What is known of the values of an expression, from what is known of its columns."""

from __future__ import annotations

import datetime
import decimal
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.expressions import Call, Case, Cast, Column, Expression, Literal
from wayfed_optimizer.statistics.estimates import ColumnStatistics
from wayfed_optimizer.statistics.positions import position
from wayfed_optimizer.statistics.shares import is_constant
from wayfed_optimizer.types import DATE, TEXT, is_float, is_integer, is_numeric, is_temporal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed_optimizer.types import DataType

UNKNOWN: Final = ColumnStatistics()
_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "quarter": (1, 4),
    "month": (1, 12),
    "day": (1, 31),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
    "week": (1, 53),
    "day_of_week": (1, 7),
    "day_of_year": (1, 366),
}
"""Functions whose values lie in a small range, whatever they are given."""
_FEWER: Final = frozenset({"lower", "upper", "trim", "ltrim", "rtrim"})
"""Functions that give about as many different texts as they are given."""

_DEPENDENT: Final = 0.9


def statistics_of(
    expression: Expression, columns: Callable[[str], ColumnStatistics]
) -> ColumnStatistics:
    """Return what is known of the values of an expression.

    Parameters
    ----------
    columns
        Gives what is known of each column it may use.
    """
    match expression:
        case Column(name):
            return columns(name)
        case Literal(value):
            return constant(value)
        case Cast(arg, kind):
            return _cast(statistics_of(arg, columns), kind)
        case Case(branches, otherwise):
            values = {value for _, value in branches} | {otherwise}
            if all(isinstance(value, Literal) for value in values):
                return ColumnStatistics(distinct=float(len(values)))
        case Call(name, (arg,)) if name in _RANGES:
            low, high = _RANGES[name]
            return _among(statistics_of(arg, columns), low, high)
        case Call(name, (arg, *_)) if name in _FEWER:
            below = statistics_of(arg, columns)
            return ColumnStatistics(distinct=below.distinct, null_fraction=below.null_fraction)
        case Call(name, (arg, *others)):
            if (change := _change(name, tuple(others))) is not None:
                return mapped(statistics_of(arg, columns), change)
            if name in ("add", "multiply") and isinstance(arg, Literal) and len(others) == 1:
                return statistics_of(Call(name, (others[0], arg)), columns)
    return UNKNOWN


def constant(value: object) -> ColumnStatistics:
    """Return what is known of a constant."""
    if value is None:
        return ColumnStatistics(distinct=1.0, null_fraction=1.0)
    return ColumnStatistics(distinct=1.0, null_fraction=0.0, low=value, high=value)


def mapped(column: ColumnStatistics, change: Callable[[Any], Any]) -> ColumnStatistics:
    """Return what is known of the results of a function that keeps the order of its arguments."""
    try:
        low, high = (None if v is None else change(v) for v in (column.low, column.high))
        histogram = tuple(map(change, column.histogram))
        common: dict[object, float] = {}
        for value, share in column.common.items():
            common[change(value)] = common.get(change(value), 0.0) + share
    except (TypeError, ValueError, ArithmeticError, AttributeError):
        return ColumnStatistics(null_fraction=column.null_fraction)
    distinct = column.distinct
    if isinstance(low, str):
        distinct = None  # a part of a text: how many there are of them is not known
    if isinstance(low, int) and isinstance(high, int):
        span = float(high - low + 1)
        distinct = span if distinct is None else min(distinct, span)
    found = replace(column, low=low, high=high, distinct=distinct, common=common, width=None)
    if len(set(histogram)) * 2 > len(histogram):
        return replace(found, histogram=histogram)
    return _counted(found, histogram)


def _counted(column: ColumnStatistics, bounds: tuple[object, ...]) -> ColumnStatistics:
    """Take bounds that have fallen together for what they are by now: frequent values."""
    if not bounds:
        return replace(column, histogram=())
    others = max(0.0, 1.0 - (column.null_fraction or 0.0) - sum(column.common.values()))
    common = dict(column.common)
    for bound in bounds:
        common[bound] = common.get(bound, 0.0) + others / len(bounds)
    return replace(
        column, common=common, histogram=(), distinct=column.distinct or float(len(common))
    )


def _cast(column: ColumnStatistics, kind: DataType) -> ColumnStatistics:
    change: Callable[[Any], Any] | None = None
    if kind == DATE:
        change = _as_date
    elif is_integer(kind):
        change = int
    elif is_float(kind):
        change = float
    elif is_numeric(kind):
        change = decimal.Decimal
    elif is_temporal(kind) or kind == TEXT:
        return replace(column, width=None) if kind != TEXT else _as_text(column)
    return UNKNOWN if change is None else mapped(column, change)


def _as_text(column: ColumnStatistics) -> ColumnStatistics:
    if isinstance(column.low, str) or is_constant(column):
        return mapped(column, str)
    return ColumnStatistics(distinct=column.distinct, null_fraction=column.null_fraction)


def _among(column: ColumnStatistics, low: int, high: int) -> ColumnStatistics:
    span = float(high - low + 1)
    distinct = span if column.distinct is None else min(span, column.distinct)
    return ColumnStatistics(distinct, column.null_fraction, low, high, 8.0)


def _change(name: str, args: tuple[Expression, ...]) -> Callable[[Any], Any] | None:
    """Return what a function that keeps order does, its other arguments being constants."""
    constants = tuple(arg.value for arg in args if isinstance(arg, Literal))
    if len(constants) != len(args) or None in constants:
        return None
    match name, constants:
        case "year", ():
            return lambda value: value.year
        case ("left", (int(count),)) | ("substring", (1, int(count))) if count > 0:
            return lambda value: value[:count]
        case "date_trunc", (str(unit),):
            return _TRUNCATED.get(unit)
        case "add_days", (int(days),):
            return lambda value: value + datetime.timedelta(days=days)
        case "add_microseconds", (int(count),):
            return lambda value: value + datetime.timedelta(microseconds=count)
        case "add_months", (int(months),):
            return lambda value: _months_later(value, months)
        case "add", (number,):
            return lambda value: value + _like(number, value)
        case "subtract", (number,):
            return lambda value: value - _like(number, value)
        case "multiply", (number,) if (position(number) or 0.0) > 0:
            return lambda value: value * _like(number, value)
    return None


_TRUNCATED: Final[Mapping[str, Callable[[Any], Any]]] = {
    "year": lambda value: value.replace(month=1, day=1, **_midnight(value)),
    "month": lambda value: value.replace(day=1, **_midnight(value)),
    "day": lambda value: value.replace(**_midnight(value)),
}


def _midnight(value: Any) -> dict[str, int]:
    is_time = isinstance(value, datetime.datetime)
    return dict.fromkeys(("hour", "minute", "second", "microsecond"), 0) if is_time else {}


def _like(number: Any, value: Any) -> Any:
    """Return a number so that Python computes with it and the other, as it does not by itself."""
    if isinstance(value, decimal.Decimal) and isinstance(number, float):
        return decimal.Decimal(number)
    return float(number) if isinstance(value, float) else number


def _as_date(value: Any) -> datetime.date:
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    return datetime.date.fromisoformat(value)


def _months_later(value: Any, months: int) -> Any:
    year, month = divmod(value.year * 12 + value.month - 1 + months, 12)
    for day in (value.day, 30, 29, 28):
        try:
            return value.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    return value


def together(counts: list[float], rows: float) -> float:
    """Return how many combinations of values there are, given how many values each column has.

    The column with most values counts whole, each further one a little less: columns are seldom
    independent. There are never more than rows.
    """
    ordered = sorted(counts, reverse=True)
    found: float = prod(
        max(1.0, count) ** (_DEPENDENT**place) for place, count in enumerate(ordered)
    )
    return max(1.0, min(found, rows))
