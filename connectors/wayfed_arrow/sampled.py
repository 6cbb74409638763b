"""What a few rows tell of a table in memory: guesses for plans, never bounds to rely on."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.statistics.estimates import ColumnStatistics
from wayfed_optimizer.statistics.sampled import histogram_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

_ROWS: Final = 1_000
_PLACES: Final = 10
_FREQUENT: Final = 0.05
_UNIQUE: Final = 0.9


class SampledColumns(Mapping[str, ColumnStatistics]):
    """What is known of the columns of an Arrow table; a thousand rows are read when it is asked.

    Numbers of values are estimated from the sample (GEE: Charikar et al., "Towards estimation error
    guarantees for distinct values", PODS 2000). Least and greatest values are not told: those of a
    sample are not those of the table. How the others are spread is.

    Examples
    --------
    >>> import pyarrow as pa
    >>> known = SampledColumns(pa.table({"id": range(5000), "k": [1, 2] * 2500}))
    >>> known["id"].distinct, known["k"].distinct, known["k"].common[1]
    (5000.0, 2.0, 0.5)
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._read: dict[str, ColumnStatistics] = {}

    def __getitem__(self, name: str) -> ColumnStatistics:
        known = self._read.get(name)
        if known is None:
            known = self._read[name] = _known(self._table[name])
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self._table.column_names)

    def __len__(self) -> int:
        return len(self._table.column_names)


def _known(column: pa.ChunkedArray) -> ColumnStatistics:
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = len(column)
    if not rows:
        return ColumnStatistics()
    nulls = column.null_count / rows
    width = column.nbytes / rows
    is_wide = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    known = ColumnStatistics(null_fraction=nulls, width=width if is_wide else None)
    if pa.types.is_nested(column.type):
        return known
    some = pc.drop_null(_some(column))
    counts = pc.value_counts(some)
    seen = counts.field(1).to_pylist()
    if not seen:
        return known
    read = sum(seen)
    often = [place for place, count in enumerate(seen) if count >= max(2, _FREQUENT * read)]
    present = 1.0 - nulls
    values = counts.field(0)
    common = {value_of(values[place]): present * seen[place] / read for place in often}
    common.pop(None, None)
    return ColumnStatistics(
        distinct=_distinct(seen, rows * present),
        null_fraction=nulls,
        width=known.width,
        common=MappingProxyType(common),
        histogram=_histogram(some, values.take(pa.array(often, pa.int64()))),
    )


def _histogram(some: pa.ChunkedArray, common: pa.Array) -> tuple[object, ...]:
    """Return how the values of some rows are spread that are not common, where they are ordered.

    Infinity is left out, and what is no number: nothing lies between them and others.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = pa.types.is_floating(some.type)
    if not (numbers or any(is_of(some.type) for is_of in _ordered_types())):
        return ()
    if numbers:
        some = some.filter(pc.is_finite(some))
    if len(common):
        some = some.filter(pc.invert(pc.is_in(some, value_set=common)))
    ordered = some.sort()
    return histogram_of(len(ordered), lambda place: value_of(ordered[place]))


def _ordered_types() -> tuple[Callable[[pa.DataType], bool], ...]:
    from pyarrow import types

    return (
        types.is_integer,
        types.is_date,
        types.is_timestamp,
        types.is_string,
        types.is_large_string,
    )


def value_of(scalar: pa.Scalar) -> Any:
    """Return a value as Python has it; None where it has none such: days beyond its calendar.

    Examples
    --------
    >>> import pyarrow as pa
    >>> value_of(pa.scalar(7)), value_of(pa.scalar(-800_000, pa.int32()).cast(pa.date32()))
    (7, None)
    """
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        return None


def _some(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return rows from several places of a column, or all where they are few."""
    import pyarrow as pa

    if len(column) <= 2 * _ROWS:
        return column
    count, step = _ROWS // _PLACES, len(column) // _PLACES
    slices = [column.slice(place * step, count) for place in range(_PLACES)]
    return pa.chunked_array([chunk for each in slices for chunk in each.chunks], column.type)


def _distinct(counts: list[int], rows: float) -> float:
    read = sum(counts)
    if read >= rows:
        return float(len(counts))
    once = sum(count == 1 for count in counts)
    if once >= _UNIQUE * read:
        return max(1.0, rows * len(counts) / read)
    return min(rows, len(counts) - once + sqrt(rows / read) * once)
