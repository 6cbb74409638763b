"""Rows into PostgreSQL: one transaction, and binary COPY as ADBC does it."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from wayfed_arrow import conform
from wayfed_database.adbc import driver_errors
from wayfed_database.catalog import quoted
from wayfed_database.failures import writing_failure
from wayfed_database.interruption import Interruptible
from wayfed_database.pool import close_quietly
from wayfed_database.storage import POSTGRESQL_STORAGE
from wayfed_database.target import Task, Work, task_of
from wayfed_optimizer.errors import WayfedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wayfed_database.adbc import Connection
    from wayfed_database.engines import PostgreSQL
    from wayfed_optimizer.cancellation import CancellationToken
    from wayfed_optimizer.platform import TargetRequest

_ADDING: Final = "LOCK TABLE {} IN ROW EXCLUSIVE MODE"
# Keeps other writers out, and readers in.
_REFILLING: Final = "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE"


class PostgreSQLTarget:
    """A table of a PostgreSQL database, and what is to be done with it.

    Parameters
    ----------
    engine
        The database.
    request
        What was asked for.
    """

    def __init__(self, engine: PostgreSQL, request: TargetRequest) -> None:
        self._engine = engine
        self._task: Final[Task] = task_of(
            request, engine.catalog, POSTGRESQL_STORAGE, of=str(engine.location)
        )

    @property
    def description(self) -> str:
        """The table and its database."""
        return self._task.description

    def write(self, rows: Any, token: CancellationToken) -> int:
        """Put the rows into the table; whoever reads it sees none of them until the end."""
        stream = conform(rows, self._task.schema)
        try:
            with self._transaction(token) as (connection, calls):
                return self._put(stream, connection, calls)
        except driver_errors() as error:
            failed = getattr(stream, "error", None)
            if isinstance(failed, WayfedError):
                raise failed from error
            raise writing_failure(error, self._task, token) from error

    def _put(self, stream: Any, connection: Connection, calls: Interruptible) -> int:
        task = self._task
        schema, table = task.place.name.parts
        with calls.call():
            match task.work:
                case Work.CREATE:
                    connection.run(task.definition(POSTGRESQL_STORAGE))
                case Work.APPEND:
                    connection.run(_ADDING.format(task.name))
                case Work.REFILL:
                    connection.run(_REFILLING.format(task.name))
                case Work.REPLACE:
                    table = f"wayfed_{uuid4().hex[:16]}"
                    new = quoted(schema, table)
                    connection.run(task.definition(POSTGRESQL_STORAGE, name=new))
        if task.work in (Work.APPEND, Work.REFILL):
            task.require_unchanged(self._engine.catalog)
        with calls.call():
            if task.work is Work.REFILL:
                # Not TRUNCATE: to whoever reads an older snapshot the table would be empty.
                connection.run(f"DELETE FROM {task.name}")
            count = connection.append(schema, table, stream)
            if task.work is Work.REPLACE:
                connection.run(f"DROP TABLE {task.name}")
                connection.run(
                    f"ALTER TABLE {quoted(schema, table)} "
                    f"RENAME TO {quoted(task.place.name.parts[-1])}"
                )
        return count

    @contextmanager
    def _transaction(self, token: CancellationToken) -> Iterator[tuple[Connection, Interruptible]]:
        with self._engine.writing(token) as connection:
            yield from self._transacted(connection, token)

    def _transacted(
        self, connection: Connection, token: CancellationToken
    ) -> Iterator[tuple[Connection, Interruptible]]:
        calls = Interruptible(token, connection.cancel)
        try:
            with token.calling(calls.stop):
                yield connection, calls
                with calls.call():
                    connection.run("COMMIT")
        except BaseException:
            # A late request to cancel would hit whatever a kept connection does next.
            if not token.cancelled:
                with suppress(*driver_errors()):
                    connection.run("ROLLBACK")
            close_quietly(connection)
            raise
        if token.cancelled:
            close_quietly(connection)
        else:
            self._engine.give_back(connection)
