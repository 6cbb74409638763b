"""What an explanation says besides the plan."""

from __future__ import annotations

import pyarrow as pa
import pytest

import wayfed as wf
from wayfed_optimizer.errors import InvalidOption


@pytest.fixture
def ctx():
    with wf.context() as context:
        yield context


@pytest.fixture
def orders(ctx):
    return ctx.read(pa.table({"id": [1, 2, 3], "amount": [10, 20, 5]}))


def same(batch):
    return batch


def notes(dataset):
    return dataset.explain("logical").notes


def test_a_limit_without_an_order_says_that_it_may_pick_any_rows(orders):
    assert notes(orders.limit(2)) == ("limit 2 without an order may pick any rows",)


def test_a_limit_by_an_order_with_ties_says_so(orders):
    (note,) = notes(orders.sort("amount").limit(2))
    assert note == "limit 2 by amount: of rows that tie at the end it may pick any"


def test_a_limit_by_all_keys_of_groups_leaves_nothing_to_chance(orders):
    groups = orders.group_by("id").agg(total=wf.sum("amount"))
    assert notes(groups.sort("id").limit(2)) == ()


def test_an_opaque_function_is_called_a_barrier(orders):
    mapped = orders.map_batches(same, schema={"id": "int64", "amount": "int64"})
    (note,) = notes(mapped)
    assert note.startswith("same (batch to batch) is an opaque function, a barrier to pushdown")


def test_what_the_user_decided_is_said(orders):
    told = notes(orders.on("duckdb").hint(rows=2))
    assert told == (
        ".hint(rows=2) is taken for what statistics would say",
        ".on('duckdb') decides where a part runs, not its cost",
    )


def test_an_estimate_that_was_far_off_is_told_with_its_remedy(ctx):
    many = ctx.read(pa.table({"i": list(range(5000))})).filter(lambda t: t.i * 2 >= t.i)
    (note,) = many.explain(analyze=True).notes
    assert note.startswith("f1 gave 5,000 rows (40.6 kB), estimated 3.33x too few")
    assert ".hint(rows=5000)" in note


def test_a_misspelt_stage_is_told_before_anything_runs(orders):
    with pytest.raises(InvalidOption, match="stage='phyiscal' is not a choice") as raised:
        orders.explain("phyiscal", analyze=True)
    assert raised.value.hint == "did you mean 'physical'?"


def test_the_executed_stage_runs_the_plan(orders):
    told = orders.filter(lambda t: t.amount > 6).explain("executed")
    assert told.fragments[-1].actual.rows == 2
    assert told.seconds > 0


@pytest.mark.postgres
def test_no_password_is_told(ctx, postgres_url):
    password = postgres_url.split(":")[2].split("@")[0]
    ones = ctx.read(postgres_url, query="select 1 as one, 'secret word' as word")
    told = ones.filter(lambda t: t.one == 1).explain(analyze=True, alternatives=True)
    for rendering in (str(told), told.to_html(), told.to_mermaid(), str(told.to_dict())):
        assert password not in rendering
