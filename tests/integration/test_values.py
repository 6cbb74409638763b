"""Constants of a plan are rows like any other, on every engine."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

import pytest

import wayfed as wf
from wayfed_optimizer.wire import from_wire, to_wire

QUERY = """
    select v.name, v.price, t.n
    from (values (1, 'one', 1.5), (2, null, 2.25), (3, 'it''s', 10)) v(k, name, price)
    join t on t.n = v.k
    order by t.n
"""
ANSWER = [
    {"name": "one", "price": Decimal("1.50"), "n": 1},
    {"name": None, "price": Decimal("2.25"), "n": 2},
]


@pytest.fixture
def two_rows(tmp_path):
    path = tmp_path / "two.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (n integer not null)")
        connection.executemany("insert into t values (?)", [(1,), (2,)])
    connection.close()
    return path


@pytest.mark.parametrize("platform", ["duckdb", "sqlite:two"])
def test_values_join_with_a_table_on_any_engine(two_rows, platform):
    with wf.context() as ctx:
        ctx.register("t", two_rows, table="t")

        assert ctx.sql(QUERY).on(platform).to_arrow().to_pylist() == ANSWER


@pytest.mark.postgres
def test_values_join_with_a_table_on_postgresql(two_rows, postgres_url):
    with wf.context() as ctx:
        ctx.register("t", two_rows, table="t")
        ctx.read(postgres_url, query="select 1 as x")
        (platform,) = [name for name in ctx.platform_names if name.startswith("postgresql")]

        assert ctx.sql(QUERY).on(platform).to_arrow().to_pylist() == ANSWER


def test_a_select_without_from_has_one_row():
    with wf.context() as ctx:
        assert ctx.sql("select 6 * 7 as n, null::text as t").to_arrow().to_pylist() == [
            {"n": 42, "t": None}
        ]
        assert ctx.sql("select 1 as x where false").count() == 0
        assert ctx.sql("select count(*) as n where false").to_arrow().to_pylist() == [{"n": 0}]


def test_values_alone_are_a_query_and_may_be_computed():
    with wf.context() as ctx:
        rows = ctx.sql("values (1, 2), (3, 4 + 5) order by 1 desc").to_arrow().to_pylist()

        assert rows == [{"col0": 3, "col1": 9}, {"col0": 1, "col1": 2}]


def test_values_of_types_that_do_not_go_together_are_refused():
    with wf.context() as ctx, pytest.raises(wf.errors.TypeMismatch, match="column 1"):
        ctx.sql("values (1), (date '2020-01-01')")


def test_values_travel_in_plans():
    with wf.context() as ctx:
        relation = ctx.sql("select * from (values (1, 'a'), (2, null)) v(k, name)").relation

        assert from_wire(to_wire(relation)) == relation
