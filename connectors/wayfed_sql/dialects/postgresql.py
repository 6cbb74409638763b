"""PostgreSQL's SQL."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.relations import JoinKind
from wayfed_sql.dialect import Dialect
from wayfed_sql.dialects.shared import (
    FLOAT_SIGN,
    FLOOR_DIVIDE_FLOATS,
    FUNCTIONS,
    RESERVED,
    UNITS,
    by_unit,
    is_known_positive,
    modulo,
)
from wayfed_sql.templates import (
    COMPARISON,
    PRODUCT,
    SUM,
    Choice,
    Template,
    any_float,
    by_count,
    by_type,
)

if TYPE_CHECKING:
    from wayfed_sql.templates import Site

_TRUNCATE = Template("CAST(TRUNC({0}) AS {type})")
_NO_REST = "it divides floats without a rest"
_NONZERO = Template("{0} <> 0", COMPARISON)
_FROM_BOOL = Template("CAST(CAST({0} AS INTEGER) AS {type})")
# A cast to numeric keeps 15 digits of a double; its text keeps them all.
_NUMERIC = "CAST(CAST({0} AS TEXT) AS NUMERIC)"
_SECONDS = "CAST(EXTRACT(EPOCH FROM DATE_TRUNC('{unit}', CAST({{{0}}} AS TIMESTAMP))) AS BIGINT)"


def _part(part: str) -> Template:
    return Template(f"CAST(EXTRACT({part} FROM {{0}}) AS BIGINT)")


def _no_float(site: Site) -> bool:
    return not any_float(site)


def _difference(start: str, end: str, divisor: int = 1) -> Template:
    text = f"{end} - {start}"
    return Template(text, SUM) if divisor == 1 else Template(f"({text}) / {divisor}", PRODUCT)


def _seconds_difference(unit: str, seconds: int) -> Template:
    start, end = (_SECONDS.format(i, unit=unit) for i in (0, 1))
    return _difference(start, end, seconds)


_YEARS = "CAST(EXTRACT(YEAR FROM {{{0}}}) AS BIGINT)"
_MONTHS = f"({_YEARS} * 12 + CAST(EXTRACT(MONTH FROM {{{{{{0}}}}}}) AS BIGINT))"
_QUARTERS = f"({_YEARS} * 4 + CAST(EXTRACT(QUARTER FROM {{{{{{0}}}}}}) AS BIGINT))"

POSTGRESQL: Final = Dialect(
    name="postgresql",
    sqlglot="postgres",
    reserved=RESERVED,
    collation='"C"',
    computed_collates=True,
    distinct_on=True,
    folds_case=False,
    longest_name=63,
    safe_cast=None,
    joins=frozenset(JoinKind) - {JoinKind.ASOF},
    functions=MappingProxyType(
        {
            **FUNCTIONS,
            "floor_divide": Choice(
                ((any_float, FLOOR_DIVIDE_FLOATS),),
                Template(
                    "{0} / NULLIF({1}, 0) - CASE WHEN {0} % NULLIF({1}, 0) <> 0 "
                    "AND ({0} < 0) <> ({1} < 0) THEN 1 ELSE 0 END",
                    SUM,
                ),
            ),
            "modulo": Choice(((_no_float, modulo("({0} % NULLIF({1}, 0))")),), _NO_REST),
            "remainder": Choice(
                ((_no_float, Template("{0} % NULLIF({1}, 0)", PRODUCT)),), _NO_REST
            ),
            "is_nan": Template("{0} = 'NaN'", COMPARISON),
            "length": Template("CAST(LENGTH({0}) AS BIGINT)"),
            "trim": Template("TRIM({0})"),
            "ltrim": Template("LTRIM({0})"),
            "rtrim": Template("RTRIM({0})"),
            "substring": Choice(
                (
                    (
                        is_known_positive,
                        by_count(
                            Template(""),
                            Template("SUBSTRING({0}, {1})"),
                            Template("SUBSTRING({0}, {1}, {2})"),
                        ),
                    ),
                ),
                by_count(
                    Template(""),
                    Template("SUBSTRING({0}, CAST({1} AS INTEGER))"),
                    Template(
                        "SUBSTRING({0}, CAST({1} AS INTEGER), "
                        "CAST(CASE WHEN {2} < 0 THEN 0 ELSE {2} END AS INTEGER))"
                    ),
                ),
            ),
            "starts_with": Template("STARTS_WITH({0}, {1})"),
            "ends_with": Template("RIGHT({0}, LENGTH({1})) = {1}", COMPARISON),
            "contains": Template("STRPOS({0}, {1}) > 0", COMPARISON),
            "like": Template("{0} LIKE {1} ESCAPE ''", COMPARISON),
            "ilike": Template("{0} ILIKE {1} ESCAPE ''", COMPARISON),
            "year": _part("YEAR"),
            "quarter": _part("QUARTER"),
            "month": _part("MONTH"),
            "day": _part("DAY"),
            "hour": _part("HOUR"),
            "minute": _part("MINUTE"),
            "second": Template("CAST(FLOOR(EXTRACT(SECOND FROM {0})) AS BIGINT)"),
            "day_of_week": _part("ISODOW"),
            "day_of_year": _part("DOY"),
            "date_trunc": by_unit(
                {
                    unit: by_type(
                        Template(f"DATE_TRUNC('{unit}', {{0}})"),
                        date=Template(
                            f"CAST(DATE_TRUNC('{unit}', CAST({{0}} AS TIMESTAMP)) AS DATE)"
                        ),
                    )
                    for unit in UNITS
                }
            ),
            "add_days": by_type(
                Template("{0} + CAST({1} AS INTEGER) * INTERVAL '1 day'", SUM),
                date=Template("{0} + CAST({1} AS INTEGER)", SUM),
            ),
            "date_diff": by_unit(
                {
                    "year": _difference(_YEARS.format(0), _YEARS.format(1)),
                    "quarter": _difference(_QUARTERS.format(0), _QUARTERS.format(1)),
                    "month": _difference(_MONTHS.format(0), _MONTHS.format(1)),
                    "week": _seconds_difference("week", 604800),
                    "day": _seconds_difference("day", 86400),
                    "hour": _seconds_difference("hour", 3600),
                    "minute": _seconds_difference("minute", 60),
                    "second": _seconds_difference("second", 1),
                }
            ),
            "epoch": Template("CAST(EXTRACT(EPOCH FROM {0}) AS DOUBLE PRECISION)"),
            "sign": Choice(((any_float, FLOAT_SIGN),), Template("CAST(SIGN({0}) AS BIGINT)")),
            "floor": by_type(Template("FLOOR({0})"), integer=Template("{0}")),
            "ceil": by_type(Template("CEIL({0})"), integer=Template("{0}")),
            "round": by_count(
                by_type(
                    Template(f"CAST(ROUND({_NUMERIC}) AS DOUBLE PRECISION)"),
                    integer=Template("{0}"),
                    decimal=Template("ROUND({0})"),
                ),
                by_type(
                    Template(
                        f"CAST(ROUND({_NUMERIC}, CAST({{1}} AS INTEGER)) AS DOUBLE PRECISION)"
                    ),
                    integer=Template("CAST(ROUND({0}, CAST({1} AS INTEGER)) AS BIGINT)"),
                    decimal=Template("ROUND({0}, CAST({1} AS INTEGER))"),
                ),
            ),
            "hash": Template("CAST(CAST('x0' || SUBSTRING(MD5({0}), 1, 15) AS BIT(64)) AS BIGINT)"),
            "sum": by_type(
                Template("SUM({0}){over}"),
                integer=Template("CAST(SUM({0}){over} AS BIGINT)"),
                float32=Template("SUM(CAST({0} AS DOUBLE PRECISION)){over}"),
            ),
            "min": by_type(Template("MIN({0}){over}"), bool=Template("BOOL_AND({0}){over}")),
            "max": by_type(Template("MAX({0}){over}"), bool=Template("BOOL_OR({0}){over}")),
            "median": Template("PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY {0})"),
            "any_value": Template("(ARRAY_AGG({0}) FILTER (WHERE {0} IS NOT NULL))[1]"),
            "ntile": Template("CAST(NTILE(CAST({0} AS INTEGER)){over} AS BIGINT)"),
            **{
                name: by_count(
                    Template(f"{name.upper()}({{0}}){{over}}"),
                    Template(f"{name.upper()}({{0}}, CAST({{1}} AS INTEGER)){{over}}"),
                    Template(
                        f"{name.upper()}({{0}}, CAST({{1}} AS INTEGER), "
                        "CAST({2} AS {type})){over}"
                    ),
                )
                for name in ("lag", "lead")
            },
        }
    ),
    types=MappingProxyType(
        {
            "bool": "BOOLEAN",
            "int16": "SMALLINT",
            "int32": "INTEGER",
            "int64": "BIGINT",
            "float32": "REAL",
            "float64": "DOUBLE PRECISION",
            "decimal": "NUMERIC({precision}, {scale})",
            "text": "TEXT",
            "binary": "BYTEA",
            "date": "DATE",
            "timestamp": "TIMESTAMP",
            "timestamp_utc": "TIMESTAMPTZ",
        }
    ),
    literals=MappingProxyType(
        {
            "bool": "{}",
            "binary": "DECODE('{}', 'hex')",
            "date": "DATE '{}'",
            "timestamp": "TIMESTAMP '{}'",
            "timestamp_utc": "TIMESTAMPTZ '{}+00:00'",
            "float": "CAST('{}' AS DOUBLE PRECISION)",
            "nan": "CAST('NaN' AS DOUBLE PRECISION)",
            "infinity": "CAST('Infinity' AS DOUBLE PRECISION)",
            "-infinity": "CAST('-Infinity' AS DOUBLE PRECISION)",
        }
    ),
    casts=MappingProxyType(
        {
            ("float", "int"): _TRUNCATE,
            ("decimal", "int"): _TRUNCATE,
            # A cast to numeric keeps 15 digits of a double and 6 of a float; text keeps them all.
            ("float", "decimal"): Template(
                "CAST(CAST(CAST({0} AS DOUBLE PRECISION) AS TEXT) AS {type})"
            ),
            ("int", "bool"): _NONZERO,
            ("float", "bool"): _NONZERO,
            ("decimal", "bool"): _NONZERO,
            ("bool", "int"): _FROM_BOOL,
            ("bool", "float"): _FROM_BOOL,
            ("bool", "decimal"): _FROM_BOOL,
            ("text", "binary"): Template("CONVERT_TO({0}, 'UTF8')"),
            ("binary", "text"): Template("CONVERT_FROM({0}, 'UTF8')"),
        }
    ),
    without=MappingProxyType(
        {
            "int8": "it has no integers of one byte",
            "list": "lists are not read from it",
            "struct": "records are not read from it",
            "asof join": "it has none",
            "full join without keys": "it pairs full joins by equal keys only",
            "cast float to text": "it writes 1.0 as 1, and exponents from 1e+15 on",
            "try_cast": "it has no cast that gives NULL where it fails",
            "Parameter": "its driver counts parameters instead of naming them",
        }
    ),
)
