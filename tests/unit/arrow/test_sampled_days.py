"""Days that Python's calendar has not are in tables like others."""

from __future__ import annotations

import pyarrow as pa
import pytest

import wayfed as wf
from wayfed.execution.finished import FinishedRows
from wayfed_optimizer.types import Schema

BEFORE_CHRIST = pa.array([-735_160, -735_160, None, 18_262], pa.int32()).cast(pa.date32())
INFINITE = pa.array([2**31 - 1, 2**31 - 1, None, 1], pa.int32()).cast(pa.date32())
LATE = pa.array([2**62, 2**62, None, 1], pa.int64()).cast(pa.timestamp("us"))


@pytest.mark.parametrize("days", [BEFORE_CHRIST, INFINITE, LATE])
def test_tables_with_days_beyond_the_calendar_are_joined(days: pa.Array):
    with wf.context() as ctx:
        left = ctx.read(pa.table({"day": days, "a": range(4)}))
        right = ctx.read(pa.table({"day": days, "b": range(4)}))
        assert left.join(right, on="day").count() == 5


@pytest.mark.parametrize("days", [BEFORE_CHRIST, INFINITE, LATE])
def test_rows_with_days_beyond_the_calendar_are_kept(days: pa.Array):
    rows = pa.table({"day": days})
    column = FinishedRows("f1", "duckdb", Schema.of(day="date"), rows).statistics().columns["day"]
    assert (column.distinct, column.low, column.high) == (2.0, None, None)
