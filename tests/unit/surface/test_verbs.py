"""Verbs: the plan that each makes, and what it refuses."""

from __future__ import annotations

import typing

import numpy as np
import pytest

import wayfed as wf
from wayfed_optimizer.errors import (
    ColumnNotFound,
    DuplicateColumn,
    InvalidOption,
    PlanError,
    PlatformNotFound,
    TypeMismatch,
    Unsupported,
)
from wayfed_optimizer.text import describe


def plan(dataset: wf.Dataset) -> str:
    return describe(dataset.relation)


def lines(text: str) -> str:
    """Return an indented block without its own indentation."""
    import textwrap

    return textwrap.dedent(text).strip()


def test_filter_takes_functions_expressions_and_sql(orders):
    made = orders.filter(lambda t: t.amount > 10, wf.col("id") != 3, "customer = 1")
    assert plan(made) == lines("""
        Filter (amount > 10.0) AND (id <> 3) AND (customer = 1)
          Read orders: id, customer, amount, day
    """)


def test_select_names_what_it_computes(orders):
    made = orders.select("id", wf.col("amount") * 2, fee=lambda t: t["amount"] * 0.01, sql="id + 1")
    assert made.columns == ("id", "amount * 2", "fee", "sql")


def test_select_takes_lists_and_all(orders):
    assert orders.select("*", [wf.col("id").alias("key")]).columns == (*orders.columns, "key")


def test_with_columns_replaces_in_place_and_appends(orders):
    made = orders.with_columns(
        amount=wf.col("amount").fill_null(0.0), month=lambda t: t.day.month()
    )
    assert made.columns == ("id", "customer", "amount", "day", "month")
    assert not made.schema["amount"].nullable


def test_a_window_becomes_a_relation_below_the_select(orders):
    share = wf.col("amount") / wf.sum("amount").over(partition_by="customer")
    assert plan(orders.select("id", share=share)) == lines("""
        Select id, share = amount / sum
          Window sum = sum(amount) over (partition by customer)
            Read orders: id, customer, amount, day
    """)


def test_a_filter_on_a_window_leaves_no_column_of_it(orders):
    newest = wf.row_number().over(partition_by="customer", order_by=wf.col("day").desc())
    made = orders.filter(newest == 1)
    assert made.schema == orders.schema
    assert "Filter row_number = 1" in plan(made)


def test_drop_rename_cast_and_fill_change_only_what_they_name(orders):
    made = (
        orders.drop("customer")
        .rename(day="booked_on")
        .cast(id="int32")
        .fill_null(amount=0.0)
        .drop_null("booked_on")
    )
    assert str(made.schema) == "Schema(id int32, amount float64 not null, booked_on date)"


def test_fill_null_with_one_value_fills_the_columns_that_it_fits(orders):
    assert "amount = coalesce(amount, 0.0), day" in plan(orders.fill_null(0))
    with pytest.raises(TypeMismatch, match="no column takes 'x'"):
        orders.fill_null("x")


def test_sort_takes_names_directions_and_functions(orders):
    made = orders.sort("amount desc", lambda t: t.day.desc(nulls_first=True), "id")
    assert plan(made).splitlines()[0] == "Sort amount desc, day desc nulls first, id"
    assert plan(orders.sort("id", descending=True)).startswith("Sort id desc")


def test_group_by_computes_with_aggregates_over_the_groups(orders):
    made = orders.group_by("customer", month=lambda t: t.day.month()).agg(
        wf.count(), mean=wf.sum("amount") / wf.count(), spread=wf.max("amount") - wf.min("amount")
    )
    assert made.columns == ("customer", "month", "count()", "mean", "spread")
    assert plan(made) == lines("""
        Select customer, month, count() = count, mean = sum / cast(count as float64), spread = max - min
          Aggregate count = count(), sum = sum(amount), max = max(amount), min = min(amount) by customer, month = month(day)
            Read orders: id, customer, amount, day
    """)  # noqa: E501  # plans are as long as they are


def test_plain_aggregates_need_no_select(orders):
    made = orders.group_by("customer").agg(total=wf.sum("amount"))
    assert plan(made).startswith("Aggregate total = sum(amount) by customer")


@pytest.mark.parametrize(
    ("aggregate", "said"),
    [
        ("amount", "neither a key of the group nor aggregated"),
        (lambda t: wf.sum(t.amount) + t.id, "neither a key"),
        (wf.row_number().over(order_by="id"), "window function"),
        (wf.sum(wf.sum("amount")), "aggregates within"),
    ],
)
def test_what_is_not_one_value_a_group_is_refused(orders, aggregate, said):
    with pytest.raises(PlanError, match=said):
        orders.group_by("customer").agg(x=aggregate)


