"""Rows into a database by its DBAPI driver: inserts in one transaction, thousands at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wayfed_arrow import conform
from wayfed_database.failures import writing_failure
from wayfed_database.generic_types import GENERIC_STORAGE, generic_type
from wayfed_database.target import Task, Work, task_of
from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from wayfed_database.generic import GenericDatabase
    from wayfed_optimizer.cancellation import CancellationToken
    from wayfed_optimizer.platform import TargetRequest

_ROWS: Final = 5_000


class GenericTarget:
    """A table of a database, and what is to be done with it.

    Where making a table cannot be taken back, as in MySQL, a writer that is killed may leave one
    without rows.
    """

    def __init__(self, database: GenericDatabase, request: TargetRequest) -> None:
        self._database = database
        self._task: Final[Task] = task_of(
            request, database.catalog, GENERIC_STORAGE, of=str(database.location)
        )
        if self._task.work is Work.REPLACE:
            raise Unsupported(
                f"replacing {self._task.description} by other columns",
                reason="not every database can do it so that its readers see one or the other",
                hint="drop the table yourself, or write the columns that it has",
            )

    @property
    def description(self) -> str:
        """The table and its database."""
        return self._task.description

    def write(self, rows: Any, token: CancellationToken) -> int:
        """Insert the rows in one transaction."""
        from sqlalchemy.exc import DBAPIError

        made: Table | None = None
        try:
            with self._database.engine().connect() as connection:
                try:
                    if self._task.work is Work.CREATE:
                        self._table().create(connection)
                        made = self._table()
                    count = self._insert(rows, connection, token)
                    connection.commit()
                except BaseException:
                    connection.rollback()
                    if made is not None:
                        made.drop(connection, checkfirst=True)
                        connection.commit()
                    raise
        except DBAPIError as error:
            raise writing_failure(error.orig or error, self._task, token) from error.orig
        return count

    def _insert(self, rows: Any, connection: Connection, token: CancellationToken) -> int:
        from sqlalchemy import delete, insert

        table, count = self._table(), 0
        if self._task.work is not Work.CREATE:
            self._task.require_unchanged(self._database.catalog)
        if self._task.work is Work.REFILL:
            connection.execute(delete(table))
        for batch in conform(rows, self._task.schema):
            for start in range(0, batch.num_rows, _ROWS):
                token.raise_if_cancelled()
                values = batch.slice(start, _ROWS).to_pylist()
                connection.execute(insert(table), values)
                count += len(values)
        return count

    def _table(self) -> Table:
        from sqlalchemy import Column, MetaData, Table

        *schema, name = self._task.place.name.parts
        columns = (
            Column(field.name, generic_type(field.type), nullable=True, autoincrement=False)
            for field in self._task.schema
        )
        return Table(name, MetaData(), *columns, schema=schema[0] if schema else None)
