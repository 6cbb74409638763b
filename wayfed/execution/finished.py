"""The rows of a fragment that has ended, as a source of the plan that is made of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.platform import ARROW_TABLE, Snapshot
from wayfed_optimizer.statistics import Estimate, TableStatistics
from wayfed_optimizer.statistics.estimates import ColumnStatistics, Provenance

if TYPE_CHECKING:
    import pyarrow as pa

    from wayfed_optimizer.platform import Channel
    from wayfed_optimizer.types import Schema

_LOOKED_AT: Final = 200_000
"""Rows of larger tables are counted, but their values are not looked at."""


@dataclass(frozen=True, slots=True)
class FinishedRows:
    """What a fragment gave, in memory; known exactly.

    Parameters
    ----------
    fragment, platform
        Which, and where it ran.
    schema, rows
        Its columns and rows.
    """

    fragment: str
    platform: str
    schema: Schema
    rows: pa.Table
    channel: Channel = ARROW_TABLE
    bounded: bool = True

    @property
    def description(self) -> str:
        """What it is, for people."""
        return f"what {self.fragment} on {self.platform} gave"

    def statistics(self) -> TableStatistics:
        """Return the number of rows, and what their values tell."""
        rows = Estimate.exactly(self.rows.num_rows, Provenance.OBSERVED)
        if self.rows.num_rows > _LOOKED_AT:
            return TableStatistics(rows)
        columns = {name: _column(self.rows.column(name)) for name in self.rows.column_names}
        keys = tuple(
            frozenset((name,))
            for name, column in columns.items()
            if column.distinct == self.rows.num_rows and not column.null_fraction
        )
        return TableStatistics(rows, columns, keys)

    def snapshot(self) -> Snapshot:
        """Return the one version that there is."""
        return Snapshot("finished")

    def open(self, snapshot: Snapshot) -> pa.Table:
        """Return the rows."""
        return self.rows

    def verify(self, snapshot: Snapshot) -> None:
        """Do nothing: the rows do not change."""


def _column(values: pa.ChunkedArray) -> ColumnStatistics:
    import pyarrow as pa
    import pyarrow.compute as pc

    from wayfed_arrow.sampled import value_of

    kind = values.type
    nulls = values.null_count / len(values) if len(values) else None
    width = values.nbytes / len(values) if len(values) else None
    is_plain = not (pa.types.is_nested(kind) or pa.types.is_floating(kind) or kind == pa.null())
    if not (is_plain and len(values)):
        return ColumnStatistics(null_fraction=nulls, width=width)
    distinct = float(pc.count_distinct(values, mode="only_valid").as_py())
    if not (pa.types.is_integer(kind) or pa.types.is_temporal(kind)):
        return ColumnStatistics(distinct, nulls, width=width)
    ends = pc.min_max(values)
    low, high = value_of(ends["min"]), value_of(ends["max"])
    if low is None or high is None:
        low = high = None
    return ColumnStatistics(distinct, nulls, low, high, width)
