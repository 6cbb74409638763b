"""How rows are written in each format, and which types a format has no form for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wayfed_arrow.json_text import plain_decimals
from wayfed_optimizer.errors import ExecutionError
from wayfed_optimizer.types import BINARY, DataType, List, Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa


_DIGITS_WITHOUT_EXPONENT: Final = 6
_HEX: Final = "write .parquet, or cast it to text where its bytes are UTF-8"
_NESTED: Final = "write .parquet or .ndjson, or make columns of it"


def parquet_writer(file: Any, schema: pa.Schema, metadata: Mapping[str, str] | None = None) -> Any:
    """Write Parquet; `metadata` stands in the footer."""
    from pyarrow import parquet

    return parquet.ParquetWriter(file, schema.with_metadata(metadata) if metadata else schema)


def csv_writer(file: Any, schema: pa.Schema) -> Any:
    """Write CSV; texts are quoted and NULL is not, so that an empty text is not NULL."""
    return _CsvWriter(file, schema)


class _CsvWriter:
    """pyarrow's, for values that other readers would take for others or not at all."""

    def __init__(self, file: Any, schema: pa.Schema) -> None:
        import pyarrow as pa
        from pyarrow import csv

        fields = [pa.field(f.name, pa.string()) if _is_fine(f.type) else f for f in schema]
        self._fine = [_is_fine(f.type) for f in schema]
        self._schema = pa.schema(fields)
        self._writer = csv.CSVWriter(file, self._schema)

    def __enter__(self) -> _CsvWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a line for each row."""
        import pyarrow as pa

        columns = [
            plain_decimals(column) if fine else column
            for column, fine in zip(batch.columns, self._fine, strict=True)
        ]
        for name, column in zip(batch.schema.names, columns, strict=True):
            _require_text(name, column)
        self._writer.write(pa.RecordBatch.from_arrays(columns, schema=self._schema))


def _is_fine(kind: pa.DataType) -> bool:
    """Say whether pyarrow writes small values of a type with an exponent."""
    import pyarrow as pa

    return bool(pa.types.is_decimal(kind)) and kind.scale > _DIGITS_WITHOUT_EXPONENT


def _require_text(name: str, column: pa.Array) -> None:
    import pyarrow as pa
    from pyarrow import compute

    if (
        pa.types.is_string(column.type)
        and compute.any(compute.match_substring(column, "\0")).as_py()
    ):
        raise ExecutionError(
            f"column '{name}' holds a zero byte, which no reader takes for text in CSV",
            hint="replace it, or write .parquet",
        )


def json_writer(file: Any, schema: pa.Schema) -> Any:
    """Write lines of JSON."""
    from wayfed_files.json_lines import JsonLinesWriter

    return JsonLinesWriter(file, schema)


def ipc_writer(file: Any, schema: pa.Schema) -> Any:
    """Write the Arrow IPC file format."""
    import pyarrow as pa

    return pa.ipc.new_file(file, schema)


def anything(kind: DataType) -> str | None:
    """Refuse no type."""
    return None


def flat_text(kind: DataType) -> str | None:
    """Say what to do with a type that a line of text has no form for."""
    if isinstance(kind, List | Struct):
        return _NESTED
    return _HEX if kind == BINARY else None


def nested_text(kind: DataType) -> str | None:
    """Say what to do with a type that JSON has no form for."""
    match kind:
        case List(element=element):
            return nested_text(element)
        case Struct(fields=fields):
            return next((told for _, each in fields if (told := nested_text(each))), None)
    return _HEX if kind == BINARY else None
