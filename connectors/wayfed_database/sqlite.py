"""SQLite in a run: its own library computes, and each result leaves through a file of the run's.

ADBC's driver for SQLite cannot be interrupted, guesses types from the first rows, and brings a
second copy of the library, and two of them in one process undo each other's locks on a file
(sqlite.org/howtocorrupt.html, 2.2.1). So Python's copy alone opens the user's file and writes each
result into a strict table of a scratch file, which checks the types; ADBC reads that one.
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import uuid4

from wayfed_arrow import Stream, arrow_schema, conform, stream_of
from wayfed_database.adbc import Connection, driver_errors, open_database
from wayfed_database.catalog import Check, Reading, quoted
from wayfed_database.channels import temporary_name
from wayfed_database.failures import first_line, statement_failure
from wayfed_database.interruption import Interruptible
from wayfed_database.kept_rows import KeptRows
from wayfed_database.sqlite_catalog import connect
from wayfed_database.sqlite_values import as_stored, from_stored, stored_value, typed_row
from wayfed_optimizer.errors import TransferError, WayfedError
from wayfed_optimizer.platform import ARROW_TABLE, TableReference
from wayfed_sql import SQLITE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

    from wayfed_database.location import FileLocation
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Channel, Compiled, Run
    from wayfed_optimizer.types import Schema

# An unfinished statement keeps the version of the file that it reads, while others come and go.
_SNAPSHOT: Final = "SELECT name FROM main.sqlite_schema UNION ALL VALUES (''), (''), ('')"
_BATCH_ROWS: Final = str(1 << 16)
_FAST: Final = ("journal_mode = OFF", "synchronous = OFF", "cache_size = -16000")
_NO_METRICS: Final[Mapping[str, float]] = MappingProxyType({})
_FOR_INPUTS: Final = 2
"""Files that results leave room for, among those that a connection attaches."""
_MISMATCH: Final = "cannot store "


@dataclass(eq=False, slots=True)
class _Scratch:
    """A file of the run's that results are written to, one at a time.

    It is taken from before a result is written until its rows were read, or are kept elsewhere;
    for ever where writing failed, for it has no journal.
    """

    schema: str
    path: Path
    taken: bool = False
    rows: KeptRows | None = None
    results: int = 0

    @property
    def table(self) -> str:
        """The table of its latest result."""
        return f"rows_{self.results}"


class SQLiteSession:
    """A run's part of a SQLite database: one connection, which reads one version of the file."""

    def __init__(self, location: FileLocation, run: Run, name: str) -> None:
        self._location = location
        self._run = run
        self._name = name
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._snapshot: sqlite3.Cursor | None = None
        self._scratches: list[_Scratch] = []
        self._streams: list[Stream] = []
        self._attached = 0
        self._ingested: dict[str, Path] = {}
        self._readable: set[str] = set()
        self._refusal: WayfedError | None = None
        self._calls = Interruptible(run.token, self._interrupt)
        self._stack = ExitStack()
        self._stack.enter_context(run.token.calling(self._calls.stop))

    def execute(
        self, fragment: Fragment, compiled: Compiled, inputs: Mapping[str, object]
    ) -> object:
        """Run a fragment's statement to its end, and return its rows as they are read back."""
        if fragment.inside is not None:
            return self._execute_apart(fragment, compiled, inputs)
        schema = fragment.relation.schema
        with self._failing(fragment, compiled):
            with self._using() as connection:
                self._attach_inputs(connection, inputs)
                self._prepare(connection, compiled.payload)
                scratch = self._scratch(connection)
                self._write(connection, scratch, compiled, schema)
            rows = conform(self._read(scratch, schema), schema)
            return rows.read_all() if fragment.output == ARROW_TABLE else rows

    def ingest(self, name: str, value: object, source: Channel, target: Channel) -> object:
        """Write rows to a file of the run's, from which fragments read them by their name."""
        table = temporary_name(name)
        if (former := self._ingested.pop(table, None)) is not None:
            former.unlink()
        path = self._run.directory() / f"{table}_{uuid4().hex}.sqlite"
        rows = as_stored(value, self._run.token)
        try:
            database = open_database("sqlite", f"file:{quote(str(path))}?mode=rwc")
            with closing(database), closing(Connection(database)) as connection:
                connection.ingest(table, rows, temporary=False)
        except driver_errors() as error:
            if isinstance(rows.error, WayfedError):
                raise rows.error from error
            raise TransferError(
                f"rows could not be brought there: {first_line(error)}", platform=self._name
            ) from error
        self._ingested[table] = path
        return TableReference((table,), temporary=True)

    def metrics(self, fragment: Fragment) -> Mapping[str, float]:
        """Return nothing: SQLite counts nothing."""
        return _NO_METRICS

    def close(self) -> None:
        """Close the file; what was attached and made goes with the connection."""
        self._stack.close()
        for stream in self._streams:
            stream.close()
        with self._lock:
            connection, self._connection = self._connection, None
            snapshot, self._snapshot = self._snapshot, None
        with suppress(sqlite3.Error):
            if snapshot is not None:
                snapshot.close()
            if connection is not None:
                connection.close()

    def _execute_apart(
        self, fragment: Fragment, compiled: Compiled, inputs: Mapping[str, object]
    ) -> object:
        """Run one iteration's statement on a connection of its own, which takes its files along.

        What the run's snapshot is held on cannot let go of the files of iterations that are over.
        Nothing is lost: what a loop reads of the database itself was read before, outside of it.
        """
        apart = SQLiteSession(self._location, self._run, self._name)
        apart._ingested = self._ingested
        with closing(apart):
            rows = apart.execute(
                replace(fragment, inside=None, output=ARROW_TABLE), compiled, inputs
            )
        return rows if fragment.output == ARROW_TABLE else stream_of(rows, fragment.relation.schema)

    def _attach_inputs(self, connection: sqlite3.Connection, inputs: Mapping[str, object]) -> None:
        tables = {
            value.name[0]
            for value in inputs.values()
            if isinstance(value, TableReference) and value.temporary
        }
        files = {table: self._ingested[table] for table in sorted(tables - self._readable)}
        if len(files) > 1 and self._attachable(connection) <= len(files):
            files = dict.fromkeys(files, self._gathered(files))
        for path in dict.fromkeys(files.values()):
            self._attach(connection, path, "mode=ro")
        self._readable.update(files)

    def _gathered(self, files: Mapping[str, Path]) -> Path:
        """Return one file with the tables of several, each of which would take a place."""
        path = self._run.directory() / f"inputs_{uuid4().hex}.sqlite"
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for setting in _FAST:
                connection.execute(f"PRAGMA main.{setting}")
            for table, source in files.items():
                self._run.token.raise_if_cancelled()
                connection.execute("ATTACH ? AS source", (str(source),))
                described = "SELECT sql FROM source.sqlite_schema WHERE name = ?"
                connection.execute(connection.execute(described, (table,)).fetchone()[0])
                name = quoted(table)
                connection.execute(f"INSERT INTO main.{name} SELECT * FROM source.{name}")
                connection.execute("DETACH source")
        return path

    def _interrupt(self) -> None:
        connection = self._connection
        if connection is not None:
            with suppress(sqlite3.ProgrammingError):  # closed meanwhile
                connection.interrupt()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for one thing at a time."""
        with self._lock, self._calls.call():
            if self._connection is None:
                self._connection = connect(self._location)
                self._connection.create_function("wayfed_refuse", 3, self._refuse)
                self._snapshot = self._connection.execute(_SNAPSHOT)
                self._snapshot.fetchone()
            yield self._connection

    def _refuse(self, column: str, kind: str, value: object) -> None:
        self._refusal = mismatch(self._name, column, kind, value)
        raise ValueError

    def _prepare(self, connection: sqlite3.Connection, payload: Any) -> None:
        readings: tuple[Reading, ...] = payload or ()
        for reading in readings:
            for check in reading.checks:
                self._check(connection, check)
            if reading.view is not None:
                connection.execute(reading.view)

    def _check(self, connection: sqlite3.Connection, check: Check) -> None:
        found = connection.execute(check.sql).fetchone()
        if found is not None:
            raise mismatch(self._name, check.column, check.type, found[0])

    def _scratch(self, connection: sqlite3.Connection) -> _Scratch:
        """Return a scratch file that nobody reads, empty.

        Where no more are to be attached, the rows of one that is being read are kept.
        """
        if self._attachable(connection) <= _FOR_INPUTS:
            self._free_one()
        for scratch in self._scratches:
            if not scratch.taken:
                scratch.taken = True
                connection.execute(f"DELETE FROM {scratch.schema}.{scratch.table}")
                return scratch
        path = self._run.directory() / f"result_{uuid4().hex}.sqlite"
        schema = self._attach(connection, path, "mode=rwc")
        for setting in _FAST:
            connection.execute(f"PRAGMA {schema}.{setting}")
        self._scratches.append(_Scratch(schema, path, taken=True))
        return self._scratches[-1]

    def _free_one(self) -> None:
        """Keep the rest of one result's rows in memory, unless a file is free anyway."""
        if all(scratch.taken for scratch in self._scratches):
            rows = next((each.rows for each in self._scratches if each.rows is not None), None)
            if rows is not None:
                rows.keep_rest()

    def _attachable(self, connection: sqlite3.Connection) -> int:
        """Return how many more files the connection can have."""
        return connection.getlimit(sqlite3.SQLITE_LIMIT_ATTACHED) - self._attached

    def _attach(self, connection: sqlite3.Connection, path: Path, mode: str) -> str:
        schema = f"wayfed_{self._attached}"
        connection.execute(f"ATTACH 'file:{quote(str(path))}?{mode}' AS {schema}")
        self._attached += 1
        return schema

    def _write(
        self,
        connection: sqlite3.Connection,
        scratch: _Scratch,
        compiled: Compiled,
        schema: Schema,
    ) -> None:
        scratch.results += 1
        columns = ", ".join(f"{quoted(f.name)} {SQLITE.type_name(f.type)}" for f in schema)
        target = f"{scratch.schema}.{scratch.table}"
        connection.execute(f"CREATE TABLE {target} ({columns}) STRICT")
        # ADBC takes a column's type from the values it reads first: these are never NULL.
        connection.execute(f"INSERT INTO {target} VALUES ({typed_row(schema)})")
        parameters = {n: stored_value(v) for n, v in self._run.parameters.items()}
        connection.execute(f"INSERT INTO {target} {compiled.text}", parameters)

    def _read(self, scratch: _Scratch, schema: Schema) -> Stream:
        database = open_database("sqlite", f"file:{quote(str(scratch.path))}?mode=ro")
        connection = Connection(database)
        names = ", ".join(quoted(f.name) for f in schema)
        stored = connection.stream(
            f"SELECT {names} FROM {scratch.table}", {"adbc.sqlite.query.batch_rows": _BATCH_ROWS}
        )

        def ended(finished: bool) -> None:
            stored.close()
            connection.close()
            database.close()
            scratch.rows = None
            scratch.taken = False

        def batches() -> Iterator[pa.RecordBatch]:
            first = True
            for batch in stored:
                self._run.token.raise_if_cancelled()
                yield from_stored(batch.slice(1) if first else batch, schema)
                first = False

        received = batches()
        scratch.rows = KeptRows(lambda: next(received, None), ended)
        stream = Stream(arrow_schema(schema.as_nullable()), scratch.rows)
        self._streams.append(stream)
        return stream

    @contextmanager
    def _failing(self, fragment: Fragment, compiled: Compiled) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            refusal, self._refusal = self._refusal, None
            if refusal is not None:
                raise refusal from None
            if str(error).startswith(_MISMATCH):
                raise stored_mismatch(self._name, str(error)) from error
            raise statement_failure(
                error,
                platform=self._name,
                fragment=fragment,
                compiled=compiled,
                token=self._run.token,
            ) from error


def mismatch(platform: str, column: str, kind: str, value: object) -> TransferError:
    """Return the error for a value that is not of its column's declared type."""
    return TransferError(
        f"column '{column}' is declared as {kind}, and holds {value!r:.40}",
        platform=platform,
        hint=f"mend it in the database, or read it as text: "
        f'query="select cast({column} as text) as {column}, … from …"',
    )


def stored_mismatch(platform: str, told: str) -> TransferError:
    """Return the error for a value that a strict table does not take.

    SQLite says: cannot store TEXT value in INTEGER column rows_1.amount.
    """
    stored, _, rest = told.removeprefix(_MISMATCH).partition(" value in ")
    declared, _, column = rest.partition(" column ")
    return TransferError(
        f"column '{column.partition('.')[2]}' is {declared.lower()}, "
        f"and holds a value that is {stored.lower()}",
        platform=platform,
        hint="mend it in the database, or cast it in a query=",
    )
