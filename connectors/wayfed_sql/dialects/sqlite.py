"""SQLite's SQL: dates and timestamps are ISO 8601 text, booleans 0 and 1, decimals doubles.

A decimal of up to 15 digits is the double next to it, so comparing is exact, and so is computing
where each result is rounded to its scale.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Literal
from wayfed_optimizer.relations import JoinKind
from wayfed_optimizer.types import Decimal, as_decimal, is_integer
from wayfed_sql.dialect import Dialect
from wayfed_sql.dialects.shared import (
    FUNCTIONS,
    RESERVED,
    by_unit,
    is_known_positive,
    modulo,
)
from wayfed_sql.templates import (
    COMPARISON,
    PRODUCT,
    SUM,
    Choice,
    Row,
    Template,
    any_float,
    by_count,
    by_type,
    function,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed_sql.templates import Site

_DIGITS: Final = 15
_UNNOTICED: Final = "it notices no overflow, and keeps 15 digits"
_BEYOND: Final = f"decimals beyond {_DIGITS} digits are not exact there"


def _fits(site: Site) -> bool:
    kinds = (site.type, *(arg.type for arg in site.args))
    return all(not isinstance(kind, Decimal) or kind.precision <= _DIGITS for kind in kinds)


def _widens(site: Site) -> bool:
    """Say whether a cast to a decimal has room for every value, in digits that are exact."""
    source, target = as_decimal(site.args[0].type), as_decimal(site.type)
    whole = target.precision - target.scale
    return target.precision <= _DIGITS and source.precision - source.scale <= whole


def _whole(fits: str) -> Template:
    """Make the row of a cast to an integer that is an error where the value does not fit."""
    return Template(
        f"CASE WHEN {fits} THEN CAST({{0}} AS INTEGER) "
        "WHEN {0} IS NOT NULL THEN ABS(-9223372036854775807 - ({0} IS NOT NULL)) END"
    )


def _whole_of_integer(bits: int) -> Template:
    return _whole(f"{{0}} BETWEEN {-(2**bits)} AND {2**bits - 1}")


def _whole_of_real(bits: int) -> Template:
    return _whole(f"{{0}} > {_below(bits)} AND {{0}} < {float(2**bits)}")


def _below(bits: int) -> float:
    """Return the greatest float whose whole part is less than every integer of so many bits."""
    least = -(2**bits)
    return float(least - 1) if float(least - 1) < least else math.nextafter(least, -math.inf)


def _by_target(row: Callable[[int], Row]) -> Choice:
    """Choose by the width of the integers that are cast to; widening needs no check."""

    def has_bits(bits: int) -> Callable[[Site], bool]:
        return lambda site: site.type.name == f"int{bits + 1}"

    cases = tuple((has_bits(bits), row(bits)) for bits in (7, 15, 31, 63))
    return Choice(((_is_widening, Template("{0}")), *cases), "no such integers")


def _is_widening(site: Site) -> bool:
    source, target = site.args[0].type, site.type
    return is_integer(source) and int(source.name[3:]) <= int(target.name[3:])


def _has_decimal(site: Site) -> bool:
    return any(isinstance(arg.type, Decimal) for arg in site.args)


def _decimals_fitting(row: Row, exact: Row) -> Choice:
    """Choose `row` where there are no decimals, `exact` where they fit into a double."""
    return Choice(((lambda site: not _has_decimal(site), row), (_fits, exact)), _BEYOND)


def _precision(site: Site) -> int:
    kind = site.args[0].type
    return kind.precision if isinstance(kind, Decimal) else 0


def _has_digits(site: Site) -> bool:
    """Say whether the second argument is a constant number of digits behind the point."""
    digits = site.args[1]
    return isinstance(digits, Literal) and digits.value is not None and digits.value >= 0


def _rounded(symbol: str) -> Template:
    return Template(f"ROUND({{0}} {symbol} {{1}}, {{scale}})")


# SQLite rounds half a millisecond up, and so into the next day.
_WHOLE_SECOND: Final = "SUBSTR({0}, 1, 19)"
_DAY: Final = "SUBSTR({0}, 1, 10)"
_MONTH: Final = f"CAST(STRFTIME('%m', {_DAY}) AS INTEGER)"
_FROM_MONDAY: Final = f"(CAST(STRFTIME('%w', {_DAY}) AS INTEGER) + 6) % 7"


def _part(code: str) -> Template:
    return Template(f"CAST(STRFTIME('%{code}', {_WHOLE_SECOND}) AS INTEGER)")


def _truncated(date: str) -> Row:
    """Make the row that gives a day, at midnight if it is a timestamp."""
    return by_type(Template(f"{date} || ' 00:00:00.000000'", 5), date=Template(date))


_MONTHS: Final = (
    "(CAST(STRFTIME('%Y', SUBSTR({{{0}}}, 1, 10)) AS INTEGER) * 12 "
    "+ CAST(STRFTIME('%m', SUBSTR({{{0}}}, 1, 10)) AS INTEGER))"
)
_YEARS: Final = "CAST(STRFTIME('%Y', SUBSTR({{{0}}}, 1, 10)) AS INTEGER)"
_QUARTERS: Final = (
    "(CAST(STRFTIME('%Y', SUBSTR({{{0}}}, 1, 10)) AS INTEGER) * 4 "
    "+ (CAST(STRFTIME('%m', SUBSTR({{{0}}}, 1, 10)) AS INTEGER) + 2) / 3)"
)
_DAYS: Final = "CAST(STRFTIME('%J', SUBSTR({{{0}}}, 1, 10)) + 0.5 AS INTEGER)"
_WEEKS: Final = f"({_DAYS} / 7)"


def _difference(form: str) -> Template:
    return Template(f"{form.format(1)} - {form.format(0)}", SUM)


def _clock_difference(length: int, fill: str, seconds: int) -> Template:
    """Count from timestamps cut to `length` characters and filled up to whole seconds."""
    start, end = (
        f"CAST(STRFTIME('%s', SUBSTR({{{i}}} || ' 00:00:00', 1, {length}) || '{fill}') AS INTEGER)"
        for i in (0, 1)
    )
    return Template(f"({end} - {start}) / {seconds}", PRODUCT)


_GLOB: Final = (
    "REPLACE(REPLACE(REPLACE(REPLACE(REPLACE({1}, '[', '[[]'), '*', '[*]'), '?', '[?]'), "
    "'%', '*'), '_', '?')"
)

SQLITE: Final = Dialect(
    name="sqlite",
    sqlglot="sqlite",
    value_columns="column{}",
    reserved=RESERVED,
    collation="BINARY",
    equality_collates=True,
    safe_cast=None,
    all_rows="LIMIT -1",
    parameter=":{}",
    seconds="microseconds",
    checked_integers=Template(
        "CASE TYPEOF({0}) WHEN 'real' THEN ABS(-9223372036854775807 - ({0} IS NOT NULL)) "
        "ELSE {0} END"
    ),
    # SQLite 3.40 takes a constant condition of that join for one of the whole statement.
    pads_joins=False,
    checked_subqueries=False,
    digits=_DIGITS,
    joins=frozenset(JoinKind) - {JoinKind.ASOF},
    functions=MappingProxyType(
        {
            **{
                name: row
                for name, row in FUNCTIONS.items()
                if name not in ("stddev", "variance", "median", "hash", "is_nan")
            },
            "add": _decimals_fitting(FUNCTIONS["add"], _rounded("+")),
            "subtract": _decimals_fitting(FUNCTIONS["subtract"], _rounded("-")),
            "multiply": _decimals_fitting(FUNCTIONS["multiply"], _rounded("*")),
            "divide": Template("{0} / {1}", PRODUCT),
            **{
                name: _decimals_fitting(FUNCTIONS[name], FUNCTIONS[name])
                for name in (
                    "negate",
                    "equal",
                    "not_equal",
                    "less",
                    "less_equal",
                    "greater",
                    "greater_equal",
                    "abs",
                    "count_distinct",
                    "min",
                    "max",
                )
            },
            "is_distinct": _decimals_fitting(*[Template("{0} IS NOT {1}", COMPARISON)] * 2),
            "is_nan": Template("{0} <> {0}", COMPARISON),
            "floor_divide": Choice(
                ((any_float, Template("FLOOR({0} / {1})")),),
                Template(
                    "{0} / {1} - ({0} % {1} <> 0 AND ({0} < 0) <> ({1} < 0))",
                    SUM,
                ),
            ),
            "modulo": Choice(((any_float, modulo("MOD({0}, {1})")),), modulo("({0} % {1})")),
            "remainder": Choice(
                ((any_float, Template("MOD({0}, {1})")),), Template("{0} % {1}", PRODUCT)
            ),
            "coalesce": by_count(Template("{0}"), function("COALESCE")),
            # SQLite's own gives x where the old text is empty, even if the new one is NULL.
            "replace": Choice(
                ((lambda site: not site.args[2].nullable, function("REPLACE")),),
                Template("CASE WHEN {2} IS NOT NULL THEN REPLACE({0}, {1}, {2}) END"),
            ),
            "greatest": by_count(Template("{0}"), Template("MAX({rotations})")),
            "least": by_count(Template("{0}"), Template("MIN({rotations})")),
            "length": function("LENGTH"),
            "trim": function("TRIM"),
            "ltrim": function("LTRIM"),
            "rtrim": function("RTRIM"),
            "substring": Choice(
                ((is_known_positive, function("SUBSTR")),),
                by_count(
                    Template(""),
                    Template("SUBSTR({0}, MAX({1}, 1))"),
                    Template("SUBSTR({0}, MAX({1}, 1), MAX(MAX({1} + {2}, 1) - MAX({1}, 1), 0))"),
                ),
            ),
            "starts_with": Template("SUBSTR({0}, 1, LENGTH({1})) = {1}", COMPARISON),
            "ends_with": Template("SUBSTR({0}, LENGTH({0}) - LENGTH({1}) + 1) = {1}", COMPARISON),
            "contains": Template("INSTR({0}, {1}) > 0", COMPARISON),
            "like": Template(f"{{0}} GLOB {_GLOB}", COMPARISON),
            "ilike": Template("{0} LIKE {1}", COMPARISON),
            "year": _part("Y"),
            "quarter": Template(f"({_MONTH} + 2) / 3", PRODUCT),
            "month": _part("m"),
            "day": _part("d"),
            "hour": _part("H"),
            "minute": _part("M"),
            "second": Template("CAST(SUBSTR({0}, 18, 2) AS INTEGER)"),
            "day_of_week": Template(f"{_FROM_MONDAY} + 1", SUM),
            "day_of_year": _part("j"),
            "date_trunc": by_unit(
                {
                    "year": _truncated("SUBSTR({0}, 1, 4) || '-01-01'"),
                    "quarter": _truncated(
                        f"DATE({_DAY}, 'start of month', '-' || (({_MONTH} - 1) % 3) || ' months')"
                    ),
                    "month": _truncated("SUBSTR({0}, 1, 7) || '-01'"),
                    "week": _truncated(f"DATE({_DAY}, '-' || ({_FROM_MONDAY}) || ' days')"),
                    "day": _truncated(_DAY),
                    "hour": by_type(
                        Template("SUBSTR({0}, 1, 13) || ':00:00.000000'", 5), date=Template("{0}")
                    ),
                    "minute": by_type(
                        Template("SUBSTR({0}, 1, 16) || ':00.000000'", 5), date=Template("{0}")
                    ),
                    "second": by_type(
                        Template("SUBSTR({0}, 1, 19) || '.000000'", 5), date=Template("{0}")
                    ),
                }
            ),
            "add_days": by_type(
                Template(f"DATE({_DAY}, {{1}} || ' days') || SUBSTR({{0}}, 11)", 5),
                date=Template("DATE({0}, {1} || ' days')"),
            ),
            "date_diff": by_unit(
                {
                    "year": _difference(_YEARS),
                    "quarter": _difference(_QUARTERS),
                    "month": _difference(_MONTHS),
                    "week": _difference(_WEEKS),
                    "day": _difference(_DAYS),
                    "hour": _clock_difference(13, ":00:00", 3600),
                    "minute": _clock_difference(16, ":00", 60),
                    "second": _clock_difference(19, "", 1),
                }
            ),
            "epoch": Template(
                "CAST(STRFTIME('%s', SUBSTR({0}, 1, 19)) AS REAL) "
                "+ CAST('0' || SUBSTR({0}, 20) AS REAL)",
                SUM,
            ),
            "sign": function("SIGN"),
            "floor": by_type(function("FLOOR"), integer=Template("{0}")),
            "ceil": by_type(function("CEIL"), integer=Template("{0}")),
            "round": by_count(
                by_type(
                    function("ROUND"),
                    integer=Template("{0}"),
                ),
                Choice(
                    (
                        (
                            lambda site: not _has_decimal(site) and _has_digits(site),
                            by_type(function("ROUND"), integer=Template("{0}")),
                        ),
                    ),
                    "it rounds binary fractions, and to no less than whole numbers",
                ),
            ),
            "count_distinct": Template("COUNT(DISTINCT {0})"),
            "sum": by_type(
                Template("SUM({0}){over}"),
                decimal=Choice(
                    (
                        (
                            lambda site: _precision(site) <= _DIGITS,
                            Template(
                                "SUM(CAST(ROUND({0} * 1e{scale}) AS INTEGER)){over} / 1e{scale}",
                                PRODUCT,
                            ),
                        ),
                    ),
                    _BEYOND,
                ),
            ),
            "any_value": Template("MAX({0}){over}"),
            "bool_and": Template("MIN({0}){over}"),
            "bool_or": Template("MAX({0}){over}"),
        }
    ),
    types=MappingProxyType(
        {
            "bool": "INTEGER",
            "int8": "INTEGER",
            "int16": "INTEGER",
            "int32": "INTEGER",
            "int64": "INTEGER",
            "float32": "REAL",
            "float64": "REAL",
            "decimal": "REAL",
            "text": "TEXT",
            "binary": "BLOB",
            "date": "TEXT",
            "timestamp": "TEXT",
            "timestamp_utc": "TEXT",
        }
    ),
    literals=MappingProxyType(
        {
            "bool": "{}",
            "true": "1",
            "false": "0",
            "binary": "X'{}'",
            "date": "'{}'",
            "timestamp": "'{}'",
            "timestamp_utc": "'{}'",
            "float": "{}",
            "infinity": "9e999",
            "-infinity": "-9e999",
        }
    ),
    casts=MappingProxyType(
        {
            ("int", "bool"): Template("{0} <> 0", COMPARISON),
            ("float", "bool"): Template("{0} <> 0", COMPARISON),
            ("decimal", "bool"): Template("{0} <> 0", COMPARISON),
            ("bool", "text"): Template("CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"),
            ("text", "binary"): Template("CAST({0} AS BLOB)"),
            ("timestamp", "date"): Template("SUBSTR({0}, 1, 10)"),
            ("timestamp_utc", "date"): Template("SUBSTR({0}, 1, 10)"),
            ("date", "timestamp"): Template("{0} || ' 00:00:00.000000'", 5),
            ("date", "timestamp_utc"): Template("{0} || ' 00:00:00.000000'", 5),
            ("timestamp", "timestamp_utc"): Template("{0}"),
            ("timestamp_utc", "timestamp"): Template("{0}"),
            ("timestamp", "text"): Template("RTRIM(RTRIM({0}, '0'), '.')"),
            ("int", "int"): _by_target(
                lambda bits: _whole(f"{{0}} BETWEEN {-(2**bits)} AND {2**bits - 1}")
            ),
            ("float", "int"): _by_target(
                lambda bits: _whole(f"{{0}} > {_below(bits)} AND {{0}} < {float(2**bits)}")
            ),
            ("decimal", "int"): _by_target(
                lambda bits: _whole(f"{{0}} > {_below(bits)} AND {{0}} < {float(2**bits)}")
            ),
            ("int", "decimal"): Choice(((_widens, Template("CAST({0} AS REAL)")),), _UNNOTICED),
            ("decimal", "decimal"): Choice(
                ((_widens, Template("ROUND({0}, {scale})")),), _UNNOTICED
            ),
        }
    ),
    without=MappingProxyType(
        {
            "nan": "it cannot hold NaN",
            "stddev": "it has none, and sums of squares lose digits",
            "variance": "it has none, and sums of squares lose digits",
            "median": "it has none",
            "hash": "it has no MD5",
            "intersect all": "it has none",
            "except all": "it has none",
            "asof join": "it has none",
            "list": "it has none",
            "struct": "it has none",
            "try_cast": "it has no cast that gives NULL where it fails",
            "cast text to int": "it reads what is no number as 0",
            "cast text to float": "it reads what is no number as 0",
            "cast text to decimal": "it reads what is no number as 0",
            "cast text to bool": "it reads what is no number as 0",
            "cast text to date": "it takes any text for a date",
            "cast text to timestamp": "it takes any text for a timestamp",
            "cast text to timestamp_utc": "it takes any text for a timestamp",
            "cast binary to text": "it takes any bytes for text",
            "cast float to text": "it writes 15 digits, and 1e+20 as 1.0e+20",
            "cast float to decimal": _UNNOTICED,
            "cast decimal to text": "it leaves out zeros at the end",
        }
    ),
)
