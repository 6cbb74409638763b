"""The caches of a context: rows that are computed once, and then read from memory."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event, Lock
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.platform import ARROW_TABLE, Snapshot
from wayfed_optimizer.relations import Cache, Read, Relation
from wayfed_optimizer.statistics import Estimate, TableStatistics

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from wayfed_optimizer.cancellation import CancellationToken
    from wayfed_optimizer.platform import Channel
    from wayfed_optimizer.types import Schema

_STEP_SECONDS: Final = 0.1
"""Waits are in steps, so that Ctrl-C and a closing context end them."""


@dataclass(frozen=True, slots=True)
class KeptRows:
    """A source over rows that a context keeps."""

    schema: Schema
    rows: pa.Table
    channel: Channel = ARROW_TABLE
    bounded: bool = True

    @property
    def description(self) -> str:
        """What it is, for people."""
        return "kept by cache(), computed before"

    def statistics(self) -> TableStatistics:
        """Return how many rows there are, and what some of them tell of the columns."""
        from wayfed_arrow.sampled import SampledColumns

        return TableStatistics(Estimate.exactly(self.rows.num_rows), SampledColumns(self.rows))

    def snapshot(self) -> Snapshot:
        """Return the one version that there is."""
        return Snapshot("kept")

    def open(self, snapshot: Snapshot) -> pa.Table:
        """Return the rows."""
        return self.rows

    def verify(self, snapshot: Snapshot) -> None:
        """Do nothing: kept rows do not change."""


class Caches:
    """What was computed for caches; safe across threads.

    A cache is known by its name and its plan: two contexts may call different things the same.

    Parameters
    ----------
    put
        Gives kept rows a name among the sources of the context.
    """

    def __init__(self, put: Callable[[str, KeptRows], Read]) -> None:
        self._put = put
        self._lock = Lock()
        self._kept: dict[Cache, Read] = {}
        self._computing: dict[Cache, Event] = {}

    def known(self, cache: Cache) -> Relation:
        """Return the read of a cache's rows where they are there already, else the cache."""
        return self._kept.get(cache, cache)

    def computed(
        self, cache: Cache, compute: Callable[[], pa.Table], token: CancellationToken
    ) -> Read:
        """Return the read of a cache's rows; whoever asks first computes them, others wait.

        Where that fails or is stopped nothing is kept, and the next in line computes them.
        """
        while (mine := self._claim(cache)) is None:
            token.raise_if_cancelled()
        if isinstance(mine, Read):
            return mine
        try:
            rows = compute()
            with self._lock:
                read = self._kept[cache] = self._put(cache.key, KeptRows(cache.schema, rows))
            return read
        finally:
            with self._lock:
                del self._computing[cache]
            mine.set()

    def clear(self) -> None:
        """Forget all rows."""
        with self._lock:
            self._kept.clear()

    def _claim(self, cache: Cache) -> Read | Event | None:
        """Return the rows, or the right to compute them; None after waiting for another a while."""
        with self._lock:
            if cache in self._kept:
                return self._kept[cache]
            running = self._computing.get(cache)
            if running is None:
                mine = self._computing[cache] = Event()
                return mine
        running.wait(_STEP_SECONDS)
        return None
