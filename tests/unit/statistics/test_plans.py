"""Plans that are kept, and estimates that earlier runs correct."""

from __future__ import annotations

from threading import Thread

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wayfed as wf
from wayfed.plans import Plans


@pytest.fixture
def ctx():
    with wf.context() as context:
        yield context


def cached(ctx, dataset):
    return ctx._plans.plan(dataset.relation, ctx.environment).stages.cached


def test_a_plan_is_made_once(ctx, tmp_path):
    pq.write_table(pa.table({"a": [1, 2, 3]}), tmp_path / "t.parquet")
    ctx.register("t", tmp_path / "t.parquet")
    query = "select count(*) as n from t where a > 1"
    assert ctx.sql(query).to_numpy()["n"].tolist() == [2]
    ctx.sql(query).to_numpy()  # by now the engine is started
    assert cached(ctx, ctx.sql(query))
    assert ctx.sql(query).to_numpy()["n"].tolist() == [2]


def test_other_rows_make_another_plan_and_the_right_result(ctx, tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1, 2, 3]}), path)
    table = ctx.read(path).filter("a > 1")
    for _ in range(3):
        assert table.count() == 2
    pq.write_table(pa.table({"a": list(range(1_000))}), path)
    assert table.count() == 998
    assert table.to_arrow().num_rows == 998


def test_what_a_run_counted_is_the_next_estimate(ctx, tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": list(range(1_000)), "b": ["x"] * 990 + ["y"] * 10}), path)
    few = ctx.read(path).filter("b like '%y'")
    before = few.explain().fragments[-1].rows
    few.to_arrow()
    after = few.explain().fragments[-1].rows
    assert before.likely != 10
    assert (after.likely, after.provenance.value) == (10, "observed")
    pq.write_table(pa.table({"a": list(range(10)), "b": ["y"] * 10}), path)
    assert few.explain().fragments[-1].rows.provenance.value != "observed"


def test_a_context_can_be_told_to_forget_runs(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"b": ["x"] * 990 + ["y"] * 10}), path)
    with wf.context({"planning": {"remember_runs": False}}) as ctx:
        few = ctx.read(path).filter("b like '%y'")
        few.to_arrow()
        assert few.explain().fragments[-1].rows.provenance.value != "observed"


def test_a_plan_whose_estimates_were_right_stays(ctx, tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": list(range(100))}), path)
    table = ctx.read(path)
    table.to_arrow()
    table.to_arrow()
    assert cached(ctx, table)
    table.to_arrow()
    assert cached(ctx, table)


def test_a_kept_plan_runs_in_many_threads_at_once(ctx, tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": list(range(100))}), path)
    table = ctx.read(path).filter("a >= 50")
    table.count()
    found = []
    threads = [Thread(target=lambda: found.append(table.count())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [50] * 8


def test_only_so_many_plans_are_kept(ctx, monkeypatch):
    monkeypatch.setattr("wayfed.plans.MOST_PLANS", 2)
    plans = Plans()
    table = ctx.read({"a": [1, 2, 3]})
    for least in range(4):
        plans.plan(table.filter(f"a > {least}").relation, ctx.environment)
    assert len(plans._kept) == 2
    assert plans.plan(table.filter("a > 3").relation, ctx.environment).stages.cached


def test_a_table_called_like_a_fragment_makes_another_plan(ctx):
    table = ctx.read({"a": [1, 2, 3]})
    table.count()
    table.count()
    ctx.register("f1", {"a": [9]})
    ctx.read("f1").count()
    assert table.count() == 3
    assert ctx.read("f1").count() == 1
