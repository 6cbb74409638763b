"""What all our engines write alike, and conditions that their tables of functions share."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Expression, Literal
from wayfed_optimizer.types import is_integer
from wayfed_sql.dialects.aggregates import AGGREGATES
from wayfed_sql.templates import (
    AND,
    COMPARISON,
    NOT,
    OR,
    OTHER,
    PRODUCT,
    SUM,
    UNARY,
    Choice,
    Operator,
    Template,
    by_count,
    function,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed_sql.templates import Condition, Row, Site


def is_known_nonzero(site: Site) -> bool:
    """Say whether the second argument is a constant other than 0."""
    divisor = site.args[1]
    return isinstance(divisor, Literal) and divisor.value is not None and divisor.value != 0


def of_angles(infinity: str) -> Mapping[str, Row]:
    """Make the rows of functions of angles, which have none where the angle is infinite."""
    finite = {
        name: Template(f"CASE WHEN ABS({{0}}) <> {infinity} THEN {name.upper()}({{0}}) END")
        for name in ("sin", "cos", "tan")
    }
    cot = Template(f"CASE WHEN ABS({{0}}) <> {infinity} THEN 1 / NULLIF(TAN({{0}}), 0) END")
    return {**finite, "cot": cot}


def has_constant(index: int) -> Condition:
    """Make the condition that an argument is a constant, and not NULL, 0 or an empty text."""

    def check(site: Site) -> bool:
        arg = site.args[index]
        return isinstance(arg, Literal) and bool(arg.value)

    return check


def is_known_positive(site: Site) -> bool:
    """Say whether the arguments after the first are constants, the first of them above 0."""
    rest = site.args[1:]
    constants = [arg.value for arg in rest if isinstance(arg, Literal)]
    known = bool(rest) and len(constants) == len(rest) and None not in constants
    return known and constants[0] > 0 and min(constants) >= 0


def is_three(site: Site) -> bool:
    """Say whether there are three arguments."""
    return len(site.args) == 3


def code_point(text: str) -> Template:
    """Make the row of the text of a code point, which is NULL where there is no such."""
    there = "{0} BETWEEN 1 AND 55295 OR {0} BETWEEN 57344 AND 1114111"
    return Template(f"CASE WHEN {there} THEN {text} END")


def either_like(symbol: str, unless: str = "") -> Choice:
    """Make the row of a LIKE with or without an escape; `unless` says that there is none."""
    escaped = Template(f"{{0}} {symbol} {{1}} ESCAPE {{2}}", COMPARISON)
    return Choice(((is_three, escaped),), Template(f"{{0}} {symbol} {{1}}{unless}", COMPARISON))


def by_unit(rows: Mapping[str, Row]) -> Choice:
    """Choose by the unit of time that the last argument names."""

    def is_unit(unit: str) -> Callable[[Site], bool]:
        return lambda site: _unit_of(site.args[-1]) == unit

    cases = tuple((is_unit(unit), row) for unit, row in rows.items())
    return Choice(cases, f"the unit must be one of {', '.join(rows)}, written as a constant")


def _unit_of(unit: Expression) -> str | None:
    return unit.value.lower() if isinstance(unit, Literal) and isinstance(unit.value, str) else None


def modulo(remainder: str) -> Choice:
    """Make the row of Python's % from the text of SQL's, a pair of parentheses around it."""
    plain = Template(f"({remainder} + {{1}}) % {{1}}", PRODUCT)
    full = Template(
        f"CASE WHEN {remainder} <> 0 AND ({remainder} < 0) <> ({{1}} < 0) "
        f"THEN {remainder} + {{1}} ELSE {remainder} END"
    )
    return Choice(((_is_small_divisor, plain),), full)


def _is_small_divisor(site: Site) -> bool:
    """Say whether adding the divisor cannot overflow or lose digits."""
    divisor = site.args[1]
    return (
        isinstance(divisor, Literal)
        and is_integer(divisor.type)
        and bool(divisor.value)
        and (abs(divisor.value) < _SMALL)
    )


_SMALL: Final = 2**31

DIVISION: Final = Choice(
    ((is_known_nonzero, Operator("/", PRODUCT)),),
    Template("{0} / NULLIF({1}, 0)", PRODUCT),
)

OPERATORS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "add": Operator("+", SUM),
        "subtract": Operator("-", SUM),
        "multiply": Operator("*", PRODUCT),
        "divide": DIVISION,
        "negate": Template("-{0}", UNARY),
        "equal": Operator("=", COMPARISON),
        "not_equal": Operator("<>", COMPARISON),
        "less": Operator("<", COMPARISON),
        "less_equal": Operator("<=", COMPARISON),
        "greater": Operator(">", COMPARISON),
        "greater_equal": Operator(">=", COMPARISON),
        "is_distinct": Template("{0} IS DISTINCT FROM {1}", COMPARISON),
        "and": Operator("AND", AND, associative=True),
        "or": Operator("OR", OR, associative=True),
        "not": Template("NOT {0}", NOT),
        "is_null": Template("{0} IS NULL", COMPARISON),
        "is_not_null": Template("{0} IS NOT NULL", COMPARISON),
        "concat": by_count(Template("{0}"), Operator("||", OTHER, associative=True)),
    }
)

FUNCTIONS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        **OPERATORS,
        **AGGREGATES,
        "coalesce": function("COALESCE"),
        "greatest": function("GREATEST"),
        "least": function("LEAST"),
        "lower": function("LOWER"),
        "upper": function("UPPER"),
        "replace": function("REPLACE"),
        "abs": function("ABS"),
        "sqrt": Template("CASE WHEN {0} >= 0 THEN SQRT({0}) END"),
        "ln": Template("CASE WHEN {0} > 0 THEN LN({0}) END"),
        "log10": Template("CASE WHEN {0} > 0 THEN LOG10({0}) END"),
        "exp": function("EXP"),
        "power": Template(
            "CASE WHEN {0} > 0 OR ({0} = 0 AND {1} >= 0) OR ({0} < 0 AND {1} = FLOOR({1})) "
            "THEN POWER({0}, {1}) END"
        ),
        "asin": Template("CASE WHEN {0} BETWEEN -1 AND 1 THEN ASIN({0}) END"),
        "acos": Template("CASE WHEN {0} BETWEEN -1 AND 1 THEN ACOS({0}) END"),
        "atan": function("ATAN"),
        # -0.0 is 0.0, which is what adding 0 makes of it.
        "atan2": Template("ATAN2({0} + 0, {1} + 0)"),
        "degrees": function("DEGREES"),
        "radians": function("RADIANS"),
        "cbrt": function("CBRT"),
        "bitwise_and": Template("({0} & {1})"),
        "bitwise_or": Template("({0} | {1})"),
        "bitwise_not": Template("~{0}", UNARY),
    }
)

# GREATEST and LEAST leave NULL out; a NULL start makes the result NULL by the sum that it is in.
_SUBSTRING_START: Final = "{1} + GREATEST(1 - {1}, 0)"
_SUBSTRING_LENGTH: Final = "{2} + LEAST({1} - 1, 0)"

SUBSTRING_WINDOW: Final = Template(
    f"SUBSTRING({{0}}, {_SUBSTRING_START}, "
    f"CASE WHEN {_SUBSTRING_LENGTH} < 0 THEN 0 ELSE {_SUBSTRING_LENGTH} END)"
)
"""The standard's reading of starts below 1, where an engine counts those from the end."""

