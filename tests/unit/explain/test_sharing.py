"""What a federation's explanations tell of its parties."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

import wayfed as wf
from wayfed_optimizer.errors import PartyError


@pytest.fixture
def bank(tmp_path: Path) -> dict[str, object]:
    """Customers in a file and transactions in a database, by names of the bank's own."""
    customers = pa.table({"id": [1, 2], "note": ["secret", "3"]})
    parquet.write_table(customers, tmp_path / "secret_customers.parquet")
    with sqlite3.connect(tmp_path / "secret_core.db") as database:
        database.execute("create table secret_tx (id integer not null, amount real not null)")
        database.execute("insert into secret_tx values (1, 2.5), (2, 4.0)")
    database.close()
    return {
        "schema": {
            "customers": {"id": "int64", "note": "text"},
            "tx": {"id": "int64", "amount": "float64"},
        },
        "party": {
            "bank": {
                "tables": {
                    "customers": {"source": str(tmp_path / "secret_customers.parquet")},
                    "tx": {"source": f"sqlite:///{tmp_path}/secret_core.db", "table": "secret_tx"},
                }
            }
        },
    }


def test_where_a_party_has_its_tables_and_what_it_asks_them_stays_with_it(bank):
    with wf.context(env="federated", parties=bank) as ctx:
        joined = ctx.read("tx").filter(lambda t: t.amount > 3).join(ctx.read("customers"), on="id")
        arrays = joined.to_numpy()
        for told in (
            joined.explain(analyze=True, alternatives=True),
            arrays.explain("bank"),
            ctx.sql("explain select sum(amount) as total from tx"),
        ):
            for rendering in (str(told), told.to_html(), told.to_mermaid(), str(told.to_dict())):
                assert "secret" not in rendering
                assert "SELECT" not in rendering
        assert "sqlite" in str(arrays.explain())
        assert "only bank sees what its engines are asked" in str(arrays.explain())


def test_the_rows_that_a_party_counted_stay_with_it(bank):
    with wf.context(env="federated", parties=bank) as ctx:
        told = ctx.read("tx").filter(lambda t: t.amount > 3).explain(analyze=True)
        assert all(fragment.actual is None for fragment in told.fragments)


def test_what_failed_at_a_party_is_told_without_its_values_and_paths(bank):
    with wf.context(env="federated", parties=bank) as ctx:
        numbers = ctx.read("customers").select("id", number=wf.col("note").cast("int64"))
        arrays = numbers.to_numpy()
        with pytest.raises(PartyError, match="'bank': its part of the plan failed") as raised:
            ctx.run_federated(arrays, label="number", model=wf.models.linear_regression(), rounds=1)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is not None
