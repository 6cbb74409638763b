"""Records of Avro, many at a time: each field is read of all of them at once.

A record has no delimiters, so each has a cursor of its own; a cursor that leaves its record, or
does not end where it ends, is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context
from decimal import Decimal as Number
from typing import TYPE_CHECKING, Any, Final

from wayfed_arrow import arrow_type
from wayfed_kafka.formats.avro_schema import kind_of, named_types, without_null
from wayfed_kafka.formats.interface import Undecodable
from wayfed_optimizer.types import Decimal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import numpy as np
    import pyarrow as pa

_LONGEST: Final = 10
"""Bytes of a number at most."""
ALL: Final = slice(None)
"""The numbers of all records; those of some are in an array."""
_EXACT: Final = Context(prec=60)
_UNITS: Final = {"millis": "ms", "micros": "us"}


def reads_at_once(schema: Any) -> bool:
    """Say whether records can be read field by field: they have no lists, maps and unions."""
    return _is_flat(schema, named_types(schema), 0)


def _is_flat(schema: Any, names: Mapping[str, Any], depth: int) -> bool:
    inner, _ = without_null(schema)
    if isinstance(inner, str) and inner in names:
        inner = names[inner]
    if isinstance(inner, list) or depth > _LONGEST:
        return False
    if not isinstance(inner, dict):
        return True
    if inner["type"] == "record":
        return all(_is_flat(each["type"], names, depth + 1) for each in inner["fields"])
    return inner["type"] not in ("array", "map") and (
        isinstance(inner["type"], str) or _is_flat(inner["type"], names, depth + 1)
    )


def read_columns(
    schema: Any, values: Sequence[bytes], skipped: int, columns: Collection[str]
) -> dict[str, pa.Array]:
    """Return some fields of records as arrays, in the types that `kind_of` says.

    Parameters
    ----------
    schema
        What the records were written with; `reads_at_once`.
    values
        The records.
    skipped
        How many bytes stand before each.
    columns
        Which fields.

    Raises
    ------
    Undecodable
        Where a record does not have the fields, all of them and nothing else.
    """
    reader = _Reader(values, skipped, named_types(schema))
    found = {}
    for member in schema["fields"]:
        array = reader.read(member["type"], ALL, member["name"], member["name"] in columns)
        if member["name"] in columns:
            found[member["name"]] = array
    reader.require_end()
    return found


@dataclass(frozen=True, slots=True)
class _Spans:
    """Bytes of some rows."""

    starts: np.ndarray[Any, np.dtype[np.int64]]
    lengths: np.ndarray[Any, np.dtype[np.int64]]


class _Reader:
    """Cursors into the bytes of many records."""

    def __init__(self, values: Sequence[bytes], skipped: int, names: Mapping[str, Any]) -> None:
        import numpy as np
        import pyarrow as pa

        # The zeros behind the last record end any number that begins within it.
        self._buffer = pa.py_buffer(b"".join((*values, bytes(2 * _LONGEST))))
        self._bytes = np.frombuffer(self._buffer, np.uint8)
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        self._ends = np.cumsum(lengths)
        self._at = self._ends - lengths + skipped
        self._names = names

    def require_end(self) -> None:
        """Raise Undecodable unless every cursor is at its record's end."""
        if not (self._at == self._ends).all():
            raise Undecodable("its bytes go on behind the last field of its Avro schema")

    def read(self, schema: Any, rows: Any, column: str, wanted: bool) -> Any:
        """Move the cursors of some rows over a field and return its values, if they are wanted."""
        import numpy as np
        import pyarrow as pa

        if isinstance(schema, list):
            inner, null = without_null(schema)
            branch = self._long(rows)
            self._require(((branch >= 0) & (branch < len(schema))).all(), column)
            if null is None:
                return self.read(inner, rows, column, wanted)
            valid = branch != null
            there = np.flatnonzero(valid) if isinstance(rows, slice) else rows[valid]
            values = self.read(inner, rows if valid.all() else there, column, wanted)
            if not wanted or valid.all():
                return values
            positions = np.cumsum(valid) - 1
            return values.take(pa.array(positions, pa.int64(), mask=~valid))
        form = self._names.get(schema, schema) if isinstance(schema, str) else schema
        if not isinstance(form, dict):
            form = {"type": form}
        if isinstance(form["type"], dict | list):
            return self.read(form["type"], rows, column, wanted)
        return self._plain(form, rows, column, wanted)

    def _plain(self, form: Any, rows: Any, column: str, wanted: bool) -> Any:
        import pyarrow as pa

        name, logical = form["type"], form.get("logicalType")
        match name:
            case "null":
                return pa.nulls(len(self._at[rows])) if wanted else None
            case "int" | "long":
                numbers = self._long(rows)
                if name == "int":
                    fits = (numbers >= -(1 << 31)) & (numbers < 1 << 31)
                    self._require(fits.all(), column)
                return self._number(form, numbers, column) if wanted else None
            case "boolean":
                flags = self._bytes[self._fixed(rows, 1, column).starts]
                self._require((flags < 2).all(), column)
                return pa.array(flags.astype(bool)) if wanted else None
            case "float" | "double":
                width = 4 if name == "float" else 8
                spans = self._fixed(rows, width, column)
                return self._floats(spans, width) if wanted else None
            case "enum":
                chosen = self._long(rows)
                self._require(((chosen >= 0) & (chosen < len(form["symbols"]))).all(), column)
                return pa.array(form["symbols"], pa.string()).take(pa.array(chosen))
            case "record":
                members = [
                    self.read(each["type"], rows, f"{column}.{each['name']}", wanted)
                    for each in form["fields"]
                ]
                names = [each["name"] for each in form["fields"]]
                return pa.StructArray.from_arrays(members, names) if wanted else None
        fixed = name == "fixed"
        spans = self._fixed(rows, form["size"], column) if fixed else self._spans(rows, column)
        if not wanted:
            return None
        if logical == "decimal":
            return self._decimals(spans, form, column)
        return self._texts(spans, column) if name == "string" else self._binaries(spans)

    def _long(self, rows: Any) -> Any:
        """Read a number of each row: seven bits a byte, the least first, the sign in the lowest."""
        import numpy as np

        at = self._at[rows].copy()
        found = np.zeros(len(at), np.uint64)
        going: Any = slice(None)  # which of them go on: mostly all, and at last none
        for position in range(_LONGEST):
            byte = self._bytes[at[going]]
            found[going] |= (byte & 0x7F).astype(np.uint64) << np.uint64(7 * position)
            at[going] += 1
            more = byte >= 0x80
            if not more.any():
                break
            if not more.all():
                going = np.flatnonzero(more) if isinstance(going, slice) else going[more]
        else:
            raise Undecodable("a number in it has no end: is it of another Avro schema?")
        self._move(rows, at)
        negative = -(found & np.uint64(1)).astype(np.int64)
        return (found >> np.uint64(1)).astype(np.int64) ^ negative

    def _spans(self, rows: Any, column: str) -> _Spans:
        lengths = self._long(rows)
        starts = self._at[rows].copy()
        # Compared, not added: a length may be close to 2**63.
        fits = (lengths >= 0) & (lengths <= self._ends[rows] - starts)
        self._require(fits.all(), column)
        self._move(rows, starts + lengths)
        return _Spans(starts, lengths)

    def _fixed(self, rows: Any, size: int, column: str) -> _Spans:
        import numpy as np

        starts = self._at[rows].copy()
        self._require((size <= self._ends[rows] - starts).all(), column)
        self._move(rows, starts + size)
        return _Spans(starts, np.full(len(starts), size, np.int64))

    def _move(self, rows: Any, at: Any) -> None:
        if not (at <= self._ends[rows]).all():
            raise Undecodable("it ends before the last field of its Avro schema")
        self._at[rows] = at

    def _require(self, fits: Any, column: str) -> None:
        if not fits:
            raise Undecodable(f"field '{column}' is not what its Avro schema says")

    def _number(self, form: Any, numbers: Any, column: str) -> Any:
        import pyarrow as pa

        kind = arrow_type(kind_of(form, self._names, column))
        logical = form.get("logicalType") or ""
        if pa.types.is_date(kind):
            return pa.array(numbers.astype("int32")).view(kind)
        if pa.types.is_timestamp(kind):
            unit = _UNITS[logical.rpartition("-")[2]]
            try:
                return pa.array(numbers).cast(pa.timestamp(unit, kind.tz)).cast(kind)
            except pa.ArrowInvalid as error:
                raise Undecodable(f"field '{column}' is an instant out of range") from error
        return pa.array(numbers).cast(kind)

    def _floats(self, spans: _Spans, width: int) -> Any:
        import numpy as np
        import pyarrow as pa

        cells = self._bytes[spans.starts[:, None] + np.arange(width)]
        return pa.array(np.ascontiguousarray(cells).view(f"<f{width}").ravel())

    def _binaries(self, spans: _Spans) -> Any:
        import numpy as np
        import pyarrow as pa

        count = len(spans.starts)
        if not count:
            return pa.array([], pa.binary())
        # Records lie one behind the other, so that values and what is between them are an array.
        bounds = np.empty(2 * count, np.int32)
        bounds[0::2] = spans.starts
        bounds[1::2] = spans.starts + spans.lengths
        buffers = [None, pa.py_buffer(bounds), self._buffer]
        both = pa.Array.from_buffers(pa.binary(), 2 * count - 1, buffers)
        return both.take(pa.array(np.arange(0, 2 * count, 2)))

    def _texts(self, spans: _Spans, column: str) -> Any:
        import pyarrow as pa

        try:
            return self._binaries(spans).cast(pa.string())
        except pa.ArrowInvalid as error:
            raise Undecodable(f"field '{column}' is not UTF-8") from error

    def _decimals(self, spans: _Spans, form: Any, column: str) -> Any:
        import pyarrow as pa

        kind = kind_of(form, self._names, column)
        assert isinstance(kind, Decimal)  # noqa: S101  # what the logical type says
        numbers = [
            Number(int.from_bytes(value, "big", signed=True)).scaleb(-kind.scale, _EXACT)
            for value in self._binaries(spans).to_pylist()
        ]
        try:
            return pa.array(numbers, arrow_type(kind))
        except pa.ArrowInvalid as error:
            raise Undecodable(f"field '{column}' has more digits than {kind}") from error
