"""TPC-H through `ctx.sql`, wherever the tables lie: what DuckDB's own SQL answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import psycopg
import pyarrow as pa
import pytest

import wayfed as wf
from tests.tpch.database import (
    QUERIES,
    TABLES,
    file_of,
    fill_postgresql,
    fill_sqlite,
    generate,
    rows_of,
)
from wayfed.dataset import Dataset
from wayfed.local import Context

SCALE = 0.01
# Engines that take seconds a query share the queries; where there is time, each answers all.
ODD, EVEN = (
    [
        number if number % 2 == rest else pytest.param(number, marks=pytest.mark.soak)
        for number in QUERIES
    ]
    for rest in (1, 0)
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tpch")
    generate(directory, SCALE)
    return directory


@pytest.fixture(scope="module")
def bare(data: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB by itself, on the same files."""
    with duckdb.connect() as connection:
        for table in TABLES:
            connection.execute(f"create view {table} as from '{file_of(data, table)}'")
        yield connection


@pytest.fixture(scope="module")
def in_parquet(data: Path) -> Iterator[Context]:
    with wf.context() as context:
        for table in TABLES:
            context.register(table, file_of(data, table))
        yield context


@pytest.fixture(scope="module")
def postgresql(postgres_url: str, data: Path) -> Iterator[str]:
    name = f"tpch_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"create database {name}".encode())
        url = f"{postgres_url.rpartition('/')[0]}/{name}"
        fill_postgresql(url, data)
        yield url
        server.execute(f"drop database {name} with (force)".encode())


@pytest.fixture(scope="module")
def in_postgresql(postgresql: str) -> Iterator[Context]:
    with wf.context() as context:
        for table in TABLES:
            context.register(table, postgresql, table=table)
        yield context


@pytest.fixture(scope="module")
def split(postgresql: str, data: Path) -> Iterator[Context]:
    """Two tables in Parquet, two in PostgreSQL, two in SQLite, two in memory."""
    fill_sqlite(data / "tpch.db", data)
    with wf.context() as context:
        for table in ("lineitem", "part"):
            context.register(table, file_of(data, table))
        for table in ("orders", "customer"):
            context.register(table, postgresql, table=table)
        for table in ("partsupp", "supplier"):
            context.register(table, f"sqlite:///{data / 'tpch.db'}", table=table)
        for table in ("nation", "region"):
            context.register(table, rows_of(data, table))
        yield context


@pytest.fixture(scope="module")
def with_spark(spark_options: Mapping[str, object], data: Path) -> Iterator[Context]:
    with wf.context(spark=spark_options) as context:
        for table in TABLES:
            context.register(table, file_of(data, table))
        yield context


@pytest.fixture(scope="module")
def with_flink(flink_options: Mapping[str, object], data: Path) -> Iterator[Context]:
    with wf.context(flink=flink_options) as context:
        for table in TABLES:
            context.register(table, file_of(data, table))
        yield context


def query(context: Context, number: int) -> Dataset:
    found = context.sql(QUERIES[number])
    assert isinstance(found, Dataset)
    return found


def assert_same(found: pa.Table, expected: pa.Table) -> None:
    """Assert the same names and rows in the same order, numbers to nine digits."""
    assert found.column_names == expected.column_names
    assert found.num_rows == expected.num_rows
    for number, (row, wanted) in enumerate(zip(_rows(found), _rows(expected), strict=True)):
        assert all(map(_close, row, wanted)), f"row {number}: {row} is not {wanted}"


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table.to_pylist()]


def _close(a: Any, b: Any) -> bool:
    if isinstance(a, float | Decimal) and isinstance(b, float | Decimal):
        return math.isclose(a, b, rel_tol=1e-9)
    return bool(a == b)


@pytest.mark.parametrize("number", QUERIES)
def test_everything_in_parquet(
    in_parquet: Context, bare: duckdb.DuckDBPyConnection, number: int
) -> None:
    assert_same(query(in_parquet, number).to_arrow(), bare.sql(QUERIES[number]).to_arrow_table())


@pytest.mark.postgres
@pytest.mark.parametrize("number", QUERIES)
def test_everything_in_postgresql(
    in_postgresql: Context, bare: duckdb.DuckDBPyConnection, number: int
) -> None:
    found = query(in_postgresql, number)

    assert_same(found.to_arrow(), bare.sql(QUERIES[number]).to_arrow_table())


@pytest.mark.postgres
@pytest.mark.parametrize("number", QUERIES)
def test_split_four_ways(split: Context, bare: duckdb.DuckDBPyConnection, number: int) -> None:
    assert_same(query(split, number).to_arrow(), bare.sql(QUERIES[number]).to_arrow_table())


@pytest.mark.postgres
def test_a_query_over_four_stores_asks_each_of_them(split: Context) -> None:
    platforms = {f.platform.partition(" ")[0] for f in query(split, 5).explain().fragments}

    assert {name.partition(":")[0] for name in platforms} >= {"duckdb", "postgresql", "sqlite"}


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.parametrize("number", ODD)
def test_forced_to_spark(with_spark: Context, bare: duckdb.DuckDBPyConnection, number: int) -> None:
    found = query(with_spark, number).on("spark")

    assert {f.platform for f in found.explain().fragments} == {"spark"}
    assert_same(found.to_arrow(), bare.sql(QUERIES[number]).to_arrow_table())


@pytest.mark.slow
@pytest.mark.flink
@pytest.mark.parametrize("number", EVEN)
def test_forced_to_flink(with_flink: Context, bare: duckdb.DuckDBPyConnection, number: int) -> None:
    found = query(with_flink, number).on("flink")

    # Parquet is read for it by DuckDB, a table at a time.
    working = (f for f in found.explain().fragments if f.exchanges or len(f.sources) > 1)
    assert {f.platform for f in working} == {"flink"}
    assert_same(found.to_arrow(), bare.sql(QUERIES[number]).to_arrow_table())
