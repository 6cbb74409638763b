"""PostgreSQL in a run: one snapshot for all its connections, temporary tables on one of them."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed_arrow import Stream, conform
from wayfed_arrow.calendar import within_calendar
from wayfed_database.adbc import driver_errors
from wayfed_database.channels import temporary_name, values_of
from wayfed_database.failures import first_line, passing, statement_failure
from wayfed_database.inline import inline, taken, with_rows
from wayfed_database.interruption import Interruptible
from wayfed_database.jdbc import Parts, query
from wayfed_database.kept_rows import KeptRows
from wayfed_database.key_filters import KeyFilters
from wayfed_database.partitioned import LEAST_PAGES, Gathered, Partitioned
from wayfed_database.pool import close_quietly
from wayfed_optimizer.errors import Cancelled, SourceError, TransferError, WayfedError
from wayfed_optimizer.platform import ARROW_TABLE, TableReference
from wayfed_sql import POSTGRESQL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pyarrow as pa

    from wayfed_database.adbc import Connection
    from wayfed_database.location import ServerLocation
    from wayfed_database.pool import ConnectionPool
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Channel, Compiled, Run

_BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ {}"
_BATCHES: Final = MappingProxyType({"adbc.postgresql.batch_size_hint_bytes": str(1 << 20)})
"""The driver's own are sixteen times as large: a second may pass before the first one is there."""

_OUTSIDE: Final = 'filter such rows out, or read it with query="select {column}::text …"'
_NO_METRICS: Final[Mapping[str, float]] = MappingProxyType({})


@dataclass(eq=False, slots=True)
class _Lease:
    """A connection in a run's transaction; `taken` while somebody has, or wants, its rows."""

    connection: Connection
    calls: Interruptible
    lock: Lock = field(default_factory=Lock)
    rows: _Rows | None = None
    taken: bool = True
    abandoned: bool = False


class _Rows(KeptRows):
    """What a connection sends.

    It sends one result at a time: where another statement has to run on it first, the rest is kept.
    """

    def __init__(
        self,
        stream: Stream,
        lease: _Lease,
        failing: Callable[[], AbstractContextManager[None]],
        freed: Callable[[_Lease, bool], None],
    ) -> None:
        self.schema = stream.schema
        self.lease = lease

        def receive() -> pa.RecordBatch | None:
            with failing(), lease.calls.call():
                batch = next(stream, None)
            if batch is not None:
                within_calendar(batch, _OUTSIDE)
            return batch

        def ended(finished: bool) -> None:
            stream.close()
            lease.rows = None
            freed(lease, finished)

        super().__init__(receive, ended)


