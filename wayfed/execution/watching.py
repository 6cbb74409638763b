"""Counts what fragments give before anything that reads it begins.

The first rows of each stream between platforms are read ahead: a small one whole, of a large one
so many that it is seen to be large. Whoever reads the stream gets them first, and then the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wayfed.execution.finished import FinishedRows
from wayfed_arrow import Stream
from wayfed_optimizer.physical import Exchange, SourceInput
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE
from wayfed_optimizer.replanning import Counted, believed

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.stages import Stages
    from wayfed_optimizer.statistics import Estimate

MOST_ROWS: Final = 65_536
MOST_BYTES: Final = 16 << 20
"""What is read ahead of a stream, at most; what has fewer rows is known whole."""

_COUNTED: Final = frozenset((ARROW_STREAM, ARROW_TABLE))
_LEAST: Final = 1_000
_PASSED: Final = 8
"""What has passed what was believed so many times need not be counted any further."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a fragment gave, and what is known of it before anybody reads it.

    Parameters
    ----------
    value
        Of its output channel.
    counted
        How many rows; None where they were not counted.
    rows
        All of them, where they are there.
    """

    value: Any
    counted: Counted | None = None
    rows: pa.Table | None = None


class Watch:
    """What the fragments of a plan have given so far; safe across threads.

    Nothing is watched of a plan that could not be another one, of what has no end, and in loops.

    Parameters
    ----------
    stages, environment
        The plan, and what it was placed in.
    """

    def __init__(self, stages: Stages, environment: Environment) -> None:
        self.counted: dict[str, Counted] = {}
        self.ended: dict[str, FinishedRows] = {}
        self._watched = frozenset(_watched(stages, environment))
        self._believed = believed(stages) if self._watched else {}

    def believed(self, fragment: str) -> Estimate:
        """Return how many rows a fragment was thought to give."""
        return self._believed[fragment]

    def look_ahead(self, fragment: Fragment, value: Any) -> Seen:
        """Return all of a fragment's rows, counted as far as that costs nothing."""
        import pyarrow as pa

        if fragment.id not in self._watched:
            return Seen(value)
        if isinstance(value, pa.Table):
            return Seen(value, Counted(value.num_rows, complete=True), value)
        if not isinstance(value, pa.RecordBatchReader | Stream):
            return Seen(value)  # a query that others will ask, or files: nothing was counted
        batches: list[pa.RecordBatch] = []
        rows = size = 0
        enough = min(MOST_ROWS, _PASSED * max(_LEAST, self._believed[fragment.id].high))
        while rows < enough and size < MOST_BYTES:
            batch = next(value, None)
            if batch is None:
                whole = pa.Table.from_batches(batches, value.schema)
                ended = Stream(value.schema, iter(batches), value.close)
                return Seen(ended, Counted(rows, complete=True), whole)
            batches.append(batch)
            rows, size = rows + batch.num_rows, size + batch.nbytes
        begun = Stream(value.schema, _chained(batches, value), value.close)
        return Seen(begun, Counted(rows, complete=False))

    def note(self, fragment: Fragment, seen: Seen) -> None:
        """Take what was seen of a fragment; an earlier plan may have begun it."""
        if seen.counted is None or fragment.id not in self._watched:
            return
        self.counted[fragment.id] = seen.counted
        if seen.rows is not None:
            schema = fragment.relation.schema
            self.ended[fragment.id] = FinishedRows(
                fragment.id, fragment.platform, schema, seen.rows
            )

    def surprise(self, fragments: tuple[Fragment, ...]) -> Fragment | None:
        """Return the first fragment that gave what nobody believed, and that matters."""
        for fragment in fragments:
            counted = self.counted.get(fragment.id)
            if counted is None:
                continue
            estimated = self._believed[fragment.id]
            if counted.differs(estimated) and counted.matters(estimated):
                return fragment
        return None


def _chained(batches: list[pa.RecordBatch], rest: Any) -> Iterator[pa.RecordBatch]:
    while batches:
        yield batches.pop(0)
    yield from rest


def _watched(stages: Stages, environment: Environment) -> Iterator[str]:
    fragments = stages.physical.fragments
    if not any(a.cost is not None for fragment in fragments for a in fragment.alternatives):
        return
    endless: set[str] = set()
    read: set[str] = set()
    for fragment in fragments:
        for source in fragment.inputs.values():
            match source:
                case SourceInput(table) if not environment.sources[table].bounded:
                    endless.add(fragment.id)
                case Exchange(producer):
                    read.add(producer)
                    if producer in endless:
                        endless.add(fragment.id)
    for fragment in fragments:
        if fragment.output not in _COUNTED or fragment.inside is not None:
            continue
        if fragment.id in read - endless:
            yield fragment.id
