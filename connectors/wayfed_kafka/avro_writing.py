"""Rows as records of Avro: the schema that our columns have there, and their bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wayfed_kafka.registry import HEAD, MAGIC
from wayfed_optimizer.errors import TypeMismatch
from wayfed_optimizer.types import (
    BINARY,
    BOOL,
    DATE,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    DataType,
    Decimal,
    List,
    Schema,
    Struct,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from wayfed_kafka.registry import Registry

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NONE: Final = b"\x00"
"""The branch of a union that is null, as `avro_schema` has them; no bytes follow it."""
_SOME: Final = b"\x02"
_END: Final = b"\x00"
_FORMS: Final[dict[DataType, Any]] = {
    BOOL: "boolean",
    INT8: "int",
    INT16: "int",
    INT32: "int",
    INT64: "long",
    FLOAT32: "float",
    FLOAT64: "double",
    TEXT: "string",
    BINARY: "bytes",
    DATE: {"type": "int", "logicalType": "date"},
    TIMESTAMP: {"type": "long", "logicalType": "local-timestamp-micros"},
    TIMESTAMP_UTC: {"type": "long", "logicalType": "timestamp-micros"},
}


def avro_schema(schema: Schema, name: str = "Row") -> dict[str, Any]:
    """Return the Avro schema of rows: a record in which every column may be null.

    It follows from the columns' names and types alone, so that who knows these can read records
    that no registry knows.

    Raises
    ------
    TypeMismatch
        Where a column's name is none in Avro.

    Examples
    --------
    >>> avro_schema(Schema.of(id="int64"))["fields"]
    [{'name': 'id', 'type': ['null', 'long'], 'default': None}]
    """
    fields = [
        {
            "name": each.name,
            "type": ["null", _form(each.type, each.name, f"{name}_{each.name}")],
            "default": None,
        }
        for each in schema
    ]
    return {"type": "record", "name": name, "fields": fields}


class RegisteredAvro:
    """Makes records of Avro behind the number that a registry gave their schema.

    The schema is registered when the first records are made; the registry refuses one that readers
    of the subject's earlier ones could not read.

    Parameters
    ----------
    registry
        Where it is registered.
    subject
        Under which name.
    schema
        The columns.
    """

    def __init__(self, registry: Registry, subject: str, schema: Schema) -> None:
        self._registry = registry
        self._subject = subject
        self._schema = avro_schema(schema)
        self._encode: AvroEncoder | None = None

    def __call__(self, rows: pa.RecordBatch) -> list[bytes | None]:
        """Return the record of each row."""
        if self._encode is None:
            number = self._registry.register(self._subject, self._schema)
            self._encode = AvroEncoder(MAGIC + number.to_bytes(HEAD - len(MAGIC), "big"))
        return self._encode(rows)


@dataclass(frozen=True, slots=True)
class AvroEncoder:
    """Makes records of Avro column by column, as `avro_schema` describes them.

    Parameters
    ----------
    before
        What is put before each record, such as the number that a registry gave the schema.
    """

    before: bytes = b""

    def __call__(self, rows: pa.RecordBatch) -> list[bytes | None]:
        """Return the record of each row."""
        import pyarrow as pa

        columns = [_encoded(column) for column in rows.columns]
        records: list[bytes | None] = _joined(pa.scalar(self.before), *columns).to_pylist()
        return records


def _encoded(values: pa.Array) -> pa.Array:
    """Return the bytes of each value, behind its branch of the union with null."""
    import pyarrow as pa
    from pyarrow import compute

    some = _joined(pa.scalar(_SOME), _plain(values))
    return compute.if_else(values.is_valid(), some, pa.scalar(_NONE)) if values.null_count else some


def _plain(values: pa.Array) -> pa.Array:
    """Return the bytes of each value; those of NULL are of no use."""
    import pyarrow as pa

    kind = values.type
    if pa.types.is_list(kind):
        return _lists(values)
    if pa.types.is_struct(kind):
        members = [_encoded(member) for member in values.flatten()]
        return _joined(*members) if members else _texts(values.is_valid(), b"")
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return _counted(values.cast(pa.binary()).fill_null(b""))
    if pa.types.is_boolean(kind):
        return _fixed(values.cast(pa.uint8()).fill_null(0), 1)
    if pa.types.is_floating(kind):
        return _fixed(values.fill_null(0.0), kind.bit_width // 8)
    if pa.types.is_decimal(kind):
        return _decimals(values)
    # Dates are days, and times are microseconds.
    days = values.cast(pa.int32()) if pa.types.is_date(kind) else values
    return _varints(days.cast(pa.int64()).fill_null(0))


def _joined(*parts: Any) -> pa.Array:
    from pyarrow import compute

    return compute.binary_join_element_wise(*parts, b"")


def _fixed(values: pa.Array, width: int) -> pa.Array:
    """Return the bytes that values without NULL have in memory."""
    import numpy as np
    import pyarrow as pa

    offsets = np.arange(len(values) + 1, dtype=np.int32) * np.int32(width)
    data = pa.py_buffer(values.to_numpy(zero_copy_only=False).tobytes())
    return pa.BinaryArray.from_buffers(
        pa.binary(), len(values), [None, pa.py_buffer(offsets), data]
    )


def _varints(values: pa.Array) -> pa.Array:
    """Return integers without NULL as Avro has them: zigzag, seven bits a byte."""
    import numpy as np
    import pyarrow as pa

    signed = values.to_numpy(zero_copy_only=False)
    left = ((signed << 1) ^ (signed >> 63)).view(np.uint64)
    width = max(1, -(-int(left.max(initial=0)).bit_length() // 7))
    digits = np.empty((len(left), width), np.uint8)
    there = np.empty((len(left), width), np.bool_)
    more = np.ones(len(left), np.bool_)
    for place in range(width):
        there[:, place] = more
        more = left >= 128
        digits[:, place] = (left & 127) | (more.astype(np.uint64) << 7)
        left = left >> np.uint64(7)
        more &= there[:, place]
    offsets = np.concatenate([[0], there.sum(axis=1).cumsum()]).astype(np.int32)
    data = pa.py_buffer(digits[there].tobytes())
    return pa.BinaryArray.from_buffers(
        pa.binary(), len(values), [None, pa.py_buffer(offsets), data]
    )


def _counted(values: pa.Array) -> pa.Array:
    """Return bytes behind their number."""
    import pyarrow as pa
    from pyarrow import compute

    return _joined(_varints(compute.binary_length(values).cast(pa.int64())), values)


def _decimals(values: pa.Array) -> pa.Array:
    """Return unscaled values as sixteen bytes each, the highest first."""
    import numpy as np
    import pyarrow as pa

    whole = pa.concat_arrays([values])  # without the offset of a slice
    wide = np.frombuffer(whole.buffers()[1], np.uint8, len(whole) * 16).reshape(-1, 16)
    offsets = np.arange(len(whole) + 1, dtype=np.int32) * np.int32(16)
    data = pa.py_buffer(np.ascontiguousarray(wide[:, ::-1]).tobytes())
    return _counted(
        pa.BinaryArray.from_buffers(pa.binary(), len(whole), [None, pa.py_buffer(offsets), data])
    )


def _lists(values: pa.Array) -> pa.Array:
    """Return the elements behind their number, and a zero behind them."""
    import pyarrow as pa
    from pyarrow import compute

    lengths = compute.list_value_length(values).fill_null(0)
    ends = compute.cumulative_sum(lengths).cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    elements = pa.ListArray.from_arrays(offsets, _encoded(values.flatten()))
    counted = _joined(_varints(lengths.cast(pa.int64())), compute.binary_join(elements, b""))
    some = _joined(counted, pa.scalar(_END))
    return compute.if_else(compute.greater(lengths, 0), some, pa.scalar(_END))


def _texts(values: pa.Array, text: bytes) -> pa.Array:
    import pyarrow as pa

    return pa.array([text] * len(values), pa.binary())


def _form(kind: DataType, column: str, path: str) -> Any:
    _require_name(column)
    match kind:
        case Decimal(precision=precision, scale=scale):
            return {
                "type": "bytes",
                "logicalType": "decimal",
                "precision": precision,
                "scale": scale,
            }
        case List(element=element):
            return {"type": "array", "items": ["null", _form(element, column, path)]}
        case Struct(fields=fields):
            members = [
                {"name": name, "type": ["null", _form(member, name, f"{path}_{name}")]}
                for name, member in fields
            ]
            return {"type": "record", "name": path, "fields": members}
    return _FORMS[kind]


def _require_name(column: str) -> None:
    if _NAME.fullmatch(column) is None:
        raise TypeMismatch(
            f"'{column}' cannot be the name of a field in Avro",
            hint="names there have letters of ASCII, digits and _: use rename()",
        )