def test_union_matches_columns_by_name_and_widens_their_types(orders):
    other = orders.select("day", "amount", customer=wf.col("customer").cast("int32"), id="id")
    made = orders.union(other)
    assert made.schema == orders.schema
    assert "union all" in plan(made)
    assert "customer = cast(customer as int64)" in plan(made)


def test_split_parts_are_disjoint_and_whole(orders):
    parts = orders.split(0.5, 0.25, by="id", seed=7)
    assert [plan(part).splitlines()[0] for part in parts] == [
        "Sample 0 to 0.5 by id seed 7",
        "Sample 0.5 to 0.75 by id seed 7",
        "Sample 0.75 to 1 by id seed 7",
    ]
    with pytest.raises(InvalidOption, match="sum up to 1"):
        orders.split(0.8, 0.4, by="id")


def test_sampling_without_a_key_is_refused(orders):
    with pytest.raises(InvalidOption, match="by='id'"):
        orders.sample(0.1)


def test_map_traces_a_function_into_expressions(orders):
    made = orders.map(lambda t: {**t, "fee": t.amount * 0.01})
    assert plan(made) == lines("""
        Select id, customer, amount, day, fee = amount * 0.01
          Read orders: id, customer, amount, day
    """)


class Fee(typing.NamedTuple):
    order: wf.Column
    fee: wf.Column


@pytest.mark.parametrize(
    ("function", "columns"),
    [
        (lambda t: (t.id, t.amount * 2), ("id", "column_1")),
        (lambda t: [t.id, (t.amount * 2).alias("twice"), 1.0], ("id", "twice", "column_2")),
        (lambda t: np.array([t.id, t.amount / 2]), ("id", "column_1")),
        (lambda t: Fee(t.id, t.amount * 0.01), ("order", "fee")),
        (lambda t: t.amount, ("amount",)),
        (lambda t: t, ("id", "customer", "amount", "day")),
    ],
)
def test_what_a_traced_function_returns_says_the_names(orders, function, columns):
    assert orders.map(function).columns == columns


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda t: None, "no row of columns"),
        (lambda t: (t.id, (t.amount, t.day)), "no row of columns"),
        (lambda t: t.amount.fooo(), "cannot be traced"),
        (lambda t: {"x": np.log(t.amount)}, "cannot be traced"),
        (lambda t: {"x": f"{t.amount} EUR"}, "wf.concat"),
        (lambda t: {"x": 1 if t.amount > 3 else 0}, "wf.when"),
        (lambda t, u: t, "cannot be traced"),
    ],
)
def test_a_function_that_cannot_be_traced_is_refused_at_its_line(orders, function, said):
    with pytest.raises(PlanError) as caught:
        orders.map(function)
    assert said in str(caught.value)
    assert "test_verbs.py, line" in str(caught.value)


def test_a_wrong_column_in_a_function_is_found_on_its_own_line(orders):
    def large(t):
        return t.ammount > 10

    with pytest.raises(ColumnNotFound) as caught:
        orders.filter(large)
    assert f"line {large.__code__.co_firstlineno + 1}" in str(caught.value)
    assert "'ammount' is not a column of orders" in str(caught.value)
    assert "did you mean 'amount'?" in str(caught.value)


def test_map_with_a_schema_is_opaque(orders):
    made = orders.map(lambda row: (row.id,), schema={"id": "int64"})
    assert plan(made).startswith("MapBatches <lambda>, row to row")


class Typed(typing.TypedDict):
    name: str
    fee: float | None


def test_an_annotation_does_for_a_schema(orders):
    def fees(row) -> typing.Iterator[Typed]: ...

    made = orders.flat_map(fees)
    assert str(made.schema) == "Schema(name text not null, fee float64)"
    with pytest.raises(PlanError, match="cannot know which columns"):
        orders.map_batches(lambda batch: batch)


def test_iterate_is_a_loop_over_a_plan(orders):
    made = orders.iterate(
        lambda rows: rows.with_columns(amount=wf.col("amount") + 1),
        until=lambda rows: rows.group_by().agg(done=wf.max("amount") > 100),
        max_iterations=3,
    )
    assert plan(made).startswith("Iterate iteration, at most 3 times")
    with pytest.raises(TypeMismatch, match="must keep the columns"):
        orders.iterate(lambda rows: rows.drop("id"), max_iterations=3)


