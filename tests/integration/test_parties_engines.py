"""Each party runs a plan on engines of its own: the model is that of the same rows in files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

import wayfed as wf
from wayfed.federated.context import FederatedContext
from wayfed.federated.parties.configuration import PartyConfiguration
from wayfed.federated.parties.member import Member
from wayfed.federated.runs.results import FederatedRun
from wayfed_optimizer.errors import WayfedError
from wayfed_optimizer.relations import Read
from wayfed_optimizer.types import Schema
from wayfed_optimizer.wire import to_wire

SCHEMA = {
    "loans": {"id": "int64", "customer": "int64", "amount": "float64", "late": "bool"},
    "customers": {"customer": "int64", "town": "text", "income": "float64"},
}
PLATFORMS = {"ash": "postgresql", "birch": "spark", "cedar": "duckdb"}
PASSWORD = "Kanarienvogel-7319"
INCOME = 31_415.25
"""A value that nobody but its bank may see."""


def rows_of(bank: int) -> dict[str, pa.Table]:
    """Eighty loans of forty customers, in quarters, with ties and NULLs."""
    random = np.random.default_rng(bank)
    customer = random.integers(0, 44, size=80)
    amount = random.integers(1, 40, size=80) / 4
    income = [INCOME, *(random.integers(80, 200, size=39) * 100.25)]
    return {
        "loans": pa.table(
            {
                "id": np.arange(80),
                "customer": customer,
                "amount": pa.array([None if each == 5 else each for each in amount]),
                "late": (amount + random.normal(size=80) * 3 + (customer % 5)) > 8,
            }
        ),
        "customers": pa.table(
            {
                "customer": np.arange(40),
                "town": pa.array([("Ulm", "Köln", "Jena", None)[each % 4] for each in range(40)]),
                "income": pa.array(income),
            }
        ),
    }


ROWS = {name: rows_of(number) for number, name in enumerate(PLATFORMS)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows of all banks as CSV, and as Parquet."""
    directory = tmp_path_factory.mktemp("banks")
    for name, tables in ROWS.items():
        for table, rows in tables.items():
            csv.write_csv(rows, directory / f"{name}_{table}.csv")
            pq.write_table(rows, directory / f"{name}_{table}.parquet")
    return directory


def sources(directory: Path, bank: str, ending: str) -> dict[str, dict[str, Any]]:
    return {table: {"source": str(directory / f"{bank}_{table}.{ending}")} for table in SCHEMA}


