"""The plans that a plan is compared with."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pyarrow as pa
import pytest

import wayfed as wf
from wayfed.execution import execute
from wayfed.explain import explain
from wayfed.explain.side_by_side import longest_path
from wayfed_optimizer.cost import CostProfile
from wayfed_optimizer.stages import plan

COSTS = {
    "duckdb": CostProfile(startup=0.5, default_per_row=1e-7),
    "sqlite:shop": CostProfile(startup=0.25, default_per_row=1e-7),
}


@pytest.fixture
def ctx():
    with wf.context() as context:
        yield context


@pytest.fixture
def totals(ctx, tmp_path):
    """Orders of a database by the segments of a table in memory."""
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("create table orders (customer integer not null, amount real not null)")
        database.executemany("insert into orders values (?, ?)", ((i % 9, i) for i in range(900)))
    database.close()
    customers = ctx.read(pa.table({"customer": range(9), "segment": ["a", "b", "c"] * 3}))
    orders = ctx.read(f"sqlite:///{tmp_path}/shop.db", table="orders")
    return orders.join(customers, on="customer").group_by("segment").agg(total=wf.sum("amount"))


def with_costs(dataset):
    return replace(dataset.context.environment, costs=COSTS)


def test_no_rejected_plan_is_cheaper_than_the_one_that_was_chosen(totals):
    environment = with_costs(totals)
    told = explain(plan(totals.relation, environment), environment, alternatives=True)

    assert told.rejected
    others = [each.cost.seconds for each in told.rejected if each.cost is not None]
    assert others == sorted(others)
    assert others[0] >= told.cost.seconds * (1 - 1e-9)


def test_engines_that_a_run_has_started_are_compared_as_they_were_before_it(totals):
    environment = with_costs(totals)
    stages = plan(totals.relation, environment)
    before = explain(stages, environment)
    with execute(stages, environment) as execution:
        assert sum(batch.num_rows for batch in execution.stream) == 3
        report = execution.report
    after = explain(stages, environment, report=report)

    assert before.cost.startup > 0
    assert [f.rival for f in after.fragments] == [f.rival for f in before.fragments]


def test_what_runs_on_one_engine_only_has_no_rival(ctx):
    numbers = ctx.read(pa.table({"n": [1, 2]})).filter("n > 1")
    told = numbers.explain(alternatives=True)

    assert told.fragments[0].rival is None
    assert "nothing: there is no other way to run this plan" in str(told)


def test_fragments_side_by_side_take_no_longer_than_all_work_and_no_less_than_one(totals):
    environment = with_costs(totals)
    physical = plan(totals.relation, environment).physical

    longest = longest_path(physical)
    assert max(f.cost.seconds for f in physical.fragments) <= longest <= physical.cost.seconds
