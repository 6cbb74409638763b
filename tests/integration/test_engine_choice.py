"""Which engine a plan goes to, as the costs have it: nothing here runs, and nothing may start."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wayfed as wf

ENGINES = {"spark": {"master": "local[2]", "memory": "8g"}, "flink": {}}


@pytest.fixture
def ctx():
    with wf.context(**ENGINES) as context:
        yield context
        started = {each.name for each in context.platforms() if each.started}
        assert started <= {"duckdb", "python"}


@pytest.fixture
def orders(ctx, tmp_path):
    pq.write_table(pa.table({"id": [1, 2], "amount": [10.0, 20.0]}), tmp_path / "orders.parquet")
    return ctx.read(tmp_path / "orders.parquet")


def where(dataset):
    return {fragment["platform"] for fragment in dataset.explain().to_dict()["fragments"]}


def test_a_small_plan_starts_no_jvm(orders):
    groups = orders.group_by("id").agg(total=wf.sum("amount")).sort("id")
    assert where(groups) == {"duckdb"}


def test_explain_tells_what_starting_another_engine_would_cost(orders):
    (fragment,) = orders.filter("amount > 15").explain(alternatives=True).to_dict()["fragments"]
    others = {each["platform"]: each for each in fragment["alternatives"]}
    assert others["spark"]["cost"]["startup"] >= 1
    assert others["flink"]["cost"]["startup"] >= 1
