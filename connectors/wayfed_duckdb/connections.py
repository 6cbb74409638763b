"""Connections on one context's database, kept for the next run with the views that they have.

Making a view opens its files, once more than reading them does.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from wayfed_arrow import Stream
from wayfed_duckdb.channels import ROWS, quoted, rows_of, view_over_files
from wayfed_optimizer.platform import ARROW_FILES, FileSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_MOST_KEPT: Final = 8
_MOST_VIEWS: Final = 1_000
MOST_COPIED: Final = 256 << 20
"""Bytes of rows in memory that are copied into a table of DuckDB's, at most."""
_ARRIVING: Final = " (rows)"


class Connection:
    """A connection that makes inputs readable under the names that plans have for them.

    Parameters
    ----------
    cursor
        DuckDB's own.
    """

    def __init__(self, cursor: DuckDBPyConnection) -> None:
        self.cursor = cursor
        self._views: dict[str, str] = {}
        self._registered: set[str] = set()
        self._tables: set[str] = set()

    @property
    def worn(self) -> bool:
        """Whether so many views have come together that a new connection is better."""
        return len(self._views) > _MOST_VIEWS

    def bind(self, name: str, value: object, *, reads: int, counted: bool = False) -> None:
        """Make an input readable as a view called `name`.

        Parameters
        ----------
        name
            What the plan calls it; to DuckDB its case makes no difference.
        value
            The value of any channel that DuckDB accepts.
        reads
            How often the statement reads it: a stream read more than once is kept as a table.
        counted
            Whether rows are made a table of DuckDB's own, of which it knows distinct values.
        """
        known = name.lower()
        view = None
        if isinstance(value, FileSet):
            view = view_over_files(name, value)
            if value.channel == ARROW_FILES:
                self._register(name + ROWS, rows_of(value, reads=reads))
            if self._views.get(known) == view:
                return
        if self._views.pop(known, None) is not None:
            self.cursor.execute(f"DROP VIEW temp.{quoted(name)}")
        if view is None and counted:
            value, is_small = read_ahead(value, MOST_COPIED)
            if is_small:
                self._make_table(name, value)
                return
        if view is None:
            self._register(name, rows_of(value, reads=reads))
        else:
            self.cursor.execute(view)
            self._views[known] = view

    def query(self, sql: str, parameters: dict[str, object]) -> DuckDBPyRelation:
        """Return the result of a query, which begins when it is read."""
        relation = self.cursor.sql(sql, params=parameters or None)
        assert relation is not None  # noqa: S101  a SELECT has a result
        return relation

    def forget(self) -> None:
        """Let go of the rows of the run that ended."""
        for name in self._registered:
            self.cursor.unregister(name)
        self._registered.clear()
        for name in self._tables:
            self.cursor.execute(f"DROP TABLE IF EXISTS temp.{quoted(name)}")
        self._tables.clear()

    def close(self) -> None:
        """Close the connection."""
        self._registered.clear()
        self._tables.clear()
        self.cursor.close()

    def _make_table(self, name: str, rows: object) -> None:
        source = name + _ARRIVING
        self.cursor.register(source, rows)
        try:
            self._tables.add(name)
            self.cursor.execute(f"CREATE TEMP TABLE {quoted(name)} AS FROM {quoted(source)}")
        finally:
            self.cursor.unregister(source)

    def _register(self, name: str, rows: object) -> None:
        self.cursor.register(name, rows)
        self._registered.add(name)


def read_ahead(value: Any, most_bytes: int) -> tuple[Any, bool]:
    """Return rows, of a stream too, and whether they are not larger than so many bytes.

    Examples
    --------
    >>> import pyarrow as pa
    >>> rows = pa.table({"n": [1, 2, 3]})
    >>> read_ahead(rows.to_reader(), 1_000)[1], read_ahead(rows.to_reader(), 10)[1]
    (True, False)
    """
    import pyarrow as pa

    if not isinstance(value, pa.RecordBatchReader | Stream):
        return value, value.nbytes <= most_bytes
    batches: list[pa.RecordBatch] = []
    size = 0
    for batch in value:
        batches.append(batch)
        size += batch.nbytes
        if size > most_bytes:
            return Stream(value.schema, _chained(batches, value), value.close), False
    return pa.Table.from_batches(batches, value.schema), True


def _chained(begun: list[pa.RecordBatch], rest: Any) -> Iterator[pa.RecordBatch]:
    while begun:
        yield begun.pop(0)
    yield from rest


class Connections:
    """The connections of a context that no run uses at the moment.

    Parameters
    ----------
    connect
        Makes a new one.
    """

    def __init__(self, connect: Callable[[], DuckDBPyConnection]) -> None:
        self._connect = connect
        self._idle: list[Connection] = []
        self._closed = False
        self._lock = Lock()

    def take(self) -> Connection:
        """Return a connection that nobody else uses: the one given back last, or a new one."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return Connection(self._connect())

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose run ended well for the next one."""
        connection.forget()
        with self._lock:
            if not self._closed and len(self._idle) < _MOST_KEPT and not connection.worn:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close those that are idle, and from now on all that are given back."""
        with self._lock:
            idle, self._idle, self._closed = self._idle, [], True
        for connection in idle:
            connection.close()
