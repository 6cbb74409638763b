"""Arrow IPC: the file format and the stream format, told apart by their first bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wayfed_files.inspected import Inspected, head_of, require_names, require_signature
from wayfed_optimizer.errors import SourceError
from wayfed_optimizer.statistics.estimates import Estimate, Provenance

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_STREAM: Final = b"\xff\xff\xff\xff"


def inspect(path: Path, options: Mapping[str, Any], prefix: int) -> Inspected:
    """Return what an Arrow IPC file tells.

    Raises
    ------
    SourceError, TypeMismatch
        Where the file is not whole, not Arrow IPC, or a column has no counterpart here.
    """
    import pyarrow as pa

    from wayfed_arrow import schema_from_arrow

    is_stream = head_of(path).startswith(_STREAM)
    if not is_stream:
        require_signature(path, b"ARROW1", "an Arrow IPC file")
    try:
        with pa.memory_map(str(path)) as file:
            schema, rows = _stream_facts(file) if is_stream else _file_facts(file)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"'{path}' cannot be read as Arrow IPC: {error}") from error
    require_names(path, schema.names)
    return Inspected(path, schema_from_arrow(schema).fields, rows)


def _file_facts(file: Any) -> tuple[Any, Estimate]:
    import pyarrow as pa

    reader = pa.ipc.open_file(file)
    rows = sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))
    return reader.schema, Estimate.exactly(rows, Provenance.FOOTER)


def _stream_facts(file: Any) -> tuple[Any, Estimate]:
    """Return the schema, and rows by size: only the first batch is looked at."""
    import pyarrow as pa

    reader = pa.ipc.open_stream(file)
    first = next(reader, None)
    if first is None or not first.num_rows:
        return reader.schema, Estimate.exactly(0, Provenance.FOOTER)
    rows = max(1.0, file.size() / max(1, file.tell())) * first.num_rows
    return reader.schema, Estimate.around(rows, Provenance.DERIVED)
