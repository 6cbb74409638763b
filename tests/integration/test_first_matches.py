"""Top-N first, then a look-up of what belongs to the survivors: whatever the data are like."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest

import wayfed as wf
from wayfed.dataset import Dataset
from wayfed.execution.lookups import next_size
from wayfed.local import Context
from wayfed_optimizer.errors import ExecutionError
from wayfed_optimizer.relations import Limit, Relation, reads, transform
from wayfed_optimizer.rewrite import rewrite
from wayfed_optimizer.rewrite.alternatives import Surroundings
from wayfed_optimizer.rewrite.alternatives.first_matches import look_up_after_top

CUSTOMERS = [(number, f"customer {number}", "x" * 400, number % 7) for number in range(0, 400, 2)]
"""Only those of even numbers: what others bought belongs to nobody."""

TOTALS = """
    select id, name, sum(amount) as total, note from customers join sales on id = customer
    group by id, name, note
"""
BEST = f"{TOTALS} order by total desc, id"

Fill = Callable[[str, str, Sequence[tuple[Any, ...]]], str]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def fill(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fill]:
    """Makes a table of a store and returns the store's URL."""
    if request.param == "sqlite":
        path = tmp_path / "shop.db"

        def fill_sqlite(table: str, columns: str, rows: Sequence[tuple[Any, ...]]) -> str:
            with closing(sqlite3.connect(path)) as database, database:
                database.execute(f"create table {table} ({columns})")
                marks = ", ".join("?" * len(rows[0]))
                database.executemany(f"insert into {table} values ({marks})", rows)
                database.execute("analyze")
            return f"sqlite:///{path}"

        yield fill_sqlite
        return
    url = request.getfixturevalue("postgres_url")
    schema = f"shop_{uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"create schema {schema}".encode())

        def fill_postgresql(table: str, columns: str, rows: Sequence[tuple[Any, ...]]) -> str:
            server.execute(f"create table {schema}.{table} ({columns})".encode())
            marks = ", ".join(["%s"] * len(rows[0]))
            with server.cursor() as cursor:
                cursor.executemany(f"insert into {schema}.{table} values ({marks})".encode(), rows)
            server.execute(f"analyze {schema}.{table}".encode())
            return f"{url}?options=-csearch_path%3D{schema}"

        yield fill_postgresql
        server.execute(f"drop schema {schema} cascade".encode())


@pytest.fixture
def context() -> Iterator[Context]:
    with wf.context(optimize_for="bytes") as context:
        yield context


@pytest.fixture
def shop(context: Context, fill: Fill) -> Context:
    """Sales in memory; customers in a store, by a primary key."""
    url = fill("customers", "id bigint primary key, name text, note text, kind bigint", CUSTOMERS)
    context.register("customers", url, table="customers")
    return context


def sold(context: Context, rows: Sequence[tuple[int | None, int | None]]) -> None:
    """Register who bought for how much."""
    columns = {
        "customer": pa.array([who for who, _ in rows], pa.int64()),
        "amount": pa.array([amount for _, amount in rows], pa.int64()),
    }
    context.register("sales", pa.table(columns))


def looked_up(context: Context, query: str) -> Relation:
    """The plan of a query in which what can be looked up after the top is."""
    found = context.sql(query)
    assert isinstance(found, Dataset)
    sources = context.environment.sources

    def stores(relation: Relation) -> list[str]:
        tables = (read.table for read in reads(relation) if read.table in sources)
        return [sources[table].channel.owner or "anywhere" for table in tables]

    def keys(table: str) -> tuple[frozenset[str], ...]:
        return (frozenset({"id"}),) if "customers" in table else ()

    def change(relation: Relation) -> Relation:
        if not isinstance(relation, Limit):
            return relation
        return look_up_after_top(relation, Surroundings(stores, keys)) or relation

    return transform(rewrite(found.relation).relation, change)


def ask(context: Context, query: str) -> tuple[list[tuple[Any, ...]], int]:
    """The rows of a query with a look-up, and in how many batches there was one."""
    with context.run(looked_up(context, query)) as execution:
        rows = execution.stream.read_all().to_pylist()
        loops = [each.loop for each in execution.report.fragments.values() if each.loop]
    return [tuple(row.values())[:3] for row in rows], sum(loop.iterations for loop in loops)


def expected(rows: Sequence[tuple[int | None, int | None]]) -> list[tuple[int, str, int]]:
    known = {row[0]: row[1] for row in CUSTOMERS}
    totals: dict[int, int] = {}
    for who, amount in rows:
        if who in known and amount is not None:
            totals[who] = totals.get(who, 0) + amount
    best = sorted(totals.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(who, known[who], total) for who, total in best]


def test_only_the_survivors_are_looked_up(shop: Context) -> None:
    rows = [(who, who * 10) for who in range(0, 400, 2)] + [(4, 5), (6, -3)]
    sold(shop, rows)

    found, batches = ask(shop, f"{BEST} limit 3")

    assert (found, batches) == (expected(rows)[:3], 1)


