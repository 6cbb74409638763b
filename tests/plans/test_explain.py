"""Explanations of plans over a Parquet file and a SQLite database, as people read them.

The texts beside this file are what they must say. Where a change of them is meant,
``WAYFED_UPDATE_PLANS=1 pytest tests/plans`` writes them anew: read the difference first.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

import wayfed as wf
from wayfed.dataset import Dataset
from wayfed.execution import execute
from wayfed.execution.report import Placement, Recovery, Replanning
from wayfed.explain import Explanation, explain
from wayfed.local import Context
from wayfed_optimizer.cost import CostProfile
from wayfed_optimizer.stages import plan
from wayfed_optimizer.statistics import ColumnStatistics, Estimate, Provenance, TableStatistics

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "explain.md"
EXAMPLE = re.compile(r"<!-- (tests/plans/\w+\.txt) -->\n```text\n(?:(?!```).*\n)*```\n")
UPDATE = os.environ.get("WAYFED_UPDATE_PLANS") == "1"
STATUSES = ("open", "paid", "returned", "paid")


STATISTICS = {
    "customers": TableStatistics(
        Estimate.exactly(200, Provenance.FOOTER),
        {
            "customer_id": ColumnStatistics(200, 0.0, 0, 199, 8),
            "segment": ColumnStatistics(3, 0.0, width=6),
            "country": ColumnStatistics(4, 0.0, width=4),
        },
    ),
    "orders": TableStatistics(
        Estimate.around(10_000, Provenance.DATABASE, 1.2),
        {
            "customer_id": ColumnStatistics(200, 0.0, 0, 199, 8),
            "status": ColumnStatistics(3, 0.0, width=5),
        },
    ),
}
"""Nothing is said of the amounts."""
MANY = Estimate.around(50_000_000, Provenance.DATABASE, 1.2)


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


COSTS = {
    "duckdb": CostProfile(startup=0.02, per_fragment=0.001, default_per_row=2e-8),
    "sqlite:shop": CostProfile(per_fragment=0.0005, default_per_row=3e-8, per_byte_out=2e-8),
}
"""No calibration changes them, nor better defaults: what is tried here is how they are told."""


CHANGES = {
    "replannings": (
        Replanning(
            fragment="f0",
            platform="duckdb",
            estimated=Estimate.around(2, Provenance.DERIVED),
            rows=200,
            complete=True,
            kept=("f0",),
            before=(Placement("f1", "sqlite:shop"),),
            after=(Placement("f1", "sqlite:shop"), Placement("f2", "duckdb")),
            seconds=0.004,
        ),
    ),
    "recoveries": (
        Recovery("f1", "sqlite:shop", "database is locked", "retried", seconds=0.5),
        Recovery(
            None,
            "postgresql:core",
            "postgresql://ada:secret@core/bank is gone",
            "placed elsewhere",
            after=(Placement("f2", "duckdb"),),
        ),
    ),
}
"""What a run may have changed; these are told, and not waited for."""


def explained(
    dataset: Dataset,
    *,
    analyze: bool = False,
    statistics: Mapping[str, TableStatistics] = {},
    also: Mapping[str, Any] = {},
    **options: Any,
) -> Explanation:
    """Explain as `Dataset.explain` does, with costs and statistics that stay as they are."""
    given = dataset.context.environment
    environment = replace(given, costs=COSTS, statistics={**STATISTICS, **statistics})
    stages = plan(dataset.relation, environment)
    report = None
    if analyze:
        with execute(stages, environment) as execution:
            for _ in execution.stream:
                pass
            report = replace(execution.report, **also)
    return explain(stages, environment, report=report, **options)


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
        planning=tuple((name, 0.001) for name, _ in explanation.planning),
        seconds=explanation.seconds and 0.004,
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
    check("one_store", explained(counts), shop)


def test_a_join_of_two_stores_says_what_each_is_asked_what_moves_and_why(ctx, shop):
    check("two_stores", explained(totals_by_segment(ctx)), shop)


def test_all_that_was_rejected_is_told_when_asked(ctx, shop):
    check("alternatives", explained(totals_by_segment(ctx), alternatives=True), shop)


def test_keys_are_shipped_to_the_store_of_the_large_table(ctx, shop):
    few = ctx.read("customers").filter(lambda t: t.country == "NL")
    orders = ctx.read("orders").join(few, on="customer_id")
    large = {"orders": replace(STATISTICS["orders"], rows=MANY)}
    check("keys_shipped", explained(orders, statistics=large, alternatives=True), shop)


def test_only_what_belongs_to_the_first_rows_is_looked_up(ctx, shop):
    dearest = ctx.read("customers").join(ctx.read("orders"), on="customer_id")
    first = dearest.sort("name", "customer_id").limit(3)
    large = {"orders": replace(STATISTICS["orders"], rows=MANY)}
    check("looked_up", explained(first, statistics=large), shop)


def test_an_executed_plan_says_what_each_part_gave(ctx, shop):
    check("two_stores_executed", explained(totals_by_segment(ctx), analyze=True), shop)


def test_a_plan_that_was_changed_on_the_way_says_why_and_into_what(ctx, shop):
    check("changed_on_the_way", explained(totals_by_segment(ctx), analyze=True, also=CHANGES), shop)


def test_a_rewritten_plan_says_which_rules_fired(ctx, shop):
    check("two_stores_rewritten", explained(totals_by_segment(ctx), stage="rewritten"), shop)


def test_the_page_on_explain_shows_what_explain_says():
    page = PAGE.read_text(encoding="utf-8")

    def shown(match: re.Match[str]) -> str:
        golden = (HERE.parents[1] / match[1]).read_text(encoding="utf-8")
        return f"<!-- {match[1]} -->\n```text\n{golden}```\n"

    current, count = EXAMPLE.subn(shown, page)
    if UPDATE:
        PAGE.write_text(current, encoding="utf-8")
    assert count == 2
    assert current == PAGE.read_text(encoding="utf-8")


def test_no_secret_and_no_value_of_a_row_is_told(ctx, shop):
    told = totals_by_segment(ctx).explain(analyze=True)
    for rendering in (str(told), told.to_html(), told.to_mermaid(), str(told.to_dict())):
        assert "customer 1" not in rendering
        assert "retail" not in rendering