SUBSTRING: Final = Choice(
    ((is_known_positive, function("SUBSTRING")),),
    by_count(Template("{0}"), Template(f"SUBSTRING({{0}}, {_SUBSTRING_START})"), SUBSTRING_WINDOW),
)

LIKE: Final = either_like("LIKE")
ILIKE: Final = either_like("ILIKE")
SPLIT_PART: Final = Choice(
    ((has_constant(2), Template("SPLIT_PART({0}, {1}, CAST({2} AS INTEGER))")),),
    Template(
        "CASE WHEN {2} <> 0 THEN SPLIT_PART({0}, {1}, CAST({2} AS INTEGER)) "
        "WHEN {2} = 0 AND {1} IS NOT NULL THEN LEFT({0}, 0) END"
    ),
)
"""There is no part 0: what is an error in itself."""

FLOOR_DIVIDE_FLOATS: Final = Template("FLOOR({0} / NULLIF({1}, 0))")

RESERVED: Final = frozenset(
    re.findall(
        r"\w+",
        """
    all alter analyse analyze and anti any array as asc asof asymmetric at authorization between
    binary both by case cast check collate collation column columns commit concurrently
    constraint create cross cube current current_catalog current_date current_role
    current_schema current_time current_timestamp current_user date default deferrable delete
    desc describe distinct div do drop else end except exclude exists explain extract false
    fetch filter first following for foreign from full function generated glob grant group
    grouping groups having if ilike in index initially inner insert intersect interval into is
    isnull join lambda last lateral leading left like limit local localtime localtimestamp match
    minus natural no not nothing notnull null nulls of offset on only or order others out outer
    over overlaps partition pivot pivot_longer pivot_wider placing position positional pragma
    preceding primary qualify raise range recursive references regexp regexp_like release
    replace returning right rlike rollback row rows savepoint select semi session_user set show
    similar some start struct substring summarize symmetric table tablesample temporary then
    ties time timestamp to trailing transaction trigger trim true truncate try_cast unbounded
    union unique unknown unpivot update user using vacuum values variadic view virtual when
    where window with within without
    """,
    )
)
"""Words that one engine or another keeps for itself; a few more are quoted than need be."""

UNITS: Final = (
    *("year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond"),
)

FLOAT_SIGN: Final = Template(
    "CASE WHEN {0} > 0 THEN CAST(1 AS {type}) WHEN {0} < 0 THEN -1 WHEN {0} = 0 THEN 0 END"
)
"""The sign of NaN, which is greater than every number, is 1."""
