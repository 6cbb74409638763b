"""PostgreSQL's SQL."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from wayfed_optimizer.relations import JoinKind
from wayfed_sql.dialect import Dialect
from wayfed_sql.dialects.postgresql.aggregates import AGGREGATES
from wayfed_sql.dialects.postgresql.numbers import NUMBERS
from wayfed_sql.dialects.postgresql.texts import TEXTS
from wayfed_sql.dialects.postgresql.times import TIMES
from wayfed_sql.dialects.shared import FUNCTIONS, RESERVED
from wayfed_sql.dialects.subqueries import SEVERAL_ROWS
from wayfed_sql.templates import COMPARISON, Template

_TRUNCATE = Template("CAST(TRUNC({0}) AS {type})")

_NONZERO = Template("{0} <> 0", COMPARISON)

_FROM_BOOL = Template("CAST(CAST({0} AS INTEGER) AS {type})")

POSTGRESQL: Final = Dialect(
    name="postgresql",
    fence="OFFSET 0",
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
            **NUMBERS,
            **TEXTS,
            **TIMES,
            **AGGREGATES,
            # It has no function that fails: what it cannot read as a number says why.
            "single_value": Template(
                f"CASE WHEN CAST(CASE WHEN {{1}} > 1 THEN {SEVERAL_ROWS} ELSE '1' END AS INTEGER)"
                " = 1 THEN {0} END"
            ),
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
            **dict.fromkeys(
                ("element", "list_length", "list_contains", "list_sort", "list_agg"),
                "lists are not read from it",
            ),
            "struct": "records are not read from it",
            "asof join": "it has none",
            "full join without keys": "it pairs full joins by equal keys only",
            "cast float to text": "it writes 1.0 as 1, and exponents from 1e+15 on",
            "try_cast": "it has no cast that gives NULL where it fails",
            "Parameter": "its driver counts parameters instead of naming them",
        }
    ),
)
