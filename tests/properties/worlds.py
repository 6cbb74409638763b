"""The same small random tables in three stores, and plans over them run wherever one likes.

A world is a set of rows for the tables of `tests.strategies`. All worlds are loaded once, into one
context: as Arrow tables in memory, into one SQLite file and into one PostgreSQL database.
"""

from __future__ import annotations

import datetime
import decimal
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Final, Self

import duckdb
import psycopg
import pyarrow as pa

import wayfed
from tests.integration.engines import table_of
from tests.strategies import DAYS, TABLES, WORDS
from wayfed.execution import Report
from wayfed_arrow import stream_of
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.relations import Hint, Read, Relation, transform
from wayfed_optimizer.types import Schema
from wayfed_sql import DUCKDB, to_sql

MEMORY: Final = "memory"
SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
STORES: Final = (MEMORY, SQLITE, POSTGRESQL)

_COLUMN_TYPES: Final = {"int64": "bigint", "float64": "double precision", "decimal": "decimal(9,2)"}


class Worlds:
    """Some worlds in three stores, and the engines to ask.

    Attributes
    ----------
    platforms
        The platform that each store's tables lie on, or are read by.
    """

    def __init__(self, directory: Path, postgres_url: str, count: int) -> None:
        self.count = count
        self._tables = {
            _name(world, table): table_of(schema, _rows(Random(f"{world} {table}"), schema, world))
            for world in range(count)
            for table, schema in TABLES.items()
        }
        self._urls = {SQLITE: f"sqlite:///{directory}/worlds.sqlite", POSTGRESQL: postgres_url}
        with closing(sqlite3.connect(directory / "worlds.sqlite")) as connection, connection:
            for name, table in self._tables.items():
                connection.execute(_definition(name, table))
                marks = ", ".join("?" * table.num_columns)
                rows = [tuple(map(_as_sqlite, row)) for row in _tuples(table)]
                connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
        with psycopg.connect(postgres_url) as server, server.cursor() as cursor:
            for name, table in self._tables.items():
                cursor.execute(_definition(name, table))
                marks = ", ".join(["%s"] * table.num_columns)
                cursor.executemany(f"INSERT INTO {name} VALUES ({marks})", list(_tuples(table)))
        self._context = wayfed.context()
        self._bare = duckdb.connect()
        for name, table in self._tables.items():
            self._bare.register(name, table)
        self._reads = {
            (name, store): self._read(name, store) for name in self._tables for store in STORES
        }
        names = self._context.platform_names
        self.platforms = {MEMORY: "duckdb"} | {
            store: next(name for name in names if name.startswith(store))
            for store in (SQLITE, POSTGRESQL)
        }

    def _read(self, name: str, store: str) -> Read:
        read = (
            self._context.read(self._tables[name])
            if store == MEMORY
            else self._context.read(self._urls[store], table=name)
        ).relation
        assert isinstance(read, Read)
        return read

    def expected(self, plan: Relation, world: int) -> pa.Table:
        """The rows of a plan as it was written, computed by a bare DuckDB."""
        references = {table: TableReference((_name(world, table),)) for table in TABLES}
        found = self._bare.sql(to_sql(plan, DUCKDB, references)).to_arrow_table()
        return stream_of(found, plan.schema).read_all()

    def answer(
        self, plan: Relation, world: int, homes: Mapping[str, str], platform: str | None = None
    ) -> tuple[pa.Table, Report]:
        """The rows of a plan whose tables lie in these stores, on one platform or freely placed."""

        def locate(relation: Relation) -> Relation:
            if not isinstance(relation, Read):
                return relation
            located = self._reads[_name(world, relation.table), homes[relation.table]]
            assert located.schema == relation.schema
            return located

        located = transform(plan, locate)
        with self._context.run(Hint(located, platform) if platform else located) as execution:
            return execution.stream.read_all(), execution.report

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._context.close()
        self._bare.close()


def _name(world: int, table: str) -> str:
    return f"{table}_{world}"


def _rows(random: Random, schema: Schema, world: int) -> list[dict[str, object]]:
    """Random rows; the first world has none, and in the others some table is empty at times."""
    many = 0 if world == 0 or random.random() < 0.1 else random.randint(1, 12)
    return [
        {
            f.name: None if f.nullable and random.random() < 0.2 else _value(random, f.type.name)
            for f in schema
        }
        for _ in range(many)
    ]


def _value(random: Random, kind: str) -> object:
    match kind:
        case "int64":
            return random.randint(-5, 5)
        case "float64":
            # Multiples of 1/1024, so that any order of summing is exact.
            return (
                random.choice([random.randint(-3, 3) * 512, random.randint(1 - 2**30, 2**30 - 1)])
                / 1024
            )
        case "decimal":
            return decimal.Decimal(random.randint(-500, 500)).scaleb(-2)
        case "text":
            return random.choice(WORDS)
        case "bool":
            return random.random() < 0.5
        case "date":
            near = datetime.date(2024, 1, 30) + datetime.timedelta(random.randint(0, 5))
            return random.choice([near, near, *DAYS])
    raise AssertionError(kind)


def _definition(name: str, table: pa.Table) -> str:
    schema = TABLES[name.rpartition("_")[0]]
    columns = [
        f"{f.name} {_COLUMN_TYPES.get(f.type.name, f.type.name)}{'' if f.nullable else ' NOT NULL'}"
        for f in schema
    ]
    return f"CREATE TABLE {name} ({', '.join(columns)})"


def _tuples(table: pa.Table) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in table.to_pylist()]


def _as_sqlite(value: object) -> object:
    match value:
        case decimal.Decimal():
            return float(value)
        case datetime.date():
            return value.isoformat()
    return value
