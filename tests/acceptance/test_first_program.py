"""The first users' program, as they wrote it: two banks, two kinds of store, a Flower client."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flwr.client import NumPyClient

import wayfed as wf
from tests.acceptance.judging import lines, refused

PARTIES = """
[schema.customers]
customer_id = "int64"
segment = "text"
income = "float64"

[schema.transactions]
customer_id = "int64"
amount = "float64"
is_fraud = "int64"

[keys]
customers = "customer_id"
transactions = "customer_id"

[party.north.tables.customers]
source = "north/customers.parquet"
[party.north.tables.transactions]
source = "north/transactions.parquet"
rename = { cust = "customer_id" }

[party.south.tables.customers]
source = "sqlite:///south.sqlite"
table = "customers"
[party.south.tables.transactions]
source = "sqlite:///south.sqlite"
table = "transactions"

[party.south.policy]
min_rows = 2
"""

CUSTOMERS = {
    "north": [(1, "retail", 2.0), (2, "retail", 1.0), (3, "trade", 9.0)],
    "south": [(7, "retail", 4.0), (8, "retail", 3.0)],
}
TRANSACTIONS = {
    "north": [(1, 10.0, 0), (1, -5.0, 0), (2, 30.0, 1), (3, 99.0, 1)],
    "south": [(7, 20.0, 0), (8, 40.0, 1), (8, 50.0, 1), (8, 0.0, 0)],
}


def transaction_filter(t: wf.Row) -> wf.Column:
    return t.amount > 0


def customer_filter(c: wf.Row) -> wf.Column:
    return c.segment == "retail"


def convert_to_vector(row: wf.Row) -> dict[str, wf.Column]:
    return {"wealth": row.income / 10, "spent": row.amount / 100, "fraud": row.is_fraud}


class MyFlowerClient(NumPyClient):
    """Fits a line to its own rows by one step of gradient descent a round."""

    def __init__(self, arrays: wf.Arrays) -> None:
        self.x = arrays.matrix(["wealth", "spent"])
        self.y = arrays["fraud"]

    def get_parameters(self, config: dict[str, Any]) -> list[np.ndarray]:
        return [np.zeros(2)]

    def fit(
        self, parameters: list[np.ndarray], config: dict[str, Any]
    ) -> tuple[list[np.ndarray], int, dict[str, Any]]:
        (w,) = parameters
        return [w - self.x.T @ (self.x @ w - self.y) / len(self.y)], len(self.y), {}

    def evaluate(
        self, parameters: list[np.ndarray], config: dict[str, Any]
    ) -> tuple[float, int, dict[str, Any]]:
        return float(np.square(self.x @ parameters[0] - self.y).mean()), len(self.y), {}


@pytest.fixture(autouse=True)
def two_banks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay out both banks' stores beside parties.toml, and go there."""
    monkeypatch.chdir(tmp_path)
    Path("parties.toml").write_text(PARTIES)
    Path("north").mkdir()
    write_parquet("north/customers.parquet", ("customer_id", "segment", "income"), CUSTOMERS)
    write_parquet("north/transactions.parquet", ("cust", "amount", "is_fraud"), TRANSACTIONS)
    connection = sqlite3.connect("south.sqlite")
    with connection:
        connection.execute("create table customers (customer_id int, segment text, income real)")
        connection.execute("create table transactions (customer_id int, amount real, is_fraud int)")
        connection.executemany("insert into customers values (?, ?, ?)", CUSTOMERS["south"])
        connection.executemany("insert into transactions values (?, ?, ?)", TRANSACTIONS["south"])
    connection.close()


def write_parquet(path: str, names: tuple[str, ...], rows: dict[str, list[Any]]) -> None:
    columns = dict(zip(names, map(list, zip(*rows["north"], strict=True)), strict=True))
    pq.write_table(pa.table(columns), path)


def test_the_first_users_program_runs_as_written() -> None:
    ctx = wf.context(env="federated", parties="parties.toml")
    transactions = ctx.read("transactions").filter(transaction_filter)
    features = ctx.read("customers").filter(customer_filter).join(transactions).map(convert_to_vector).toNumpy()  # fmt: skip  # noqa: E501  as written
    run = ctx.runFlower(features, server={"num_rounds": 3}, client=MyFlowerClient, flowerEngine="numpy")  # fmt: skip  # noqa: E501  as written
    ctx.close()

    # What every step averages over is what all rows together would give: (wealth, spent) and fraud.
    x = np.array([[0.2, 0.1], [0.1, 0.3], [0.4, 0.2], [0.3, 0.4], [0.3, 0.5]])
    y = np.array([0, 1, 0, 1, 1])
    expected = np.zeros(2)
    for _ in range(3):
        expected = expected - x.T @ (x @ expected - y) / len(y)
    np.testing.assert_allclose(run.arrays["0"], expected, rtol=1e-12)
    assert (run.status, len(run.history)) == ("finished", 3)
    assert run.history[-1].weights == {"north": 2.0, "south": 3.0}
    assert run.metrics["loss"] == pytest.approx(np.square(x @ expected - y).mean())


def test_the_arrays_tell_what_they_are_and_never_what_they_hold() -> None:
    with wf.context(env="federated", parties="parties.toml") as ctx:
        customers = ctx.read("customers").toNumpy()

        assert repr(customers) == lines(
            "FederatedArrays at north, south",
            "  customer_id int64, segment text, income float64",
        )
        with refused(wf.errors.Unsupported) as told:
            customers["income"]
        assert told.text == lines(
            "reading 'income' is not supported on federated arrays: "
            "the rows stay with the parties (here)",
            "  train on them with ctx.run_federated(arrays, label=…, model=…, rounds=…)",
        )


@pytest.mark.parametrize(("engine", "name"), [("jax", "JAX"), ("torch", "PyTorch")])
def test_a_flower_engine_that_is_not_installed_says_how_to_get_it(
    engine: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, engine, None)
    with wf.context(env="federated", parties="parties.toml") as ctx:
        customers = ctx.read("customers").toNumpy()

        with refused(wf.errors.Unsupported) as told:
            ctx.runFlower(customers, server={}, client=MyFlowerClient, flowerEngine=engine)

    assert told.text == lines(
        f"flowerEngine='{engine}' is not supported: {name} is not installed (here)",
        f"  pip install 'wayfed[{engine}]'",
    )


def test_a_misspelt_flower_engine_gets_a_suggestion() -> None:
    with wf.context(env="federated", parties="parties.toml") as ctx:
        customers = ctx.read("customers").toNumpy()

        with refused(wf.errors.InvalidOption) as told:
            ctx.runFlower(customers, server={}, client=MyFlowerClient, flowerEngine="nunpy")

    assert told.text == lines(
        "flowerEngine='nunpy' is not known (here)",
        "  available: numpy, jax, keras, torch",
        "  did you mean 'numpy'?",
    )
