"""Statistics that cannot be true: what is taken of them, and what is said."""

from __future__ import annotations

import math

import pytest

from wayfed_optimizer.statistics import ColumnStatistics, Estimate, Provenance, TableStatistics
from wayfed_optimizer.statistics.sanity import sound, sound_column


@pytest.mark.parametrize("rows", [-5.0, math.nan, math.inf])
def test_a_number_of_rows_that_is_none_is_taken_for_unknown_and_said(rows):
    keys = (frozenset({"id"}),)
    found = sound(TableStatistics(Estimate(0, rows, 10), keys=keys))
    assert found.rows == TableStatistics.unknown().rows
    assert "its statistics say" in found.trouble
    assert found.keys == keys


def test_bounds_the_wrong_way_round_are_turned():
    found = sound(TableStatistics(Estimate(90, 50, 10, 2.0, Provenance.DATABASE)))
    assert (found.rows.low, found.rows.likely, found.rows.high) == (10, 50, 90)
    assert found.rows.confidence <= 1


@pytest.mark.parametrize(
    ("broken", "kept"),
    [
        (ColumnStatistics(distinct=-1), ColumnStatistics()),
        (ColumnStatistics(distinct=math.nan), ColumnStatistics()),
        (ColumnStatistics(distinct=5_000), ColumnStatistics(distinct=100)),
        (ColumnStatistics(null_fraction=1.5), ColumnStatistics()),
        (ColumnStatistics(low=5, high=1), ColumnStatistics()),
        (ColumnStatistics(width=-3.0), ColumnStatistics()),
        (ColumnStatistics(histogram=(1, 5, 3)), ColumnStatistics()),
        (ColumnStatistics(common={"a": 0.9, "b": 0.9}), ColumnStatistics()),
    ],
)
def test_what_cannot_be_true_of_a_column_is_left_out(broken, kept):
    assert sound_column(broken, rows=100) == kept
