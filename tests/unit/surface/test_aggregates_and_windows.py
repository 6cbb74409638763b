"""Aggregates in an order, of different values, and windows with every kind of frame."""

from __future__ import annotations

import datetime as dt

import pytest

import wayfed as wf
from wayfed_optimizer.errors import InvalidOption, PlanError, TypeMismatch


@pytest.fixture(scope="module")
def prices():
    with wf.context() as context:
        yield context.read(
            {
                "id": [1, 2, 3, 4],
                "day": [dt.date(2024, 1, 31), dt.date(2024, 2, 1), dt.date(2024, 2, 29), None],
                "price": [4, None, 9, 4],
                "shop": ["b", "a", "b", None],
            }
        )


def column(dataset, expression):
    rows = dataset.with_columns(found=expression).sort("id").to_arrow()
    return rows.column("found").to_pylist()


def value(dataset, expression):
    return dataset.group_by().agg(found=expression).to_arrow().column("found")[0].as_py()


def test_the_first_and_last_of_an_order_are_found(prices):
    assert value(prices, wf.first("id", by=wf.col("price").desc())) == 3
    assert value(prices, wf.first("price", by=wf.col("id").desc())) == 4
    assert value(prices, wf.last("id", by=["price", "id"])) == 2
    assert value(prices, wf.last("price", by="day")) == 4


def test_texts_are_joined_in_an_order(prices):
    assert value(prices, wf.string_agg("shop", "-", order_by="id")) == "b-a-b"
    assert value(prices, wf.string_agg("shop", distinct=True, order_by="shop")) == "a,b"


def test_different_values_are_summed_once(prices):
    assert value(prices, wf.sum("price", distinct=True)) == 13
    assert value(prices, wf.mean("price", distinct=True)) == 6.5


def test_quantiles_and_modes_are_values(prices):
    assert value(prices, wf.quantile("price", 0.75)) == 6.5
    assert value(prices, wf.quantile_disc("day", 0.5)) == dt.date(2024, 2, 1)
    assert value(prices, wf.mode("price")) == 4
    assert value(prices, wf.corr("price", "id")) == pytest.approx(0.18898223650461363)
    assert value(prices, wf.bit_xor("price")) == 9


def test_a_frame_counts_groups_distances_and_times(prices):
    count = wf.count()
    assert column(prices, count.over(order_by="price", groups=(-1, 0))) == [2, 2, 3, 2]
    assert column(prices, count.over(order_by="price", range=(-5, 0))) == [2, 1, 3, 2]
    assert column(prices, count.over(order_by="price", range=(None, -0.5))) == [0, 4, 2, 0]
    a_day = dt.timedelta(days=1)
    assert column(prices, count.over(order_by="day", range=(-a_day, a_day))) == [2, 2, 1, 1]
    hours = dt.timedelta(hours=-36)
    assert column(prices, count.over(order_by="day", range=(hours, 0))) == [1, 2, 1, 1]
    month = count.over(order_by="day", range=(-1, 0), unit="month")
    assert column(prices, month) == [1, 2, 3, 1]


def test_a_frame_leaves_rows_out(prices):
    others = wf.count().over(order_by="id", rows=(None, None), exclude="current row")
    assert column(prices, others) == [3, 3, 3, 3]
    unequal = wf.count().over(order_by="price", rows=(None, None), exclude="group")
    assert column(prices, unequal) == [2, 3, 3, 2]


def test_windows_look_past_nulls(prices):
    before = wf.lag("price").over(order_by="id", ignore_nulls=True)
    assert column(prices, before) == [None, 4, 4, 9]
    second = wf.nth_value("price", 2).over(order_by="id", rows=(None, None), ignore_nulls=True)
    assert column(prices, second) == [9, 9, 9, 9]


def test_ranks_are_shares(prices):
    assert column(prices, wf.percent_rank().over(order_by="id")) == [0, 1 / 3, 2 / 3, 1]
    assert column(prices, wf.cume_dist().over(order_by="price")) == [0.5, 1, 0.75, 0.5]


@pytest.mark.parametrize(
    ("make", "error", "problem"),
    [
        (lambda: wf.quantile("price", 1.5), InvalidOption, "0 to 1"),
        (lambda: wf.count().over(rows=(0, 1), groups=(0, 1)), InvalidOption, "two frames"),
        (lambda: wf.count().over(rows=(0, 1), unit="day"), InvalidOption, "range="),
        (lambda: wf.count().over(rows=(0, 1), exclude="me"), InvalidOption, "leaves out me"),
        (lambda: wf.count().over(groups=(-0.5, 1)), InvalidOption, "whole numbers"),
        (lambda: wf.first("id", by="price").over(), PlanError, "order of its own"),
        (lambda: wf.sum("id").over(ignore_nulls=True), TypeMismatch, "IGNORE NULLS"),
        (lambda: wf.count().over(order_by="day", range=(-1, 0)), TypeMismatch, "measured"),
        (lambda: wf.count().over(range=(-1, 0)), TypeMismatch, "one key"),
    ],
)
def test_what_makes_no_sense_is_said(prices, make, error, problem):
    with pytest.raises(error, match=problem):
        prices.with_columns(found=make())
