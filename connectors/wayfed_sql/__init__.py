"""Plans to SQL text and back, for every dialect the connectors speak.

Printing needs nothing but this package; sqlglot is imported when text is first parsed.
"""

from wayfed_sql.capabilities import SqlCapabilities, capabilities_of
from wayfed_sql.dialect import Dialect
from wayfed_sql.dialects.duckdb import DUCKDB
from wayfed_sql.dialects.flink import FLINK
from wayfed_sql.dialects.postgresql import POSTGRESQL
from wayfed_sql.dialects.spark import SPARK
from wayfed_sql.dialects.sqlite import SQLITE
from wayfed_sql.formatting import format_sql
from wayfed_sql.literals import literal_text, string
from wayfed_sql.parsing import parse_expression, parse_query, split_explain
from wayfed_sql.query import RELATIONS, to_sql
from wayfed_sql.refusals import refusal

__all__ = [
    "DUCKDB",
    "FLINK",
    "POSTGRESQL",
    "RELATIONS",
    "SPARK",
    "SQLITE",
    "Dialect",
    "SqlCapabilities",
    "capabilities_of",
    "format_sql",
    "literal_text",
    "parse_expression",
    "parse_query",
    "refusal",
    "split_explain",
    "string",
    "to_sql",
]
