"""Rows as a stream of Arrow batches: brought into the declared columns, and closed in time."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any, Self

from wayfed_arrow.types import arrow_schema
from wayfed_optimizer.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    import pyarrow as pa

    from wayfed_optimizer.types import Schema


class Stream:
    """Batches made as they are asked for, with the interface of a ``pyarrow.RecordBatchReader``.

    It stands in for one because a RecordBatchReader over a Python generator does not release the
    generator when it is closed, and one that goes through Arrow's C interface, which does, turns
    the errors of the generator into ArrowInvalid.

    Parameters
    ----------
    schema
        The Arrow schema of each batch.
    batches
        Makes the batches; a generator is closed with the stream.
    on_close
        Releases what the batches come from. Called once: at the end, at the first error, or when
        the stream is closed, also where no batch was ever asked for.
    interrupt
        Makes a batch fail that another thread is waiting for; called when an open stream is closed.

    Examples
    --------
    >>> import pyarrow as pa
    >>> batch = pa.record_batch({"n": [1, 2]})
    >>> with Stream(batch.schema, iter([batch]), lambda: None) as stream:
    ...     stream.read_all().num_rows
    2
    """

    def __init__(
        self,
        schema: pa.Schema,
        batches: Iterator[pa.RecordBatch],
        on_close: Callable[[], None] | None = None,
        interrupt: Callable[[], None] | None = None,
    ) -> None:
        self.schema = schema
        self.error: BaseException | None = None
        """What ended the stream early, also where a C consumer was told only its text."""
        self._batches = batches
        self._on_close = on_close
        self._interrupt = interrupt
        self._lock = RLock()
        self._state = "open"

    def __iter__(self) -> Self:
        self._require_unread()
        return self

    def __next__(self) -> pa.RecordBatch:
        with self._lock:
            if self._state == "closed":
                raise TransferError("the stream was closed before its end")
            try:
                return next(self._batches)
            except StopIteration:
                self._end("read")
                raise
            except BaseException as error:
                self.error = error
                self._end("failed")
                raise

    def read_next_batch(self) -> pa.RecordBatch:
        """Return the next batch; StopIteration says that there is none."""
        return next(self)

    def read_all(self) -> pa.Table:
        """Return the rows that are left as a table.

        Raises
        ------
        TransferError
            Where the stream has been read or closed before.
        """
        import pyarrow as pa

        return pa.Table.from_batches(list(self), self.schema)

    def close(self) -> None:
        """Release what the batches come from, from any thread; closing twice does nothing."""
        if self._state == "open" and self._interrupt is not None:
            self._interrupt()
        with self._lock:
            self._end("closed")

    def _end(self, state: str) -> None:
        if self._state != "open":
            return
        self._state = state
        on_close, self._on_close = self._on_close, None
        try:
            if (close := getattr(self._batches, "close", None)) is not None:
                close()
        finally:
            self._batches = iter(())
            if on_close is not None:
                on_close()

    def _require_unread(self) -> None:
        if self._state != "open":
            raise TransferError(
                f"the stream was already {self._state}", hint="it can be read once: keep its table"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the stream over to a C consumer, who closes it by releasing it."""
        import pyarrow as pa

        self._require_unread()

        def handed_over() -> Iterator[pa.RecordBatch]:
            try:
                yield from self
            finally:
                self.close()

        reader = pa.RecordBatchReader.from_batches(self.schema, handed_over())
        return reader.__arrow_c_stream__(requested_schema)


def conform(reader: pa.RecordBatchReader | Stream, schema: Schema) -> pa.RecordBatchReader | Stream:
    """Return the rows of `reader` with the columns, order and types of `schema`, batch by batch.

    Columns are found by name; those that `schema` has not are left out. Values may change their
    representation, not their meaning: an integer that does not fit, a fraction or microsecond
    that would be cut off and a NULL where the schema has none are errors. float64 values become
    the nearest float32. A reader that already fits is returned as it is.

    Raises
    ------
    TransferError
        At once where a column is missing, later where a value does not fit.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from wayfed_optimizer.types import Schema
    >>> table = pa.table({"b": ["x"], "a": pa.array([1], pa.int32())})
    >>> conform(table.to_reader(), Schema.of(a="int64")).read_all().to_pydict()
    {'a': [1]}
    """
    target = arrow_schema(schema)
    if reader.schema.equals(target):
        return reader
    positions = [_position(reader.schema, name) for name in target.names]

    batches = (_conformed(batch, positions, target) for batch in reader)
    return Stream(target, batches, reader.close)


def _each_conformed(
    batches: Iterable[pa.RecordBatch], target: pa.Schema
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        positions = [_position(batch.schema, name) for name in target.names]
        yield _conformed(batch, positions, target)


def _position(schema: pa.Schema, name: str) -> int:
    found = schema.get_all_field_indices(name)
    if len(found) != 1:
        raise TransferError(
            f"{len(found) or 'no'} columns of the rows are called '{name}'", available=schema.names
        )
    return int(found[0])


def _conformed(batch: pa.RecordBatch, positions: list[int], target: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    columns = [
        _converted(batch.column(position), field)
        for position, field in zip(positions, target, strict=True)
    ]
    if not columns:
        return batch.select([])
    return pa.RecordBatch.from_arrays(columns, schema=target)


def _converted(column: pa.Array, field: pa.Field) -> pa.Array:
    import pyarrow as pa

    if column.type != field.type:
        try:
            converted = column.cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            found = column.type
            if isinstance(found, pa.BaseExtensionType):
                found = found.storage_type
            raise TransferError(
                f"column '{field.name}' came as {found} and does not fit {field.type}: {error}",
                hint="cast it in the plan, to a type that holds its values",
            ) from error
        if pa.types.is_float32(field.type):
            _require_finite(column, converted, field.name)
        column = converted
    if not field.nullable and column.null_count:
        raise TransferError(
            f"column '{field.name}' holds NULL, which its source says it never does"
        )
    return column


def _require_finite(before: pa.Array, after: pa.Array, name: str) -> None:
    import pyarrow.compute as pc

    overflowed = pc.and_(pc.is_inf(after), pc.invert(pc.is_inf(before)))
    if pc.any(overflowed).as_py():
        raise TransferError(
            f"column '{name}' holds values beyond float32", hint="cast it to float64 in the plan"
        )


def stream_of(
    rows: pa.Table | pa.RecordBatch | pa.RecordBatchReader | Stream | Iterable[Any], schema: Schema
) -> pa.RecordBatchReader | Stream:
    """Return rows, in whatever form pyarrow has them, as a stream of the columns of `schema`.

    Parameters
    ----------
    rows
        A table, a batch, a reader, or an iterable of batches (a generator is closed with the
        stream).

    Raises
    ------
    TransferError
        As `conform` does.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from wayfed_optimizer.types import Schema
    >>> stream = stream_of(pa.table({"a": [1, 2]}), Schema.of(a="int16"))
    >>> stream.read_all().schema.field("a").type
    DataType(int16)
    """
    import pyarrow as pa

    match rows:
        case pa.Table():
            return conform(rows.to_reader(), schema)
        case pa.RecordBatch():
            return conform(pa.RecordBatchReader.from_batches(rows.schema, [rows]), schema)
        case pa.RecordBatchReader() | Stream():
            return conform(rows, schema)
    target = arrow_schema(schema)
    return Stream(target, _each_conformed(rows, target), getattr(rows, "close", None))
