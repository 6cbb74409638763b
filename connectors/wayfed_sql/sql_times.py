"""Functions of dates and timestamps in SQL: their names, and those with a syntax of their own."""

from __future__ import annotations

import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlglot import expressions as exp

from wayfed_optimizer.errors import FunctionNotFound, Unsupported
from wayfed_optimizer.expressions import Expression, Literal, call, case, cast_to, literal
from wayfed_optimizer.types import (
    DATE,
    INT64,
    TIMESTAMP,
    TIMESTAMP_UTC,
    is_float,
    is_temporal,
)
from wayfed_sql.intervals import add_interval
from wayfed_sql.sql_formats import to_timestamp
from wayfed_sql.sql_nodes import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.sql_makers import Arguments, Bind, Maker, Reader


def _unit_first(name: str) -> Maker:
    """Make the maker of a function that SQL gives the unit first, and the table last."""

    def make(args: Arguments) -> Expression:
        unit, *rest = args
        if isinstance(unit, Literal) and isinstance(unit.value, str):
            unit = literal(_STARTS.get(singular(unit.value), singular(unit.value)))
        return call(name, *rest, unit)

    return make


def _part(args: Arguments) -> Expression:
    part, *rest = args
    if not isinstance(part, Literal) or not isinstance(part.value, str):
        raise Unsupported("date_part of a computed part")
    maker = PARTS.get(singular(part.value))
    if maker is None:
        raise FunctionNotFound(part.value, PARTS)
    return maker(tuple(rest))


def _extract(node: exp.Expr, bind: Bind) -> Expression:
    part = singular(node.this.name)
    if part not in PARTS:
        raise Unsupported(f"EXTRACT({part.upper()} …)", available=PARTS)
    return PARTS[part]((bind(node.expression),))


def _date_trunc(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "unit", "input_type_preserved")
    moment, unit = bind(node.this), _known_unit(node, bind)
    if unit is None:
        return Literal(None, moment.type)
    return call("date_trunc", moment, literal(_STARTS.get(unit, unit)))


def _date_diff(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "expression", "unit", "date_part_boundary")
    unit = _known_unit(node, bind)
    if unit is None:
        return Literal(None, INT64)
    return call("date_diff", bind(node.expression), bind(node.this), literal(unit))


def _date_add(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "expression", "unit")
    if not isinstance(node.expression, exp.Interval):
        return call("add_days", bind(node.this), bind(node.expression))
    return add_interval(bind(node.this), node.expression, bind, 1)


def _known_unit(node: exp.Expr, bind: Bind) -> str | None:
    """Return the unit that a node names, None for NULL."""
    unit = node.args.get("unit")
    if unit is None:
        return "day"
    if isinstance(unit, exp.Var | exp.Literal):
        return singular(unit.name)
    known = bind(unit)
    if not isinstance(known, Literal):
        raise Unsupported(
            "a unit of time that is no constant", hint="write it: date_trunc('day', x)"
        )
    return None if known.value is None else singular(str(known.value))


def singular(unit: str) -> str:
    """Return a unit of time as the function table calls it.

    Examples
    --------
    >>> singular("MILLISECONDS"), singular("hours"), singular("centuries")
    ('millisecond', 'hour', 'century')
    """
    lower = unit.lower()
    short = lower if lower in _PLURALS else lower.removesuffix("s")
    return _PLURALS.get(short, short)


_PLURALS: Final = MappingProxyType({"centuries": "century", "millennia": "millennium"})


def _of_day(function: str) -> Maker:
    """Make the maker of a part of the clock, which of a date is that of midnight."""

    def make(args: Arguments) -> Expression:
        return call(function, *(cast_to(a, TIMESTAMP) if a.type == DATE else a for a in args))

    return make


def _of_year(offset: int, years: int) -> Maker:
    """Make the maker of the number of a decade, century or millennium."""

    def make(args: Arguments) -> Expression:
        year = call("add", call("year", *args), literal(offset)) if offset else call("year", *args)
        return call("floor_divide", year, literal(years))

    return make


def _from_sunday(args: Arguments) -> Expression:
    return call("remainder", call("day_of_week", *args), literal(7))


def _year_and_week(args: Arguments) -> Expression:
    year = call("multiply", call("iso_year", *args), literal(100))
    return call("add", year, call("week", *args))


def _plain(function: str) -> Maker:
    return lambda args: call(function, *args)


def _since_epoch(unit: str) -> Maker:
    """Make the maker of how many units lie between 1970 and a moment."""

    def make(args: Arguments) -> Expression:
        kind = args[0].type if args else DATE
        start = literal(datetime.datetime(1970, 1, 1, tzinfo=_ZONES.get(kind)))
        return call("date_diff", start, *args, literal(unit))

    return make


def _from_epoch(args: Arguments) -> Expression:
    """Return the instant so many seconds after 1970."""
    seconds = args[0]
    scaled = call("multiply", seconds, literal(1_000_000))
    if is_float(scaled.type):
        scaled = call("round", scaled)
    return _after_epoch(scaled, datetime.UTC)


def _after_epoch(microseconds: Expression, zone: datetime.tzinfo | None) -> Expression:
    start = literal(datetime.datetime(1970, 1, 1, tzinfo=zone))
    return call("add_microseconds", start, cast_to(microseconds, INT64))


