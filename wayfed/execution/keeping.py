"""Rows that are read more than once: in memory, or in a file of the run's where they are many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from wayfed_optimizer.errors import ExecutionError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from wayfed_optimizer.platform import Run

MOST_BYTES: Final = 256 << 20
"""What is larger goes into a file. Reading it back takes no copy, only the disk's time."""


def keep(rows: Any, run: Run, most_bytes: int = MOST_BYTES) -> pa.Table:
    """Return all rows of a stream as a table that takes at most about `most_bytes` of memory.

    The columns of a larger table lie in a file of the run's directory that is mapped into memory:
    the system reads its pages as they are used, and gives them up when memory is short. It has no
    name any more, so that its space is free again with the last reference to the table.
    """
    import pyarrow as pa

    batches: list[pa.RecordBatch] = []
    size = 0
    for batch in rows:
        batches.append(batch)
        size += batch.nbytes
        if size > most_bytes:
            return _mapped(rows, batches, run)
    return pa.Table.from_batches(batches, rows.schema)


def _mapped(rows: Any, batches: list[pa.RecordBatch], run: Run) -> pa.Table:
    import pyarrow as pa

    path = run.directory() / f"{uuid4().hex}.arrow"
    try:
        with pa.ipc.new_file(str(path), rows.schema) as writer:
            while batches:
                writer.write_batch(batches.pop(0))
            for batch in rows:
                run.token.raise_if_cancelled()
                writer.write_batch(batch)
        return read_mapped(path)
    except OSError as error:
        raise ExecutionError(
            f"the rows that are to be kept cannot be written to {path.parent}: {error}",
            hint="set TMPDIR to a directory with more room",
        ) from error
    finally:
        path.unlink(missing_ok=True)


def read_mapped(path: Path) -> pa.Table:
    """Return the rows of an Arrow file without reading them into memory."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()
