"""DuckDB's part in one run: a connection for each fragment, released with its result."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from threading import Event, Lock, RLock, Thread
from typing import TYPE_CHECKING, Any, Final

from wayfed_arrow import Stream, conform
from wayfed_duckdb.channels import mentions, view_names
from wayfed_duckdb.failures import translated
from wayfed_optimizer.errors import Cancelled, Unsupported, WayfedError
from wayfed_optimizer.expressions import Parameter
from wayfed_optimizer.expressions import walk as walk_expression
from wayfed_optimizer.platform import ARROW_TABLE
from wayfed_optimizer.relations import Join, Relation, expressions_of, walk_once

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    from duckdb import DuckDBPyRelation

    from wayfed_duckdb.connections import Connections
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Channel, Compiled, Run

_AGAIN_SECONDS: Final = 0.05
_CLOSED: Final = "the run was closed before its end"


class DuckDBSession:
    """DuckDB's part in one run; fragments may run at the same time, each on a connection.

    Parameters
    ----------
    run
        The run.
    connections
        Those on the context's database.
    """

    def __init__(self, run: Run, connections: Connections) -> None:
        self._run = run
        self._connections = connections
        self._lock = Lock()
        self._open: dict[str, _Answer] = {}
        self._abandoned: set[str] = set()
        self._closed = False

    def execute(
        self, fragment: Fragment, compiled: Compiled, inputs: Mapping[str, object]
    ) -> pa.Table | Stream:
        """Run a fragment; a stream is answered as soon as its first rows are there.

        Raises
        ------
        ExecutionError, SourceChanged, Cancelled
            DuckDB's own error is the cause.
        """
        self._run.token.raise_if_cancelled()
        answer = _Answer(self._connections, fragment, compiled, inputs, self._run)
        with self._lock:
            self._open[fragment.id] = answer
            if self._closed or fragment.id in self._abandoned:
                answer.abandon()
        return answer.start()

    def abandon(self, fragment: str) -> None:
        """Stop a fragment whose rows nobody will read."""
        with self._lock:
            self._abandoned.add(fragment)
            if (answer := self._open.get(fragment)) is not None:
                answer.abandon()

    def ingest(self, name: str, value: object, source: Channel, target: Channel) -> object:
        """Refuse: DuckDB reads the channels it accepts where they are."""
        raise Unsupported(f"{source} to {target}", "duckdb", "it reads what it accepts in place")

    def metrics(self, fragment: Fragment) -> Mapping[str, float]:
        """Return the rows and bytes of a fragment's result so far."""
        answer = self._open.get(fragment.id)
        return {} if answer is None else {"rows": answer.rows, "bytes": answer.bytes}

    def close(self) -> None:
        """Stop what is running and release every connection; a second call does nothing."""
        with self._lock:
            self._closed = True
            answers = list(self._open.values())
        for answer in answers:
            answer.close()


