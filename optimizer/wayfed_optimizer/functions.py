"""The one table of functions: what each is called, takes, gives, and how engines agree on it.

A new function is a new row here, a template in the connectors' SQL tables, and a conformance case.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.coercion import (
    TypeRule,
    arithmetic,
    comparison,
    conjunction,
    decimal_product,
    decimal_sum,
    fixed,
    integers_or_floats,
    is_any,
    is_ordered,
    negation,
    one_of,
    rounding,
    same,
    shifted,
    summation,
    texts,
    unified,
)
from wayfed_optimizer.errors import FunctionNotFound
from wayfed_optimizer.types import (
    BOOL,
    DATE,
    FLOAT64,
    INT64,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    is_integer,
    is_numeric,
    is_temporal,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

FUNCTION_TABLE_VERSION: Final = 1
"""Grows whenever a row is added or changes its meaning; parties negotiate it."""


class Kind(Enum):
    """Over what a function is computed."""

    SCALAR = "scalar"
    AGGREGATE = "aggregate"
    WINDOW = "window"


class Nulls(Enum):
    """When the result is NULL."""

    ANY = "NULL when any argument is NULL"
    ALL = "NULL when all arguments are NULL"
    NEVER = "never NULL"
    MAY = "may be NULL whatever the arguments"


class Agreement(Enum):
    """How far two engines agree on the value."""

    EXACT = "exact"
    RELATIVE = "relative 1e-9"
    ASCII = "ascii"
    ENGINE = "engine"


class Raises(Enum):
    """Whether evaluating may end the query with an error."""

    NEVER = "never"
    OVERFLOW = "on overflow of integers and decimals"
    ALWAYS = "on some values"


class Pushes(Enum):
    """Whether a store's own version may stand for ours in a filter."""

    EXACT = "exact"
    SUPERSET = "superset"


@dataclass(frozen=True, slots=True)
class Function:
    """A row of the function table.

    Parameters
    ----------
    name
        What it is called in plans, on the wire and in capabilities.
    rule
        Argument types to (types to cast to, type of the result); None for arguments it won't take.
    parameters
        The arguments as a person would write them, for messages and documentation.
    doc
        One sentence: the meaning.
    operator
        How it is written between its operands, where it is.
    domain
        Where the arguments are outside of it the result is NULL (printed as a guard).
    """

    name: str
    rule: TypeRule
    parameters: str
    doc: str
    kind: Kind = Kind.SCALAR
    nulls: Nulls = Nulls.ANY
    agreement: Agreement = Agreement.EXACT
    raises: Raises = Raises.NEVER
    pushes: Pushes = Pushes.EXACT
    volatile: bool = False
    operator: str | None = None
    domain: str | None = None

    @property
    def signature(self) -> str:
        """The function as one would call it, for messages."""
        return f"{self.name}({self.parameters})"


_AGGREGATE: Final = Kind.AGGREGATE
_NUMBER_TO_FLOAT: Final = fixed(FLOAT64, FLOAT64)
_INSTANT: Final = one_of(TIMESTAMP, TIMESTAMP_UTC)

_ARITHMETIC: Final = (
    Function(
        "add",
        arithmetic(decimal_sum),
        "a, b",
        "Sum; integers widen to int64.",
        raises=Raises.OVERFLOW,
        operator="+",
    ),
    Function(
        "subtract",
        arithmetic(decimal_sum),
        "a, b",
        "Difference; integers widen to int64.",
        raises=Raises.OVERFLOW,
        operator="-",
    ),
    Function(
        "multiply",
        arithmetic(decimal_product),
        "a, b",
        "Product; the scales of decimals add up.",
        raises=Raises.OVERFLOW,
        operator="*",
    ),
    Function(
        "divide",
        fixed(FLOAT64, FLOAT64, FLOAT64),
        "a, b",
        "Quotient of the operands as float64.",
        nulls=Nulls.MAY,
        operator="/",
        domain="b <> 0",
    ),
    Function(
        "floor_divide",
        integers_or_floats,
        "a, b",
        "Quotient, rounded towards minus infinity.",
        nulls=Nulls.MAY,
        raises=Raises.OVERFLOW,
        operator="//",
        domain="b <> 0",
    ),
    Function(
        "modulo",
        integers_or_floats,
        "a, b",
        "Rest of floor division: has the divisor's sign (Python's %).",
        nulls=Nulls.MAY,
        operator="%",
        domain="b <> 0",
    ),
    Function(
        "remainder",
        integers_or_floats,
        "a, b",
        "Rest of truncated division: has the dividend's sign (SQL's %).",
        nulls=Nulls.MAY,
        domain="b <> 0",
    ),
    Function("negate", negation, "x", "-x.", raises=Raises.OVERFLOW),
)

