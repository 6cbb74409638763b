"""Rows as messages: keys, values, times and headers, made column by column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wayfed_arrow.json_text import json_objects, plain_decimals
from wayfed_kafka.producers.interface import Records
from wayfed_optimizer.errors import ExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from wayfed_kafka.clients.interface import Headers
    from wayfed_kafka.layout import Layout

    Encode = Callable[[pa.RecordBatch], list[bytes | None]]

_ROWS: Final = 10_000
_BYTES: Final = 8 << 20
_MICROSECONDS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Encoder:
    """Makes messages of rows.

    Parameters
    ----------
    layout
        Which column becomes what.
    values
        Makes the values of a batch that has the value's columns alone.
    keyed
        Whether each message must have a key, as those of a compacted topic.
    """

    layout: Layout
    values: Encode
    keyed: bool = False

    def records(self, rows: pa.RecordBatch) -> Records:
        """Return the messages of rows.

        Raises
        ------
        ExecutionError
            Where a value has no form, or a key is missing that must not be.
        """
        layout = self.layout
        values = self.values(rows.select(list(layout.value)))
        keys = self._keys(rows)
        if layout.tombstone is not None:
            gone = rows.column(layout.tombstone).to_pylist()
            values = [None if out else value for out, value in zip(gone, values, strict=True)]
        return Records(values, keys, self._timestamps(rows), self._headers(rows))

    def _keys(self, rows: pa.RecordBatch) -> list[bytes | None] | None:
        names = self.layout.key
        if not names:
            return None
        if len(names) == 1:
            keys = _bytes(rows.column(names[0]))
        else:
            keys = json_values(rows.select(list(names)))
        if self.keyed and None in keys:
            raise ExecutionError(
                f"column '{names[0]}' is the key of a compacted topic, and holds NULL",
                hint=f"leave those rows out: drop_null('{names[0]}')",
            )
        return keys

    def _timestamps(self, rows: pa.RecordBatch) -> list[int | None] | None:
        if self.layout.timestamp is None:
            return None
        import pyarrow as pa
        from pyarrow import compute

        column = rows.column(self.layout.timestamp).cast(pa.int64())
        if compute.any(compute.less(column, 0)).as_py():
            raise ExecutionError(
                f"column '{self.layout.timestamp}' holds times before 1970, which no message has",
                hint="write it as a column of the value, without timestamp=",
            )
        milliseconds: list[int | None] = compute.divide(column, _MICROSECONDS).to_pylist()
        return milliseconds

    def _headers(self, rows: pa.RecordBatch) -> list[Headers] | None:
        import pyarrow as pa

        names = self.layout.headers
        if not names:
            return None
        if pa.types.is_list(rows.column(names[0]).type):
            told = rows.column(names[0]).to_pylist()
            if any(each is None or each["key"] is None for row in told for each in row or ()):
                raise ExecutionError(f"column '{names[0]}' holds a header without a key")
            return [[(each["key"], each["value"]) for each in row or ()] for row in told]
        columns = [_bytes(rows.column(name)) for name in names]
        return [
            [(name, value) for name, value in zip(names, row, strict=True) if value is not None]
            for row in zip(*columns, strict=True)
        ]


def parts(rows: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Return rows in parts that are small enough to be on their way at once."""
    each = max(1, min(_ROWS, rows.num_rows * _BYTES // max(1, rows.nbytes)))
    for start in range(0, rows.num_rows, each):
        yield rows.slice(start, each)


def json_values(rows: pa.RecordBatch) -> list[bytes | None]:
    """Return each row as an object of JSON."""
    return _listed(json_objects(rows))


def raw_values(rows: pa.RecordBatch) -> list[bytes | None]:
    """Return the only column as it is; NULL is a message without a value."""
    return _listed(rows.column(0))


def _bytes(column: pa.Array) -> list[bytes | None]:
    """Return text and bytes as they are, and everything else as its text."""
    import pyarrow as pa
    from pyarrow import compute

    kind = column.type
    if pa.types.is_decimal(kind):
        return _listed(plain_decimals(column))
    if pa.types.is_timestamp(kind):
        return _listed(compute.replace_substring(column.cast(pa.string()), " ", "T"))
    return _listed(column if pa.types.is_binary(kind) else column.cast(pa.string()))


def _listed(texts: Any) -> list[bytes | None]:
    import pyarrow as pa

    listed: list[bytes | None] = texts.cast(pa.binary()).to_pylist()
    return listed
