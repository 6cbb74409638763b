"""What functions are called in SQL text, and what they are in the function table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from wayfed_optimizer.errors import FunctionNotFound, Unsupported, suggestion
from wayfed_optimizer.expressions import (
    Call,
    Expression,
    Literal,
    call,
    case,
    cast_to,
    literal,
)
from wayfed_optimizer.functions import FUNCTIONS, Kind
from wayfed_optimizer.types import TEXT, List

Arguments: TypeAlias = tuple[Expression, ...]
Maker: TypeAlias = Callable[[Arguments], Expression]


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


def _null_if(args: Arguments) -> Expression:
    return case(((call("equal", args[0], args[1]), Literal(None, args[0].type)),), args[0])


def _if(args: Arguments) -> Expression:
    return case(((args[0], args[1]),), args[2] if len(args) > 2 else None)


def as_text(arg: Expression) -> Expression:
    """Return a value as text, as ``||`` does with numbers."""
    return cast_to(arg, TEXT)


def _concat(args: Arguments) -> Expression:
    """Join texts; SQL's CONCAT leaves NULLs out, unlike ``||``."""
    parts = (call("coalesce", as_text(a), literal("")) if a.nullable else as_text(a) for a in args)
    return call("concat", *parts)


def _length(args: Arguments) -> Expression:
    """Count the code points of a text, or the elements of a list."""
    listed = args and isinstance(args[0].type, List)
    return call("list_length" if listed else "length", *args)


def _left(args: Arguments) -> Expression:
    return call("substring", args[0], literal(1), args[1])


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

_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "char_length": "length",
        "character_length": "length",
        "lcase": "lower",
        "ucase": "upper",
        "substr": "substring",
        "startswith": "starts_with",
        "endswith": "ends_with",
        "prefix": "starts_with",
        "suffix": "ends_with",
        "ceiling": "ceil",
        "pow": "power",
        "cardinality": "list_length",
        "list_element": "element",
        "list_extract": "element",
        "array_extract": "element",
        "list_has": "list_contains",
        "list_value": "list",
        "list_pack": "list",
        "isnan": "is_nan",
        "ifnull": "coalesce",
        "nvl": "coalesce",
        "dayofmonth": "day",
        "isodow": "day_of_week",
        "weekday_iso": "day_of_week",
        "dayofyear": "day_of_year",
        "date_add_days": "add_days",
        "avg": "mean",
        "stddev_samp": "stddev",
        "var_samp": "variance",
        "every": "bool_and",
        "arbitrary": "any_value",
        "countif": "count_if",
        "log": "log10",
        "mod": "remainder",
    }
)

_MAKERS: Final[Mapping[str, Maker]] = MappingProxyType(
    {
        "date_part": _part,
        "datepart": _part,
        "date_trunc": _unit_first("date_trunc"),
        "datetrunc": _unit_first("date_trunc"),
        "date_diff": _unit_first("date_diff"),
        "datediff": _unit_first("date_diff"),
        "nullif": _null_if,
        "if": _if,
        "iif": _if,
        "concat": _concat,
        "left": _left,
        "length": _length,
        "len": _length,
    }
)

# SQL has other names, or operators, for these.
_UNCALLED: Final = frozenset({"is_null", "is_not_null", "is_distinct", "and", "or", "not"})


def make_call(name: str, args: Arguments) -> Expression:
    """Make the call of a function by the name that it has in SQL.

    Raises
    ------
    FunctionNotFound, TypeMismatch
        With the functions there are, and the closest.

    Examples
    --------
    >>> str(make_call("ceiling", (literal(2.5),)))
    'ceil(2.5)'
    """
    lower = name.lower()
    maker = _MAKERS.get(lower)
    if maker is not None:
        return maker(args)
    known = _ALIASES.get(lower, lower)
    if known not in FUNCTIONS or known in _UNCALLED:
        names = sorted({*FUNCTIONS, *_ALIASES, *_MAKERS} - _UNCALLED)
        raise FunctionNotFound(lower, names, hint=suggestion(lower, names))
    return call(known, *args)


def is_aggregate(expression: Expression) -> bool:
    """Say whether an expression is a call of an aggregate."""
    return isinstance(expression, Call) and expression.row.kind is Kind.AGGREGATE