class _Answer:
    """One fragment at work: its connection, its inputs, and what it has handed out."""

    def __init__(
        self,
        connections: Connections,
        fragment: Fragment,
        compiled: Compiled,
        inputs: Mapping[str, object],
        run: Run,
    ) -> None:
        self._connections = connections
        self._connection = connections.take()
        self._fragment = fragment
        self._sql = compiled.text
        self._inputs = inputs
        self._run = run
        self._held = ExitStack()
        self._held.callback(self._release)
        self._lock = RLock()
        self._ending = Lock()
        self._closing = False
        self._finished = False
        self._stopped = False
        self._released = Event()
        self._stream: Stream | None = None
        self.rows = 0
        self.bytes = 0

    def start(self) -> pa.Table | Stream:
        """Run the statement and return its result in the fragment's output channel."""
        with self._lock:
            try:
                return self._started()
            except BaseException as error:
                try:
                    self._raise(error)
                finally:
                    self._held.close()
                raise

    def abandon(self) -> None:
        """Stop the statement where it runs; whoever runs it is told that it was closed."""
        self._closing = True
        self._stop()

    def close(self) -> None:
        """Stop the statement where it runs, and release connection and inputs."""
        self.abandon()
        with self._lock:
            if self._stream is not None:
                self._stream.close()
            self._held.close()

    def _started(self) -> pa.Table | Stream:
        if self._closing:
            raise Cancelled(_CLOSED)
        self._held.enter_context(self._run.token.calling(self._stop))
        relation = self._bound()
        if self._fragment.output == ARROW_TABLE:
            table = self._conformed(relation.to_arrow_table().to_reader()).read_all()
            self._count(table)
            self._finished = True
            self._held.close()
            return table
        reader = relation.to_arrow_reader()
        self._held.callback(reader.close)
        self._held.callback(self._abandon)
        rows = self._conformed(reader)
        self._stream = Stream(rows.schema, self._batches(rows), self._held.close)
        return self._stream

    def _stop(self) -> None:
        """Interrupt until all is released: DuckDB forgets what comes between statements."""
        with self._ending:
            if self._released.is_set():
                return
            self._stopped = True
        Thread(target=self._interrupt_until_released, daemon=True).start()

    def _interrupt_until_released(self) -> None:
        import duckdb

        with suppress(duckdb.ConnectionException):  # closed meanwhile
            self._connection.cursor.interrupt()
            while not self._released.wait(_AGAIN_SECONDS):
                self._connection.cursor.interrupt()

    def _abandon(self) -> None:
        """Interrupt what nobody will read: closing alone would wait for the whole input."""
        if not self._finished:
            self._connection.cursor.interrupt()

    def _release(self) -> None:
        # Nobody may interrupt a connection that is somebody else's already.
        with self._ending:
            self._released.set()
        self._inputs = {}
        if self._finished and not self._stopped:
            self._connections.give_back(self._connection)
        else:
            self._connection.close()

    def _bound(self) -> DuckDBPyRelation:
        names = view_names(self._fragment)
        counted = _wants_counts(self._fragment)
        for table, value in self._inputs.items():
            self._held.callback(_close_stream, value)
            reads = mentions(self._sql, names[table])
            self._connection.bind(names[table], value, reads=reads, counted=counted)
        given = self._run.parameters
        asked = _parameters_of(self._fragment.relation) if given else ()
        parameters = {name: given[name] for name in asked}
        return self._connection.query(self._sql, parameters)

    def _conformed(self, reader: pa.RecordBatchReader) -> Any:
        return conform(reader, self._fragment.relation.schema)

    def _batches(self, rows: Any) -> Iterator[pa.RecordBatch]:
        while True:
            try:
                batch = next(rows, None)
            except BaseException as error:
                self._raise(error)
                raise
            if batch is None:
                self._finished = True
                return
            self._count(batch)
            yield batch

    def _count(self, rows: Any) -> None:
        self.rows += rows.num_rows
        self.bytes += rows.nbytes

    def _raise(self, error: BaseException) -> None:
        """Raise our error for DuckDB's; return where it is ours or nobody's already."""
        token = self._run.token
        if token.cancelled and not isinstance(error, KeyboardInterrupt):
            raise Cancelled(f"the run was stopped: {token.reason}") from error
        if self._closing:
            raise Cancelled(_CLOSED) from error
        if isinstance(error, Exception) and not isinstance(error, WayfedError):
            told = translated(error, fragment=self._fragment.id, sql=self._sql, inputs=self._inputs)
            raise told from told.__cause__ or error


def _wants_counts(fragment: Fragment) -> bool:
    """Say whether a fragment's joins have an order to be chosen.

    Of Arrow's rows DuckDB knows no distinct values, and may begin with the pair that multiplies
    them. What a loop reads again and again is not copied each time.
    """
    joins = sum(isinstance(node, Join) for node in walk_once(fragment.relation))
    return joins > 1 and fragment.inside is None


def _close_stream(value: object) -> None:
    import pyarrow as pa

    if isinstance(value, pa.RecordBatchReader | Stream):
        value.close()


def _parameters_of(relation: Relation) -> set[str]:
    return {
        part.name
        for node in walk_once(relation)
        for root in expressions_of(node)
        for part in walk_expression(root)
        if isinstance(part, Parameter)
    }
