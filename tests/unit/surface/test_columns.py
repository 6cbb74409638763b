"""Columns: what operators and methods mean, and what Python may not do with them."""

from __future__ import annotations

import datetime
import inspect
import math
import operator
from functools import reduce

import numpy as np
import pytest

import wayfed as wf
from wayfed.columns import Scope
from wayfed_optimizer.errors import PlanError
from wayfed_optimizer.functions import FUNCTIONS

ROW = Scope(
    wf.Schema.of(
        a="int64",
        small="int32",
        x="float64",
        name="text",
        day="date",
        at="timestamp",
        paid="bool",
        price="decimal(8,2)",
    ),
    "orders",
)


def bound(column: wf.Column) -> str:
    expression = column.bind(ROW)
    return f"{expression} :: {expression.type}"


@pytest.mark.parametrize(
    ("column", "meaning"),
    [
        (wf.col("a") + 1, "a + 1 :: int64"),
        (1 - wf.col("a"), "1 - a :: int64"),
        (wf.col("a") / 2, "cast(a as float64) / 2.0 :: float64"),
        (-wf.col("a") // 2, "negate(a) // 2 :: int64"),
        (wf.col("a") % 2, "a % 2 :: int64"),
        (wf.col("x") ** 2, "power(x, 2.0) :: float64"),
        (2 ** wf.col("x"), "power(2.0, x) :: float64"),
        (abs(wf.col("x")), "abs(x) :: float64"),
        (round(wf.col("x"), 2), "round(x, 2) :: float64"),
        (math.floor(wf.col("x")), "floor(x) :: float64"),
        (wf.col("name") + "!", "concat(name, '!') :: text"),
        ("<" + wf.col("name"), "concat('<', name) :: text"),
        (wf.col("day") + datetime.timedelta(days=3), "add_days(day, 3) :: date"),
        (wf.col("at") - datetime.timedelta(days=3), "add_days(at, -3) :: timestamp"),
        (
            wf.col("at") + datetime.timedelta(hours=1),
            "add_microseconds(at, 3600000000) :: timestamp",
        ),
        (wf.col("day").add_weeks(2), "add_days(day, 14) :: date"),
        (wf.col("day").add_years(wf.col("a")), "add_months(day, a * 12) :: date"),
        (wf.col("at").add_minutes(-1), "add_microseconds(at, -60000000) :: timestamp"),
        (wf.col("at").strftime("%d.%m."), "strftime(at, '%d.%m.') :: text"),
        (wf.col("name").strptime("%Y-%j"), "strptime(name, '%Y-%j') :: timestamp"),
        (wf.col("name").regexp_extract(r"(\w)", 1), r"regexp_extract(name, '(\w)', 1) :: text"),
        (
            wf.col("name").regexp_replace("a", r"<\0>"),
            r"regexp_replace(name, 'a', '<\0>', TRUE) :: text",
        ),
        (wf.col("name").like("a$%%", escape="$"), "like(name, 'a$%%', '$') :: bool"),
        (wf.col("name").trim("x"), "trim(name, 'x') :: text"),
        (wf.concat_ws("-", "name", "name"), "concat_ws('-', name, name) :: text"),
        (wf.make_date("a", 1, 31), "make_date(a, 1, 31) :: date"),
        (wf.col("a") == 3, "a = 3 :: bool"),
        (wf.col("a") != 3, "a <> 3 :: bool"),
        (wf.col("day") >= "2024-01-31", "day >= DATE '2024-01-31' :: bool"),
        ((wf.col("a") > 1) & wf.col("paid"), "(a > 1) AND paid :: bool"),
        (~wf.col("paid") | (wf.col("a") < 0), "not(paid) OR (a < 0) :: bool"),
        (np.float64(2) * wf.col("x"), "2.0 * x :: float64"),
        (wf.col("a") + np.int64(2), "a + 2 :: int64"),
        (wf.col("a").is_in([1, 2]), "a in (1, 2) :: bool"),
        (wf.col("day").between("2024-01-01", "2024-12-31").is_null(), None),
        (wf.col("a").cast("text"), "cast(a as text) :: text"),
        (wf.col("name").try_cast("int64"), "try_cast(name as int64) :: int64"),
        (wf.col("small").fill_null(0), "coalesce(small, 0) :: int32"),
        (wf.col("name").substring(1, 3).lower(), "lower(substring(name, 1, 3)) :: text"),
        (wf.col("day").date_trunc("month"), "date_trunc(day, 'month') :: date"),
        (wf.when(wf.col("a") > 1).then("big").otherwise("small"), None),
        (wf.when("a > 1").then(1), None),
        (wf.coalesce("a", 0), "coalesce(a, 0) :: int64"),
        (wf.lag("small", default=0).over(order_by="day"), None),
        (wf.lit("a"), "'a' :: text"),
    ],
)
def test_an_operator_or_method_means_a_typed_expression(column, meaning):
    if meaning is None:
        column.bind(ROW)
    else:
        assert bound(column) == meaning


def test_a_branch_that_is_not_taken_is_null_and_its_type_the_common_one():
    column = wf.when(wf.col("a") > 1).then(1).when(wf.col("a") > 0).then(0.5)
    assert bound(column) == "case when a > 1 then 1.0 when a > 0 then 0.5 else NULL end :: float64"


def test_a_window_knows_partition_order_and_frame():
    total = wf.sum("x").over(partition_by=["name", "paid"], order_by="day desc", rows=(-6, 0))
    assert bound(total) == "sum(x) over (partition by name, paid order by day desc) :: float64"
    assert total.bind(ROW).frame.start == -6


@pytest.mark.parametrize(
    ("mistake", "remedy"),
    [
        (lambda c: bool(c > 1), "wf.when"),
        (lambda c: 1 < c < 3, "& | ~"),
        (lambda c: (c > 1) and (c < 3), "& | ~"),
        (lambda c: not c, "& | ~"),
        (lambda c: "x" in c, "is_in"),
        (lambda c: c in [1, 2], "wf.when"),
        (len, "length()"),
        (list, "to_arrow()"),
        (math.log, "wf.ln"),
        (int, ".cast('int64')"),
        (range, "map(fn, schema=…)"),
        (lambda c: c == None, "is_null()"),  # noqa: E711  # the mistake that is tested
        (lambda c: c != None, "is_not_null()"),  # noqa: E711  # the mistake that is tested
        (lambda c: c & 1, "(a > 1) & (b < 2)"),
        (lambda c: c.is_in("abc"), "is_in([…])"),
        (lambda c: c > wf.count, "count(…)"),
        (lambda c: c.regexp_matches("a*?"), "at character 3 of the pattern 'a*?'"),
        (lambda c: c.regexp_extract("(a)", 2), "group 2"),
        (lambda c: c.regexp_replace("a", r"\1"), r"there are \0"),
        (lambda c: c.strftime("%c"), "'%c' in the format"),
        (lambda c: c.strptime("%m-%d"), "it says %Y"),
    ],
)
def test_what_python_may_not_do_with_a_column_is_said_with_the_remedy(mistake, remedy):
    with pytest.raises(PlanError) as caught:
        mistake(wf.col("a"))
    assert "test_columns.py, line" in str(caught.value)
    assert remedy in str(caught.value)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (wf.col("smal"), "did you mean 'small'?"),
        (wf.col("a") + wf.col("name"), "add(a, b) does not take these: a is int64, name is text"),
        (wf.col("day") - wf.col("day"), "date_diff"),
        (wf.col("a").fill_null(0.5), "cannot stand for NULL in a"),
        (wf.col("name") > 3, "does not take these"),
        ((wf.col("a") + 1).over(partition_by="name"), "call over() on each function"),
    ],
)
def test_a_wrong_expression_is_refused_when_it_is_bound(mistake, said):
    with pytest.raises(PlanError) as caught:
        mistake.bind(ROW)
    assert said in str(caught.value)


