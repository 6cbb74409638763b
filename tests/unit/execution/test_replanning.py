"""Plans whose rest is planned again, because a fragment gave other rows than were believed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wayfed as wf
from tests.unit.execution.falsified import falsified
from wayfed.execution import Execution, execute
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.environment import Environment
from wayfed_optimizer.errors import WayfedError
from wayfed_optimizer.platform import Run
from wayfed_optimizer.replanning import Counted, Rest
from wayfed_optimizer.stages import Stages, place_rewritten, plan
from wayfed_optimizer.statistics import Estimate

ORDERS, CUSTOMERS, SEGMENTS = 200_000, 20_000, 1_000
ASLEEP = (
    "select from pg_stat_activity where state = 'active' and query like '%pg_sleep(1000)%' "
    "and pid <> pg_backend_pid()"
)
ANSWER = [{"segment": 7, "total": ORDERS // SEGMENTS * 7, "n": ORDERS // SEGMENTS}]


@pytest.fixture(scope="module")
def url(postgres_url: str) -> Iterator[str]:
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"create database {name}")
    url = postgres_url.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"create table orders as select g as id, g % {CUSTOMERS} as customer, "
            f"g % {SEGMENTS} as amount from generate_series(0, {ORDERS - 1}) g"
        )
        connection.execute("create index on orders (customer)")
        connection.execute("analyze")
    yield url
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"drop database {name} with (force)")


@pytest.fixture
def ctx() -> Iterator[wf.Context]:
    with wf.context() as context:
        yield context


@pytest.fixture
def totals(ctx: wf.Context, url: str, tmp_path) -> wf.Dataset:
    """What the customers of one segment, a file, have ordered, a table of PostgreSQL."""
    numbers = range(CUSTOMERS)
    customers = pa.table({"cid": pa.array(numbers), "segment": [n % SEGMENTS for n in numbers]})
    pq.write_table(customers, tmp_path / "customers.parquet")
    few = ctx.read(str(tmp_path / "customers.parquet")).filter("segment = 7")
    joined = few.join(ctx.read(url, table="orders"), left_on="cid", right_on="customer")
    return joined.group_by("segment").agg(total=wf.sum("amount"), n=wf.count())


def run(dataset: wf.Dataset, environment: Environment) -> tuple[list[dict], Execution]:
    with execute(plan(dataset.relation, environment), environment) as execution:
        return execution.stream.read_all().to_pylist(), execution


@pytest.mark.postgres
def test_a_table_that_is_larger_than_believed_is_not_fetched_to_its_end(
    ctx: wf.Context, totals: wf.Dataset
):
    rows, execution = run(totals, falsified(ctx.environment, 1e-3, "orders"))

    assert rows == ANSWER
    (told,) = execution.report.replannings
    assert told.changed
    assert not told.complete
    assert told.platform.startswith("postgresql")
    assert told.estimated.likely < told.rows <= ORDERS
    assert [each.platform for each in told.before] == [told.platform, "duckdb"]
    assert [each.platform for each in told.after] == ["duckdb", told.platform]


@pytest.mark.postgres
def test_rows_that_are_there_are_kept_by_the_new_plan(ctx: wf.Context, totals: wf.Dataset):
    rows, execution = run(totals, falsified(ctx.environment, 1e3, "customers"))

    assert rows == ANSWER
    (told,) = execution.report.replannings
    assert told.complete
    assert told.rows == CUSTOMERS // SEGMENTS
    assert told.kept == (told.fragment,)
    kept = execution.report.fragments[told.fragment]
    assert kept.kept
    assert kept.rows == told.rows
    assert execution.environment.sources[told.fragment].description == (
        f"what {told.fragment} on duckdb gave"
    )
    assert {each.id for each in told.before}.isdisjoint(
        fragment.id for fragment in execution.stages.physical.fragments
    )


@pytest.mark.postgres
def test_rows_that_a_plan_has_begun_to_read_are_asked_for_again(
    ctx: wf.Context, url: str, monkeypatch: pytest.MonkeyPatch
):
    orders = ctx.read(url, table="orders")
    passed_on = orders.map_batches(lambda batch: batch, schema=orders.schema).hint(rows=5)

    def as_before(stages, environment, counted, ended, *, taken, learned):
        same = place_rewritten(stages.logical, stages.rewritten, environment, {}, taken=taken)
        return Rest(same, environment, (), {})

    monkeypatch.setattr("wayfed.execution.attempt.replan", as_before)
    rows, execution = run(passed_on.group_by().agg(n=wf.count()), ctx.environment)

    assert rows == [{"n": ORDERS}]
    assert execution.report.replannings


@pytest.mark.postgres
def test_a_statement_that_nobody_waits_for_is_stopped_and_its_snapshot_kept(
    ctx: wf.Context, url: str
):
    endless = plan(
        ctx.read(url, query="select pg_sleep(1000)::text as t").relation, ctx.environment
    )
    orders = plan(ctx.read(url, table="orders").relation, ctx.environment)
    platform = endless.physical.result.platform
    session = ctx.environment.platforms[platform].open(
        Run("wayfed_test", CancellationToken(), Path)
    )

    def rows_of(stages: Stages, name: str) -> pa.Table:
        fragment = replace(stages.physical.result, id=name)
        return session.execute(fragment, stages.compiled["f1"], {}).read_all()

    with ThreadPoolExecutor(1) as threads, psycopg.connect(url, autocommit=True) as connection:
        coming = threads.submit(rows_of, endless, "endless")
        while not connection.execute(ASLEEP).rowcount:
            assert not coming.done()
        session.abandon("endless")
        with pytest.raises(WayfedError):
            coming.result()
        connection.execute("delete from orders where id = 0")
        rows = rows_of(orders, "orders")

        connection.execute("insert into orders values (0, 0, 0)")
    session.close()

    assert rows.num_rows == ORDERS


@pytest.mark.postgres
def test_a_plan_whose_estimates_are_right_stays_as_it_is(ctx: wf.Context, totals: wf.Dataset):
    rows, execution = run(totals, falsified(ctx.environment, 1))

    assert rows == ANSWER
    assert execution.report.replannings == ()


@pytest.mark.postgres
def test_hints_that_are_wrong_are_found_out(ctx: wf.Context, url: str):
    orders = ctx.read(url, table="orders").hint(rows=5)
    customers = ctx.read(pa.table({"cid": range(3), "name": ["a", "b", "c"]}))

    rows, execution = run(
        customers.join(orders, left_on="cid", right_on="customer").group_by().agg(n=wf.count()),
        ctx.environment,
    )

    assert rows == [{"n": 3 * ORDERS // CUSTOMERS}]
    assert all(told.rows > 5 for told in execution.report.replannings)


@pytest.mark.postgres
def test_explain_analyze_tells_the_plan_that_was_followed(
    ctx: wf.Context, totals: wf.Dataset, monkeypatch: pytest.MonkeyPatch
):
    environment = falsified(ctx.environment, 1e3, "customers")
    monkeypatch.setattr(
        "wayfed.plans.Gatherer.gather",
        lambda self, sources, gather=wf.plans.Gatherer.gather: _as_believed(
            gather(self, sources), environment
        ),
    )

    told = str(totals.explain(analyze=True))

    assert "what f1 on duckdb gave" in told


def _as_believed(gathered, environment: Environment):
    return replace(gathered, statistics=environment.statistics)


@pytest.mark.postgres
def test_runs_of_several_threads_change_their_plans_each_for_itself(
    ctx: wf.Context, totals: wf.Dataset
):
    environment = falsified(ctx.environment, 1e-3, "orders")

    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda _: run(totals, environment), range(3)))

    assert [rows for rows, _ in found] == [ANSWER] * 3
    assert [len(execution.report.replannings) for _, execution in found] == [1, 1, 1]


@pytest.mark.postgres
def test_ctrl_c_while_the_rest_is_planned_ends_the_run(
    ctx: wf.Context, totals: wf.Dataset, monkeypatch: pytest.MonkeyPatch
):
    before = set(threading.enumerate())
    environment = falsified(ctx.environment, 1e-3, "orders")
    stages = plan(totals.relation, environment)
    seen: list[Execution] = []

    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wayfed.execution.attempt.replan", interrupted)
    with pytest.raises(KeyboardInterrupt):
        execute(stages, environment, watch=seen.append)

    assert seen[0].ended
    monkeypatch.undo()
    assert run(totals, environment)[0] == ANSWER
    for thread in set(threading.enumerate()) - before:
        thread.join(120)


@pytest.mark.postgres
def test_a_loop_is_planned_with_what_was_counted_outside_of_it(ctx: wf.Context, totals: wf.Dataset):
    looped = totals.select("n").iterate(
        lambda rows: rows.select(n=wf.col("n") + 1), max_iterations=3
    )

    rows, _ = run(looped, falsified(ctx.environment, 1e3, "customers"))

    assert rows == [{"n": ANSWER[0]["n"] + 3}]


@pytest.mark.postgres
def test_rows_without_columns_can_be_kept_too(ctx: wf.Context, url: str):
    orders = ctx.read(url, table="orders").filter("amount = 3").hint(rows=100_000_000)
    counted = orders.join(ctx.read(pa.table({"x": [1, 2]})), how="cross").group_by()

    rows, _ = run(counted.agg(n=wf.count()), ctx.environment)

    assert rows == [{"n": 2 * ORDERS // SEGMENTS}]


BELIEVED = Estimate(500, 1_000, 2_000)


@pytest.mark.parametrize(
    ("counted", "differs"),
    [
        (Counted(2_001, complete=False), True),
        (Counted(1_999, complete=False), False),
        (Counted(10, complete=False), False),
        (Counted(10, complete=True), True),
        (Counted(600, complete=True), False),
    ],
)
def test_what_differs_is_what_is_outside_of_the_bounds(counted: Counted, differs: bool):
    assert counted.differs(BELIEVED) is differs


def test_bounds_that_are_far_apart_say_nothing():
    guess = Estimate(0, 100_000, 1e9)

    assert Counted(3_000_000, complete=False).differs(guess)
    assert Counted(12, complete=True).differs(guess)
    assert not Counted(60_000, complete=True).differs(guess)


def test_a_difference_that_costs_less_than_planning_again_does_not_matter():
    few = Estimate.exactly(10)

    assert not Counted(90, complete=True).matters(few)
    assert Counted(90_000, complete=True).matters(few)
