"""Times that a store can hold, and that are outside of the calendar here: years 1 to 9999."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import TransferError

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH: Final = datetime.date(1970, 1, 1)
_FIRST: Final = (datetime.date.min - _EPOCH).days
_LAST: Final = (datetime.date.max - _EPOCH).days
_PER_DAY: Final = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def within_calendar(batch: pa.RecordBatch, hint: str | None = None) -> None:
    """Raise TransferError where a date or timestamp is infinite, or beyond the years 1 to 9999.

    Examples
    --------
    >>> import pyarrow as pa
    >>> within_calendar(pa.record_batch({"day": pa.array([-800_000], pa.date32())}))
    Traceback (most recent call last):
    wayfed_optimizer.errors.TransferError: column 'day' holds infinity, or a year outside ...
    """
    import pyarrow as pa
    from pyarrow import compute

    for field, column in zip(batch.schema, batch.columns, strict=True):
        if pa.types.is_date32(field.type):
            numbers, per_day = column.view(pa.int32()), 1
        elif pa.types.is_timestamp(field.type):
            numbers, per_day = column.view(pa.int64()), _PER_DAY[field.type.unit]
        else:
            continue
        ends = compute.min_max(numbers).as_py()
        if ends["min"] is None:
            continue
        if ends["min"] < _FIRST * per_day or ends["max"] >= (_LAST + 1) * per_day:
            raise TransferError(
                f"column '{field.name}' holds infinity, or a year outside 1 to 9999",
                hint=hint and hint.format(column=field.name),
            )
