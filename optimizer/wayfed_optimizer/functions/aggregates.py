"""Functions of many rows."""

from __future__ import annotations

from typing import Final

from wayfed_optimizer.coercion import fixed, is_any, is_ordered, same, summation
from wayfed_optimizer.functions.row import Agreement, Function, Kind, Nulls, Raises
from wayfed_optimizer.types import BOOL, FLOAT64, INT64

_AGGREGATE: Final = Kind.AGGREGATE
_NUMBER_TO_FLOAT: Final = fixed(FLOAT64, FLOAT64)

AGGREGATES: Final = (
    Function(
        "count",
        fixed(INT64, is_any, optional=1),
        "[x]",
        "Number of rows, or of those where x is not NULL.",
        kind=_AGGREGATE,
        nulls=Nulls.NEVER,
    ),
    Function(
        "count_distinct",
        fixed(INT64, is_any),
        "x",
        "Number of different values of x, NULL left out.",
        kind=_AGGREGATE,
        nulls=Nulls.NEVER,
    ),
    Function(
        "count_if",
        fixed(INT64, BOOL),
        "condition",
        "Number of rows for which the condition is true.",
        kind=_AGGREGATE,
        nulls=Nulls.NEVER,
    ),
    Function(
        "sum",
        summation,
        "x",
        "Sum; NULL over nothing.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
        raises=Raises.OVERFLOW,
    ),
    Function(
        "mean",
        _NUMBER_TO_FLOAT,
        "x",
        "Arithmetic mean as float64; NULL over nothing.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
    ),
    Function("min", same(is_ordered), "x", "Least value.", kind=_AGGREGATE, nulls=Nulls.MAY),
    Function("max", same(is_ordered), "x", "Greatest value.", kind=_AGGREGATE, nulls=Nulls.MAY),
    Function(
        "stddev",
        _NUMBER_TO_FLOAT,
        "x",
        "Sample standard deviation (n - 1); NULL below two values.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
    ),
    Function(
        "variance",
        _NUMBER_TO_FLOAT,
        "x",
        "Sample variance (n - 1); NULL below two values.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
    ),
    Function(
        "median",
        _NUMBER_TO_FLOAT,
        "x",
        "Middle value, or the mean of the two in the middle.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
    ),
    Function(
        "any_value",
        same(is_any),
        "x",
        "Some value that is not NULL, if there is one.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        agreement=Agreement.ENGINE,
    ),
    Function("bool_and", fixed(BOOL, BOOL), "x", "Whether all are true.", _AGGREGATE, Nulls.MAY),
    Function("bool_or", fixed(BOOL, BOOL), "x", "Whether any is true.", _AGGREGATE, Nulls.MAY),
)
