"""Intervals of SQL text: no column holds one, but a date or timestamp plus one is a function."""

from __future__ import annotations

import calendar
import datetime
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlglot import expressions as exp

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import Expression, Literal, call, cast_to, literal
from wayfed_optimizer.types import DATE, TIMESTAMP
from wayfed_sql.sql_nodes import require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_UNITS: Final[Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        "decade": ("months", 120),
        "year": ("months", 12),
        "quarter": ("months", 3),
        "month": ("months", 1),
        "week": ("days", 7),
        "day": ("days", 1),
        "hour": ("microseconds", 3_600_000_000),
        "minute": ("microseconds", 60_000_000),
        "second": ("microseconds", 1_000_000),
        "millisecond": ("microseconds", 1000),
        "microsecond": ("microseconds", 1),
    }
)
"""What each unit is a multiple of."""
_PART: Final = re.compile(r"\s*([+-]?\d+)\s*([A-Za-z]*)\s*")


def add_interval(
    moment: Expression, interval: exp.Interval, bind: Callable[[exp.Expr], Expression], sign: int
) -> Expression:
    """Return what a moment plus an interval is; a constant where both are.

    Parameters
    ----------
    moment
        A date or timestamp; the sum has its type, but a date and some hours make a timestamp.
    interval
        Of the text.
    bind
        Binds the number of units where it is not a constant.
    sign
        -1 to subtract.

    Raises
    ------
    Unsupported
        Where the interval has units that no function adds, or a fraction of them.
    """
    require(interval, "this", "unit")
    unit = interval.args.get("unit")
    name = unit.name if unit is not None else ""
    amount = interval.this
    if not isinstance(amount, exp.Literal):
        function, factor = _unit(name)
        count, times = bind(amount), sign * factor
        if isinstance(count, Literal) and isinstance(count.value, int):
            return _sum(moment, function, literal(count.value * times))
        return _sum(moment, function, call("multiply", count, literal(times)))
    for number, own in _parts(amount.name):
        function, factor = _unit(own or name)
        moment = _sum(moment, function, literal(sign * number * factor))
    return moment


def _parts(text: str) -> list[tuple[int, str]]:
    parts, at = [], 0
    while found := _PART.match(text, at):
        parts.append((int(found[1]), found[2]))
        at = found.end()
    if at < len(text) or not parts:
        raise Unsupported(f"an interval of '{text}'", hint="write whole numbers: INTERVAL 3 MONTH")
    return parts


def _unit(name: str) -> tuple[str, int]:
    plain = name.lower().removesuffix("s")
    if plain not in _UNITS:
        raise Unsupported(
            f"an interval of {plain or 'no unit'}", available=_UNITS, hint="add_days(date, n)"
        )
    unit, factor = _UNITS[plain]
    return unit, factor


def _sum(moment: Expression, unit: str, count: Expression) -> Expression:
    if unit == "microseconds" and moment.type == DATE:
        moment = cast_to(moment, TIMESTAMP)
    if isinstance(moment, Literal) and isinstance(count, Literal):
        known = _known_sum(moment.value, unit, count.value)
        if known is not None:
            return Literal(known, moment.type)
    return call(f"add_{unit}", moment, count)


def _known_sum(value: object, unit: str, count: object) -> datetime.date | None:
    """Return the sum of constants; None where a function has to say what it is, or that it fails.

    A month later is the same day of the month, or the last where it has fewer.
    """
    if not isinstance(value, datetime.date) or not isinstance(count, int):
        return None
    try:
        if unit == "months":
            year, month = divmod(value.year * 12 + value.month - 1 + count, 12)
            last = calendar.monthrange(year, month + 1)[1]
            return value.replace(year=year, month=month + 1, day=min(value.day, last))
        if unit == "days":
            return value + datetime.timedelta(days=count)
        if isinstance(value, datetime.datetime):
            return value + datetime.timedelta(microseconds=count)
    except (ValueError, OverflowError):
        return None
    return None
