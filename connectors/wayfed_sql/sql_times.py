"""Functions of dates and timestamps in SQL: their names, and those with a syntax of their own."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlglot import expressions as exp

from wayfed_optimizer.errors import FunctionNotFound, Unsupported
from wayfed_optimizer.expressions import Expression, Literal, call, literal
from wayfed_sql.sql_nodes import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.sql_makers import Arguments, Bind, Maker, Reader


def _unit_first(name: str) -> Maker:
    """Make the maker of a function that SQL gives the unit first, and the table last."""
    return lambda args: call(name, *args[1:], *args[:1])


def _part(args: Arguments) -> Expression:
    part = args[0]
    if not isinstance(part, Literal) or not isinstance(part.value, str):
        raise Unsupported("date_part of a computed part")
    name = PARTS.get(part.value.lower())
    if name is None:
        raise FunctionNotFound(part.value, PARTS)
    return call(name, *args[1:])


def _extract(node: exp.Expr, bind: Bind) -> Expression:
    part = node.this.name.lower()
    if part not in PARTS:
        raise Unsupported(f"EXTRACT({part.upper()} …)", available=PARTS)
    return call(PARTS[part], bind(node.expression))


def _date_trunc(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "unit", "input_type_preserved")
    return call("date_trunc", bind(node.this), literal(_unit(node)))


def _date_diff(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "expression", "unit", "date_part_boundary")
    return call("date_diff", bind(node.expression), bind(node.this), literal(_unit(node)))


def _unit(node: exp.Expr) -> str:
    unit = node.args.get("unit")
    return unit.name.lower() if unit is not None else "day"


PARTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{
            part: part
            for part in ("year", "quarter", "month", "day", "hour", "minute", "second", "epoch")
        },
        "isodow": "day_of_week",
        "doy": "day_of_year",
        "dayofyear": "day_of_year",
    }
)
"""The parts of EXTRACT and the functions that they are."""
ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dayofmonth": "day",
        "isodow": "day_of_week",
        "weekday_iso": "day_of_week",
        "dayofyear": "day_of_year",
        "date_add_days": "add_days",
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
    }
)
NODES: Final[Mapping[type[exp.Expr], Reader]] = MappingProxyType(
    {
        exp.Extract: _extract,
        exp.TimestampTrunc: _date_trunc,
        exp.DateTrunc: _date_trunc,
        exp.DateDiff: _date_diff,
    }
)
