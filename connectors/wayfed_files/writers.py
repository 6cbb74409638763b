"""How rows are written in each format, and which types a format has no form for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.types import BINARY, DataType, List, Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa


_HEX: Final = "write .parquet, or cast it to text where its bytes are UTF-8"
_NESTED: Final = "write .parquet or .ndjson, or make columns of it"


def parquet_writer(file: Any, schema: pa.Schema, metadata: Mapping[str, str] | None = None) -> Any:
    """Write Parquet; `metadata` stands in the footer."""
    from pyarrow import parquet

    writer = parquet.ParquetWriter(file, schema)
    if metadata:
        writer.add_key_value_metadata(dict(metadata))
    return writer


def csv_writer(file: Any, schema: pa.Schema) -> Any:
    """Write CSV; texts are quoted and NULL is not, so that an empty text is not NULL."""
    from pyarrow import csv

    return csv.CSVWriter(file, schema)


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
