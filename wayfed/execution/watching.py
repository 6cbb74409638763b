"""Counts what fragments give before anything that reads it begins.

The first rows of each stream between platforms are read ahead: a small one whole, of a large one
so many that it is seen to be large. Whoever reads the stream gets them first, and then the rest.
"""

from __future__ import annotations

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

    def look_ahead(self, fragment: Fragment, value: Any) -> Any:
        """Count a fragment's rows, as far as that costs nothing, and return all of them."""
        import pyarrow as pa

        if fragment.id not in self._watched:
            return value
        if isinstance(value, pa.Table):
            self._end(fragment, value)
            return value
        if not isinstance(value, pa.RecordBatchReader | Stream):
            return value  # a query that others will ask, or files: nothing was counted
        batches: list[pa.RecordBatch] = []
        rows = size = 0
        enough = min(MOST_ROWS, _PASSED * max(_LEAST, self._believed[fragment.id].high))
        while rows < enough and size < MOST_BYTES:
            batch = next(value, None)
            if batch is None:
                self._end(fragment, pa.Table.from_batches(batches, value.schema))
                return Stream(value.schema, iter(batches), value.close)
            batches.append(batch)
            rows, size = rows + batch.num_rows, size + batch.nbytes
        self.counted[fragment.id] = Counted(rows, complete=False)
        return Stream(value.schema, _chained(batches, value), value.close)

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

    def _end(self, fragment: Fragment, rows: pa.Table) -> None:
        schema = fragment.relation.schema
        self.ended[fragment.id] = FinishedRows(fragment.id, fragment.platform, schema, rows)
        self.counted[fragment.id] = Counted(rows.num_rows, complete=True)


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
