"""Runs single fragments on a platform and the same SQL on a bare DuckDB, to compare the two."""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

import pyarrow as pa

from wayfed_arrow import Stream, arrow_schema, stream_of
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.cost import Cost
from wayfed_optimizer.physical import Fragment, SourceInput
from wayfed_optimizer.platform import (
    ARROW_TABLE,
    Channel,
    FileSet,
    Platform,
    Run,
    TableReference,
)
from wayfed_optimizer.relations import Relation, reads
from wayfed_optimizer.statistics import Estimate
from wayfed_optimizer.types import Schema
from wayfed_sql import DUCKDB, to_sql

SPARK_OPTIONS: Mapping[str, object] = MappingProxyType(
    {
        "master": "local[2]",
        "memory": "1g",
        # A JVM so young computes faster with the simple compiler and collector.
        "config": {"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"},
    }
)
"""What every Spark of a test run is started with: a process has room for one."""

FLINK_OPTIONS: Mapping[str, object] = MappingProxyType(
    {
        "parallelism": 2,
        "memory": "1g",
        # As with Spark.
        "config": {"env.java.opts.all": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"},
    }
)
"""What every Flink of a test run is started with."""


def table_of(schema: Schema, rows: list[dict[str, object]]) -> pa.Table:
    """Rows as a table with the Arrow types of a schema."""
    return pa.Table.from_pylist(rows, arrow_schema(schema))


def a_run(
    directory: Path,
    token: CancellationToken | None = None,
    parameters: Mapping[str, object] = MappingProxyType({}),
) -> Run:
    """A run whose files lie in a directory of the test's."""
    name = f"test_{uuid4().hex[:8]}"
    return Run(name, token or CancellationToken(), lambda: directory, parameters)


def fragment_of(relation: Relation, output: Channel = ARROW_TABLE, name: str = "f1") -> Fragment:
    """A fragment that computes a whole relation from sources."""
    inputs = {read.table: SourceInput(read.table) for read in reads(relation)}
    return Fragment(name, "spark", relation, inputs, output, Estimate.exactly(1), 8.0, Cost())


def as_files(platform: Platform, table: pa.Table, run: Run) -> FileSet:
    """A table brought to where the platform can read it, by the platform's own conversion."""
    way = next(c for c in platform.conversions if c.source == ARROW_TABLE)
    assert way.convert is not None
    files = way.convert(table, run)
    assert isinstance(files, FileSet)
    return files


def on_platform(
    platform: Platform,
    relation: Relation,
    tables: Mapping[str, pa.Table],
    directory: Path,
    parameters: Mapping[str, object] = MappingProxyType({}),
) -> pa.Table:
    """The rows of a relation, computed by a platform as one fragment."""
    run = a_run(directory, parameters=parameters)
    fragment = fragment_of(relation)
    session = platform.open(run)
    try:
        inputs = {name: as_files(platform, tables[name], run) for name in fragment.inputs}
        found = session.execute(fragment, platform.compile(fragment, {}), inputs)
        if isinstance(found, Stream):
            found = found.read_all()
    finally:
        session.close()
    assert isinstance(found, pa.Table)
    return found


def on_duckdb(relation: Relation, tables: Mapping[str, pa.Table]) -> pa.Table:
    """The rows of a relation, computed by a bare DuckDB."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        references = {}
        for name, table in tables.items():
            connection.register(name, table)
            references[name] = TableReference((name,))
        found = connection.sql(to_sql(relation, DUCKDB, references)).to_arrow_table()
        return stream_of(found, relation.schema).read_all()


def same(a: object, b: object, tolerance: float = 0.0) -> bool:
    """Whether two engines gave the same value: NaN is NaN, 0.0 is -0.0, NULL is NULL."""
    if isinstance(a, float) and isinstance(b, float):
        if math.isnan(a) or math.isnan(b):
            return math.isnan(a) and math.isnan(b)
        return a == b or math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
    return a == b


def in_any_order(table: pa.Table) -> list[tuple[object, ...]]:
    """The rows of a table in an order of their own."""
    rows = [tuple(map(_canonical, row.values())) for row in table.to_pylist()]
    return sorted(rows, key=repr)


def _canonical(value: object) -> object:
    match value:
        case float() if math.isnan(value):
            return "NaN"
        case float() if value == 0.0:
            return 0.0
        case decimal.Decimal():
            return value.normalize()
        case datetime.datetime() if value.tzinfo:
            return value.astimezone(datetime.UTC)
    return value
