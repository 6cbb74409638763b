"""How far a read is: records, bytes, what was left out, and how much is still to come."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wayfed_kafka.ranges import Range


class Progress:
    """The counts of one read; written by one thread, read by any."""

    def __init__(self, ranges: Sequence[Range]) -> None:
        self._ends = {each.partition: each.end for each in ranges}
        self._bounded = None not in self._ends.values()
        self._positions = {each.partition: each.start for each in ranges}
        self._began = perf_counter()
        self._latest = self._began
        self.records = 0
        self.skipped = 0

    def __contains__(self, partition: object) -> bool:
        return partition in self._positions

    def reached(self, positions: Mapping[int, int]) -> None:
        """Note up to which offsets partitions have been read."""
        self._positions.update(positions)
        self._latest = perf_counter()

    def extended(self, ends: Mapping[int, int]) -> None:
        """Note where partitions that have no end stand now."""
        self._ends.update(ends)

    @property
    def lag(self) -> int:
        """Offsets that are still to be read, as far as their ends are known."""
        return sum(
            max(0, end - self._positions.get(partition, 0))
            for partition, end in self._ends.items()
            if end is not None
        )

    @property
    def left(self) -> int | None:
        """Offsets that are still to be read; None where there is no end."""
        return self.lag if self._bounded else None

    def metrics(self) -> dict[str, float]:
        """Return the counts by name."""
        seconds = self._latest - self._began
        found: dict[str, float] = {
            "partitions": len(self._ends),
            "records": self.records,
            "lag": self.lag,
        }
        if seconds > 0:
            found["records/s"] = self.records / seconds
        if self.skipped:
            found["skipped"] = self.skipped
        return found
