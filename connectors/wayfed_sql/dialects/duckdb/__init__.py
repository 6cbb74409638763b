"""DuckDB's SQL."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from wayfed_optimizer.relations import JoinKind
from wayfed_sql.dialect import Dialect
from wayfed_sql.dialects.duckdb.aggregates import AGGREGATES
from wayfed_sql.dialects.duckdb.nested import NESTED
from wayfed_sql.dialects.duckdb.numbers import NUMBERS
from wayfed_sql.dialects.duckdb.texts import TEXTS
from wayfed_sql.dialects.duckdb.times import TIMES
from wayfed_sql.dialects.shared import FUNCTIONS, RESERVED
from wayfed_sql.dialects.subqueries import SEVERAL_ROWS, single_value
from wayfed_sql.templates import COMPARISON, Template, function

_TRUNCATE = Template("CAST(TRUNC({0}) AS {type})")

DUCKDB: Final = Dialect(
    name="duckdb",
    sqlglot="duckdb",
    reserved=RESERVED,
    distinct_on=True,
    semi_joins=True,
    parameter="${}",
    explode="UNNEST({list})",
    explode_outer="UNNEST(CASE WHEN LEN({list}) > 0 THEN {list} ELSE CAST([NULL] AS {type}) END)",
    record="CAST(ROW({values}) AS {type})",
    joins=frozenset(JoinKind),
    functions=MappingProxyType(
        {
            **FUNCTIONS,
            **NUMBERS,
            **TEXTS,
            **TIMES,
            **NESTED,
            **AGGREGATES,
            "single_value": single_value(f"ERROR({SEVERAL_ROWS})"),
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
