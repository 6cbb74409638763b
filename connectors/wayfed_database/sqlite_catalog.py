"""SQLite's catalog, and how its loosely typed columns are read as what they are declared to be."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from wayfed_database.catalog import (
    Check,
    Place,
    Reading,
    Standing,
    TableName,
    body_of,
    quoted,
    selecting,
)
from wayfed_database.columns import SQLITE_TYPES, ColumnDescription
from wayfed_database.sqlite_statistics import SQLiteStatistics
from wayfed_optimizer.errors import SourceError, TableNotFound, Unsupported
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.types import (
    BOOL,
    DATE,
    FLOAT64,
    INT64,
    TEXT,
    TIMESTAMP,
    DataType,
    Decimal,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wayfed_database.catalog import Asked
    from wayfed_database.location import FileLocation
    from wayfed_optimizer.statistics.estimates import Told

_UNFINISHED: Final = (sqlite3.SQLITE_READONLY_ROLLBACK, sqlite3.SQLITE_READONLY_RECOVERY)
_OLDEST: Final = (3, 37, 0)
"""Strict tables, which carry every result out, are of this version."""

_TABLES: Final = """
SELECT name FROM main.sqlite_schema
WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name
"""
_HIDDEN: Final = 1
_GUARD: Final = "iif({test}, {value}, wayfed_refuse('{name}', '{kind}', {column}))"
_DAY: Final = f"{4 * '[0-9]'}-[0-1][0-9]-[0-3][0-9]"
_CLOCK: Final = f"{_DAY} [0-2][0-9]:[0-5][0-9]:[0-5][0-9].{6 * '[0-9]'}"
# ISO 8601 in any precision, with a T or a space, becomes the one form in which texts compare as
# the times they are: 2013-07-01 09:30:00.000000.
_PADDED: Final = "(replace({0}, 'T', ' ') || substr(' 00:00:00.000000', length({0}) - 9))"


class SQLiteCatalog:
    """The catalog of a database file, opened for each question: it is only read, and may move."""

    types = SQLITE_TYPES

    def __init__(self, location: FileLocation) -> None:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise Unsupported(
                "reading sqlite",
                reason=f"Python's SQLite library is {sqlite3.sqlite_version}",
                hint="use a Python with SQLite 3.37 or later",
            )
        self._location = location
        self._statistics = SQLiteStatistics(self._connected, self._version)

    def find(self, table: str) -> TableName:
        """Return the table meant by a name; case does not matter where it is not needed."""
        with self._connected() as connection:
            names = [name for (name,) in connection.execute(_TABLES)]
        wanted = table.removeprefix("main.")
        same = [n for n in names if n == wanted] or [
            n for n in names if n.lower() == wanted.lower()
        ]
        if not same:
            raise TableNotFound(table, names, of=str(self._location))
        return TableName(("main", same[0]))

    def place(self, table: str) -> Place:
        """Return the table meant, or where it is to be made; the file may be missing."""
        wanted = TableName(("main", table.removeprefix("main.")))
        if not self._location.path.exists():
            return Place(wanted)
        try:
            found = self.find(table)
        except TableNotFound:
            return Place(wanted)
        with self._connected() as connection:
            if not _is_plain_table(connection, found):
                raise SourceError(f"'{table}' of {self._location} is a view: nothing is put in it")
        return Place(found, self.columns(found))

    def columns(self, table: TableName) -> tuple[ColumnDescription, ...] | None:
        """Return a table's columns; those of views and queries as their expressions say."""
        with self._connected() as connection:
            if table.query is None and not _is_plain_table(connection, table):
                if not _exists(connection, table):
                    return None
                return _described(connection, quoted(*table.parts))
            if table.query is not None:
                return _described(connection, f"({body_of(table.query)})")
            return _declared(connection, table)

    def reading(self, table: TableName, columns: Sequence[ColumnDescription]) -> Reading:
        """Return how to read a table so that a value that is not of its column's type is noticed.

        SQLite stores any value in any column, and computes with text as if it were 0. Columns that
        an index begins with stay as they are, for the index; one look into it says whether there
        is text in it.
        """
        with self._connected() as connection:
            strict, indexed = _strictness(connection, table)
        adapted: dict[str, str] = {}
        checks: list[Check] = []
        for column in columns:
            kind, name = self.types.type_of(column), quoted(column.name)
            if column.equates:
                adapted[column.name] = f"{name} COLLATE BINARY"
            elif kind in (INT64, FLOAT64) and column.name in indexed:
                if indexed[column.name] and not strict:
                    found = f"SELECT {name} FROM {quoted(*table.parts)} WHERE {name} >= '' LIMIT 1"
                    checks.append(Check(column.name, str(kind), found))
            elif (guard := _guard(name, column.name, kind)) and not (
                strict and kind in (INT64, FLOAT64)
            ):
                adapted[column.name] = guard
        if not adapted and table.query is None:
            reference = TableReference(table.parts, indexed=frozenset(indexed))
            return Reading(reference, checks=tuple(checks))
        source = quoted(*table.parts) if table.query is None else f"({body_of(table.query)})"
        view = f"wayfed_typed_{table.parts[-1] if table.parts else _digest(source)}"
        definition = (
            f"CREATE TEMP VIEW IF NOT EXISTS {quoted(view)} AS "
            f"{selecting(columns, adapted, source)}"
        )
        reference = TableReference(("temp", view), indexed=frozenset(indexed) - adapted.keys())
        return Reading(reference, definition, tuple(checks))

    def told(self, sources: Sequence[Asked]) -> list[Told]:
        """Return what ANALYZE left behind; failing that, the greatest row id."""
        return self._statistics.told(sources)

    def standings(self, tables: Sequence[TableName]) -> list[Standing]:
        """Return what there is; no identity, for a transaction sees the tables of its time."""
        version = self._version()
        return [Standing(self.columns(table), "", version) for table in tables]

    def _version(self) -> str:
        """Return size and time of the file, and of its write-ahead log where one is in use."""
        path = self._location.path
        told = []
        for part in (path, path.with_name(f"{path.name}-wal")):
            with suppress(FileNotFoundError):
                found = part.stat()
                if found.st_size:  # readers leave empty logs behind
                    told.append(f"{found.st_size}.{found.st_mtime_ns}")
        return ":".join(told)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(connect(self._location)) as connection:
            yield connection


