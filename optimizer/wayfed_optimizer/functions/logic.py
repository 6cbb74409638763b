"""Functions that compare, decide, and deal with NULL."""

from __future__ import annotations

from typing import Final

from wayfed_optimizer.coercion import (
    comparison,
    conjunction,
    fixed,
    is_any,
    ordering,
    same,
    unified,
    unified_in_order,
)
from wayfed_optimizer.functions.row import Function, Nulls, Raises
from wayfed_optimizer.types import BOOL, FLOAT64, INT64

COMPARISON: Final = (
    Function("equal", comparison, "a, b", "a = b.", operator="="),
    Function("not_equal", comparison, "a, b", "a <> b.", operator="<>"),
    Function("less", ordering, "a, b", "a < b.", operator="<"),
    Function("less_equal", ordering, "a, b", "a <= b.", operator="<="),
    Function("greater", ordering, "a, b", "a > b.", operator=">"),
    Function("greater_equal", ordering, "a, b", "a >= b.", operator=">="),
    Function(
        "is_distinct",
        comparison,
        "a, b",
        "a <> b, where NULL is a value like any other.",
        nulls=Nulls.NEVER,
    ),
    Function(
        "and",
        conjunction,
        "a, b, …",
        "Conjunction in three-valued logic.",
        nulls=Nulls.ANY,
        operator="AND",
    ),
    Function(
        "or",
        conjunction,
        "a, b, …",
        "Disjunction in three-valued logic.",
        nulls=Nulls.ANY,
        operator="OR",
    ),
    Function("not", fixed(BOOL, BOOL), "a", "Negation in three-valued logic."),
)

NULLS: Final = (
    Function("is_null", fixed(BOOL, is_any), "x", "Whether x is NULL.", nulls=Nulls.NEVER),
    Function("is_not_null", fixed(BOOL, is_any), "x", "Whether x has a value.", nulls=Nulls.NEVER),
    Function("is_nan", fixed(BOOL, FLOAT64), "x", "Whether x is NaN."),
    Function("coalesce", unified, "a, …", "The first that is not NULL.", nulls=Nulls.ALL),
    Function(
        "greatest", unified_in_order, "a, …", "The greatest, NULLs left out.", nulls=Nulls.ALL
    ),
    Function("least", unified_in_order, "a, …", "The least, NULLs left out.", nulls=Nulls.ALL),
    Function(
        "single_value",
        same(is_any, INT64),
        "x, rows",
        "x, the value of a subquery of so many rows; an error where they are several.",
        nulls=Nulls.MAY,
        raises=Raises.ALWAYS,
    ),
)
