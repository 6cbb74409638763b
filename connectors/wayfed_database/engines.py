"""The databases there are, each with what a platform needs of it."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wayfed_database.capabilities import POSTGRESQL_PROFILE, SQLITE_PROFILE
from wayfed_database.channels import temporary_name
from wayfed_database.generic import GenericDatabase
from wayfed_database.jdbc import is_open_to_others
from wayfed_database.location import FileLocation, GenericLocation, Location, ServerLocation
from wayfed_database.pool import ConnectionPool
from wayfed_database.postgresql import PostgreSQLSession
from wayfed_database.postgresql_catalog import PostgreSQLCatalog
from wayfed_database.postgresql_target import PostgreSQLTarget
from wayfed_database.sqlite import SQLiteSession
from wayfed_database.sqlite_catalog import SQLiteCatalog
from wayfed_database.sqlite_target import SQLiteTarget
from wayfed_optimizer.platform import TableReference
from wayfed_sql import POSTGRESQL, SQLITE, to_sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wayfed_database.adbc import Connection
    from wayfed_database.engine import Engine
    from wayfed_optimizer.cancellation import CancellationToken
    from wayfed_optimizer.platform import Run, Target, TargetRequest
    from wayfed_optimizer.relations import Relation


class PostgreSQL:
    """A database on a PostgreSQL server."""

    kind = "postgresql"
    profile = POSTGRESQL_PROFILE

    def __init__(
        self, location: ServerLocation, connections: int | None = None, readers: int = 1
    ) -> None:
        self.location = location
        self.catalog = PostgreSQLCatalog(location)
        self.readers = readers
        self._pool = ConnectionPool(location, connections, readers)

    @property
    def asked_by_others(self) -> bool:
        """Whether engines may put queries to it themselves: how many they do is theirs to say."""
        return is_open_to_others(self.location) and not self._pool.reading.limited

    def compile(self, relation: Relation, tables: Mapping[str, Any]) -> str:
        """Return the statement for a fragment."""
        return to_sql(relation, POSTGRESQL, tables)

    def temporary_table(self, name: str) -> TableReference:
        """Return a table of the connection's own schema."""
        return TableReference(("pg_temp", temporary_name(name)), temporary=True)

    def open(self, run: Run, platform: str) -> PostgreSQLSession:
        """Start a session; it connects with its first statement."""
        return PostgreSQLSession(self._pool, run, platform, self.location)

    @contextmanager
    def writing(self, token: CancellationToken) -> Iterator[Connection]:
        """Give a connection in a transaction that may write, when it is its turn."""
        self._pool.writing.take(token)
        try:
            yield self._pool.begin("BEGIN")
        finally:
            self._pool.writing.give_back()

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose transaction has ended."""
        self._pool.give_back(connection)

    def target(self, request: TargetRequest) -> Target:
        """Return the table that rows are to go to."""
        return PostgreSQLTarget(self, request)

    def prepare(self) -> None:
        """Open the first connection."""
        self._pool.prepare()

    def started(self) -> bool:
        """Say whether a connection has been used already."""
        return self._pool.started

    def version(self) -> str:
        """Return the server's version."""
        return self.catalog.server_version()

    def close(self) -> None:
        """Close every connection; those of runs close with them."""
        self._pool.close()
        self.catalog.close()


class SQLite:
    """A SQLite database file."""

    kind = "sqlite"
    profile = SQLITE_PROFILE
    asked_by_others = False
    readers = 1

    def __init__(self, location: FileLocation) -> None:
        self.location = location
        self.catalog = SQLiteCatalog(location)

    def compile(self, relation: Relation, tables: Mapping[str, Any]) -> str:
        """Return the statement for a fragment."""
        return to_sql(relation, SQLITE, tables)

    def temporary_table(self, name: str) -> TableReference:
        """Return a table of a file of the run's, found by its name alone."""
        return TableReference((temporary_name(name),), temporary=True)

    def open(self, run: Run, platform: str) -> SQLiteSession:
        """Start a session; it opens the file with its first statement."""
        return SQLiteSession(self.location, run, platform)

    def target(self, request: TargetRequest) -> Target:
        """Return the table that rows are to go to."""
        return SQLiteTarget(self, request)

    def prepare(self) -> None:
        """Do nothing: a file opens at once."""

    def started(self) -> bool:
        """Say that a library needs no start."""
        return True

    def version(self) -> str:
        """Return the library's version."""
        return sqlite3.sqlite_version

    def close(self) -> None:
        """Do nothing: files are open only in runs."""


def engine_at(location: Location, connections: int | None = None, readers: int = 1) -> Engine:
    """Return the engine for a location; it connects when it is first asked something.

    Parameters
    ----------
    location
        Where the database is.
    connections
        How many of a server's may be in use at once; None for as many as there is work for.
    readers
        How many of them may read one table.
    """
    if isinstance(location, FileLocation):
        return SQLite(location)
    if isinstance(location, GenericLocation):
        return GenericDatabase(location)
    return PostgreSQL(location, connections, readers)
