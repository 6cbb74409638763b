"""What functions are called in SQL text, and what they are in the function table."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import FunctionNotFound, suggestion
from wayfed_optimizer.expressions import (
    Call,
    Expression,
    Literal,
    call,
    case,
)
from wayfed_optimizer.functions import FUNCTIONS, Kind
from wayfed_optimizer.types import List
from wayfed_sql import sql_formats, sql_numbers, sql_patterns, sql_texts, sql_times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.sql_makers import Arguments, Maker


def _null_if(args: Arguments) -> Expression:
    return case(((call("equal", args[0], args[1]), Literal(None, args[0].type)),), args[0])


def _if(args: Arguments) -> Expression:
    return case(((args[0], args[1]),), args[2] if len(args) > 2 else None)


def _length(args: Arguments) -> Expression:
    """Count the code points of a text, or the elements of a list."""
    listed = args and isinstance(args[0].type, List)
    return call("list_length" if listed else "length", *args)


_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **sql_numbers.ALIASES,
        **sql_texts.ALIASES,
        **sql_times.ALIASES,
        "cardinality": "list_length",
        "list_element": "element",
        "list_extract": "element",
        "array_extract": "element",
        "list_has": "list_contains",
        "list_value": "list",
        "list_pack": "list",
        "ifnull": "coalesce",
        "nvl": "coalesce",
        "avg": "mean",
        "stddev_samp": "stddev",
        "var_samp": "variance",
        "every": "bool_and",
        "arbitrary": "any_value",
        "countif": "count_if",
    }
)

_MAKERS: Final[Mapping[str, Maker]] = MappingProxyType(
    {
        **sql_numbers.MAKERS,
        **sql_texts.MAKERS,
        **sql_times.MAKERS,
        **sql_formats.MAKERS,
        "nullif": _null_if,
        "if": _if,
        "iif": _if,
        "length": _length,
        "len": _length,
    }
)

NODES: Final = MappingProxyType(
    {
        **sql_numbers.NODES,
        **sql_texts.NODES,
        **sql_patterns.NODES,
        **sql_formats.NODES,
        **sql_times.NODES,
    }
)
"""Functions that sqlglot reads into nodes whose arguments are not in the table's order."""

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
    >>> from wayfed_optimizer.expressions import literal
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
