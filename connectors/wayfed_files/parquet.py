"""Parquet: schema and statistics from the footers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from wayfed_files.distinct import Chunk, chunk_of, distinct_of
from wayfed_files.inspected import Inspected, require_names, require_signature
from wayfed_files.partitions import METADATA
from wayfed_optimizer.errors import SourceError
from wayfed_optimizer.statistics.estimates import ColumnStatistics, Estimate, Provenance
from wayfed_optimizer.types import BOOL, TEXT, TIMESTAMP, TIMESTAMP_UTC, DataType, Field

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

_GROUPS_LOOKED_AT: Final = 500
"""Row groups whose statistics are read, at some 20 µs a column."""

_DENSE: Final = 0.02


def inspect(path: Path, options: Mapping[str, Any], prefix: int) -> Inspected:
    """Return what the footer of a file tells.

    Timestamps in nanoseconds are taken as ours in microseconds; `reading` names them, so that
    whoever reads them checks that nothing is lost. So are those in 96 bits, as Spark writes them.

    Raises
    ------
    SourceError, TypeMismatch
        Where the file is not whole, not Parquet, or a column has no counterpart here.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    require_signature(path, b"PAR1", "Parquet")
    try:
        footer = pq.read_metadata(path)
        columns = footer.schema.to_arrow_schema()
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"'{path}' cannot be read as Parquet: {error}") from error
    require_names(path, columns.names)
    fields = tuple(_field(column) for column in columns)
    nanoseconds = tuple(column.name for column in columns if _is_nanoseconds(column.type))
    return Inspected(
        path,
        fields,
        Estimate.exactly(footer.num_rows, Provenance.FOOTER),
        {"nanoseconds": nanoseconds} if nanoseconds else {},
        footer,
        (footer.metadata or {}).get(METADATA.encode(), b"").decode() or None,
    )


def _field(column: pa.Field) -> Field:
    from wayfed_arrow import from_arrow_type

    if _is_nanoseconds(column.type):
        kind = TIMESTAMP if column.type.tz is None else TIMESTAMP_UTC
    else:
        kind = from_arrow_type(column.type, column.name)
    return Field(column.name, kind, column.nullable)


def _is_nanoseconds(kind: pa.DataType) -> bool:
    return str(kind).startswith("timestamp[ns")


class FooterColumns(Mapping[str, ColumnStatistics]):
    """What the footers of a table's files tell about its columns, read when it is asked for.

    Bounds hold only where every chunk has them; of some thousand chunks only a part is looked at,
    and then there are none.

    Parameters
    ----------
    footers
        Of all files.
    types
        The columns, and their types.
    """

    def __init__(self, footers: Sequence[Any], types: Mapping[str, DataType]) -> None:
        self._footers = footers
        self._types = types
        self._read: dict[str, ColumnStatistics] = {}
        groups = sum(footer.num_row_groups for footer in footers)
        self._every = -(-groups // _GROUPS_LOOKED_AT) or 1

    def __getitem__(self, name: str) -> ColumnStatistics:
        known = self._read.get(name)
        if known is None:
            known = self._read[name] = self._column(name, self._types[name])
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def _column(self, name: str, kind: DataType) -> ColumnStatistics:
        chunks: list[Chunk] = []
        counts_nulls, rows, nulls, size = True, 0, 0, 0
        for footer, place, length in self._places(name):
            for number in range(0, footer.num_row_groups, self._every):
                column = footer.row_group(number).column(place)
                told = column.statistics
                rows += column.num_values
                size += column.total_uncompressed_size
                counts = told is not None and told.has_null_count
                counts_nulls = counts_nulls and counts
                nulls += told.null_count if counts else 0
                chunks.append(chunk_of(column, length))
        if not rows:
            return ColumnStatistics(distinct=2.0 if kind == BOOL else None)
        exact = counts_nulls and self._every == 1
        low, high = _ends(chunks) if exact else (None, None)
        distinct = 2.0 if kind == BOOL else _counted(low, high, rows - nulls, distinct_of(chunks))
        null_fraction = nulls / rows if counts_nulls else None
        width = _width(chunks, kind, size / rows)
        return ColumnStatistics(distinct, null_fraction, low, high, width)

    def _places(self, name: str) -> Iterator[tuple[Any, int, int | None]]:
        """Yield each footer, where the column is in it, and the length of its values if fixed."""
        for footer in self._footers:
            for place in range(footer.num_columns):
                column = footer.schema.column(place)
                if column.path == name:
                    yield footer, place, column.length or None


def _ends(chunks: Sequence[Chunk]) -> tuple[object, object]:
    if any(chunk.values and chunk.low is None for chunk in chunks):
        return None, None
    bounded = [chunk for chunk in chunks if chunk.low is not None]
    if not bounded:
        return None, None
    lows, highs = (chunk.low for chunk in bounded), (chunk.high for chunk in bounded)
    return _as_python(min(lows)), _as_python(max(highs))  # type: ignore[type-var]  # of one type


def _counted(low: object, high: object, values: int, distinct: float | None) -> float | None:
    """Return a number of values that is not larger than a range of integers has room for."""
    if not isinstance(low, int) or not isinstance(high, int):
        return distinct
    room = float(high - low + 1)
    if distinct is None:
        return room if room <= values else None
    if abs(room - values) <= _DENSE * values and distinct > values / 2:
        return float(values)  # as many integers as rows, most of them there: they count the rows
    return min(distinct, room)


def _width(chunks: Sequence[Chunk], kind: DataType, stored: float) -> float | None:
    """Return the bytes of a text: of the first and the last, or as stored where that is more."""
    if kind != TEXT:
        return None
    ends = [c for c in chunks if isinstance(c.low, str) and isinstance(c.high, str)]
    if not ends:
        return stored
    mean = sum(len(str(c.low)) + len(str(c.high)) for c in ends) / (2 * len(ends))
    return max(mean, stored)


def _as_python(value: Any) -> object:
    """Return a bound as Python has it; pyarrow gives nanoseconds as pandas timestamps."""
    return value.to_pydatetime(warn=False) if hasattr(value, "to_pydatetime") else value