def connect(location: FileLocation) -> sqlite3.Connection:
    """Open a database file for reading.

    Raises
    ------
    SourceError
        Where it is gone, cannot be opened, or is no database.
    """
    try:
        try:
            return _opened(location.uri)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in _UNFINISHED:
                raise
            # Whoever opens it next for writing takes back what a killed writer had begun.
            with closing(_opened(location.uri.replace("?mode=ro", "?mode=rw"))):
                return _opened(location.uri)
    except sqlite3.Error as error:
        told = str(error)
        hint = "was it moved, or may it not be read?" if "unable to open" in told else None
        raise SourceError(f"{location}: {told}", hint=hint) from error


def _opened(uri: str) -> sqlite3.Connection:
    # Autocommit: Python's own transactions would end what holds a run's snapshot.
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("SELECT count(*) FROM main.sqlite_schema")
    except BaseException:
        connection.close()
        raise
    return connection


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]


def _is_plain_table(connection: sqlite3.Connection, table: TableName) -> bool:
    sql = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?"
    return connection.execute(sql, (table.parts[-1],)).fetchone() is not None


def _exists(connection: sqlite3.Connection, table: TableName) -> bool:
    sql = "SELECT 1 FROM main.sqlite_schema WHERE type = 'view' AND name = ?"
    return connection.execute(sql, (table.parts[-1],)).fetchone() is not None


def _declared(connection: sqlite3.Connection, table: TableName) -> tuple[ColumnDescription, ...]:
    name = quoted(table.parts[-1])
    rows = connection.execute(f"PRAGMA main.table_xinfo({name})").fetchall()
    keys = [row for row in rows if row[5]]
    alias = keys[0][1] if len(keys) == 1 and keys[0][2].upper() == "INTEGER" else None
    found = [
        ColumnDescription(
            column,
            declared,
            not required and column != alias,
            filled=default is not None or column == alias or hidden > _HIDDEN,
        )
        for _, column, declared, required, default, _, hidden in rows
        if hidden != _HIDDEN
    ]
    return _with_collations(connection, quoted(*table.parts), found)


