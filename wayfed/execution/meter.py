"""Counts the rows, bytes and seconds of what a fragment hands out, as it passes by."""

from __future__ import annotations

from enum import Enum
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class State(Enum):
    """Where a fragment is in its run."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"


class Meter:
    """The counts of one fragment, of all the times that it ran."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what was counted: the fragment is tried again."""
        self.state = State.WAITING
        self.runs = 0
        self.rows = 0
        self.bytes = 0
        self.seconds = 0.0

    def through(self, value: Any) -> Any:
        """Return `value`, a channel's value, so that it is counted when it is read.

        Streams are counted batch by batch, tables at once; other values (files, tables of a
        database) do not pass through this process and are not counted.
        """
        import pyarrow as pa

        from wayfed_arrow import Stream

        self.runs += 1
        if isinstance(value, pa.RecordBatchReader | Stream):
            return Stream(value.schema, self._batches(value), value.close)
        if isinstance(value, pa.Table):
            self._count(value)
        self.state = State.DONE
        return value

    def _batches(self, reader: Any) -> Iterator[Any]:
        while True:
            before = perf_counter()
            batch = next(reader, None)
            self.seconds += perf_counter() - before
            if batch is None:
                self.state = State.DONE
                return
            self._count(batch)
            yield batch

    def _count(self, rows: Any) -> None:
        self.rows += rows.num_rows
        self.bytes += rows.nbytes
