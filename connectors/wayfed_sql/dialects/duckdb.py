"""DuckDB's SQL."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from wayfed_optimizer.relations import JoinKind
from wayfed_sql.dialect import Dialect
from wayfed_sql.dialects.shared import (
    FLOAT_SIGN,
    FLOOR_DIVIDE_FLOATS,
    FUNCTIONS,
    RESERVED,
    SUBSTRING,
    UNITS,
    by_unit,
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
    function,
)

_TRUNCATE = Template("CAST(TRUNC({0}) AS {type})")

DUCKDB: Final = Dialect(
    name="duckdb",
    sqlglot="duckdb",
    reserved=RESERVED,
    distinct_on=True,
    parameter="${}",
    joins=frozenset(JoinKind),
    functions=MappingProxyType(
        {
            **FUNCTIONS,
            "floor_divide": Choice(
                ((any_float, FLOOR_DIVIDE_FLOATS),),
                Template(
                    "{0} // NULLIF({1}, 0) - CASE WHEN {0} % NULLIF({1}, 0) <> 0 "
                    "AND ({0} < 0) <> ({1} < 0) THEN 1 ELSE 0 END",
                    SUM,
                ),
            ),
            "modulo": modulo("MOD({0}, NULLIF({1}, 0))"),
            "remainder": Template("MOD({0}, NULLIF({1}, 0))"),
            "is_nan": function("ISNAN"),
            "length": function("LENGTH"),
            "trim": Template("TRIM({0}, ' ')"),
            "ltrim": Template("LTRIM({0}, ' ')"),
            "rtrim": Template("RTRIM({0}, ' ')"),
            "substring": SUBSTRING,
            "starts_with": function("STARTS_WITH"),
            "ends_with": function("ENDS_WITH"),
            "contains": function("CONTAINS"),
            "like": Template("{0} LIKE {1}", COMPARISON),
            **{
                name: Template(f"EXTRACT({part} FROM {{0}})")
                for name, part in (
                    ("year", "YEAR"),
                    ("quarter", "QUARTER"),
                    ("month", "MONTH"),
                    ("day", "DAY"),
                    ("hour", "HOUR"),
                    ("minute", "MINUTE"),
                    ("second", "SECOND"),
                    ("day_of_week", "ISODOW"),
                    ("day_of_year", "DOY"),
                )
            },
            "date_trunc": by_unit(
                {unit: Template(f"CAST(DATE_TRUNC('{unit}', {{0}}) AS {{type}})") for unit in UNITS}
            ),
            "add_days": by_type(
                Template("{0} + TO_DAYS(CAST({1} AS INTEGER))", SUM),
                date=Template("{0} + CAST({1} AS INTEGER)", SUM),
            ),
            "date_diff": by_unit(
                {
                    **{unit: Template(f"DATE_DIFF('{unit}', {{0}}, {{1}})") for unit in UNITS},
                    "week": Template(
                        "DATE_DIFF('day', DATE_TRUNC('week', {0}), DATE_TRUNC('week', {1})) // 7",
                        PRODUCT,
                    ),
                }
            ),
            # EPOCH of an instant loses digits before 1970.
            "epoch": Template("EPOCH_US({0}) / 1000000", PRODUCT),
            "sign": Choice(((any_float, FLOAT_SIGN),), Template("CAST(SIGN({0}) AS BIGINT)")),
            "floor": by_type(function("FLOOR"), integer=Template("{0}")),
            "ceil": by_type(function("CEIL"), integer=Template("{0}")),
            "round": by_count(
                by_type(function("ROUND"), integer=Template("{0}")),
                Template("ROUND({0}, {1})"),
            ),
            "hash": Template("CAST('0x' || SUBSTRING(MD5({0}), 1, 15) AS BIGINT)"),
            "count_distinct": Template("COUNT(DISTINCT {0}){over}"),
            "sum": by_type(
                Template("SUM({0}){over}"), integer=Template("CAST(SUM({0}){over} AS BIGINT)")
            ),
            "median": Template("MEDIAN({0}){over}"),
            "any_value": Template("ANY_VALUE({0}){over}"),
        }
    ),
    types=MappingProxyType(
        {
            "bool": "BOOLEAN",
            "int8": "TINYINT",
            "int16": "SMALLINT",
            "int32": "INTEGER",
            "int64": "BIGINT",
            "float32": "REAL",
            "float64": "DOUBLE",
            "decimal": "DECIMAL({precision}, {scale})",
            "text": "VARCHAR",
            "binary": "BLOB",
            "date": "DATE",
            "timestamp": "TIMESTAMP",
            "timestamp_utc": "TIMESTAMP WITH TIME ZONE",
            "list": "{element}[]",
            "struct": "STRUCT({fields})",
        }
    ),
    literals=MappingProxyType(
        {
            "bool": "{}",
            "binary": "UNHEX('{}')",
            "date": "DATE '{}'",
            "timestamp": "TIMESTAMP '{}'",
            "timestamp_utc": "TIMESTAMP WITH TIME ZONE '{}+00:00'",
            "nan": "CAST('NaN' AS DOUBLE)",
            "infinity": "CAST('inf' AS DOUBLE)",
            "-infinity": "CAST('-inf' AS DOUBLE)",
            "float": "{}",
        }
    ),
    casts=MappingProxyType(
        {
            ("float", "int"): _TRUNCATE,
            ("decimal", "int"): _TRUNCATE,
            ("int", "bool"): Template("{0} <> 0", COMPARISON),
            ("float", "bool"): Template("{0} <> 0", COMPARISON),
            ("decimal", "bool"): Template("{0} <> 0", COMPARISON),
            ("text", "binary"): function("ENCODE"),
            ("binary", "text"): function("DECODE"),
        }
    ),
)
