"""Flink's SQL in sessions as wayfed_flink makes them: batch, UTC, with functions of our own.

The functions that begin with ``wf_`` are in Java, in the connector's jar: they mean what
docs/semantics.md says, where what Flink has does not.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from wayfed_optimizer.relations import JoinKind
from wayfed_sql.dialect import Dialect
from wayfed_sql.dialects.flink import casts, texts, times
from wayfed_sql.dialects.flink.aggregates import AGGREGATES
from wayfed_sql.dialects.flink.nested import NESTED, NOT_DISTINCT
from wayfed_sql.dialects.flink.numbers import NUMBERS
from wayfed_sql.dialects.flink.texts import TEXTS
from wayfed_sql.dialects.flink.times import TIMES
from wayfed_sql.dialects.flink.words import RESERVED
from wayfed_sql.dialects.shared import FUNCTIONS

FLINK: Final = Dialect(
    name="flink",
    # Of those that sqlglot reads, the one whose backticks quote and whose backslashes do not.
    sqlglot="sqlite",
    quote="`",
    reserved=RESERVED,
    folds_case=False,
    types_values=True,
    parameter=":{}",
    explode="CROSS JOIN LATERAL TABLE(wf_explode({list})) AS {alias}(exploded)",
    explode_outer="LEFT JOIN LATERAL TABLE(wf_explode({list})) AS {alias}(exploded) ON TRUE",
    not_distinct=NOT_DISTINCT,
    record="CAST(ROW({values}) AS {type})",
    joins=frozenset(JoinKind) - {JoinKind.ASOF},
    functions=MappingProxyType(
        {
            **FUNCTIONS,
            **NUMBERS,
            **TEXTS,
            **TIMES,
            **NESTED,
            **AGGREGATES,
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
            "binary": "BYTES",
            "date": "DATE",
            "timestamp": "TIMESTAMP(6)",
            "timestamp_utc": "TIMESTAMP_LTZ(6)",
            "list": "ARRAY<{element}>",
            "struct": "ROW<{fields}>",
        }
    ),
    literals=MappingProxyType(
        {
            "bool": "{}",
            "null bool": "CAST(NULL AS BOOLEAN)",
            "binary": "X'{}'",
            # As constants it has no days of October 1582 that only the Julian calendar leaves out.
            "date": "CAST('{}' AS DATE)",
            "timestamp": "CAST('{}' AS TIMESTAMP(6))",
            "timestamp_utc": "CAST(CAST('{}' AS TIMESTAMP(6)) AS TIMESTAMP_LTZ(6))",
            "long decimal": "CAST('{}' AS {type})",
            "float": "CAST('{}' AS DOUBLE)",
            "float32": "wf_to_float(CAST({} AS DOUBLE))",
            "nan": "CAST('NaN' AS DOUBLE)",
            "infinity": "CAST('Infinity' AS DOUBLE)",
            "-infinity": "CAST('-Infinity' AS DOUBLE)",
        }
    ),
    casts=MappingProxyType({**casts.CASTS, **texts.CASTS, **times.CASTS}),
    safe_casts=MappingProxyType({**casts.SAFE_CASTS, **times.SAFE_CASTS}),
    orders=MappingProxyType(
        {
            **dict.fromkeys(("float32", "float64"), "wf_order({})"),
            **dict.fromkeys(("list", "struct"), "wf_identity({})"),
        }
    ),
    groups=MappingProxyType(
        {
            "float32": "CAST(wf_canonical({}) AS FLOAT)",
            "float64": "wf_canonical({})",
            "list": "wf_one_form({})",
            "struct": "wf_one_form({})",
        }
    ),
    without=MappingProxyType(
        {
            "asof join": "it has none",
            "frame of groups": "it has none",
            "frame that excludes": "it has none",
            **dict.fromkeys(
                ("frame of a range of numbers", "frame of a range of decimals"),
                "its bounds wrap around, and miss rows beside NULL",
            ),
            "frame of a range of times": "it measures no timestamps, and no months",
            "cast float to text": "it writes 1e+20 as 1.0E20",
        }
    ),
)
