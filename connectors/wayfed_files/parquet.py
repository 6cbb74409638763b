"""Parquet: schema and statistics from the footers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wayfed_files.inspected import Inspected, require_signature
from wayfed_files.partitions import METADATA
from wayfed_optimizer.errors import SourceError
from wayfed_optimizer.statistics.estimates import ColumnStatistics, Estimate, Provenance
from wayfed_optimizer.types import BOOL, TIMESTAMP, TIMESTAMP_UTC, DataType, Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

_CHUNKS_LOOKED_AT: Final = 5_000
"""Column chunks whose statistics are read, at some 10 µs each."""


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


def column_statistics(
    footers: Sequence[Any], types: Mapping[str, DataType]
) -> dict[str, ColumnStatistics]:
    """Return what the footers of a table's files tell about its columns.

    Bounds hold only where every chunk has them; beyond some thousand chunks nothing is told.
    """
    rows = sum(footer.num_rows for footer in footers)
    chunks = sum(footer.num_row_groups * footer.num_columns for footer in footers)
    if not rows or chunks > _CHUNKS_LOOKED_AT:
        return {}
    found: dict[str, list[Any]] = {name: [] for name in types}
    for name, chunk in _chunks(footers):
        if name in found:
            found[name].append(chunk)
    return {name: _merged(chunks, rows, types[name]) for name, chunks in found.items()}


def _chunks(footers: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Yield (column, its statistics or None) for each chunk of a column that is not nested."""
    for footer in footers:
        names = [footer.schema.column(i).path for i in range(footer.num_columns)]
        for group in map(footer.row_group, range(footer.num_row_groups)):
            for position, name in enumerate(names):
                yield name, group.column(position).statistics


def _merged(chunks: list[Any], rows: int, kind: DataType) -> ColumnStatistics:
    if not chunks or any(chunk is None or not chunk.has_null_count for chunk in chunks):
        return ColumnStatistics(distinct=2.0 if kind == BOOL else None)
    nulls = sum(chunk.null_count for chunk in chunks)
    bounded = [chunk for chunk in chunks if chunk.has_min_max]
    low = high = None
    if bounded and all(chunk.has_min_max or not chunk.num_values for chunk in chunks):
        low = _as_python(min(chunk.min for chunk in bounded))
        high = _as_python(max(chunk.max for chunk in bounded))
    return ColumnStatistics(_distinct(low, high, rows - nulls, kind), nulls / rows, low, high)


def _as_python(value: Any) -> object:
    """Return a bound as Python has it; pyarrow gives nanoseconds as pandas timestamps."""
    return value.to_pydatetime(warn=False) if hasattr(value, "to_pydatetime") else value


def _distinct(low: object, high: object, values: int, kind: DataType) -> float | None:
    """Return the number of integers in a range, where there are more values than that."""
    if kind == BOOL:
        return 2.0
    if isinstance(low, int) and isinstance(high, int) and high - low < values:
        return float(high - low + 1)
    return None
