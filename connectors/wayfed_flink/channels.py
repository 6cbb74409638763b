"""How rows get into Flink and out of it: by Arrow IPC files that its tasks read and write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from wayfed_arrow import Stream, arrow_schema, schema_from_arrow
from wayfed_optimizer.platform import (
    ARROW_FILES,
    ARROW_STREAM,
    ARROW_TABLE,
    JDBC_QUERY,
    Channel,
    Conversion,
    FileSet,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa

    from wayfed_flink.exchange import Exchange
    from wayfed_optimizer.platform import Run
    from wayfed_optimizer.types import Schema

FLINK_FILES: Final = Channel("files.arrow", owner="flink")
"""Arrow IPC streams with the columns of our types as Arrow has them, uncompressed; a FileSet."""

ASKED: Final = Channel("jdbc.asked", owner="flink", reusable=False)
"""A database's query that Flink puts to it itself; the value is that of `JDBC_QUERY`."""

_BATCH: Final = 1 << 15


def conversions(exchange: Exchange) -> tuple[Conversion, ...]:
    """Return the ways in and out: rows become files that all of Flink sees; its own anybody's."""

    def write(rows: Any, run: Run) -> FileSet:
        return write_files(rows, run, exchange.place(run))

    def read(files: Any, run: Run) -> object:
        return read_files(files)

    def share(files: Any, run: Run) -> FileSet:
        return FileSet(files.paths, files.schema, channel=ARROW_FILES)

    def ask(query: Any, run: Run) -> Any:
        return query

    return (
        *(
            Conversion(source, FLINK_FILES, fixed=0.003, per_byte=1e-9, convert=write)
            for source in (ARROW_STREAM, ARROW_TABLE)
        ),
        # Not measured: set so that tables of a few hundred kB, too, are asked for by its tasks.
        Conversion(JDBC_QUERY, ASKED, fixed=5e-4, per_byte=1e-8, convert=ask),
        Conversion(FLINK_FILES, ARROW_STREAM, fixed=0.001, per_byte=2e-10, convert=read),
        Conversion(FLINK_FILES, ARROW_FILES, fixed=1e-6, per_byte=0.0, convert=share),
    )


def write_files(rows: Any, run: Run, directory: Path) -> FileSet:
    """Write a table or stream to a file that Flink's tasks read, batch by batch."""
    import pyarrow as pa

    reader = rows.to_reader(_BATCH) if isinstance(rows, pa.Table) else rows
    schema = schema_from_arrow(reader.schema)
    plain = arrow_schema(schema)
    path = directory / f"{uuid4().hex}.arrows"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, plain) as writer:
        for batch in _batches(reader):
            run.token.raise_if_cancelled()
            writer.write_batch(batch if batch.schema.equals(plain) else _cast(batch, plain))
    return FileSet((path,), schema, channel=FLINK_FILES)


def _batches(reader: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield batches of about the size that one task should take at a time."""
    for batch in reader:
        for start in range(0, batch.num_rows, _BATCH):
            yield batch.slice(start, _BATCH)


def _cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    columns = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def read_files(files: FileSet) -> Stream:
    """Return the rows of files that Flink's tasks wrote, in their order, as they are asked for."""
    target = arrow_schema(files.schema)
    return Stream(target, _read(files.paths, files.schema))


def _read(paths: Iterable[Path], schema: Schema) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    for path in paths:
        with pa.memory_map(str(path)) as file:
            yield from pa.ipc.open_stream(file)
