"""Stores that Arrow tables can be put into, and read from by a context."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pyarrow as pa
from pyarrow import parquet

import wayfed
from wayfed.dataset import Dataset
from wayfed.testing import Mark, PlatformUnderTest
from wayfed.testing.platform import Loader
from wayfed_arrow import schema_from_arrow
from wayfed_database.columns import SQLITE_DIGITS
from wayfed_optimizer.types import DataType
from wayfed_optimizer.types import Decimal as DecimalType
from wayfed_sql import POSTGRESQL

_IN_SQLITE = {
    "bool": "boolean",
    **dict.fromkeys(("int8", "int16", "int32", "int64"), "bigint"),
    **dict.fromkeys(("float32", "float64"), "double precision"),
    "binary": "blob",
    "timestamp_utc": "timestamp",
}


def files_of(context: wayfed.Context, directory: Path) -> Loader:
    """Parquet files in a directory."""

    def load(name: str, table: pa.Table) -> Dataset:
        path = directory / f"{name}.parquet"
        parquet.write_table(table, path)
        return context.read(str(path))

    return load


@contextmanager
def sqlite_under_test(directory: Path, marks: Mapping[str, Mark]) -> Iterator[PlatformUnderTest]:
    """SQLite, with tables in a file of their own."""
    path = directory / "conformance.sqlite"
    with wayfed.context() as context:

        def load(name: str, table: pa.Table) -> Dataset:
            if not _fits_sqlite(table):
                return context.read(table)
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute(_definition(name, table, _sqlite_type))
                marks = ", ".join("?" * table.num_columns)
                rows = [tuple(map(_as_sqlite, row)) for row in _rows(table)]
                connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)
            return context.read(f"sqlite:///{path}", table=name)

        load("first", pa.table({"x": [1]}))
        yield PlatformUnderTest(_name(context, "sqlite"), context, load, marks)


@contextmanager
def postgresql_under_test(url: str, marks: Mapping[str, Mark]) -> Iterator[PlatformUnderTest]:
    """PostgreSQL, with tables in a database of their own."""
    database = f"conformance_{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {database}")  # type: ignore[arg-type]  # a name of ours
        own = f"{url.rpartition('/')[0]}/{database}"
        with psycopg.connect(own, autocommit=True) as connection, wayfed.context() as context:

            def load(name: str, table: pa.Table) -> Dataset:
                with connection.cursor() as cursor:
                    cursor.execute(_definition(name, table, POSTGRESQL.type_name))
                    marks = ", ".join(["%s"] * table.num_columns)
                    cursor.executemany(f'INSERT INTO "{name}" VALUES ({marks})', _rows(table))
                return context.read(own, table=name)

            load("first", pa.table({"x": [1]}))
            yield PlatformUnderTest(_name(context, "postgresql"), context, load, marks)
        server.execute(f"DROP DATABASE {database} WITH (FORCE)")


def _name(context: wayfed.Context, kind: str) -> str:
    return next(name for name in context.platform_names if name.startswith(kind))


def _definition(name: str, table: pa.Table, written: Any) -> str:
    columns = (f"{f.name} {written(f.type)}" for f in schema_from_arrow(table.schema))
    return f'CREATE TABLE "{name}" ({", ".join(columns)})'


def _rows(table: pa.Table) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in table.to_pylist()]


def _fits_sqlite(table: pa.Table) -> bool:
    """Whether no column has decimals that SQLite would round."""
    kinds = (f.type for f in schema_from_arrow(table.schema))
    return all(not isinstance(k, DecimalType) or k.precision <= SQLITE_DIGITS for k in kinds)


def _sqlite_type(kind: DataType) -> str:
    return _IN_SQLITE.get(kind.name, str(kind))


def _as_sqlite(value: object) -> object:
    match value:
        case Decimal():
            return float(value)
        case dt.datetime():
            return value.replace(tzinfo=None).isoformat(" ", "microseconds")
        case dt.date():
            return value.isoformat()
    return value