_COMPARISON: Final = (
    Function("equal", comparison, "a, b", "a = b.", operator="="),
    Function("not_equal", comparison, "a, b", "a <> b.", operator="<>"),
    Function("less", comparison, "a, b", "a < b.", operator="<"),
    Function("less_equal", comparison, "a, b", "a <= b.", operator="<="),
    Function("greater", comparison, "a, b", "a > b.", operator=">"),
    Function("greater_equal", comparison, "a, b", "a >= b.", operator=">="),
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

_NULLS: Final = (
    Function("is_null", fixed(BOOL, is_any), "x", "Whether x is NULL.", nulls=Nulls.NEVER),
    Function("is_not_null", fixed(BOOL, is_any), "x", "Whether x has a value.", nulls=Nulls.NEVER),
    Function("is_nan", fixed(BOOL, FLOAT64), "x", "Whether x is NaN."),
    Function("coalesce", unified, "a, …", "The first that is not NULL.", nulls=Nulls.ALL),
    Function("greatest", unified, "a, …", "The greatest, NULLs left out.", nulls=Nulls.ALL),
    Function("least", unified, "a, …", "The least, NULLs left out.", nulls=Nulls.ALL),
)

_TEXT: Final = (
    Function("lower", fixed(TEXT, TEXT), "x", "Lower case.", agreement=Agreement.ASCII),
    Function("upper", fixed(TEXT, TEXT), "x", "Upper case.", agreement=Agreement.ASCII),
    Function("length", fixed(INT64, TEXT), "x", "Number of code points."),
    Function("trim", fixed(TEXT, TEXT), "x", "Without spaces at both ends."),
    Function("ltrim", fixed(TEXT, TEXT), "x", "Without spaces at the start."),
    Function("rtrim", fixed(TEXT, TEXT), "x", "Without spaces at the end."),
    Function(
        "substring",
        fixed(TEXT, TEXT, INT64, INT64, optional=1),
        "x, start[, length]",
        "Code points from the 1-based start on.",
    ),
    Function("concat", texts, "a, …", "Texts joined; NULL when any is NULL."),
    Function("replace", fixed(TEXT, TEXT, TEXT, TEXT), "x, old, new", "Every old replaced by new."),
    Function("starts_with", fixed(BOOL, TEXT, TEXT), "x, prefix", "Whether x starts so."),
    Function("ends_with", fixed(BOOL, TEXT, TEXT), "x, suffix", "Whether x ends so."),
    Function("contains", fixed(BOOL, TEXT, TEXT), "x, part", "Whether part occurs in x."),
    Function(
        "like",
        fixed(BOOL, TEXT, TEXT),
        "x, pattern",
        "SQL's LIKE: % any text, _ any code point; case-sensitive, no escape.",
    ),
    Function(
        "ilike",
        fixed(BOOL, TEXT, TEXT),
        "x, pattern",
        "LIKE without regard to case.",
        agreement=Agreement.ASCII,
    ),
)

_DAY: Final = one_of(DATE, TIMESTAMP, TIMESTAMP_UTC)
_TEMPORAL: Final = (
    Function("year", fixed(INT64, _DAY), "x", "Year."),
    Function("quarter", fixed(INT64, _DAY), "x", "Quarter, 1 to 4."),
    Function("month", fixed(INT64, _DAY), "x", "Month, 1 to 12."),
    Function("day", fixed(INT64, _DAY), "x", "Day of the month."),
    Function("hour", fixed(INT64, _INSTANT), "x", "Hour, 0 to 23."),
    Function("minute", fixed(INT64, _INSTANT), "x", "Minute, 0 to 59."),
    Function("second", fixed(INT64, _INSTANT), "x", "Whole second, 0 to 59."),
    Function("day_of_week", fixed(INT64, _DAY), "x", "Monday 1 to Sunday 7 (ISO 8601)."),
    Function("day_of_year", fixed(INT64, _DAY), "x", "Day of the year, from 1."),
    Function(
        "date_trunc",
        same(is_temporal, TEXT),
        "x, unit",
        "x at the start of its year, quarter, month, week, day, hour, minute or second.",
    ),
    Function("add_days", same(is_temporal, INT64), "x, n", "x and n days.", raises=Raises.ALWAYS),
    Function(
        "date_diff",
        fixed(INT64, is_temporal, is_temporal, TEXT),
        "start, end, unit",
        "Number of unit boundaries crossed from start to end.",
    ),
    Function("epoch", fixed(FLOAT64, _INSTANT), "x", "Seconds since 1970-01-01 00:00 (UTC)."),
)

_MATH: Final = (
    Function("abs", negation, "x", "Absolute value.", raises=Raises.OVERFLOW),
    Function("sign", fixed(INT64, is_numeric), "x", "-1, 0 or 1."),
    Function("floor", rounding, "x", "Largest whole number not above x."),
    Function("ceil", rounding, "x", "Smallest whole number not below x."),
    Function(
        "round",
        rounding,
        "x[, digits]",
        "Rounded half away from zero; on floats either neighbour within one ulp of a tie.",
    ),
    Function(
        "sqrt",
        _NUMBER_TO_FLOAT,
        "x",
        "Square root.",
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
        domain="x >= 0",
    ),
    Function(
        "ln",
        _NUMBER_TO_FLOAT,
        "x",
        "Natural logarithm.",
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
        domain="x > 0",
    ),
    Function(
        "log10",
        _NUMBER_TO_FLOAT,
        "x",
        "Logarithm to base 10.",
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
        domain="x > 0",
    ),
    Function("exp", _NUMBER_TO_FLOAT, "x", "e to the power of x.", agreement=Agreement.RELATIVE),
    Function(
        "power",
        fixed(FLOAT64, FLOAT64, FLOAT64),
        "x, y",
        "x to the power of y.",
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
        domain="(x > 0) OR (x = 0 AND y >= 0) OR (x < 0 AND y = floor(y))",
    ),
    Function("sin", _NUMBER_TO_FLOAT, "x", "Sine of radians.", agreement=Agreement.RELATIVE),
    Function("cos", _NUMBER_TO_FLOAT, "x", "Cosine of radians.", agreement=Agreement.RELATIVE),
    Function(
        "hash",
        fixed(INT64, TEXT),
        "x",
        "First 60 bits of the MD5 of the text in UTF-8: for sampling, not for secrecy.",
    ),
)

_AGGREGATES: Final = (
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

_WINDOWS: Final = (
    Function("row_number", fixed(INT64), "", "1, 2, 3 …", Kind.WINDOW, Nulls.NEVER),
    Function("rank", fixed(INT64), "", "Rank with gaps after ties.", Kind.WINDOW, Nulls.NEVER),
    Function("dense_rank", fixed(INT64), "", "Rank without gaps.", Kind.WINDOW, Nulls.NEVER),
    Function("ntile", fixed(INT64, is_integer), "n", "Bucket 1 to n.", Kind.WINDOW, Nulls.NEVER),
    Function("lag", shifted, "x[, n[, default]]", "x, n rows before.", Kind.WINDOW, Nulls.MAY),
    Function("lead", shifted, "x[, n[, default]]", "x, n rows after.", Kind.WINDOW, Nulls.MAY),
    Function("first_value", same(is_any), "x", "First x of the frame.", Kind.WINDOW, Nulls.MAY),
    Function("last_value", same(is_any), "x", "Last x of the frame.", Kind.WINDOW, Nulls.MAY),
)

FUNCTIONS: Final = MappingProxyType(
    {
        f.name: f
        for rows in (
            _ARITHMETIC,
            _COMPARISON,
            _NULLS,
            _TEXT,
            _TEMPORAL,
            _MATH,
            _AGGREGATES,
            _WINDOWS,
        )
        for f in rows
    }
)
"""All functions by name."""


def find_function(name: str, *, kinds: Iterable[Kind] = tuple(Kind)) -> Function:
    """Return the function called `name`.

    Raises
    ------
    FunctionNotFound
        With the names of the given kinds and the closest of them.
    """
    kinds = tuple(kinds)
    found = FUNCTIONS.get(name)
    if found is None or found.kind not in kinds:
        raise FunctionNotFound(name, [f.name for f in FUNCTIONS.values() if f.kind in kinds])
    return found