def _unix_to_time(node: exp.Expr, bind: Bind) -> Expression:
    """Return to_timestamp(seconds), or epoch_ms, which goes both ways."""
    require(node, "this", "scale")
    arg, scale = bind(node.this), node.args.get("scale")
    if scale is None:
        return _from_epoch((arg,))
    if scale.name != "3":
        return to_timestamp(arg, bind(scale))
    if is_temporal(arg.type):
        return _since_epoch("millisecond")((arg,))
    return _after_epoch(call("multiply", arg, literal(1000)), None)


def _make_date(node: exp.Expr, bind: Bind) -> Expression:
    keys = ("year", "month", "day")
    require(node, *keys)
    return call("make_date", *(_whole(bind(node.args[key])) for key in keys))


def _whole(arg: Expression) -> Expression:
    """Read a number that is written as text, as SQL does."""
    if isinstance(arg, Literal) and isinstance(arg.value, str) and arg.value.strip().isdecimal():
        return literal(int(arg.value))
    return arg


def _date_sub(args: Arguments) -> Expression:
    """Return how many whole units lie between two moments, as DuckDB counts."""
    unit, start, end = args
    name = singular(unit.value) if isinstance(unit, Literal) and unit.value else ""
    if name in _MONTHS:
        months = call("date_diff", start, end, literal("month"))
        there = call("add_months", start, months)
        zero = literal(0)
        over = call("and", call("greater", months, zero), call("greater", there, end))
        under = call("and", call("less", months, zero), call("less", there, end))
        off = case(((over, literal(1)), (under, literal(-1))), zero)
        whole = call("subtract", months, off)
        # So few months are exact as floats, and casts round towards 0.
        return cast_to(call("divide", whole, literal(_MONTHS[name])), INT64)
    if name in _MICROSECONDS:
        apart = call("date_diff", start, end, literal("microsecond"))
        size = literal(_MICROSECONDS[name])
        return call("floor_divide", call("subtract", apart, call("remainder", apart, size)), size)
    raise Unsupported(
        f"date_sub of {name or 'a computed unit'}", available=(*_MONTHS, *_MICROSECONDS)
    )


_MONTHS: Final = MappingProxyType(
    {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200, "millennium": 12000}
)
_MICROSECONDS: Final = MappingProxyType(
    {
        "microsecond": 1,
        "millisecond": 1000,
        "second": 1_000_000,
        "minute": 60_000_000,
        "hour": 3_600_000_000,
        "day": 86_400_000_000,
        "week": 604_800_000_000,
    }
)
_ZONES: Final = MappingProxyType({TIMESTAMP_UTC: datetime.UTC})


_STARTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("dow", "isodow", "weekday", "doy", "dayofyear", "dayofweek"), "day"),
        "yearweek": "week",
        "weekofyear": "week",
        "epoch": "second",
    }
)
"""What DATE_TRUNC takes for other units."""
PARTS: Final[Mapping[str, Maker]] = MappingProxyType(
    {
        **{part: _plain(part) for part in ("year", "quarter", "month", "day", "week")},
        **{
            part: _of_day(part)
            for part in ("hour", "minute", "second", "millisecond", "microsecond", "epoch")
        },
        "isoyear": _plain("iso_year"),
        "isodow": _plain("day_of_week"),
        "dow": _from_sunday,
        "weekday": _from_sunday,
        "doy": _plain("day_of_year"),
        "dayofyear": _plain("day_of_year"),
        "yearweek": _year_and_week,
        "decade": _of_year(0, 10),
        "century": _of_year(99, 100),
        "millennium": _of_year(999, 1000),
    }
)
"""The parts of EXTRACT, and what makes the calls that they are."""
ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dayofmonth": "day",
        "isodow": "day_of_week",
        "weekday_iso": "day_of_week",
        "dayofyear": "day_of_year",
        "weekofyear": "week",
        "week_of_year": "week",
        "isoyear": "iso_year",
        "date_from_parts": "make_date",
    }
)
MAKERS: Final[Mapping[str, Maker]] = MappingProxyType(
    {
        "date_part": _part,
        "datepart": _part,
        "date_trunc": _unit_first("date_trunc"),
        "datetrunc": _unit_first("date_trunc"),
        "date_diff": _unit_first("date_diff"),
        "datediff": _unit_first("date_diff"),
        "datesub": _date_sub,
        "date_sub": _date_sub,
        "epoch": _of_day("epoch"),
        "epoch_us": _since_epoch("microsecond"),
        **{
            part: PARTS[part] for part in ("weekday", "yearweek", "decade", "century", "millennium")
        },
    }
)
NODES: Final[Mapping[type[exp.Expr], Reader]] = MappingProxyType(
    {
        exp.Extract: _extract,
        exp.TimestampTrunc: _date_trunc,
        exp.DateTrunc: _date_trunc,
        exp.DateDiff: _date_diff,
        exp.DateAdd: _date_add,
        exp.DateFromParts: _make_date,
        exp.UnixToTime: _unix_to_time,
        exp.TimeToUnix: lambda node, bind: _of_day("epoch")((bind(node.this),)),
        exp.Week: lambda node, bind: call("week", bind(node.this)),
    }
)
