"""What explanations say was guessed."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

import wayfed as wf
from wayfed.explain import explain
from wayfed_optimizer.stages import plan
from wayfed_optimizer.statistics import ColumnStatistics, Estimate, Provenance, TableStatistics

KNOWN = TableStatistics(
    Estimate.around(1_000_000, Provenance.DATABASE),
    {"id": ColumnStatistics(distinct=1_000_000), "amount": ColumnStatistics(low=0, high=9)},
)


@pytest.fixture
def ctx():
    with wf.context() as context:
        context.register("orders", pa.table({"id": [1, 2], "amount": [3, 4], "note": ["a", "b"]}))
        yield context


def assumptions(dataset, statistics=KNOWN):
    environment = replace(dataset.context.environment, statistics={"orders": statistics})
    return explain(plan(dataset.relation, environment), environment).assumptions


def test_what_statistics_tell_is_not_called_a_guess(ctx):
    orders = ctx.read("orders")
    assert assumptions(orders.filter("id = 7 and amount > 3")) == ()


def test_a_column_of_which_nothing_is_known_is_named_with_what_would_tell(ctx):
    (told,) = assumptions(
        ctx.read("orders").filter("note = 'a'").group_by("note").agg(n=wf.count())
    )
    assert told == (
        "nothing is known of the values of note in orders: how many rows they filter, join or "
        "group is a guess; .hint(rows=…) tells"
    )


def test_equality_needs_more_than_bounds(ctx):
    (told,) = assumptions(ctx.read("orders").filter("amount = 3"))
    assert "of the values of amount in orders" in told


def test_a_condition_on_what_is_computed_is_a_guess(ctx):
    (told,) = assumptions(ctx.read("orders").filter("amount * 2 > id"))
    assert "compares what is computed" in told
    assert "of 1,000,000 rows pass is a guess" in told


def test_guesses_about_few_rows_are_not_worth_a_word(ctx):
    few = replace(KNOWN, rows=Estimate.exactly(100))
    assert assumptions(ctx.read("orders").filter("note = 'a'"), few) == ()


def test_a_source_that_told_nothing_is_named_with_its_reason(ctx):
    late = TableStatistics.unknown("nothing was heard within 0.5 s")
    told = assumptions(ctx.read("orders").filter("id = 7"), late)
    assert told[:2] == (
        "orders: nothing was heard within 0.5 s",
        "nothing is known of the size of orders: 100,000 rows; .hint(rows=…) tells",
    )