def test_every_function_of_the_table_is_a_method_an_operator_or_a_function():
    operators = {
        *("add", "subtract", "multiply", "divide", "floor_divide", "modulo", "negate"),
        *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
        *("and", "or", "not"),
        "single_value",  # what a subquery of SQL becomes; nobody calls it
    }
    methods = {name for name, _ in inspect.getmembers(wf.Column, inspect.isfunction)}
    missing = set(FUNCTIONS) - operators - methods - set(wf.__all__)
    assert not missing


def test_all_public_names_exist_and_are_documented():
    for name in wf.__all__:
        assert getattr(wf, name).__doc__, name


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'summ'"):
        wf.summ  # noqa: B018  # looking is what is tested


def test_an_expression_that_doubles_with_every_step_is_refused_before_it_is_too_long():
    squared = wf.col("x")

    with pytest.raises(PlanError, match=r"16,383 operations is too long: \(+x \* x\)"):
        for _ in range(14):
            squared = squared * squared


def test_hundreds_of_conditions_are_one_call():
    columns = [wf.col("a") == number for number in range(300)]

    meant = reduce(operator.or_, columns).bind(ROW)

    assert meant.function == "or"
    assert len(meant.args) == 300


def test_an_expression_hundreds_of_operations_deep_is_refused_in_words():
    total = sum((wf.col("x") for _ in range(1000)), wf.lit(0.0))

    with pytest.raises(PlanError, match="nested too deeply"):
        total.bind(ROW)
