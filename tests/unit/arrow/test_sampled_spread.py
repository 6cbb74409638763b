"""How the values of a table in memory are spread, as some of its rows tell."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from wayfed_arrow.sampled import SampledColumns
from wayfed_optimizer.statistics import ColumnStatistics
from wayfed_optimizer.statistics.shares import Range, range_share

ROWS = 20_000
SHUFFLED = pa.array([i * 7919 % ROWS for i in range(ROWS)])


def known(column: pa.Array) -> ColumnStatistics:
    return SampledColumns(pa.table({"v": column}))["v"]


@pytest.mark.parametrize("below", [200, 5_000, 19_000])
def test_ranges_have_about_the_rows_that_they_have(below: int):
    share = range_share(known(SHUFFLED), Range(high=below)).likely
    assert share == pytest.approx(below / ROWS, rel=0.4)


def test_what_is_beyond_the_rows_that_were_read_is_rare_and_not_missing():
    share = range_share(known(SHUFFLED), Range(high=20)).likely
    assert 1e-4 < share < 1e-2


def test_values_that_are_frequent_count_apart_from_how_the_others_are_spread():
    half = pa.array([7 if i % 2 else i for i in range(ROWS)])
    assert range_share(known(half), Range(high=10)).likely == pytest.approx(0.5, abs=0.1)
    assert range_share(known(half), Range(low=10_000)).likely == pytest.approx(0.25, abs=0.1)


def test_days_and_texts_have_an_order_too():
    days = SHUFFLED.cast(pa.int32()).cast(pa.date32())
    assert range_share(known(days), Range(low=date(1997, 5, 19))).likely == pytest.approx(0.5, 0.2)
    texts = pa.array([f"{i:05d}" for i in SHUFFLED.to_pylist()])
    assert range_share(known(texts), Range(low="15000")).likely == pytest.approx(0.25, rel=0.4)


def test_infinity_and_what_is_no_number_are_not_in_between():
    mixed = pa.array([(float("inf"), float("nan"), i / ROWS)[i % 3] for i in range(ROWS)])
    bounds = known(mixed).histogram
    assert -0.1 < bounds[0] < 0.1
    assert 0.9 < bounds[-1] < 1.1


def test_the_first_day_of_the_calendar_is_no_obstacle():
    first = date(1, 1, 1).toordinal() - date(1970, 1, 1).toordinal()
    days = pa.array([first + i % 400 for i in range(ROWS)], pa.int32()).cast(pa.date32())
    assert known(days).histogram[0] == date(1, 1, 1)