def _described(connection: sqlite3.Connection, source: str) -> tuple[ColumnDescription, ...]:
    """Return the columns of a view or query.

    A view of it tells the declared types of columns that are passed on; a table made of no rows of
    it tells the affinity of computed ones, as a cast gives it.
    """
    try:
        connection.execute(f"CREATE TEMP VIEW wayfed_described AS SELECT * FROM {source}")
        declared = connection.execute("PRAGMA temp.table_xinfo(wayfed_described)").fetchall()
        connection.execute(
            "CREATE TEMP TABLE wayfed_made AS SELECT * FROM wayfed_described LIMIT 0"
        )
        made = connection.execute("PRAGMA temp.table_xinfo(wayfed_made)").fetchall()
    except sqlite3.Error as error:
        raise SourceError(
            f"the database does not take the query: {error}", hint="it must be one SELECT"
        ) from error
    found = [
        ColumnDescription(column[1], column[2] or affinity[2])
        for column, affinity in zip(declared, made, strict=True)
    ]
    return _with_collations(connection, "wayfed_described", found)


def _with_collations(
    connection: sqlite3.Connection, source: str, columns: Sequence[ColumnDescription]
) -> tuple[ColumnDescription, ...]:
    """Say which texts compare otherwise than byte by byte.

    Nothing in the catalog tells. A compound takes its columns' collations from its first part, so
    three texts that NOCASE or RTRIM take for fewer are counted under that of each column.
    """
    names = [quoted(c.name) for c in columns]
    counted = ", ".join(f"count(DISTINCT {name})" for name in names)
    texts = " UNION ALL ".join(
        f"SELECT {', '.join([text] * len(names))}" for text in ("'a'", "'A'", "'a '")
    )
    sql = (
        f"SELECT {counted} FROM (SELECT {', '.join(names)} FROM {source} WHERE 0 UNION ALL {texts})"
    )
    counts = connection.execute(sql).fetchone()
    return tuple(
        c
        if count == 3 or SQLITE_TYPES.types.get(c.type.partition("(")[0].strip().lower()) != TEXT
        else replace(c, collation="NOCASE or RTRIM", equates=True)
        for c, count in zip(columns, counts, strict=True)
    )


def _strictness(connection: sqlite3.Connection, table: TableName) -> tuple[bool, dict[str, bool]]:
    """Say whether SQLite checks a table's types, and which columns an index begins with.

    An index's columns are mapped to whether text can be in them: not in a row's number.
    """
    if table.query is not None:
        return False, {}
    name = quoted(table.parts[-1])
    listed = connection.execute(f"PRAGMA main.table_list({name})").fetchone()
    indexed: dict[str, bool] = {}
    for _, index, *_rest in connection.execute(f"PRAGMA main.index_list({name})").fetchall():
        first = connection.execute(f"PRAGMA main.index_info({quoted(index)})").fetchone()
        if first is not None and first[2] is not None:
            indexed[first[2]] = True
    rows = connection.execute(f"PRAGMA main.table_xinfo({name})").fetchall()
    keys = [row for row in rows if row[5]]
    if len(keys) == 1 and keys[0][2].upper() == "INTEGER":
        indexed[keys[0][1]] = False
    return bool(listed and listed[5]), indexed


def _guard(column: str, name: str, kind: DataType) -> str | None:
    """Return the expression that is a column's value, or ends the statement where it is of no use.

    None where every value will do.
    """
    value = column
    if kind == INT64:
        test = f"typeof({column}) IN ('integer', 'null')"
    elif kind == FLOAT64:
        test = f"typeof({column}) IN ('real', 'integer', 'null')"
    elif isinstance(kind, Decimal):
        test, value = f"typeof({column}) IN ('real', 'integer', 'null')", f"CAST({column} AS REAL)"
    elif kind == BOOL:
        test = f"{column} IN (0, 1) OR {column} IS NULL"
    elif kind == DATE:
        # Adding nothing to the 30th of February makes a day of March of it.
        test = f"date({column}, '+0 days') IS {column} AND {column} > '0000-99' OR {column} IS NULL"
    elif kind == TIMESTAMP:
        value = _PADDED.format(column)
        second = f"substr({value}, 1, 19)"
        exists = f"datetime({second}, '+0 seconds') IS {second} AND {column} > '0000-99'"
        test = f"{value} GLOB '{_CLOCK}' AND {exists} OR {column} IS NULL"
    else:
        return None
    told = name.replace("'", "''")
    return _GUARD.format(test=test, value=value, name=told, kind=kind, column=column)
