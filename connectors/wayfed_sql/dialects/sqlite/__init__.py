"""SQLite's SQL: dates and timestamps are ISO 8601 text, booleans 0 and 1, decimals doubles.

A decimal of up to 15 digits is the double next to it, so comparing is exact, and so is computing
where each result is rounded to its scale.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.relations import JoinKind
from wayfed_optimizer.types import as_decimal, is_integer
from wayfed_sql.dialect import Dialect
from wayfed_sql.dialects.shared import FUNCTIONS, RESERVED
from wayfed_sql.dialects.sqlite.aggregates import AGGREGATES
from wayfed_sql.dialects.sqlite.digits import DIGITS
from wayfed_sql.dialects.sqlite.numbers import NUMBERS
from wayfed_sql.dialects.sqlite.texts import TEXTS
from wayfed_sql.dialects.sqlite.times import TIMES
from wayfed_sql.dialects.subqueries import single_value
from wayfed_sql.templates import COMPARISON, Choice, Row, Template

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed_sql.templates import Site

_UNNOTICED: Final = "it notices no overflow, and keeps 15 digits"


def _widens(site: Site) -> bool:
    """Say whether a cast to a decimal has room for every value, in digits that are exact."""
    source, target = as_decimal(site.args[0].type), as_decimal(site.type)
    whole = target.precision - target.scale
    return target.precision <= DIGITS and source.precision - source.scale <= whole


def _whole(fits: str) -> Template:
    """Make the row of a cast to an integer that is an error where the value does not fit."""
    return Template(
        f"CASE WHEN {fits} THEN CAST({{0}} AS INTEGER) "
        "WHEN {0} IS NOT NULL THEN ABS(-9223372036854775807 - ({0} IS NOT NULL)) END"
    )


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


_WITHOUT: Final = MappingProxyType(
    {
        "nan": "it cannot hold NaN",
        "stddev": "it has none, and sums of squares lose digits",
        "variance": "it has none, and sums of squares lose digits",
        **dict.fromkeys(
            (
                "stddev_pop",
                "variance_pop",
                "corr",
                "covar_samp",
                "covar_pop",
                "regr_avgx",
                "regr_avgy",
                "regr_count",
                "regr_slope",
                "regr_intercept",
                "regr_r2",
                "regr_sxx",
                "regr_syy",
                "regr_sxy",
            ),
            "it has none, and sums of squares lose digits",
        ),
        **dict.fromkeys(
            ("median", "quantile", "quantile_disc", "mode", "bit_and", "bit_or", "bit_xor"),
            "it has none",
        ),
        "first": "its aggregates have no order",
        "frame of a range of times": "its times are text",
        "frame of a range of decimals": "it computes decimals as doubles",
        "hash": "it has no MD5",
        "reverse": "it has none",
        "strptime": "it reads times of one format only",
        "regexp_matches": "it has no regular expressions",
        "regexp_extract": "it has no regular expressions",
        "regexp_replace": "it has no regular expressions",
        "split_part": "it has none",
        "translate": "it has none",
        "intersect all": "it has none",
        "except all": "it has none",
        "asof join": "it has none",
        "decimal": "it keeps 15 digits of decimals",
        "list": "it has none",
        **dict.fromkeys(
            ("element", "list_length", "list_contains", "list_sort", "list_agg"),
            "it has no lists",
        ),
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
)

SQLITE: Final = Dialect(
    name="sqlite",
    fence="LIMIT -1",
    # It makes no index of columns that a view computes: 2,000 rows of it look 3,000 up in 42 s, and
    # those of a query that is not written into the other in 0.03 s.
    fences_joins=True,
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
    digits=DIGITS,
    joins=frozenset(JoinKind) - {JoinKind.ASOF},
    functions=MappingProxyType(
        {
            **{n: row for n, row in FUNCTIONS.items() if n not in _WITHOUT},
            **NUMBERS,
            **TEXTS,
            **TIMES,
            **AGGREGATES,
            "single_value": single_value("ABS(-9223372036854775807 - ({1} > 1))"),
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
    without=_WITHOUT,
)
