"""Rows into Parquet files, one for each directory that their values name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from wayfed_files.partitions import directory_name, note_of
from wayfed_files.writers import parquet_writer
from wayfed_optimizer.errors import ExecutionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from wayfed_optimizer.types import Field

_KEPT_BYTES: Final = 128 << 20
_OPEN_FILES: Final = 64
_MOST_DIRECTORIES: Final = 10_000


@dataclass(eq=False, slots=True)
class _Open:
    file: Any
    writer: Any

    def close(self) -> None:
        self.writer.close()
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()


class PartitionWriter:
    """Writes the files of a table below a directory.

    Rows are kept until there are some 128 MB of them, so that row groups are of some size; few
    files are open at a time, and a directory whose file was closed gets another one.

    Parameters
    ----------
    root
        The directory.
    schema
        The columns of the rows.
    by
        Those that directories are named after, which are not in the files.
    """

    def __init__(self, root: Path, schema: pa.Schema, by: tuple[Field, ...]) -> None:
        self._root = root
        self._by = by
        self._names = [field.name for field in by]
        self._stored = [name for name in schema.names if name not in self._names]
        self._schema = self._subset(schema)
        self._kept: dict[str, list[pa.RecordBatch]] = {}
        self._bytes = 0
        self._open: dict[str, _Open] = {}
        self._directories: set[str] = set()
        self._stamp = uuid4().hex[:12]
        self._files = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Take rows."""
        for directory, rows in self._split(batch):
            self._kept.setdefault(directory, []).append(rows)
        self._bytes += batch.nbytes
        if self._bytes >= _KEPT_BYTES:
            self._flush()

    def close(self) -> None:
        """Write what is kept, and a file without rows where there were none at all."""
        self._flush()
        if not self._files:
            empty = "/".join(directory_name(name, None) for name in self._names)
            self._opened(empty)
        for each in self._open.values():
            each.close()
        self._open.clear()

    def abandon(self) -> None:
        """Close the files as they are."""
        for each in self._open.values():
            each.writer.is_open = False  # or it would write its footer when it is collected
            each.file.close()

    def _subset(self, schema: pa.Schema) -> pa.Schema:
        import pyarrow as pa

        return pa.schema([schema.field(name) for name in self._stored])

    def _split(self, batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yield the rows of a batch by directory, in their order."""
        import numpy as np

        if not batch.num_rows:
            return
        rows = batch.select(self._stored)
        if not self._names:
            yield "", rows
            return
        codes = np.zeros(batch.num_rows, dtype=np.int64)
        for name in self._names:
            column = batch.column(name).dictionary_encode(null_encoding="encode")
            codes = codes * (len(column.dictionary) + 1) + column.indices.to_numpy()
            _, codes = np.unique(codes, return_inverse=True)
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        taken = rows.take(order)
        ends = [*starts[1:].tolist(), batch.num_rows]
        for start, end in zip(starts.tolist(), ends, strict=True):
            first = int(order[start])
            values = [(name, batch.column(name)[first].as_py()) for name in self._names]
            yield (
                "/".join(directory_name(*each) for each in values),
                taken.slice(start, end - start),
            )

    def _flush(self) -> None:
        import pyarrow as pa

        for directory, batches in self._kept.items():
            table = pa.Table.from_batches(batches, self._schema).combine_chunks()
            self._opened(directory).writer.write_table(table)
        self._kept.clear()
        self._bytes = 0

    def _opened(self, directory: str) -> _Open:
        opened = self._open.pop(directory, None) or self._new(directory)
        self._open[directory] = opened
        if len(self._open) > _OPEN_FILES:
            self._open.pop(next(iter(self._open))).close()
        return opened

    def _new(self, directory: str) -> _Open:
        self._directories.add(directory)
        if len(self._directories) > _MOST_DIRECTORIES:
            raise ExecutionError(
                f"{', '.join(self._names)} would make more than {_MOST_DIRECTORIES:,} directories",
                hint="partition by a column with fewer values",
            )
        place = self._root / directory
        place.mkdir(parents=True, exist_ok=True)
        file = (place / f"part-{self._stamp}-{self._files:05}.parquet").open("xb")
        self._files += 1
        try:
            note = note_of(self._by) if self._by else None
            return _Open(file, parquet_writer(file, self._schema, note))
        except BaseException:
            file.close()
            raise