class PostgreSQLSession:
    """A run's part of a PostgreSQL database.

    Every connection of the run reads one snapshot, which the first one exports. Results stream
    each over a connection of its own; statements over temporary tables run on the one that has
    them. Nothing is left behind: every transaction is rolled back.

    Where a server lends few connections, the session waits for one as it is made.
    """

    def __init__(self, pool: ConnectionPool, run: Run, name: str, location: ServerLocation) -> None:
        self._location = location
        self._pool = pool
        self._run = run
        self._name = name
        self._choosing = Lock()
        self._leases: list[_Lease] = []
        self._owner: _Lease | None = None
        self._snapshot: str | None = None
        self._ingested: set[str] = set()
        self._asked: dict[str, _Lease] = {}
        self._parts: dict[str, tuple[Stream, list[_Rows]]] = {}
        self._unwanted: set[str] = set()
        self._stack = ExitStack()
        self._has_first = pool.reading.limited
        if self._has_first:
            pool.reading.take(run.token)
        self._stack.enter_context(run.token.calling(self._cancel))

    def execute(
        self, fragment: Fragment, compiled: Compiled, inputs: Mapping[str, object]
    ) -> object:
        """Run a fragment's statement and return its rows as they come, or all of them."""
        with self._failing(fragment, compiled):
            if isinstance(compiled.payload, Parts):
                return query(self._location, compiled.text, compiled.payload, self._exported())
            stream = self._stream(fragment, compiled, inputs)
            rows = conform(stream, fragment.relation.schema)
            return rows.read_all() if fragment.output == ARROW_TABLE else rows

    def ingest(self, name: str, value: object, source: Channel, target: Channel) -> object:
        """Write rows that are few into statements, or make a temporary table of them.

        It lives on one connection, until the run ends. In a loop its rows take the place of those
        of the iteration before.
        """
        table = temporary_name(name)
        rows: Any = value.to_reader() if hasattr(value, "to_reader") else value
        if target == values_of(self._name):
            few, rows = taken(rows)
            if (written := inline(table, few, POSTGRESQL)) is not None:
                return written
        lease = self._owning()
        try:
            with self._using(lease):
                if table in self._ingested:
                    # Not dropped and made again: each table of a transaction keeps its lock.
                    lease.connection.run(f"TRUNCATE pg_temp.{table}")
                    lease.connection.append("pg_temp", table, rows)
                else:
                    lease.connection.ingest(table, rows, temporary=True)
                    self._ingested.add(table)
                # The server's planner knows nothing of new rows, and scans for want of it.
                lease.connection.run(f"ANALYZE pg_temp.{table}")
        except driver_errors() as error:
            self._run.token.raise_if_cancelled()
            failed = getattr(rows, "error", None)
            if isinstance(failed, WayfedError):
                raise failed from error
            raise TransferError(
                f"rows could not be brought there: {first_line(error)}",
                platform=self._name,
                hint="the user needs the right to make temporary tables: GRANT TEMPORARY ON "
                "DATABASE … TO …",
                failure=passing(error),
            ) from error
        return TableReference(("pg_temp", table), temporary=True)

    def metrics(self, fragment: Fragment) -> Mapping[str, float]:
        """Return nothing: PostgreSQL counts for a statement only under EXPLAIN ANALYZE."""
        return _NO_METRICS

    def abandon(self, fragment: str) -> None:
        """Stop a fragment's statement whose rows nobody will read.

        Not that on the connection with the temporary tables, which would be gone with it; and the
        first connection's only where another one can keep the snapshot.
        """
        with self._choosing:
            self._unwanted.add(fragment)
            parted = self._parts.get(fragment)
            lease = self._asked.get(fragment)
        if parted is not None:
            self._stop(parted[1])
            return
        with self._choosing:
            if lease is None or lease is self._owner or not self._can_lose(lease):
                return
            lease.abandoned = True
        lease.calls.stop()

    def _can_lose(self, lease: _Lease) -> bool:
        """Say whether a connection can be lost; another keeps the snapshot if it was the first."""
        if lease is not self._leases[0]:
            return True
        if not self._pool.reading.take_if_free():
            return False
        keeper = self._begin(self._access)
        self._snapshot = keeper.connection.value("SELECT pg_export_snapshot()")
        keeper.taken = False
        self._leases.remove(keeper)
        self._leases.insert(0, keeper)
        return True

    def close(self) -> None:
        """Roll everything back; connections go back to the pool, interrupted ones are closed."""
        self._stack.close()
        for parts, _ in tuple(self._parts.values()):
            parts.close()
        with self._choosing:
            while self._leases:
                self._release(self._leases[-1])
                self._leases.pop()
            self._owner = None
            if self._has_first:
                self._has_first = False
                self._pool.reading.give_back()

    def _freed(self, lease: _Lease, finished: bool) -> None:
        """Take note that a connection sends no more; one that is not read to its end is cut off.

        Not those on which the run stands: that with the temporary tables, where the next statement
        waits for the rest, and the first one, whose transaction keeps the snapshot.
        """
        lease.taken = False
        if not finished:
            lease.abandoned = True
            needed = lease is self._owner or lease is self._leases[0]
            if self._run.token.cancelled or not needed:
                _cut_off(lease.connection)

    def _release(self, lease: _Lease) -> None:
        try:
            self._ended(lease)
        finally:
            self._pool.reading.give_back()

    def _ended(self, lease: _Lease) -> None:
        if lease.rows is not None:
            lease.rows.close()
        # A late cancel request would hit whatever a kept connection does next.
        if self._run.token.cancelled or lease.abandoned:
            _cut_off(lease.connection)
            return
        try:
            lease.connection.run("ROLLBACK")
        except driver_errors():
            close_quietly(lease.connection)
            return
        self._pool.give_back(lease.connection)

    def _cancel(self) -> None:
        for lease in tuple(self._leases):
            lease.calls.stop()

    def _stream(
        self, fragment: Fragment, compiled: Compiled, inputs: Mapping[str, object]
    ) -> Stream:
        lease = self._owning() if _over_temporary(inputs) else self._reading()
        self._asked[fragment.id] = lease
        parts = self._parted(lease, compiled.payload)
        if len(parts) > 1:
            return self._gathered(fragment, compiled, parts)
        rows = self._rows(lease, _statement(compiled, inputs), fragment, compiled)
        return Stream(rows.schema, rows, rows.close)

    def _rows(self, lease: _Lease, sql: str, fragment: Fragment, compiled: Compiled) -> _Rows:
        """Have a connection send the rows of a statement."""
        with self._using(lease):
            if fragment.id in self._unwanted:
                raise Cancelled("other work does instead of it", platform=self._name)
            stream = lease.connection.stream(sql, _BATCHES)
            rows = _Rows(stream, lease, lambda: self._failing(fragment, compiled), self._freed)
            lease.rows = rows
        return rows

    def _parted(self, first: _Lease, payload: object) -> list[tuple[_Lease, str]]:
        """Return which connections read which part of a table; none where one reads it all."""
        if not isinstance(payload, Partitioned):
            return []
        with self._using(first):
            pages = first.connection.value(payload.pages)
            if pages < LEAST_PAGES:
                return []
            first.connection.run(payload.lock)
        leases = [first]
        while len(leases) < payload.readers and (more := self._more(payload)) is not None:
            leases.append(more)
        return list(zip(leases, payload.statements(pages, len(leases)), strict=True))

    def _more(self, payload: Partitioned) -> _Lease | None:
        """Return one more connection that reads a table; None where there is none to be had."""
        with suppress(SourceError, *driver_errors()), self._choosing:
            if (lease := self._free()) is None:
                return None
            try:
                with self._using(lease):
                    lease.connection.run(payload.lock_at_once)
            except BaseException:
                lease.abandoned = True
                raise
            return lease
        return None

    def _gathered(
        self, fragment: Fragment, compiled: Compiled, parts: list[tuple[_Lease, str]]
    ) -> Stream:
        """Return the rows of several connections, which end together."""
        readers: list[_Rows] = []
        try:
            for lease, sql in parts:
                readers.append(self._rows(lease, sql, fragment, compiled))
        except BaseException:
            self._end(readers)
            raise
        gathered = Gathered(readers)

        def end() -> None:
            gathered.stop()
            self._end(readers)
            gathered.join()
            self._parts.pop(fragment.id, None)

        stream = Stream(readers[0].schema, gathered, end, gathered.stop)
        self._parts[fragment.id] = stream, readers
        return stream

    def _end(self, readers: Iterable[_Rows]) -> None:
        self._stop(readers)
        for rows in readers:
            rows.close()

    def _stop(self, readers: Iterable[_Rows]) -> None:
        """Stop statements of which other threads may be waiting for rows, where that can be."""
        stopped = []
        for rows in readers:
            lease = rows.lease
            with self._choosing, suppress(WayfedError, *driver_errors()):
                needed = lease.rows is not rows or lease is self._owner
                if not self._run.token.cancelled and not needed and self._can_lose(lease):
                    lease.abandoned = True
                    stopped.append(lease)
        for lease in stopped:
            lease.calls.stop()

    def _owning(self) -> _Lease:
        """Return the connection with the temporary tables; it may write, in its own schema."""
        with self._choosing:
            if self._owner is None:
                self._owner = self._begin("WRITE") if self._has_place() else self._leases[0]
            return self._owner

    def _reading(self) -> _Lease:
        """Return a connection that sends nothing at the moment."""
        with self._choosing:
            # What it still sends is taken off it for this; also where nobody will read it.
            return self._free() or self._leases[0]

    def _free(self) -> _Lease | None:
        """Return a connection that nobody uses, where there is one or a place for one."""
        for lease in self._leases:
            if not lease.taken and not lease.abandoned and lease is not self._owner:
                lease.taken = True
                return lease
        return self._begin(self._access) if self._has_place() else None

    @property
    def _access(self) -> str:
        """What a connection may do that has to do for all: tables of the run's are written."""
        return "WRITE" if self._pool.reading.limited else "ONLY"

    def _has_place(self) -> bool:
        """Take a place for one more connection; the first one is waited for."""
        if self._leases:
            return self._pool.reading.take_if_free()
        if not self._has_first:
            self._pool.reading.take(self._run.token)
        self._has_first = False
        return True

    def _exported(self) -> str:
        """Return the run's snapshot, which its first connection keeps to the end."""
        with self._choosing:
            if self._snapshot is None:
                self._has_place()
                self._begin("ONLY").taken = False
            assert self._snapshot is not None  # noqa: S101  # for the type checker
            return self._snapshot

    def _begin(self, access: str) -> _Lease:
        """Begin on a connection for which there is a place already."""
        try:
            return self._begun(access)
        except BaseException:
            self._pool.reading.give_back()
            raise

    def _begun(self, access: str) -> _Lease:
        self._run.token.raise_if_cancelled()
        connection = self._pool.begin(_BEGIN.format(access))
        try:
            if self._snapshot is None:
                self._snapshot = connection.value("SELECT pg_export_snapshot()")
            else:
                connection.run(f"SET TRANSACTION SNAPSHOT '{self._snapshot}'")
        except BaseException:
            close_quietly(connection)
            raise
        lease = _Lease(connection, Interruptible(self._run.token, connection.cancel))
        self._leases.append(lease)
        return lease

    @contextmanager
    def _using(self, lease: _Lease) -> Iterator[None]:
        """Give a connection for one call, after taking off it what it still sends."""
        with lease.lock:
            if lease.rows is not None:
                lease.rows.keep_rest()
            with lease.calls.call():
                yield

    @contextmanager
    def _failing(self, fragment: Fragment, compiled: Compiled) -> Iterator[None]:
        try:
            yield
        except driver_errors() as error:
            raise statement_failure(
                error,
                platform=self._name,
                fragment=fragment,
                compiled=compiled,
                token=self._run.token,
            ) from error


def _statement(compiled: Compiled, inputs: Mapping[str, object]) -> str:
    text = compiled.text
    if isinstance(compiled.payload, KeyFilters):
        text = compiled.payload.written(text, inputs)
    return with_rows(text, inputs)


def _over_temporary(inputs: Mapping[str, object]) -> bool:
    return any(isinstance(value, TableReference) and value.temporary for value in inputs.values())


def _cut_off(connection: Connection) -> None:
    """Stop what the server does for a connection, and close it.

    A server that waits for its client to read does not notice a request to stop, and one that
    computes does not notice a client that is gone.
    """
    with suppress(*driver_errors()):
        connection.cancel()
    close_quietly(connection)
