"""Where the store's rows lie: SQLite by Python's own library, any other database by SQLAlchemy.

Statements are written once, with parameters by name, which both understand.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias
from urllib.parse import unquote
from weakref import finalize

from wayfed_optimizer.errors import SourceError, mask_secrets

if TYPE_CHECKING:
    from sqlalchemy import Engine

Kind: TypeAlias = Literal["name", "text", "number", "real", "bytes"]
Columns: TypeAlias = Mapping[str, Kind]
Row: TypeAlias = Mapping[str, Any]
Statement: TypeAlias = tuple[str, Row]

_SQLITE_KINDS: Final[Mapping[Kind, str]] = {
    "name": "TEXT",
    "text": "TEXT",
    "number": "INTEGER",
    "real": "REAL",
    "bytes": "BLOB",
}
_BUSY_SECONDS: Final = 30.0
_NAME_LENGTH: Final = 64


class StoreFailed(Exception):
    """The database cannot do what it was asked; the text says why, without passwords."""


class Database(Protocol):
    """Tables in which runs are kept."""

    @property
    def place(self) -> str:
        """Where it is, without passwords."""
        ...

    def create(self, table: str, columns: Columns, key: Sequence[str]) -> None:
        """Make a table where it is missing."""
        ...

    def write(self, statements: Sequence[Statement]) -> None:
        """Run statements, all or none."""
        ...

    def rows(self, table: str, query: str, parameters: Row) -> list[dict[str, Any]]:
        """Return what a query of a table gives; nothing where nobody has made the table."""
        ...

    def close(self) -> None:
        """Let go of the connection; it comes back when it is needed."""
        ...


def open_database(place: str) -> Database:
    """Return the database at a place: the path of a SQLite file, or a SQLAlchemy URL.

    Nothing is connected to before the first statement.
    """
    if place.startswith("sqlite:///"):
        return SqliteDatabase(Path(unquote(place.removeprefix("sqlite:///"))).expanduser())
    if "://" in place:
        return OtherDatabase(place)
    return SqliteDatabase(Path(place).expanduser())


class SqliteDatabase:
    """A SQLite file, which many processes may write to at once.

    Parameters
    ----------
    path
        The file; it is made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None

    @property
    def place(self) -> str:
        """Where it is."""
        return str(self._path)

    def create(self, table: str, columns: Columns, key: Sequence[str]) -> None:
        """Make a table where it is missing."""
        listed = ", ".join(f"{name} {_SQLITE_KINDS[kind]}" for name, kind in columns.items())
        self.write(
            [(f"CREATE TABLE IF NOT EXISTS {table} ({listed}, PRIMARY KEY ({', '.join(key)}))", {})]
        )

    def write(self, statements: Sequence[Statement]) -> None:
        """Run statements, all or none."""
        with self._lock:
            try:
                connection = self._connected()
                connection.execute("BEGIN IMMEDIATE")
                try:
                    for statement, parameters in statements:
                        connection.execute(statement, parameters)
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
            except (sqlite3.Error, OSError) as error:
                raise StoreFailed(str(error)) from error

    def rows(self, table: str, query: str, parameters: Row) -> list[dict[str, Any]]:
        """Return what a query of a table gives; a store that can only be read is read."""
        if not self._path.exists():
            return []
        with self._lock:
            try:
                with closing(self._reading()) as connection:
                    found = connection.execute(query, parameters)
                    names = [column[0] for column in found.description]
                    return [dict(zip(names, row, strict=True)) for row in found]
            except sqlite3.OperationalError as error:
                if f"no such table: {table}" in str(error):
                    return []
                raise StoreFailed(str(error)) from error
            except (sqlite3.Error, OSError) as error:
                raise StoreFailed(str(error)) from error

    def close(self) -> None:
        """Let go of the connection; it comes back when it is needed."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            made = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            # Readers go on while somebody writes; what a loss of power takes is the last rounds.
            made.execute("PRAGMA journal_mode=WAL")
            made.execute("PRAGMA synchronous=NORMAL")
            self._connection = made
        return self._connection

    def _reading(self) -> sqlite3.Connection:
        address = f"{self._path.absolute().as_uri()}?mode=ro"
        return sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)


class OtherDatabase:
    """A database that SQLAlchemy knows.

    Parameters
    ----------
    url
        Its URL.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = RLock()
        self._engine: Engine | None = None

    @property
    def place(self) -> str:
        """Where it is, without the password."""
        return mask_secrets(self._url)

    def create(self, table: str, columns: Columns, key: Sequence[str]) -> None:
        """Make a table where it is missing."""
        import sqlalchemy as sql
        from sqlalchemy.dialects import mysql

        types: Mapping[Kind, Any] = {
            "name": sql.String(_NAME_LENGTH),
            "text": sql.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb"),
            "number": sql.BigInteger(),
            "real": sql.Double(),
            "bytes": sql.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb"),
        }
        made = sql.Table(
            table,
            sql.MetaData(),
            *(
                sql.Column(name, types[kind], primary_key=name in key, autoincrement=False)
                for name, kind in columns.items()
            ),
        )
        try:
            made.create(self._connected(), checkfirst=True)
        except sql.exc.SQLAlchemyError as error:
            if not self._has(table):  # two that begin at once may both find it missing
                raise StoreFailed(_reason(error)) from error

    def write(self, statements: Sequence[Statement]) -> None:
        """Run statements, all or none."""
        import sqlalchemy as sql

        try:
            with self._connected().begin() as connection:
                for statement, parameters in statements:
                    connection.execute(sql.text(statement), dict(parameters))
        except sql.exc.SQLAlchemyError as error:
            raise StoreFailed(_reason(error)) from error

    def rows(self, table: str, query: str, parameters: Row) -> list[dict[str, Any]]:
        """Return what a query of a table gives; nothing where nobody has made the table."""
        import sqlalchemy as sql

        try:
            with self._connected().connect() as connection:
                if not sql.inspect(connection).has_table(table):
                    return []
                found = connection.execute(sql.text(query), dict(parameters))
                return [dict(row) for row in found.mappings()]
        except sql.exc.SQLAlchemyError as error:
            raise StoreFailed(_reason(error)) from error

    def close(self) -> None:
        """Let go of the connections; they come back when they are needed."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _has(self, table: str) -> bool:
        import sqlalchemy as sql

        try:
            return sql.inspect(self._connected()).has_table(table)
        except sql.exc.SQLAlchemyError:
            return False

    def _connected(self) -> Engine:
        try:
            import sqlalchemy as sql
        except ImportError as error:
            raise SourceError(
                f"the store of runs {self.place} needs SQLAlchemy",
                hint="pip install 'wayfed[sql]', or a SQLite file: [runs] store = 'runs.db'",
            ) from error
        with self._lock:
            if self._engine is None:
                try:
                    self._engine = sql.create_engine(self._url)
                except (sql.exc.SQLAlchemyError, ImportError) as error:
                    raise StoreFailed(_reason(error)) from error
                # Also lets go of the connections of a store that is just dropped.
                finalize(self, self._engine.dispose)
            return self._engine


def _reason(error: BaseException) -> str:
    return mask_secrets(str(getattr(error, "orig", None) or error))
