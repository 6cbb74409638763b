"""Dates and timestamps that constants of SQL text write, and arithmetic of days."""

from __future__ import annotations

import datetime

import pytest

from wayfed_optimizer.errors import InvalidSql
from wayfed_optimizer.expressions import Literal
from wayfed_optimizer.types import Schema
from wayfed_sql import parse_expression

SCHEMA = Schema.of(day="date", other="date", at="timestamp", n="int64")


def value_of(text: str) -> object:
    bound = parse_expression(text, SCHEMA)
    assert isinstance(bound, Literal)
    return bound.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("DATE '2010-1-1'", datetime.date(2010, 1, 1)),
        ("CAST(' 0042-03-04 ' AS DATE)", datetime.date(42, 3, 4)),
        ("TIMESTAMP '2001-02-03'", datetime.datetime(2001, 2, 3)),
        ("TIMESTAMP '2001-02-03T4:05'", datetime.datetime(2001, 2, 3, 4, 5)),
        ("TIMESTAMP '2001-02-03 04:05:06.5'", datetime.datetime(2001, 2, 3, 4, 5, 6, 500_000)),
        (
            "TIMESTAMPTZ '2001-02-03 00:00:00+02:30'",
            datetime.datetime(2001, 2, 2, 21, 30, tzinfo=datetime.UTC),
        ),
        ("TRY_CAST('2023-02-29' AS DATE)", None),
        ("DATE '2024-01-31' + INTERVAL '1 month'", datetime.date(2024, 2, 29)),
        ("DATE '2024-01-31' + INTERVAL '25 hours'", datetime.datetime(2024, 2, 1, 1)),
        ("TIMESTAMP '2024-01-01' - INTERVAL 1 SECOND", datetime.datetime(2023, 12, 31, 23, 59, 59)),
    ],
)
def test_a_constant_is_read_before_anything_runs(text, value):
    assert value_of(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "DATE '2023-02-29'",
        "DATE '0000-01-01'",
        "DATE '10000-01-01'",
        "DATE '-0044-03-15'",
        "CAST('0044-03-15 (BC)' AS DATE)",
        "DATE 'infinity'",
        "TIMESTAMP 'epoch'",
        "TIMESTAMP '2001-01-01 25:00:00'",
        "TIMESTAMP '2001-01-01 00:00:00.0000001'",
        "TIMESTAMPTZ '0001-01-01 00:00:00+02'",
    ],
)
def test_what_is_no_time_is_refused_before_anything_runs(text):
    with pytest.raises(InvalidSql, match=r"is no (date|timestamp)"):
        parse_expression(text, SCHEMA)


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("day - other", "date_diff(other, day, 'day')"),
        ("day + 3", "add_days(day, 3)"),
        ("3 + day", "add_days(day, 3)"),
        ("day - 3", "add_days(day, -3)"),
        ("day - n", "add_days(day, negate(n))"),
        ("day + INTERVAL '1 year 2 days'", "add_days(add_months(day, 12), 2)"),
        ("at - INTERVAL '90' MINUTE", "add_microseconds(at, -5400000000)"),
        ("epoch_us(at)", "date_diff(TIMESTAMP '1970-01-01 00:00:00', at, 'microsecond')"),
        ("extract(dow FROM day)", "remainder(day_of_week(day), 7)"),
        ("date_trunc('hours', at)", "date_trunc(at, 'hour')"),
        ("monthname(day)", "strftime(day, '%B')"),
        ("to_char(at, 'DD.MM.YYYY')", "strftime(at, '%d.%m.%Y')"),
    ],
)
def test_arithmetic_of_times_is_calls_of_the_table(text, call):
    assert str(parse_expression(text, SCHEMA)) == call
