"""Plans that move as few bytes as can be: others than the fastest, with the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest

import wayfed as wf

pytestmark = [
    pytest.mark.postgres,
    # A busy machine may not be told what is known of tables in time; that is not the matter here.
    pytest.mark.filterwarnings("default::wayfed_optimizer.errors.StatisticsMissing"),
]

ORDERS, KEYS = 60_000, 30_000


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"create database {name}")
        url = f"{postgres_url.rsplit('/', 1)[0]}/{name}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "create table orders as select g as id, g as customer "
                f"from generate_series(0, {ORDERS - 1}) g"
            )
            connection.execute("analyze")
        yield url
        server.execute(f"drop database {name} with (force)")


def orders_of_some(context: wf.Context, url: str) -> wf.Dataset:
    """The orders of some customers: to fetch all is fast, to ask for these moves less."""
    some = context.read(pa.table({"cid": range(ORDERS - KEYS // 3, ORDERS + 2 * KEYS // 3)}))
    orders = context.read(url, table="orders")
    return some.join(orders, left_on="cid", right_on="customer").select("cid", "id")


def run(objective: str, url: str) -> tuple[list[tuple[object, ...]], int, dict[str, object]]:
    with wf.context(optimize_for=objective) as context:
        with context.run(orders_of_some(context, url).relation) as execution:
            rows = sorted(map(tuple, map(dict.values, execution.stream.read_all().to_pylist())))
        plan = execution.stages.physical
        inner = [f for f in plan.fragments if f.id != plan.result.id] or [plan.result]
        moved = sum(execution.report.fragments[each.id].bytes for each in inner)
        return rows, moved, {f.id: f.platform for f in plan.fragments}


def test_fewer_bytes_are_moved_by_another_plan_and_the_rows_are_the_same(url: str) -> None:
    fast, many, quick_plan = run("time", url)
    small, few, small_plan = run("bytes", url)

    assert small == fast
    assert small_plan != quick_plan
    assert few < many