@pytest.fixture(scope="module")
def database(postgres_url: str, files: Path) -> Iterator[str]:
    """The URL of ash's schema of tables, with a password in it."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        role = sql.Identifier("ash_bank")
        made = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(PASSWORD))
        connection.execute(made)
        connection.execute(sql.SQL("CREATE SCHEMA ash AUTHORIZATION {}").format(role))
        parts = urlsplit(postgres_url)
        place = parts.netloc.rpartition("@")[2]
        url = urlunsplit(parts._replace(netloc=f"ash_bank:{PASSWORD}@{place}"))
        with wf.context() as ctx:
            for table in SCHEMA:
                ctx.read(str(files / f"ash_{table}.csv")).write(url, table=f"ash.{table}")
        yield url
        connection.execute("DROP SCHEMA ash CASCADE")
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.fixture(scope="module")
def own_engines(
    database: str, files: Path, spark_options: dict[str, object]
) -> Iterator[FederatedContext]:
    tables = {table: {"source": database, "table": f"ash.{table}"} for table in SCHEMA}
    parties = {
        "ash": {"tables": tables},
        "birch": {
            "tables": sources(files, "birch", "csv"),
            "engines": {"spark": spark_options},
            "on": "spark",
        },
        "cedar": {"tables": sources(files, "cedar", "parquet")},
    }
    with wf.context(env="federated", parties={"schema": SCHEMA, "party": parties}) as ctx:
        yield ctx


def train(ctx: FederatedContext) -> FederatedRun:
    loans, customers = ctx.read("loans"), ctx.read("customers")
    average = loans.group_by("customer").agg(average=wf.mean("amount"), loans=wf.count())
    rows = (
        loans.filter(lambda loan: loan.id < 77)
        .join(customers, on="customer", how="left")
        .join(average, on="customer")
        .select("town", "income", "average", "loans", "late", amount=wf.col("amount") * 2 + 0.25)
    )
    return ctx.run_federated(
        rows.to_numpy(),
        label="late",
        preprocess=wf.features(impute="mean", standardize=True, one_hot=["town"]),
        model=wf.models.logistic_regression(learning_rate=0.5),
        rounds=3,
        progress=False,
    )


@pytest.fixture(scope="module")
def run(own_engines: FederatedContext) -> FederatedRun:
    return train(own_engines)


@pytest.mark.spark
@pytest.mark.postgres
def test_the_model_is_that_of_the_same_rows_in_csv_files_bit_for_bit(run, files):
    # Amounts are quarters, so their sums are exact in any order.
    parties = {bank: {"tables": sources(files, bank, "csv")} for bank in PLATFORMS}
    with wf.context(env="federated", parties={"schema": SCHEMA, "party": parties}) as ctx:
        alike = train(ctx)

    assert {name: each.tobytes() for name, each in run.arrays.items()} == {
        name: each.tobytes() for name, each in alike.arrays.items()
    }
    assert run.model.to_dict() == alike.model.to_dict()
    assert [each.metrics for each in run.history] == [each.metrics for each in alike.history]
    assert [each.digest for each in run.parties.values()] == [
        each.digest for each in alike.parties.values()
    ]


@pytest.mark.spark
@pytest.mark.postgres
@pytest.mark.parametrize("bank", PLATFORMS)
def test_each_party_tells_on_what_it_runs_the_plan_and_nothing_of_its_rows(
    run, files, database, bank
):
    explained = run.explain(bank)

    platforms = {fragment["platform"] for fragment in explained.to_dict()["fragments"]}
    assert platforms == {PLATFORMS[bank]}
    parts = urlsplit(database)
    secrets = (
        PASSWORD,
        "ash_bank",
        f"{parts.hostname}:{parts.port}",
        "ash.loans",
        str(files),
        f"{bank}_loans",
        str(INCOME),
        "Köln",
        " FROM ",
    )
    for told in (str(explained), repr(explained.to_dict()), explained.to_mermaid()):
        assert [secret for secret in secrets if secret in told] == []


def test_a_party_is_told_where_its_engine_is_missing(files):
    parties = {
        bank: {"tables": sources(files, bank, "csv"), "on": "spark" if bank == "birch" else None}
        for bank in PLATFORMS
    }
    with (
        wf.context(env="federated", parties={"schema": SCHEMA, "party": parties}) as ctx,
        pytest.raises(WayfedError, match="on = 'spark' is no engine or store here") as refused,
    ):
        ctx.read("loans").to_numpy()
    assert "birch" in str(refused.value)


@pytest.mark.parametrize(
    ("openly", "told"),
    [
        (True, "on = 'flnk' is no engine or store here (duckdb, python)"),
        (False, "its engine is missing; `wayfed party check` says why, at the party"),
    ],
)
def test_what_a_party_has_instead_of_its_engine_only_the_party_is_told(files, openly, told):
    published = {table: Schema.of(**columns) for table, columns in SCHEMA.items()}
    described = {"tables": sources(files, "birch", "csv"), "on": "flnk"}
    party = Member.of("birch", PartyConfiguration.model_validate(described), published)
    plan = to_wire(Read("loans", published["loans"]), names=tuple(SCHEMA))

    with party.context:
        assert party.bind(plan, openly=openly).problems == (told,)
        assert party.problems() == ("on = 'flnk' is no engine or store here (duckdb, python)",)
