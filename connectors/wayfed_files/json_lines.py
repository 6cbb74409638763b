"""Rows as lines of JSON, made column by column: times in ISO 8601, decimals as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from wayfed_files.writers import plain_decimals
from wayfed_optimizer.errors import ExecutionError

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS: Final = 1 << 14
_CONTROL: Final = "[\\x00-\\x1f]"


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

    rows = _object(batch.schema.names, batch.columns, batch.num_rows)
    whole = pa.ListArray.from_arrays(pa.array([0, len(rows)], pa.int32()), rows)
    return compute.binary_join(whole, "\n")[0]


def _object(names: list[str], columns: list[pa.Array], length: int) -> pa.Array:
    import pyarrow as pa
    from pyarrow import compute

    if not columns:
        return pa.array(["{}"] * length, pa.string())
    parts: list[Any] = []
    for position, (name, column) in enumerate(zip(names, columns, strict=True)):
        parts += ["{" if position == 0 else ",", json.dumps(name, ensure_ascii=False) + ":"]
        parts.append(compute.fill_null(_json(column, name), "null"))
    return compute.binary_join_element_wise(*parts, "}", "")


def _json(values: pa.Array, column: str) -> pa.Array:
    """Return the values as texts of JSON; NULL stays NULL."""
    import pyarrow as pa
    from pyarrow import compute

    kind = values.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return values.cast(pa.string())
    if pa.types.is_floating(kind):
        return _number(values, column)
    if pa.types.is_list(kind):
        return _array(values, column)
    if pa.types.is_struct(kind):
        members = [compute.struct_field(values, [i]) for i in range(kind.num_fields)]
        text = _object([kind.field(i).name for i in range(kind.num_fields)], members, len(values))
        return compute.if_else(values.is_valid(), text, pa.scalar(None, pa.string()))
    if pa.types.is_decimal(kind):
        text = plain_decimals(values)
    else:
        text = values if pa.types.is_string(kind) else values.cast(pa.string())
    if pa.types.is_string(kind):
        text = _escaped(text)
    elif pa.types.is_timestamp(kind):
        text = compute.replace_substring(text, " ", "T")
    return compute.binary_join_element_wise('"', text, '"', "")


def _number(values: pa.Array, column: str) -> pa.Array:
    import pyarrow as pa
    from pyarrow import compute

    if not compute.all(compute.is_finite(values)).as_py() and values.null_count < len(values):
        raise ExecutionError(
            f"column '{column}' holds NaN or infinity, for which JSON has no word",
            hint="filter them out, or write .parquet",
        )
    text = values.cast(pa.string())
    marked = compute.match_substring_regex(text, "[.eE]")
    return compute.if_else(marked, text, compute.binary_join_element_wise(text, ".0", ""))


def _array(values: pa.Array, column: str) -> pa.Array:
    import pyarrow as pa
    from pyarrow import compute

    lengths = compute.fill_null(compute.list_value_length(values), 0)
    ends = compute.cumulative_sum(lengths).cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    elements = compute.fill_null(_json(values.flatten(), column), "null")
    joined = compute.binary_join(pa.ListArray.from_arrays(offsets, elements), ",")
    text = compute.binary_join_element_wise("[", joined, "]", "")
    return compute.if_else(values.is_valid(), text, pa.scalar(None, pa.string()))


def _escaped(text: pa.Array) -> pa.Array:
    from pyarrow import compute

    text = compute.replace_substring(text, "\\", "\\\\")
    text = compute.replace_substring(text, '"', '\\"')
    if compute.any(compute.match_substring_regex(text, _CONTROL)).as_py():
        for code in range(32):
            text = compute.replace_substring(text, chr(code), f"\\u{code:04x}")
    return text
