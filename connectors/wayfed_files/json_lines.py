"""Rows as lines of JSON, made column by column: times in ISO 8601, decimals as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wayfed_arrow.json_text import json_objects

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS: Final = 1 << 14


class JsonLinesWriter:
    """Writes batches to a file opened for bytes; the interface is that of pyarrow's writers."""

    def __init__(self, file: Any, schema: pa.Schema) -> None:
        self._file = file

    def __enter__(self) -> JsonLinesWriter:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a line for each row.

        Raises
        ------
        ExecutionError
            Where a number is NaN or infinite.
        """
        for start in range(0, batch.num_rows, _ROWS):
            lines = json_lines(batch.slice(start, _ROWS))
            self._file.write(lines.as_buffer())
            self._file.write(b"\n")


def json_lines(batch: pa.RecordBatch) -> pa.StringScalar:
    r"""Return the rows of a batch as lines of JSON.

    Examples
    --------
    >>> import pyarrow as pa
    >>> print(json_lines(pa.record_batch({"x": [1.0, None], "name": ['a "b"', "c\n"]})))
    {"x":1.0,"name":"a \"b\""}
    {"x":null,"name":"c\u000a"}
    """
    import pyarrow as pa
    from pyarrow import compute

    rows = json_objects(batch)
    whole = pa.ListArray.from_arrays(pa.array([0, len(rows)], pa.int32()), rows)
    return compute.binary_join(whole, "\n")[0]
