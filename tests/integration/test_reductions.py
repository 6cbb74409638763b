"""Keys of a file's rows are looked up in a database, which gives only the rows that match."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wayfed as wf
from wayfed.dataset import Dataset
from wayfed.explain import Explanation
from wayfed.local import Context

pytestmark = pytest.mark.postgres

CUSTOMERS = 150_000
ASKED_FOR, FIRST = 1_000, 70_001


@pytest.fixture(scope="module")
def core(postgres_url: str) -> Iterator[str]:
    """A database of many customers, of whom every tenth has no segment, with statistics."""
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("CREATE DATABASE reductions")
        url = f"{postgres_url.rpartition('/')[0]}/reductions"
        with psycopg.connect(url, autocommit=True) as core:
            core.execute(
                "CREATE TABLE customers AS SELECT i AS id, 'customer ' || i AS name, "
                "CASE WHEN i % 10 > 0 THEN 'segment ' || i % 7 END AS segment, "
                "repeat('x', 100) AS notes "
                f"FROM generate_series(1, {CUSTOMERS}) AS numbers(i) "
                f"WHERE i NOT BETWEEN {FIRST + 1} AND {FIRST + 10}"
            )
            core.execute("ALTER TABLE customers ADD PRIMARY KEY (id)")
            core.execute("ANALYZE customers")
        yield url
        server.execute("DROP DATABASE reductions WITH (FORCE)")


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 50,000 orders of 1,000 customers, ten of them unknown; some orders have none."""
    asked_for = [FIRST + n % ASKED_FOR if n % 100 else None for n in range(50_000)]
    columns = {
        "customer_id": pa.array(asked_for, pa.int64()),
        "amount": [n % 1000 / 4 for n in range(len(asked_for))],
    }
    path = tmp_path_factory.mktemp("orders") / "orders.parquet"
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture
def context() -> Iterator[Context]:
    with wf.context() as context:
        yield context


def fetched(explanation: Explanation) -> dict[str, int]:
    """The rows that fragments on PostgreSQL gave, by what they were asked."""
    return {
        fragment.asked: fragment.actual.rows
        for fragment in explanation.fragments
        if fragment.platform.startswith("postgresql") and fragment.actual is not None
    }


def customers_of(context: Context, core: str) -> Dataset:
    return context.read(core, table="customers").select(
        customer_id="id", name="name", segment="segment", notes="notes"
    )


def test_a_thousand_customers_are_looked_up_by_their_keys(
    context: Context, core: str, orders: Path
) -> None:
    joined = context.read(orders).join(customers_of(context, core), on="customer_id")

    explanation = joined.explain(analyze=True)

    ((asked, rows),) = fetched(explanation).items()
    assert "EXISTS" in asked or "IN (" in asked, asked
    assert rows == ASKED_FOR - 10 - 10


def test_what_is_looked_up_gives_the_rows_of_the_join_as_written(
    context: Context, core: str, orders: Path
) -> None:
    by_segment = (
        context.read(orders)
        .join(customers_of(context, core), on="customer_id", how="left")
        .group_by("segment")
        .agg(n=wf.count(), total=wf.sum("amount"))
    )

    found = {row["segment"]: row for row in by_segment.to_arrow().to_pylist()}

    assert found == expected(core, orders)


def expected(core: str, orders: Path) -> dict[str | None, dict[str, object]]:
    with psycopg.connect(core) as server:
        segments = dict(server.execute("SELECT id, segment FROM customers").fetchall())
    totals: dict[str | None, dict[str, object]] = {}
    for order in pq.read_table(orders).to_pylist():
        segment = segments.get(order["customer_id"])
        row = totals.setdefault(segment, {"segment": segment, "n": 0, "total": 0.0})
        row["n"] += 1
        row["total"] += order["amount"]
    return totals
