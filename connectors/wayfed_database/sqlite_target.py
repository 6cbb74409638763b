"""Rows into SQLite: through a file of their own, then into the table in one transaction."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import uuid4

from wayfed_arrow import conform
from wayfed_database.adbc import Connection, driver_errors, open_database
from wayfed_database.catalog import quoted
from wayfed_database.failures import writing_failure
from wayfed_database.interruption import Interruptible
from wayfed_database.sqlite_values import as_stored
from wayfed_database.storage import SQLITE_STORAGE
from wayfed_database.target import Task, Work, task_of
from wayfed_optimizer.errors import WayfedError

if TYPE_CHECKING:
    from wayfed_database.engines import SQLite
    from wayfed_optimizer.cancellation import CancellationToken
    from wayfed_optimizer.platform import TargetRequest

_SECONDS_TO_WAIT: Final = 10.0
_ROWS: Final = "rows"


class SQLiteTarget:
    """A table of a SQLite file, which is made where it is missing."""

    def __init__(self, engine: SQLite, request: TargetRequest) -> None:
        self._path = engine.location.path
        self._catalog = engine.catalog
        self._task: Final[Task] = task_of(
            request, engine.catalog, SQLITE_STORAGE, of=str(engine.location)
        )

    @property
    def description(self) -> str:
        """The table and its file."""
        return self._task.description

    def write(self, rows: Any, token: CancellationToken) -> int:
        """Put the rows into the table in one transaction, after they have all arrived."""
        with TemporaryDirectory(prefix="wayfed_") as directory:
            scratch = Path(directory) / "rows.sqlite"
            stream = as_stored(conform(rows, self._task.schema), token)
            failures: tuple[type[Exception], ...] = (sqlite3.Error, *driver_errors())
            try:
                self._collect(stream, scratch)
                return self._put(scratch, token)
            except failures as error:
                if isinstance(stream.error, WayfedError):
                    raise stream.error from error
                raise writing_failure(error, self._task, token) from error

    def _collect(self, stream: Any, scratch: Path) -> None:
        database = open_database("sqlite", f"file:{quote(str(scratch))}?mode=rwc")
        with closing(database), closing(Connection(database)) as connection:
            connection.ingest(_ROWS, stream, temporary=False)

    def _put(self, scratch: Path, token: CancellationToken) -> int:
        # A file that this makes stays, whatever happens: another writer may have opened it by now.
        connection = sqlite3.connect(
            f"file:{quote(str(self._path))}?mode=rwc",
            uri=True,
            isolation_level=None,
            timeout=_SECONDS_TO_WAIT,
            check_same_thread=False,
        )
        calls = Interruptible(token, connection.interrupt)
        with closing(connection), token.calling(calls.stop), calls.call():
            connection.execute(f"ATTACH 'file:{quote(str(scratch))}?mode=ro' AS wayfed_new")
            # Else views of a table that is replaced would be missed while it has no name.
            connection.execute("PRAGMA legacy_alter_table = ON")
            connection.execute("BEGIN IMMEDIATE")
            count = self._fill(connection)
            token.raise_if_cancelled()
            connection.execute("COMMIT")
        return count

    def _fill(self, connection: sqlite3.Connection) -> int:
        task = self._task
        name, into = task.name, task.name
        if task.work in (Work.APPEND, Work.REFILL):
            task.require_unchanged(self._catalog)
        match task.work:
            case Work.CREATE:
                connection.execute(task.definition(SQLITE_STORAGE))
            case Work.REFILL:
                connection.execute(f"DELETE FROM {name}")
            case Work.REPLACE:
                into = quoted("main", f"wayfed_{uuid4().hex[:16]}")
                connection.execute(task.definition(SQLITE_STORAGE, name=into))
        rows = f"SELECT {task.columns} FROM wayfed_new.{_ROWS}"
        count = connection.execute(f"INSERT INTO {into} ({task.columns}) {rows}").rowcount
        if task.work is Work.REPLACE:
            connection.execute(f"DROP TABLE {name}")
            connection.execute(f"ALTER TABLE {into} RENAME TO {quoted(task.place.name.parts[-1])}")
        return count
