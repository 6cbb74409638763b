"""Records become batches, and those that are not of the format are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wayfed_arrow import arrow_schema
from wayfed_kafka.formats import Undecodable
from wayfed_kafka.table import HEADERS, KEY, METADATA, OFFSET, PARTITION, TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from wayfed_kafka.clients import Messages
    from wayfed_kafka.table import TopicTable


class Decoder:
    """Makes batches of some columns of a topic.

    Parameters
    ----------
    table
        The topic.
    columns
        Which columns; the value is not looked at where none of them is of it, unless what is not of
        the format is to be left out.
    """

    def __init__(self, table: TopicTable, columns: Sequence[str]) -> None:
        self._metadata = [name for name in columns if name in table.metadata]
        values = [name for name in columns if name not in table.metadata]
        # Which records are left out must not depend on which columns somebody looks at.
        self._decoded = values if table.on_error == "fail" else table.format.schema.names
        self._keys = KEY in self._metadata or (table.on_error != "fail" and KEY in table.metadata)
        self._table = table
        self._columns = tuple(columns)
        self._schema = arrow_schema(table.schema.select(columns))
        self._key = arrow_schema(table.schema.select([KEY] if KEY in table.metadata else []))

    def decode(self, messages: Messages) -> pa.RecordBatch:
        """Return a row for each record.

        Raises
        ------
        Undecodable
            Where one of them is not of the format; `undecodable` tells which.
        """
        import pyarrow as pa

        found = self._of(messages.values() if self._decoded else None, self._key_list(messages))
        for name in self._metadata:
            if name != KEY:
                found[name] = _metadata_column(name, messages, self._schema.field(name).type)
        if not self._columns:
            return pa.RecordBatch.from_struct_array(pa.array([{}] * len(messages), pa.struct([])))
        arrays = [found[name] for name in self._columns]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def undecodable(self, messages: Messages) -> dict[int, str]:
        """Return why which of the records are not of the format, by their positions."""
        values = messages.values() if self._decoded else None
        return dict(self._search(values, self._key_list(messages), 0, len(messages)))

    def _key_list(self, messages: Messages) -> list[bytes | None] | None:
        return messages.keys() if self._keys else None

    def _search(self, values: Any, keys: Any, first: int, behind: int) -> Iterator[tuple[int, str]]:
        try:
            self._of(values and values[first:behind], keys and keys[first:behind])
        except Undecodable as error:
            if behind - first == 1:
                yield first, str(error)
                return
            middle = (first + behind) // 2
            yield from self._search(values, keys, first, middle)
            yield from self._search(values, keys, middle, behind)

    def _of(
        self, values: Sequence[bytes | None] | None, keys: Sequence[bytes | None] | None
    ) -> dict[str, pa.Array]:
        found = {} if values is None else self._value_columns(values)
        if keys is not None:
            found[KEY] = _keys(keys, self._key.field(KEY).type)
        return found

    def _value_columns(self, values: Sequence[bytes | None]) -> dict[str, pa.Array]:
        import pyarrow as pa

        there: Any = values
        missing = None in values
        if missing:
            there = [value for value in values if value is not None]
        decoded = (
            self._table.format.decode(there, self._decoded)
            if there
            else [
                pa.chunked_array([], field.type)
                for field in arrow_schema(self._table.format.schema.select(self._decoded))
            ]
        )
        columns = [_whole(column) for column in decoded]
        if missing:
            rows = iter(range(len(there)))
            positions = pa.array(
                [None if value is None else next(rows) for value in values], pa.int64()
            )
            columns = [column.take(positions) for column in columns]
        return dict(zip(self._decoded, columns, strict=True))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    if column.num_chunks == 1:
        return column.chunk(0)
    if column.num_chunks == 0:
        return pa.array([], column.type)
    return pa.concat_arrays(column.chunks)


def _keys(keys: Sequence[bytes | None], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    found = pa.array(keys, pa.binary())
    try:
        return found.cast(kind)
    except pa.ArrowInvalid as error:
        raise Undecodable("its key is not UTF-8: key_format='raw' reads it as bytes") from error


def _metadata_column(name: str, messages: Messages, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if name == PARTITION:
        return pa.array(messages.partitions(), kind)
    if name == OFFSET:
        return pa.array(messages.offsets(), kind)
    if name == TIMESTAMP:
        return pa.array(messages.timestamps(), pa.timestamp("ms", "UTC")).cast(kind)
    assert name == HEADERS, METADATA  # noqa: S101  # the list is closed
    rows = [
        [{"key": key, "value": value} for key, value in headers] for headers in messages.headers()
    ]
    return pa.array(rows, kind)
