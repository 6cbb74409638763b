"""Explanations of plans over a Parquet file and a SQLite database, as people read them.

The texts beside this file are what they must say. Where a change of them is meant,
``WAYFED_UPDATE_PLANS=1 pytest tests/plans`` writes them anew: read the difference first.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

import wayfed as wf
from wayfed.dataset import Dataset
from wayfed.explain import Explanation
from wayfed.local import Context

HERE = Path(__file__).parent
UPDATE = os.environ.get("WAYFED_UPDATE_PLANS") == "1"
STATUSES = ("open", "paid", "returned", "paid")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 customers in lake/customers.parquet, 10,000 orders of theirs in shop.db."""
    directory = tmp_path_factory.mktemp("shop")
    (directory / "lake").mkdir()
    ids = range(200)
    customers = pa.table(
        {
            "customer_id": pa.array(ids, pa.int64()),
            "name": [f"customer {i}" for i in ids],
            "segment": [("retail", "trade", "staff")[i % 3] for i in ids],
            "country": [("NL", "AT", "PT", "FI")[i // 4 % 4] for i in ids],
        }
    )
    parquet.write_table(customers, directory / "lake" / "customers.parquet")
    with sqlite3.connect(directory / "shop.db") as database:
        database.execute(
            "create table orders (order_id integer primary key, customer_id integer not null, "
            "amount real not null, status text not null)"
        )
        database.executemany(
            "insert into orders values (?, ?, ?, ?)",
            ((i, i * 7 % 200, i % 1000 / 8, STATUSES[i % 4]) for i in range(10_000)),
        )
        database.execute("create index orders_by_customer on orders (customer_id)")
        database.execute("analyze")
    database.close()
    return directory


@pytest.fixture
def ctx(shop: Path) -> Iterator[Context]:
    with wf.context() as context:
        context.register("customers", str(shop / "lake" / "customers.parquet"))
        context.register("orders", f"sqlite:///{shop}/shop.db", table="orders")
        yield context


def check(name: str, explanation: Explanation, shop: Path) -> None:
    """Compare an explanation with its text, without what differs from run to run."""
    text = f"{lasting(explanation, shop)}\n"
    file = HERE / f"{name}.txt"
    if UPDATE:
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def lasting(explanation: Explanation, shop: Path) -> Explanation:
    """Return an explanation whose paths are relative and whose times are not measured."""
    return replace(
        explanation,
        planning=(),
        seconds=explanation.seconds and 0.001,
        fragments=tuple(
            replace(
                fragment,
                sources=tuple(
                    replace(s, description=s.description.replace(f"{shop}/", ""))
                    for s in fragment.sources
                ),
                actual=fragment.actual and replace(fragment.actual, seconds=0.001, metrics={}),
            )
            for fragment in explanation.fragments
        ),
    )


def totals_by_segment(ctx: Context) -> Dataset:
    """The plan of most tests: a filter on both sides of a join, written above it."""
    orders, customers = ctx.read("orders"), ctx.read("customers")
    return (
        orders.join(customers, on="customer_id")
        .filter(lambda t: (t.status == "paid") & (t.amount > 100) & (t.country == "NL"))
        .group_by("segment")
        .agg(n=wf.count(), total=wf.sum("amount"))
        .sort("segment")
    )


def test_what_lies_in_one_store_runs_there_as_one_statement(ctx, shop):
    returned = ctx.read("orders").filter(lambda t: t.status == "returned")
    counts = (
        returned.group_by("customer_id")
        .agg(n=wf.count())
        .filter(lambda t: t.n > 3)
        .on("sqlite:shop")
    )
    check("one_store", counts.explain(), shop)


def test_a_join_of_two_stores_says_what_each_is_asked_and_what_moves(ctx, shop):
    check("two_stores", totals_by_segment(ctx).explain(alternatives=True), shop)


def test_an_executed_plan_says_what_each_part_gave(ctx, shop):
    check("two_stores_executed", totals_by_segment(ctx).explain(analyze=True), shop)


def test_a_rewritten_plan_says_which_rules_fired(ctx, shop):
    check("two_stores_rewritten", totals_by_segment(ctx).explain("rewritten"), shop)


def test_no_secret_and_no_value_of_a_row_is_told(ctx, shop):
    told = totals_by_segment(ctx).explain(analyze=True)
    for rendering in (str(told), told.to_html(), told.to_mermaid(), str(told.to_dict())):
        assert "customer 1" not in rendering
        assert "retail" not in rendering
