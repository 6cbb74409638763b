"""Engines that statements are run on: DuckDB and SQLite in this process, PostgreSQL beside it."""

from __future__ import annotations

import datetime
import decimal
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import psycopg
import pytest

from tests.unit.sql.small_tables import T_ROWS, U_ROWS, V_ROWS
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.relations import Relation
from wayfed_optimizer.types import DataType, Decimal
from wayfed_sql import DUCKDB, POSTGRESQL, SQLITE, Dialect, to_sql

_POSTGRESQL_TYPES = {
    "bool": 16,
    "int16": 21,
    "int32": 23,
    "int64": 20,
    "float32": 700,
    "float64": 701,
    "decimal": 1700,
    "text": 25,
    "binary": 17,
    "date": 1082,
    "timestamp": 1114,
    "timestamp_utc": 1184,
}
_SQLITE_TYPES = {"bool": int, "float64": float, "text": str, "binary": bytes, "int64": int}


class EngineError(Exception):
    """An engine ended a statement; told by the test that expects it."""


@dataclass(frozen=True)
class Engine:
    """An engine: its SQL, and how to run it.

    `rows` runs a plan and checks that names and types are those of its schema; `execute` runs text.
    """

    dialect: Dialect
    execute: Callable[[str], Any]
    fetch: Callable[[str, Relation], list[tuple[Any, ...]]]

    def rows(
        self, relation: Relation, tables: Mapping[str, TableReference] | None = None
    ) -> list[tuple[Any, ...]]:
        names = {name: TableReference((name,)) for name in ("t", "u", "v")}
        return self.fetch(to_sql(relation, self.dialect, {**names, **(tables or {})}), relation)


def _duckdb() -> Iterator[Engine]:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")

    def fetch(sql: str, relation: Relation) -> list[tuple[Any, ...]]:
        try:
            result = connection.execute(sql)
            rows = result.fetchall()
        except duckdb.Error as error:
            raise EngineError(f"{error}\n{sql}") from error
        found = [(d[0], str(d[1]).replace("FLOAT", "REAL")) for d in connection.description]
        wanted = [(f.name, DUCKDB.type_name(f.type).replace(", ", ",")) for f in relation.schema]
        assert found == wanted, sql
        return rows

    yield Engine(DUCKDB, connection.execute, fetch)
    connection.close()


def _sqlite() -> Iterator[Engine]:
    connection = sqlite3.connect(":memory:")

    def fetch(sql: str, relation: Relation) -> list[tuple[Any, ...]]:
        try:
            cursor = connection.execute(sql)
            rows = cursor.fetchall()
        except sqlite3.Error as error:
            raise EngineError(f"{error}\n{sql}") from error
        assert [d[0] for d in cursor.description] == list(relation.schema.names)
        types = [f.type for f in relation.schema]
        return [tuple(_from_sqlite(v, k) for v, k in zip(row, types, strict=True)) for row in rows]

    yield Engine(SQLITE, connection.execute, fetch)
    connection.close()


def _from_sqlite(value: Any, kind: DataType) -> Any:
    if value is None:
        return None
    assert isinstance(value, _SQLITE_TYPES.get(kind.name, object)), (value, kind)
    if isinstance(kind, Decimal):
        return decimal.Decimal(repr(float(value))).quantize(decimal.Decimal(1).scaleb(-kind.scale))
    match kind.name:
        case "bool":
            assert value in (0, 1)
            return bool(value)
        case "date":
            return datetime.date.fromisoformat(value)
        case "timestamp" | "timestamp_utc":
            assert len(value) == len("2013-01-01 00:00:00.000000"), value
            zone = datetime.UTC if kind.name == "timestamp_utc" else None
            return datetime.datetime.fromisoformat(value).replace(tzinfo=zone)
    return value


def _postgresql(url: str) -> Iterator[Engine]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("DROP SCHEMA IF EXISTS wayfed_sql CASCADE")
        connection.execute("CREATE SCHEMA wayfed_sql")
        connection.execute("SET search_path = wayfed_sql")

        def fetch(sql: str, relation: Relation) -> list[tuple[Any, ...]]:
            try:
                cursor = connection.execute(sql)
                rows = cursor.fetchall()
            except psycopg.Error as error:
                raise EngineError(f"{error}\n{sql}") from error
            found = [(d.name, d.type_code) for d in cursor.description or ()]
            assert found == [(f.name, _POSTGRESQL_TYPES[f.type.name]) for f in relation.schema], sql
            return rows

        yield Engine(POSTGRESQL, connection.execute, fetch)


@pytest.fixture(scope="session", params=["duckdb", "sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each engine in turn."""
    match request.param:
        case "duckdb":
            yield from _duckdb()
        case "sqlite":
            yield from _sqlite()
        case _:
            yield from _postgresql(request.getfixturevalue("postgres_url"))


@pytest.fixture
def tables(engine: Engine) -> Iterator[Callable[[str], None]]:
    """Run statements that make tables; the tables go when the test ends."""
    made: list[str] = []

    def make(*statements: str) -> None:
        for statement in statements:
            engine.execute(statement)
            words = statement.split()
            if words[0].upper() == "CREATE":
                made.append(words[2].strip("("))

    yield make
    for name in made:
        engine.execute(f"DROP TABLE {name}")


@pytest.fixture
def rows(engine: Any, tables: Any) -> Any:
    """Run a plan over three small tables; the rows in an order of their own."""
    kinds = {k: engine.dialect.types[k] for k in ("int64", "int32", "text", "float64")}
    tables(
        f"CREATE TABLE t (id {kinds['int64']}, kind {kinds['text']}, amount {kinds['float64']})",
        f"CREATE TABLE u (u_id {kinds['int64']}, name {kinds['text']})",
        f"CREATE TABLE v (v_id {kinds['int64']}, rate {kinds['int32']})",
        f"INSERT INTO t VALUES {T_ROWS}",
        f"INSERT INTO u VALUES {U_ROWS}",
        f"INSERT INTO v VALUES {V_ROWS}",
    )

    def run(relation: Relation) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = engine.rows(relation)
        return sorted(found, key=lambda row: [(v is None, str(v)) for v in row])

    return run
