"""Joins: keys, the names of the result, conditions, and the catalog's keys."""

from __future__ import annotations

import pytest

import wayfed as wf
from wayfed_optimizer.errors import (
    ColumnNotFound,
    DuplicateColumn,
    InvalidOption,
    PlanError,
    TypeMismatch,
)
from wayfed_optimizer.text import describe


def first_lines(dataset: wf.Dataset, count: int = 2) -> list[str]:
    return [line.strip() for line in describe(dataset.relation).splitlines()[:count]]


def test_a_key_of_one_name_is_there_once_and_other_clashes_get_the_suffix(orders, customers):
    made = orders.join(customers, on="customer")
    assert made.columns == ("id", "customer", "amount", "day", "name", "amount_right")
    assert first_lines(made)[1] == "Join inner on customer = customer_right"
    assert orders.join(customers, on="customer", suffix="_c").columns[-1] == "amount_c"


@pytest.mark.parametrize(
    ("how", "key"),
    [
        ("left", "Select id, customer, amount, day, name, amount_right"),
        ("right", "Select id, customer = customer_right, amount, day, name, amount_right"),
        (
            "full",
            "Select id, customer = coalesce(customer, customer_right), amount, day, name,"
            " amount_right",
        ),
    ],
)
def test_the_key_is_that_of_the_side_which_has_it_for_every_row(orders, customers, how, key):
    assert first_lines(orders.join(customers, on="customer", how=how))[0] == key


def test_keys_of_different_names_both_stay(orders, customers):
    people = customers.rename(customer="person").drop("amount")
    made = orders.join(people, left_on="customer", right_on="person", how="left")
    assert made.columns == ("id", "customer", "amount", "day", "person", "name")


@pytest.mark.parametrize("how", ["semi", "anti"])
def test_semi_and_anti_joins_keep_the_left_columns(orders, customers, how):
    made = orders.join(customers, on="customer", how=how)
    assert made.schema == orders.schema


def test_a_predicate_sees_both_rows_by_their_own_names(orders, customers):
    made = orders.join(customers, predicate=lambda left, right: left.amount > right.amount)
    assert first_lines(made, 1) == [
        "Join inner where amount > cast(amount_right as float64)",
    ]


def test_an_asof_join_compares_one_column_of_each_side(orders, customers):
    made = orders.join(
        customers, on="customer", how="asof", predicate=lambda left, right: left.id >= right.amount
    )
    assert first_lines(made)[1] == "Join asof on customer = customer_right asof id >= amount_right"
    with pytest.raises(InvalidOption, match="compares one column of each side"):
        orders.join(customers, on="customer", how="asof")


def test_without_keys_those_of_the_catalog_are_used(ctx, orders):
    ctx.register("people", {"customer": [1], "name": ["Ada"]}, key="customer")
    made = orders.join(ctx.read("people"))
    assert first_lines(made)[1] == "Join inner on customer = customer_right"


def test_a_key_that_both_sides_declare_comes_before_one_that_only_one_does(ctx):
    ctx.register("a", {"x": [1], "y": [1]}, key=["x", "y"])
    ctx.register("b", {"x": [1], "y": [1], "z": [1]}, key=["x", "y"])
    ctx.register("c", {"x": [1], "y": [1], "w": [1]}, key="x")
    joined = ctx.read("a").join(ctx.read("b"))
    assert first_lines(joined)[1] == "Join inner on x = x_right, y = y_right"
    with pytest.raises(PlanError, match="several keys"):
        ctx.read("a").join(ctx.read("c"))


def test_without_any_key_the_error_lists_the_common_columns(orders, customers):
    with pytest.raises(PlanError) as caught:
        orders.join(customers)
    assert "available: customer, amount" in str(caught.value)
    assert "on=['customer']" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"on": "custmer"}, ColumnNotFound, "did you mean 'customer'?"),
        ({"on": "customer", "how": "outer"}, InvalidOption, "available: inner, left"),
        ({"on": "customer", "left_on": "id", "right_on": "customer"}, InvalidOption, "one name"),
        ({"left_on": ["id", "customer"], "right_on": "customer"}, InvalidOption, "same number"),
        ({"left_on": "day", "right_on": "customer"}, TypeMismatch, "cast one of them"),
        ({"on": "customer", "how": "cross"}, InvalidOption, "cross join"),
        ({"on": "customer", "suffix": ""}, DuplicateColumn, "suffix="),
        ({"predicate": lambda left, right: left.nme == 1}, ColumnNotFound, "nme"),
    ],
)
def test_a_join_that_cannot_be_is_refused(orders, customers, options, error, said):
    with pytest.raises(error) as caught:
        orders.join(customers, **options)
    assert said in str(caught.value)


def test_datasets_of_two_contexts_do_not_join(orders):
    with wf.context() as other, pytest.raises(PlanError, match="different contexts"):
        orders.join(other.read({"customer": [1]}), on="customer")


@pytest.mark.parametrize(
    ("how", "rows"),
    [
        ("inner", [(2, "b", "B")]),
        ("left", [(1, "a", None), (2, "b", "B")]),
        ("right", [(2, "b", "B"), (3, None, "C")]),
        ("full", [(1, "a", None), (2, "b", "B"), (3, None, "C")]),
    ],
)
def test_every_kind_of_join_has_the_rows_and_keys_that_it_says(ctx, how, rows):
    left = ctx.read({"k": [1, 2], "x": ["a", "b"]})
    right = ctx.read({"k": [2, 3], "y": ["B", "C"]})
    made = left.join(right, on="k", how=how).sort("k").to_arrow()
    assert [tuple(row.values()) for row in made.to_pylist()] == rows


def test_a_cross_join_has_all_pairs_and_semi_and_anti_part_the_rows(ctx):
    left, right = ctx.read({"k": [1, 2]}), ctx.read({"k": [2, 3]})
    assert left.join(right, how="cross").count() == 4
    assert left.join(right, on="k", how="semi").to_arrow()["k"].to_pylist() == [2]
    assert left.join(right, on="k", how="anti").to_arrow()["k"].to_pylist() == [1]


def test_a_join_by_a_condition_alone_pairs_what_fulfils_it(ctx):
    left, right = ctx.read({"a": [1, 2, 3]}), ctx.read({"b": [2, 3]})
    made = left.join(right, predicate=lambda one, other: one.a > other.b)
    assert made.to_arrow().to_pylist() == [{"a": 3, "b": 2}]