def test_batches_go_on_until_there_are_enough(shop: Context) -> None:
    rows = [(who, 1_000 - who) for who in range(1, 300, 2)] + [(200, 7), (202, 6), (204, 5)]
    sold(shop, rows)

    found, batches = ask(shop, f"{BEST} limit 2")

    assert found == [(200, "customer 200", 7), (202, "customer 202", 6)]
    assert batches > 1


def test_there_may_be_fewer_than_are_asked_for(shop: Context) -> None:
    sold(shop, [(who, who) for who in (1, 3, 4, 5, 6, 7)])

    found, _ = ask(shop, f"{BEST} limit 5")

    assert found == [(6, "customer 6", 6), (4, "customer 4", 4)]


def test_there_may_be_no_candidates_at_all(shop: Context) -> None:
    sold(shop, [(2, 5)])

    found, _ = ask(shop, BEST.replace("group by", "where amount > 9 group by") + " limit 5")

    assert found == []


def test_rows_before_an_offset_are_found_too(shop: Context) -> None:
    rows = [(who, 400 - who) for who in range(200)]
    sold(shop, rows)

    found, batches = ask(shop, f"{BEST} limit 2 offset 4")

    assert found == expected(rows)[4:6]
    assert batches


def test_nulls_and_ties_are_in_their_places(shop: Context) -> None:
    rows: Sequence[tuple[int | None, int | None]] = [(None, 99), (8, None), (2, 3), (4, 3), (6, 3)]
    sold(shop, rows)

    first, _ = ask(shop, f"{TOTALS} order by total desc nulls first, id limit 2")
    tied, _ = ask(shop, f"{TOTALS} order by total desc nulls last limit 2")

    assert first == [(8, "customer 8", None), (2, "customer 2", 3)]
    assert len(tied) == 2
    assert {row[2] for row in tied} == {3}


def test_rows_that_are_not_grouped_need_no_key(context: Context, fill: Fill) -> None:
    labels = [(n, f"label {n} {part}", "x" * 400) for n in range(200) for part in "ab"]
    url = fill("labels", "labelled bigint, label text, note text", labels)
    context.register("labels", url, table="labels")
    sold(context, [(who, who * 10) for who in range(100, 300)])

    query = """
        select customer, amount, label, note from sales join labels on customer = labelled
        order by amount desc limit 3
    """
    found, batches = ask(context, query)

    assert [row[:2] for row in found] == [(199, 1990), (199, 1990), (198, 1980)]
    assert {row[2] for row in found[:2]} == {"label 199 a", "label 199 b"}
    assert batches


def test_two_look_ups_of_the_same_candidates_do_not_meet(shop: Context) -> None:
    sold(shop, [(who, who) for who in (2, 3, 4, 6)])
    kinds = BEST.replace("name", "kind")

    found, batches = ask(
        shop,
        f"select id, name as what, total from ({BEST} limit 2) "
        f"union all select id, cast(kind as text), total from ({kinds} limit 2)",
    )

    assert sorted(found) == [(4, "4", 4), (4, "customer 4", 4), (6, "6", 6), (6, "customer 6", 6)]
    assert batches == 2


def test_groups_whose_key_is_not_unique_are_not_looked_up(context: Context, fill: Fill) -> None:
    twice = [(number, "x" * 400) for number in range(100) for _ in range(2)]
    context.register("buyers", fill("buyers", "id bigint, note text", twice), table="buyers")
    sold(context, [(who, who) for who in range(100)])

    found, batches = ask(
        context,
        "select id, sum(amount) as total from buyers join sales on id = customer "
        "group by id order by total desc, id limit 2",
    )

    assert (found, batches) == ([(99, 198), (98, 196)], 0)


def test_a_sum_that_overflows_where_nobody_asks_for_it_is_no_error(shop: Context) -> None:
    most = 2**63 - 1
    sold(shop, [(1, most), (1, most), (2, 5), *((who, 1) for who in range(101, 400, 2))])

    found, batches = ask(shop, f"{BEST} limit 1")
    assert (found, bool(batches)) == ([(2, "customer 2", 5)], True)


def test_a_sum_that_overflows_where_it_is_asked_for_is_an_error(shop: Context) -> None:
    most = 2**63 - 1
    sold(shop, [(4, most), (4, most), (2, 5), *((who, 1) for who in range(101, 400, 2))])

    with pytest.raises(ExecutionError):
        ask(shop, f"{BEST} limit 1")


def test_what_fails_while_it_is_looked_up_is_said(shop: Context) -> None:
    sold(shop, [(who, who) for who in range(0, 400, 2)])
    query = """
        select id, cast(note as bigint) as wrong, sum(amount) as total
        from customers join sales on id = customer
        group by id, note order by total desc limit 2
    """
    with pytest.raises(ExecutionError):
        ask(shop, query)


def test_each_batch_is_larger_than_the_one_before() -> None:
    assert next_size(20, 1, 0.95) == 40
    assert next_size(20, 20, 0.0) > 100