def test_hints_are_part_of_the_plan(orders):
    assert plan(orders.on("duckdb").hint(rows=5)).splitlines()[:2] == [
        "Hint of rows 5",
        "  Hint on duckdb",
    ]
    with pytest.raises(PlatformNotFound, match="did you mean 'duckdb'"):
        orders.on("duckdv")


@pytest.mark.parametrize(
    ("verb", "error"),
    [
        (lambda d: d.select("id", "id"), DuplicateColumn),
        (lambda d: d.select(wf.row_number()), PlanError),
        (lambda d: d.select(wf.sum("amount")), TypeMismatch),
        (lambda d: d.filter("amount"), TypeMismatch),
        (lambda d: d.drop("idd"), ColumnNotFound),
        (lambda d: d.rename(idd="x"), ColumnNotFound),
        (lambda d: d.cast(id="int46"), TypeMismatch),
        (lambda d: d.limit(-1), InvalidOption),
        (lambda d: d.sort(), InvalidOption),
        (lambda d: d.explode("id"), TypeMismatch),
        (lambda d: d.union(d.drop("id")), TypeMismatch),
        (lambda d: d.union("orders"), PlanError),
        (lambda d: d.write("orders.xlsx"), Unsupported),
        (lambda d: d.write("x.parquet", mode="append"), Unsupported),
        (lambda d: d.write("x.parquet", mode="apend"), InvalidOption),
        (lambda d: d.write("postgresql://u:p@h/d"), InvalidOption),
        (lambda d: d.write("ftp://u:p@h/d"), Unsupported),
    ],
)
def test_a_wrong_verb_is_refused_before_anything_runs(orders, verb, error):
    with pytest.raises(error) as caught:
        verb(orders)
    assert "test_verbs.py, line" in str(caught.value)


def test_a_dataset_shows_its_columns_and_sources_without_running(orders, customers):
    text = repr(orders.join(customers, on="customer"))
    assert text.splitlines()[0] == "Dataset: 6 columns, not computed yet"
    assert "  amount        float64" in text
    assert "from orders (" in text
    assert "from customers (" in text
    assert "<th>column</th>" in orders._repr_html_()


def test_windows_groups_and_sets_give_what_they_say(ctx):
    rows = ctx.read({"k": [1, 1, 2], "x": [10, 30, 5]})
    share = rows.with_columns(share=wf.col("x") / wf.sum("x").over(partition_by="k")).sort("x")
    assert share.to_arrow()["share"].to_pylist() == [1.0, 0.25, 0.75]
    last = rows.filter(wf.row_number().over(partition_by="k", order_by="x desc") == 1).sort("k")
    assert last.to_arrow().to_pylist() == [{"k": 1, "x": 30}, {"k": 2, "x": 5}]
    spread = rows.group_by("k").agg(spread=wf.max("x") - wf.min("x"), n=wf.count()).sort("k")
    assert spread.to_arrow()["spread"].to_pylist() == [20, 0]
    assert rows.union(rows).count() == 6
    assert rows.union(rows, distinct=True).count() == 3
    assert rows.except_(rows.filter("x > 5")).to_arrow().to_pylist() == [{"k": 2, "x": 5}]
    assert rows.intersect(rows.filter("x > 5")).count() == 2
    assert rows.distinct("k").count() == 2
    assert rows.sort("x", descending=True).limit(1, offset=1).to_arrow()["x"].to_pylist() == [10]


def test_samples_are_the_same_every_time(ctx):
    rows = ctx.read({"id": list(range(200))})
    first, second = rows.split(0.5, by="id")
    chosen = set(first.to_arrow()["id"].to_pylist())
    assert chosen == set(first.to_arrow()["id"].to_pylist())
    assert chosen.isdisjoint(second.to_arrow()["id"].to_pylist())
    assert 60 < len(chosen) < 140
    assert rows.sample(0.5, by="id", seed=1).to_arrow() != first.to_arrow()


def test_a_mistake_in_sql_text_stands_in_the_program_and_in_the_text(orders):
    with pytest.raises(ColumnNotFound) as caught:
        orders.filter("id > 1 and ammount > 3")
    assert "test_verbs.py, line" in str(caught.value)
    assert "SQL line 1, column 12" in str(caught.value)
    assert "did you mean 'amount'?" in str(caught.value)
