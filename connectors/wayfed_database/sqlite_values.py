"""Values as SQLite stores them: times as text, booleans and decimals as numbers."""

from __future__ import annotations

import datetime
import decimal
from typing import TYPE_CHECKING, Any, Final

from wayfed_arrow import Stream, arrow_schema, arrow_type, schema_from_arrow
from wayfed_database.columns import SQLITE_DIGITS
from wayfed_optimizer.errors import TransferError
from wayfed_optimizer.types import (
    BOOL,
    DATE,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    DataType,
    Decimal,
    Schema,
    is_float,
)
from wayfed_sql import SQLITE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from wayfed_optimizer.cancellation import CancellationToken

_TYPED: Final = {"INTEGER": "0", "REAL": "0.0", "TEXT": "''", "BLOB": "X''"}


def typed_row(schema: Schema) -> str:
    """Return the values of a row of which every column tells its type."""
    return ", ".join(_TYPED[SQLITE.types[f.type.name]] for f in schema)


def from_stored(batch: pa.RecordBatch, schema: Schema) -> pa.RecordBatch:
    """Return rows that came out of SQLite with the columns of `schema`.

    Raises
    ------
    TransferError
        Where a value is none of its column's type.
    """
    import pyarrow as pa

    # Where a column must not be NULL is for whoever conforms the rows to say.
    target = arrow_schema(schema.as_nullable())
    columns = []
    for field, column in zip(schema, batch.columns, strict=True):
        try:
            columns.append(_loaded(column, field.type))
        except pa.ArrowInvalid as error:
            raise TransferError(
                f"column '{field.name}' holds a value that is no {field.type}: {error}"
            ) from error
    return pa.RecordBatch.from_arrays(columns, schema=target)


def _loaded(column: pa.Array, kind: DataType) -> pa.Array:
    import pyarrow as pa
    from pyarrow import compute

    if kind == TIMESTAMP_UTC:
        return column.cast(arrow_type(TIMESTAMP)).cast(arrow_type(TIMESTAMP_UTC))
    if isinstance(kind, Decimal):
        # The nearest decimal of so many digits is the one that was stored as this double.
        return compute.round(column, kind.scale).cast(arrow_type(kind), safe=False)
    if kind in (BOOL, DATE, TIMESTAMP):
        return column.cast(arrow_type(kind))
    if kind == TEXT:
        column.validate(full=True)  # SQLite keeps what is no UTF-8, where others end or misread it
        return column
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return column.cast(arrow_type(kind))
    return column


def as_stored(value: Any, token: CancellationToken) -> Stream:
    """Return rows in the form that SQLite stores.

    Raises
    ------
    TransferError
        While they are read: for NaN, and for decimals of more than 15 digits.
    """
    import pyarrow as pa

    reader = value.to_reader() if isinstance(value, pa.Table) else value
    schema = schema_from_arrow(reader.schema)
    target = pa.schema([pa.field(f.name, _stored_type(f.type, f.name)) for f in schema])

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            token.raise_if_cancelled()
            columns = [
                _stored(column, field.type, field.name)
                for field, column in zip(schema, batch.columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=target)

    return Stream(target, batches(), reader.close)


def _stored_type(kind: DataType, name: str) -> pa.DataType:
    import pyarrow as pa

    if kind in (DATE, TIMESTAMP, TIMESTAMP_UTC):
        return pa.string()
    if isinstance(kind, Decimal):
        if kind.precision > SQLITE_DIGITS:
            raise TransferError(
                f"column '{name}' is {kind}, and SQLite keeps {SQLITE_DIGITS} digits",
                hint=f"cast it in the plan to decimal({SQLITE_DIGITS},{kind.scale}) or float64",
            )
        return pa.float64()
    return pa.int64() if kind == BOOL else arrow_type(kind)


def _stored(column: pa.Array, kind: DataType, name: str) -> pa.Array:
    import pyarrow as pa
    from pyarrow import compute

    if kind in (TIMESTAMP, TIMESTAMP_UTC):
        naive = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
        return naive.cast(pa.timestamp("us")).cast(pa.string())
    if kind == DATE:
        return column.cast(pa.string())
    if kind == BOOL:
        return column.cast(pa.int64())
    if is_float(kind) and compute.any(compute.is_nan(column)).as_py():
        raise TransferError(
            f"column '{name}' holds NaN, and SQLite cannot",
            hint="filter it out in the plan, or replace it",
        )
    return column.cast(_stored_type(kind, name))


def stored_value(value: object) -> object:
    """Return a parameter's value as SQLite stores it."""
    match value:
        case datetime.datetime():
            clock = value.astimezone(datetime.UTC).replace(tzinfo=None) if value.tzinfo else value
            return clock.isoformat(" ", "microseconds")
        case datetime.date():
            return value.isoformat()
        case bool():
            return int(value)
        case decimal.Decimal():
            return float(value)
    return value
