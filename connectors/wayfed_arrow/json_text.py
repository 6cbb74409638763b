r"""Rows as objects of JSON, made column by column.

Integers and floats are numbers, decimals texts with all digits of their scale, times texts in
ISO 8601, and NULL is null. Every value can be read back from it; for binary there is no form.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import ExecutionError

if TYPE_CHECKING:
    import pyarrow as pa

_CONTROL: Final = "[\\x00-\\x1f]"


def json_objects(rows: pa.RecordBatch) -> pa.StringArray:
    r"""Return an object of JSON for each row, on one line.

    Raises
    ------
    ExecutionError
        Where a number is NaN or infinite; names the column.

    Examples
    --------
    >>> import pyarrow as pa
    >>> for text in json_objects(pa.record_batch({"x": [1.0, None], "name": ['a "b"', "c\n"]})):
    ...     print(text)
    {"x":1.0,"name":"a \"b\""}
    {"x":null,"name":"c\u000a"}
    """
    return _object(rows.schema.names, rows.columns, rows.num_rows)


def plain_decimals(values: pa.Array) -> pa.Array:
    """Return decimals as texts without exponents, which not every reader knows.

    Examples
    --------
    >>> import decimal, pyarrow as pa
    >>> plain_decimals(pa.array([decimal.Decimal("0.00000010")])).to_pylist()
    ['0.00000010']
    """
    import pyarrow as pa
    from pyarrow import compute

    text = values.cast(pa.string())
    short = compute.fill_null(compute.match_substring(text, "E"), fill_value=False)
    if not compute.any(short).as_py():
        return text
    written = [f"{value.as_py():f}" for value in values.filter(short)]
    return compute.replace_with_mask(text, short, pa.array(written, pa.string()))


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
            hint="filter them out, or write a format that has them, such as Parquet or Avro",
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
