"""One plan over PostgreSQL, SQLite and Parquet: the same answer wherever it is made to run."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest
from pyarrow import parquet

import wayfed as wf
from wayfed.dataset import Dataset
from wayfed.explain import Explanation
from wayfed.explain.model import FragmentView
from wayfed.local import Context

pytestmark = pytest.mark.postgres

SEGMENTS = ("retail", "trade", "staff")
COUNTRIES = ("NL", "AT", "PT", "FI")
CUSTOMERS = [
    {
        "customer": i,
        "name": f"customer {i}",
        "segment": SEGMENTS[i % 3],
        "country": COUNTRIES[i // 4 % 4] if i % 11 else None,
    }
    for i in range(200)
]
CARDS = [{"card": i, "holder": i * 3 % 230, "limit_eur": 100 * (i % 9)} for i in range(300)]
ORDERS = [
    {
        "order_id": i,
        "buyer": i * 7 % 200,
        "amount": Decimal(i * 37 % 10_000) / 100,
        "status": ("open", "paid", "returned", "paid")[i % 4],
        "note": "—" * 20,
    }
    for i in range(4000)
]
VISITS = [
    {"visitor": i * 11 % 200 if i % 13 else None, "seconds": i % 100 / 4, "page": f"page {i % 7}"}
    for i in range(3000)
]


@pytest.fixture(scope="module")
def stores(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    """Customers and their cards in PostgreSQL, orders in SQLite, visits in a Parquet file."""
    directory = tmp_path_factory.mktemp("stores")
    name = f"crm_{uuid4().hex[:12]}"
    url = f"{postgres_url.rpartition('/')[0]}/{name}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"create database {name}")
        with psycopg.connect(url, autocommit=True) as crm:
            _fill_crm(crm.cursor())
        _fill_shop(directory / "shop.db")
        types = {"visitor": pa.int64(), "seconds": pa.float64(), "page": pa.string()}
        visits = pa.Table.from_pylist(VISITS, pa.schema(list(types.items())))
        parquet.write_table(visits, directory / "visits.parquet")
        yield {
            "crm": url,
            "shop": f"sqlite:///{directory}/shop.db",
            "visits": f"{directory}/visits.parquet",
        }
        server.execute(f"drop database {name} with (force)")


def _fill_crm(crm: psycopg.Cursor[Any]) -> None:
    crm.execute(
        "create table customers (customer bigint primary key, name text not null, "
        "segment text not null, country text)"
    )
    crm.execute("create table cards (card bigint not null, holder bigint, limit_eur bigint)")
    for table, rows in (("customers", CUSTOMERS), ("cards", CARDS)):
        marks = ", ".join(["%s"] * len(rows[0]))
        crm.executemany(
            f"insert into {table} values ({marks})", [tuple(row.values()) for row in rows]
        )
    crm.execute("analyze")


def _fill_shop(path: Path) -> None:
    with closing(sqlite3.connect(path)) as shop, shop:
        shop.execute(
            "create table orders (order_id integer primary key, buyer integer not null, "
            "amount decimal(9,2) not null, status text not null, note text)"
        )
        rows = [tuple({**row, "amount": float(row["amount"])}.values()) for row in ORDERS]
        shop.executemany("insert into orders values (?, ?, ?, ?, ?)", rows)
        shop.execute("analyze")


def _open(stores: Mapping[str, str], **engines: Any) -> Context:
    context = wf.context(**engines)
    context.register("customers", stores["crm"], table="customers")
    context.register("cards", stores["crm"], table="cards")
    context.register("orders", stores["shop"], table="orders")
    context.register("visits", stores["visits"])
    return context


@pytest.fixture
def context(stores: Mapping[str, str]) -> Iterator[Context]:
    with _open(stores) as context:
        yield context


def paid_and_seen(context: Context) -> Dataset:
    """By country, what retail customers paid and how long they looked."""
    visits = context.read("visits").group_by("visitor").agg(seconds=wf.sum("seconds"))
    return (
        context.read("customers")
        .join(context.read("orders"), left_on="customer", right_on="buyer")
        .join(visits, left_on="customer", right_on="visitor", how="left")
        .filter(lambda t: (t.segment == "retail") & (t.status == "paid") & (t.amount > 50))
        .group_by("country")
        .agg(orders=wf.count(), paid=wf.sum("amount"), longest=wf.max("seconds"))
    )


def expected_rows() -> list[tuple[object, ...]]:
    """The answer of `paid_and_seen`, by hand."""
    customers = {c["customer"]: c for c in CUSTOMERS}
    seconds: dict[object, float] = defaultdict(float)
    for visit in VISITS:
        seconds[visit["visitor"]] += visit["seconds"]
    found: dict[object, list[Any]] = {}
    for order in ORDERS:
        customer = customers[order["buyer"]]
        if customer["segment"] == "retail" and order["status"] == "paid" and order["amount"] > 50:
            row = found.setdefault(customer["country"], [0, Decimal(0), 0.0])
            row[0] += 1
            row[1] += order["amount"]
            row[2] = max(row[2], seconds.get(order["buyer"], 0.0))
    return sorted(((country, *row) for country, row in found.items()), key=repr)


def rows_of(dataset: Dataset) -> list[tuple[object, ...]]:
    return sorted((tuple(row.values()) for row in dataset.to_arrow().to_pylist()), key=repr)


def platform_of(context: Context, kind: str) -> str:
    """The full name of the store or engine of a kind, known once a table of it was read."""
    return next(name for name in context.platform_names if name.startswith(kind))


def fragments_on(explanation: Explanation, kind: str) -> list[FragmentView]:
    return [f for f in explanation.fragments if f.platform.startswith(kind)]


@pytest.mark.parametrize("kind", [None, "duckdb", "postgresql", "sqlite"])
def test_a_plan_over_three_stores_has_one_answer(context: Context, kind: str | None) -> None:
    plan = paid_and_seen(context)
    if kind is not None:
        plan = plan.on(platform_of(context, kind))

    assert rows_of(plan) == expected_rows()
    assert plan.explain().fragments[-1].platform.startswith(kind or "duckdb")


@pytest.mark.parametrize("kind", [None, "duckdb", "postgresql", "sqlite"])
def test_rows_of_which_no_column_is_needed_go_between_stores(
    context: Context, kind: str | None
) -> None:
    kept = context.sql(
        "select customer from customers"
        " where exists (select 1 from orders where order_id = 1 and status = 'paid')"
        " and exists (select 1 from cards where holder is not null)"
    )
    if kind is not None:
        kept = kept.on(platform_of(context, kind))
    assert len(rows_of(kept)) == len(CUSTOMERS)


@pytest.mark.spark
def test_spark_gives_the_same_answer(
    stores: Mapping[str, str], spark_options: dict[str, object]
) -> None:
    with _open(stores, spark=spark_options) as context:
        plan = paid_and_seen(context).on("spark")

        assert rows_of(plan) == expected_rows()
        assert plan.explain().fragments[-1].platform == "spark"


@pytest.mark.parametrize("kind", [None, "duckdb", "postgresql", "sqlite"])
def test_only_needed_rows_and_columns_leave_a_store(context: Context, kind: str | None) -> None:
    plan = paid_and_seen(context)
    if kind is not None:
        plan = plan.on(platform_of(context, kind))

    explanation = plan.explain(analyze=True)

    if kind != "postgresql":
        (crm,) = [f for f in fragments_on(explanation, "postgresql") if not f.exchanges]
        assert crm.columns.names == ("customer", "country")
        assert "segment = 'retail'" in crm.asked
        assert crm.actual is not None
        assert crm.actual.rows == sum(c["segment"] == "retail" for c in CUSTOMERS)
    if kind != "sqlite":
        (shop,) = [f for f in fragments_on(explanation, "sqlite") if not f.exchanges]
        assert shop.columns.names == ("buyer", "amount")
        assert shop.actual is not None
        assert shop.actual.rows == sum(o["status"] == "paid" and o["amount"] > 50 for o in ORDERS)
    visits = [s for f in fragments_on(explanation, "duckdb") for s in f.sources]
    assert [s.columns for s in visits] == [("visitor", "seconds")]


def test_small_sides_go_to_postgresql_as_constants_or_temporary_tables(context: Context) -> None:
    plan = paid_and_seen(context).on(platform_of(context, "postgresql"))

    *_, last = plan.explain().fragments

    assert last.asked.count("wayfed_f") >= 2
    ways = {f"values@{last.platform}", f"table@{last.platform}"}
    assert {e.channels[-1] for e in last.exchanges} <= ways


def test_tables_of_one_database_are_joined_there_where_that_leaves_fewer_rows(
    context: Context,
) -> None:
    limits = (
        context.read("cards")
        .join(context.read("customers"), left_on="holder", right_on="customer")
        .filter(lambda t: t.segment == "staff")
        .group_by("holder")
        .agg(limit_eur=wf.sum("limit_eur"))
    )
    orders = context.read("orders").group_by("buyer").agg(paid=wf.sum("amount"))
    plan = limits.join(orders, left_on="holder", right_on="buyer").select(
        "holder", "limit_eur", "paid"
    )

    explanation = plan.explain()

    (crm,) = fragments_on(explanation, "postgresql")
    assert "cards" in crm.asked
    assert "customers" in crm.asked
    (shop,) = fragments_on(explanation, "sqlite")
    assert "GROUP BY" in shop.asked
    assert rows_of(plan) == _limits_and_orders()


def test_what_lies_in_one_database_is_one_statement_there(context: Context) -> None:
    plan = (
        context.read("cards")
        .join(context.read("customers"), left_on="holder", right_on="customer")
        .group_by("segment")
        .agg(cards=wf.count())
    )

    (only,) = plan.explain().fragments

    assert only.platform == platform_of(context, "postgresql")
    assert sum(cards for _, cards in rows_of(plan)) == sum(
        c["holder"] < len(CUSTOMERS) for c in CARDS
    )


def _limits_and_orders() -> list[tuple[object, ...]]:
    staff = {c["customer"] for c in CUSTOMERS if c["segment"] == "staff"}
    limits: dict[int, int] = defaultdict(int)
    for card in CARDS:
        if card["holder"] in staff:
            limits[card["holder"]] += card["limit_eur"]
    paid: dict[int, Decimal] = defaultdict(Decimal)
    for order in ORDERS:
        paid[order["buyer"]] += order["amount"]
    found = [(holder, limit, paid[holder]) for holder, limit in limits.items() if holder in paid]
    return sorted(found, key=repr)
