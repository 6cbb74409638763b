"""Rows that a store sends to one reader at a time, and that can be taken off it."""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa


class KeptRows:
    """Batches as they are asked for; the rest can be kept here, and their reader notices nothing.

    Parameters
    ----------
    receive
        Returns the next batch, None behind the last one.
    ended
        Lets go of what the batches come from; told whether all of them came. Called once: at the
        end, at the first error, or when the rows are closed.

    Examples
    --------
    >>> import pyarrow as pa
    >>> batches = [pa.record_batch({"n": [1, 2]}), pa.record_batch({"n": [3]}), None]
    >>> rows = KeptRows(iter(batches).__next__, lambda finished: print("finished:", finished))
    >>> rows.keep_rest()
    finished: True
    >>> [batch.num_rows for batch in rows]
    [2, 1]
    """

    def __init__(
        self, receive: Callable[[], pa.RecordBatch | None], ended: Callable[[bool], None]
    ) -> None:
        self._receive = receive
        self._ended = ended
        self._kept: deque[pa.RecordBatch] = deque()
        self._lock = Lock()
        self._open = True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> pa.RecordBatch:
        with self._lock:
            batch = self._kept.popleft() if self._kept else self._next()
        if batch is None:
            raise StopIteration
        return batch

    def keep_rest(self) -> None:
        """Take everything that is still to come off the store."""
        with self._lock:
            while (batch := self._next()) is not None:
                self._kept.append(batch)

    def close(self) -> None:
        """Let the store go, whatever it still had to send."""
        with self._lock:
            self._end(finished=False)

    def _next(self) -> pa.RecordBatch | None:
        if not self._open:
            return None
        try:
            batch = self._receive()
        except BaseException:
            self._end(finished=False)
            raise
        if batch is None:
            self._end(finished=True)
        return batch

    def _end(self, *, finished: bool) -> None:
        if self._open:
            self._open = False
            self._ended(finished)
