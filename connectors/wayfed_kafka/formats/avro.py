"""Values that are records of Avro: of one schema, or each of one that a registry knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wayfed_kafka.formats.avro_columns import read_columns, reads_at_once
from wayfed_kafka.formats.avro_rows import default_of, read_rows
from wayfed_kafka.formats.avro_schema import columns_of, named_types, parsed
from wayfed_kafka.formats.interface import Undecodable
from wayfed_kafka.registry import HEAD, MAGIC, NotAvro, UnknownSchema
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from wayfed_kafka.registry import Registry
    from wayfed_optimizer.types import Schema


class AvroFormat:
    """A value is one record.

    Parameters
    ----------
    reader
        The schema whose fields are the columns.
    wanted
        Which of them; None for all.
    registry
        Says what schema each value was written with, by the number in its first bytes; without
        one, that is `reader`.
    origin
        Where the schema comes from, for people.
    """

    def __init__(
        self, reader: Any, wanted: Schema | None, registry: Registry | None, origin: str
    ) -> None:
        self._reader = parsed(reader)
        self._registry = registry
        self._origin = origin
        self._writers: dict[int, Any] = {}
        self._unread: dict[int, str] = {}
        self.schema = columns_of(self._reader, wanted, f"the Avro schema ({origin})")
        self._members = {each["name"]: each for each in self._reader["fields"]}
        self._names = named_types(self._reader)
        self._optional = _null_by_default(self._names.values())

    @property
    def remedy(self) -> str | None:
        """What to do about a value that is not of the format, besides leaving it out."""
        if self._registry is None:
            return "if a schema registry knows what the values are, registry= is its URL"
        return None

    def __str__(self) -> str:
        return f"avro ({self._origin})"

    def decode(self, values: Sequence[bytes], columns: Sequence[str]) -> list[pa.ChunkedArray]:
        """Return some columns of values; raises Undecodable."""
        if self._registry is None:
            return self._of_one(self._reader, values, 0, columns)
        numbers = [_number(value) for value in values]
        different = dict.fromkeys(numbers)
        if len(different) == 1:
            return self._of_one(self._writer(numbers[0]), values, HEAD, columns)
        return self._of_many(numbers, list(different), values, columns)

    def _of_many(
        self,
        numbers: list[int],
        different: list[int],
        values: Sequence[bytes],
        columns: Sequence[str],
    ) -> list[pa.ChunkedArray]:
        import numpy as np
        import pyarrow as pa

        parts, positions = [], []
        for number in different:
            rows = [row for row, each in enumerate(numbers) if each == number]
            own = [values[row] for row in rows]
            parts.append(self._of_one(self._writer(number), own, HEAD, columns))
            positions += rows
        back = pa.array(np.argsort(np.array(positions, np.int64), kind="stable"))
        return [
            pa.chunked_array([chunk for part in parts for chunk in part[column].chunks]).take(back)
            for column in range(len(columns))
        ]

    def _writer(self, number: int) -> Any:
        if number not in self._writers and self._registry is not None:
            try:
                if number not in self._unread:
                    self._writers[number] = parsed(self._registry.schema(number))
            except UnknownSchema:
                self._unread[number] = f"{self._registry} knows no schema {number}"
            except (NotAvro, InvalidOption) as error:
                self._unread[number] = str(error)
            if number in self._unread:
                raise Undecodable(self._unread[number])
        return self._writers[number]

    def _of_one(
        self, writer: Any, values: Sequence[bytes], skipped: int, columns: Sequence[str]
    ) -> list[pa.ChunkedArray]:
        import pyarrow as pa

        from wayfed_arrow import arrow_schema

        if not isinstance(writer, dict) or "fields" not in writer:
            raise Undecodable("it was written with an Avro schema that is no record's")
        read = read_columns if reads_at_once(writer) else read_rows
        found = read(writer, values, skipped, columns)
        result = []
        for field in arrow_schema(self.schema.select(columns)):
            array = found.get(field.name)
            if array is None:
                array = self._absent(field, len(values))
            elif array.type != field.type:
                array = self._promoted(array, field)
            result.append(pa.chunked_array([array]))
        return result

    def _absent(self, field: pa.Field, rows: int) -> pa.Array:
        """Return the default of a field that a writer did not know."""
        import pyarrow as pa

        member, kind = self._members[field.name], self.schema[field.name].type
        if "default" not in member:
            raise Undecodable(f"it has no field '{field.name}', which has no default")
        default = default_of(member["type"], self._names, kind, member["default"])
        try:
            return pa.array([default] * rows, field.type)
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            raise Undecodable(f"the default of field '{field.name}' is not read") from error

    def _promoted(self, array: pa.Array, field: pa.Field) -> pa.Array:
        """Return what was written in another type, where Avro says that it is read as this one."""
        import pyarrow as pa
        from pyarrow import compute

        refused = Undecodable(
            f"field '{field.name}' was written as {array.type}, which is no {field.type}"
        )
        if not _may_be_read(array.type, field.type, self._optional):
            raise refused
        # An integer may be read as a float that does not have all of its digits.
        options = compute.CastOptions(field.type, allow_float_truncate=True)
        try:
            return array.cast(options=options)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise refused from error


def _may_be_read(written: pa.DataType, read: pa.DataType, optional: frozenset[str]) -> bool:
    from pyarrow import types

    if written == read or types.is_null(written):
        return True
    if types.is_list(written) and types.is_list(read):
        return _may_be_read(written.value_type, read.value_type, optional)
    if types.is_struct(written) and types.is_struct(read):
        theirs = {member.name: member.type for member in written}
        return all(
            _may_be_read(theirs[each.name], each.type, optional)
            if each.name in theirs
            else each.name in optional
            for each in read
        )
    texts = (types.is_string, types.is_binary)
    return (
        (types.is_integer(written) and types.is_floating(read))
        or (types.is_int32(written) and types.is_int64(read))
        or (types.is_float32(written) and types.is_float64(read))
        or (types.is_decimal(written) and types.is_decimal(read))
        or (any(kind(written) for kind in texts) and any(kind(read) for kind in texts))
    )


def _null_by_default(forms: Iterable[Any]) -> frozenset[str]:
    """Return the members of records that are NULL where a writer did not know them."""
    members = [each for form in forms for each in form.get("fields", ())]
    others = {each["name"] for each in members if each.get("default", "none") is not None}
    return frozenset(each["name"] for each in members) - others


def _number(value: bytes) -> int:
    if value[:1] != MAGIC or len(value) < HEAD:
        raise Undecodable("it does not begin with the number of a registry's schema")
    return int.from_bytes(value[1:HEAD], "big")
