"""Spark's SQL in sessions as wayfed_spark makes them: ANSI, UTC, case-sensitive, exact decimals."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Literal
from wayfed_optimizer.relations import JoinKind
from wayfed_sql.dialect import Dialect
from wayfed_sql.dialects.shared import (
    FLOAT_SIGN,
    FUNCTIONS,
    RESERVED,
    SUBSTRING,
    by_unit,
    modulo,
)
from wayfed_sql.templates import (
    COMPARISON,
    OTHER,
    PRODUCT,
    SUM,
    UNARY,
    Choice,
    Row,
    Template,
    aggregate,
    any_float,
    by_count,
    by_type,
    function,
)

if TYPE_CHECKING:
    from wayfed_sql.templates import Site

_NONZERO: Final = Template("{0} <> 0", COMPARISON)
# Spark's own FLOOR and CEIL of doubles are BIGINT: above 2^52 doubles are whole anyway.
_WHOLE: Final = (
    "CASE WHEN ABS({x}) < 4503599627370496D THEN CAST({name}({x}) AS DOUBLE) ELSE {x} END"
)
_INFINITE: Final = "CAST('Infinity' AS DOUBLE)"


def _has_plain_exponent(site: Site) -> bool:
    """Say whether the exponent is a constant with which powers of all numbers are defined."""
    exponent = site.args[1]
    if not isinstance(exponent, Literal) or exponent.value is None:
        return False
    return bool(exponent.value >= 0 and exponent.value == exponent.value // 1)


def _whole(name: str) -> Row:
    return by_type(
        Template(_WHOLE.format(name=name, x="{0}")),
        integer=Template("{0}"),
        decimal=Template(f"CAST({name}({{0}}) AS {{type}})"),
    )


_FLOOR_DIVIDE_FLOATS: Final = Template(_WHOLE.format(name="FLOOR", x="{0} / NULLIF({1}, 0)"))
# Java's powers of 1 and -1 are NaN where those of IEEE 754-2008 are 1.
_POWER: Final = Template(
    f"CASE WHEN ({{0}} = 1 OR {{0}} = -1 AND ABS({{1}}) = {_INFINITE}) AND {{1}} IS NOT NULL "
    "THEN 1D WHEN {0} > 0 OR ({0} = 0 AND {1} >= 0) OR ({0} < 0 AND {1} = RINT({1})) "
    "THEN POWER({0}, {1}) END"
)


def _part(part: str) -> Template:
    return Template(f"CAST(EXTRACT({part} FROM {{0}}) AS BIGINT)")


def _counted(name: str) -> Template:
    return Template(f"CAST({name}({{args}}){{over}} AS BIGINT)")


def _boundaries(form: str) -> Template:
    return Template(f"{form.format(1)} - {form.format(0)}", SUM)


def _seconds(unit: str, seconds: int) -> Template:
    start, end = (f"UNIX_SECONDS(CAST(DATE_TRUNC('{unit}', {{{i}}}) AS TIMESTAMP))" for i in (0, 1))
    return Template(f"({end} - {start}) DIV {seconds}", PRODUCT)


def _trunc(unit: str) -> Row:
    return by_type(
        Template(f"CAST(DATE_TRUNC('{unit}', {{0}}) AS {{type}})"),
        date=Template(f"TRUNC({{0}}, '{unit}')"),
    )


def _clock(unit: str) -> Row:
    return by_type(Template(f"CAST(DATE_TRUNC('{unit}', {{0}}) AS {{type}})"), date=Template("{0}"))


SPARK: Final = Dialect(
    name="spark",
    sqlglot="spark",
    quote="`",
    reserved=RESERVED,
    backslashes=True,
    folds_case=False,
    parameter=":{}",
    joins=frozenset(JoinKind) - {JoinKind.ASOF},
    functions=MappingProxyType(
        {
            **FUNCTIONS,
            "floor_divide": Choice(
                ((any_float, _FLOOR_DIVIDE_FLOATS),),
                Template(
                    "{0} DIV NULLIF({1}, 0) - CASE WHEN {0} % NULLIF({1}, 0) <> 0 "
                    "AND ({0} < 0) <> ({1} < 0) THEN 1 ELSE 0 END",
                    SUM,
                ),
            ),
            "modulo": modulo("({0} % NULLIF({1}, 0))"),
            "remainder": Template("{0} % NULLIF({1}, 0)", PRODUCT),
            "is_nan": Template("CASE WHEN {0} IS NOT NULL THEN ISNAN({0}) END"),
            "length": Template("CAST(LENGTH({0}) AS BIGINT)"),
            "trim": function("TRIM"),
            "ltrim": function("LTRIM"),
            "rtrim": function("RTRIM"),
            "substring": SUBSTRING,
            "starts_with": function("STARTSWITH"),
            "ends_with": function("ENDSWITH"),
            "contains": function("CONTAINS"),
            "like": Template("{0} LIKE REPLACE({1}, '\\\\', '\\\\\\\\')", COMPARISON),
            "ilike": Template("{0} ILIKE REPLACE({1}, '\\\\', '\\\\\\\\')", COMPARISON),
            "year": _part("YEAR"),
            "quarter": _part("QUARTER"),
            "month": _part("MONTH"),
            "day": _part("DAY"),
            "hour": _part("HOUR"),
            "minute": _part("MINUTE"),
            "second": Template("CAST(FLOOR(EXTRACT(SECOND FROM {0})) AS BIGINT)"),
            "day_of_week": _part("DOW_ISO"),
            "day_of_year": _part("DOY"),
            "date_trunc": by_unit(
                {
                    **{unit: _trunc(unit) for unit in ("year", "quarter", "month", "week")},
                    **{unit: _clock(unit) for unit in ("day", "hour", "minute", "second")},
                }
            ),
            "add_days": by_type(
                Template("{0} + MAKE_DT_INTERVAL(CAST({1} AS INT))", SUM),
                date=Template("DATE_ADD({0}, CAST({1} AS INT))"),
            ),
            "date_diff": by_unit(
                {
                    "year": _boundaries("CAST(YEAR({{{0}}}) AS BIGINT)"),
                    "quarter": _boundaries(
                        "(CAST(YEAR({{{0}}}) AS BIGINT) * 4 + QUARTER({{{0}}}))"
                    ),
                    "month": _boundaries("(CAST(YEAR({{{0}}}) AS BIGINT) * 12 + MONTH({{{0}}}))"),
                    "week": Template(
                        "CAST(DATEDIFF(TRUNC({1}, 'week'), TRUNC({0}, 'week')) AS BIGINT) DIV 7",
                        PRODUCT,
                    ),
                    "day": Template("CAST(DATEDIFF({1}, {0}) AS BIGINT)"),
                    "hour": _seconds("hour", 3600),
                    "minute": _seconds("minute", 60),
                    "second": _seconds("second", 1),
                }
            ),
            "epoch": Template("UNIX_MICROS(CAST({0} AS TIMESTAMP)) / 1000000D", PRODUCT),
            # Java rounds the opposite of a decimal to 34 digits.
            "negate": by_type(Template("-{0}", UNARY), decimal=Template("CAST(0 - {0} AS {type})")),
            "abs": by_type(
                function("ABS"),
                decimal=Template("CASE WHEN {0} < 0 THEN CAST(0 - {0} AS {type}) ELSE {0} END"),
            ),
            "sign": Choice(((any_float, FLOAT_SIGN),), Template("CAST(SIGN({0}) AS BIGINT)")),
            "floor": _whole("FLOOR"),
            "ceil": _whole("CEIL"),
            "power": Choice(((_has_plain_exponent, function("POWER")),), _POWER),
            "round": by_count(
                by_type(function("ROUND"), integer=Template("{0}")),
                Template("ROUND({0}, CAST({1} AS INT))"),
            ),
            "hash": Template("CAST(CONV(SUBSTRING(MD5({0}), 1, 15), 16, 10) AS BIGINT)"),
            "count_if": Template("COUNT_IF({0}){over}"),
            "sum": by_type(Template("SUM({0}){over}"), float32=Template("SUM({0}){over}")),
            "median": Template("MEDIAN({0}){over}"),
            "any_value": Template("ANY_VALUE({0}, true){over}"),
            "row_number": _counted("ROW_NUMBER"),
            "rank": _counted("RANK"),
            "dense_rank": _counted("DENSE_RANK"),
            "ntile": Template("CAST(NTILE(CAST({0} AS INT)){over} AS BIGINT)"),
            "first_value": aggregate("FIRST_VALUE"),
            "last_value": aggregate("LAST_VALUE"),
            **{
                name: by_count(
                    Template(f"{name.upper()}({{0}}){{over}}"),
                    Template(f"{name.upper()}({{0}}, {{1}}){{over}}"),
                    Template(f"{name.upper()}({{0}}, {{1}}, {{2}}){{over}}"),
                )
                for name in ("lag", "lead")
            },
        }
    ),
    types=MappingProxyType(
        {
            "bool": "BOOLEAN",
            "int8": "TINYINT",
            "int16": "SMALLINT",
            "int32": "INT",
            "int64": "BIGINT",
            "float32": "FLOAT",
            "float64": "DOUBLE",
            "decimal": "DECIMAL({precision}, {scale})",
            "text": "STRING",
            "binary": "BINARY",
            "date": "DATE",
            "timestamp": "TIMESTAMP_NTZ",
            "timestamp_utc": "TIMESTAMP",
            "list": "ARRAY<{element}>",
            "struct": "STRUCT<{fields}>",
        }
    ),
    literals=MappingProxyType(
        {
            "bool": "{}",
            # A bare NULL is no condition there.
            "null bool": "CAST(NULL AS BOOLEAN)",
            "binary": "X'{}'",
            "date": "DATE '{}'",
            "timestamp": "TIMESTAMP_NTZ '{}'",
            "timestamp_utc": "TIMESTAMP '{}+00:00'",
            "float": "{}",
            "nan": "CAST('NaN' AS DOUBLE)",
            "infinity": "CAST('Infinity' AS DOUBLE)",
            "-infinity": "CAST('-Infinity' AS DOUBLE)",
        }
    ),
    casts=MappingProxyType(
        {
            ("int", "bool"): _NONZERO,
            ("float", "bool"): _NONZERO,
            ("decimal", "bool"): _NONZERO,
            ("timestamp_utc", "text"): Template("CAST({0} AS STRING) || '+00'", OTHER),
            ("text", "binary"): Template("ENCODE({0}, 'UTF-8')"),
            ("binary", "text"): Template("DECODE({0}, 'UTF-8')"),
        }
    ),
    without=MappingProxyType(
        {
            "asof join": "it has none",
            "cast float to text": "it writes 1e+20 as 1.0E20",
        }
    ),
)
