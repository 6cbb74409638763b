"""Spark's SQL in sessions as wayfed_spark makes them: ANSI, UTC, case-sensitive, exact decimals."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from wayfed_optimizer.relations import JoinKind
from wayfed_sql.dialect import Dialect
from wayfed_sql.dialects.shared import FUNCTIONS, RESERVED
from wayfed_sql.dialects.spark.aggregates import AGGREGATES
from wayfed_sql.dialects.spark.nested import NESTED
from wayfed_sql.dialects.spark.numbers import NUMBERS
from wayfed_sql.dialects.spark.texts import TEXTS
from wayfed_sql.dialects.spark.times import TIMES
from wayfed_sql.dialects.subqueries import SEVERAL_ROWS, single_value
from wayfed_sql.templates import COMPARISON, OTHER, Template

_NONZERO: Final = Template("{0} <> 0", COMPARISON)

SPARK: Final = Dialect(
    name="spark",
    sqlglot="spark",
    quote="`",
    reserved=RESERVED,
    backslashes=True,
    folds_case=False,
    parameter=":{}",
    explode="EXPLODE({list})",
    explode_outer="EXPLODE_OUTER({list})",
    record="NAMED_STRUCT({pairs})",
    joins=frozenset(JoinKind) - {JoinKind.ASOF},
    functions=MappingProxyType(
        {
            **FUNCTIONS,
            **NUMBERS,
            **TEXTS,
            **TIMES,
            **NESTED,
            **AGGREGATES,
            "single_value": single_value(f"RAISE_ERROR({SEVERAL_ROWS})"),
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
            "frame of groups": "it has none",
            "frame that excludes": "it has none",
            "cast float to text": "it writes 1e+20 as 1.0E20",
        }
    ),
)
