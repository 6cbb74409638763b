"""Values that are JSON objects, many of them parsed at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wayfed_kafka.formats.interface import Undecodable
from wayfed_optimizer.errors import TypeMismatch
from wayfed_optimizer.types import (
    BINARY,
    DATE,
    FLOAT32,
    FLOAT64,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    DataType,
    List,
    Schema,
    Struct,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa

_BLOCK: Final = 1 << 20
_OPEN, _CLOSED = b"{}"
_READ_OTHERWISE: Final = "read it as text, or the whole value with format='raw'"
_TEMPORAL: Final = (DATE, TIMESTAMP, TIMESTAMP_UTC)


class JsonFormat:
    """A value is one JSON object; what it lacks is NULL, what the schema lacks is passed over.

    Parameters
    ----------
    schema
        The columns.
    origin
        Where they come from, for people.
    """

    def __init__(self, schema: Schema, origin: str = "schema=") -> None:
        for field in schema:
            require_word(field.type, field.name, hint=_READ_OTHERWISE)
        self.schema = schema
        self._origin = origin

    @property
    def remedy(self) -> str | None:
        """What to do about a value that is not of the format, besides leaving it out."""
        if self._origin == "schema=":
            return None
        return f"its columns are {self._origin}: schema= says them"

    def __str__(self) -> str:
        return f"json ({self._origin})"

    def decode(self, values: Sequence[bytes], columns: Sequence[str]) -> list[pa.ChunkedArray]:
        """Return some columns of values; raises Undecodable."""
        import numpy as np
        import pyarrow as pa
        from pyarrow import json

        from wayfed_arrow import arrow_schema

        target = arrow_schema(self.schema.select(columns))
        parsed = pa.schema([(f.name, _parsed_type(self.schema[f.name].type)) for f in target])
        text = b"\n".join(values)
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        if not _are_objects(text, lengths):
            for value in values:
                _require_object(value)
        _require_utf8(text)
        block = max(_BLOCK, 2 * int(lengths.max(initial=0)) + 2)
        try:
            table = json.read_json(
                pa.BufferReader(text),
                json.ReadOptions(block_size=block),
                json.ParseOptions(
                    explicit_schema=parsed,
                    newlines_in_values=True,
                    unexpected_field_behavior="ignore",
                ),
            )
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise Undecodable(_reason(error)) from error
        if table.num_rows != len(values):
            raise Undecodable("it is more than one JSON object")
        return [_converted(table.column(field.name), field) for field in target]


def _are_objects(text: bytes, lengths: np.ndarray[Any, np.dtype[np.int64]]) -> bool:
    """Say whether each value, of those joined in a text, begins and ends as an object does.

    Then none can go on in the next one: whatever is open at its end is followed by a brace, where
    the grammar has no place for one.
    """
    import numpy as np

    marks = np.frombuffer(text, np.uint8)
    if not lengths.all():
        return False
    ends = np.cumsum(lengths + 1) - 2
    found = (marks[ends] == _CLOSED) & (marks[ends - lengths + 1] == _OPEN)
    return bool(found.all())


def _require_object(value: bytes) -> None:
    text = value.strip(b" \t\r\n")
    if not text:
        raise Undecodable("it is empty")
    if text[:1] != b"{" or text[-1:] != b"}":
        raise Undecodable(f"it is not a JSON object: {text[:40]!r}")


def _require_utf8(text: bytes) -> None:
    if text.isascii():
        return
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Undecodable(f"it is not UTF-8: {error.reason}") from error


def _reason(error: Exception) -> str:
    text = str(error).removeprefix("JSON parse error: ").split("\n")[0]
    return text.partition(" in row ")[0].rstrip(".")


def _parsed_type(kind: DataType) -> pa.DataType:
    """Return the type in which the parser keeps all that a text of `kind` may say."""
    import pyarrow as pa

    from wayfed_arrow import arrow_type

    match kind:
        case List(element=element):
            return pa.list_(_parsed_type(element))
        case Struct(fields=fields):
            return pa.struct([pa.field(name, _parsed_type(member)) for name, member in fields])
        case _ if kind in _TEMPORAL:
            return arrow_type(TEXT)
        case _ if kind == FLOAT32:
            return arrow_type(FLOAT64)
    return arrow_type(kind)


def _converted(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type == field.type:
        return column
    try:
        found = column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Undecodable(f"column '{field.name}': {_reason(error)}") from error
    if pa.types.is_float32(field.type):
        lost = pc.and_(pc.is_inf(found), pc.invert(pc.is_inf(column)))
        if pc.any(lost).as_py():
            raise Undecodable(f"column '{field.name}' is beyond float32")
    return found


def require_word(kind: DataType, column: str, *, hint: str) -> None:
    """Raise TypeMismatch, with a hint at what to do, where JSON has no form for a type."""
    match kind:
        case List(element=element):
            require_word(element, column, hint=hint)
        case Struct(fields=fields):
            for _, member in fields:
                require_word(member, column, hint=hint)
        case _ if kind == BINARY:
            raise TypeMismatch(
                f"column '{column}' is binary, for which JSON has no word", hint=hint
            )
