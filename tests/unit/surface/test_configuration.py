"""wayfed.toml and the catalog: what they mean, and what they refuse."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pyarrow as pa
import pytest
from pyarrow import csv

import wayfed as wf
from wayfed_optimizer.errors import (
    InvalidOption,
    PlanError,
    PlatformNotFound,
    SourceError,
    TableNotFound,
)


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "tx").mkdir()
    csv.write_csv(pa.table({"cust": [1, 2], "amount": [1.5, 2.5]}), tmp_path / "tx" / "a.csv")
    return tmp_path


def test_a_catalog_names_sources_relative_to_its_file(directory):
    (directory / "wayfed.toml").write_text(
        """
        [tables.transactions]
        source = "tx/*.csv"
        key = ["customer_id"]
        rename = { cust = "customer_id" }
        """
    )
    with wf.context(directory / "wayfed.toml") as ctx:
        assert ctx.tables()[0].columns is None
        transactions = ctx.read("transactions")
        assert transactions.columns == ("customer_id", "amount")
        assert ctx.tables()[0].key == ("customer_id",)
        assert ctx.tables()[0].columns == ("customer_id", "amount")


def test_the_path_in_a_sqlite_url_is_relative_to_its_file_too(tmp_path):
    place = tmp_path / "a bank, 100%25"
    place.mkdir()
    with closing(sqlite3.connect(place / "core.db")) as core:
        core.execute("create table credit (cust integer)")
    (place / "wayfed.toml").write_text(
        """
        [tables.loans]
        source = "sqlite:///core.db"
        table = "credit"
        """
    )
    with wf.context(place / "wayfed.toml") as ctx:
        assert ctx.read("loans").columns == ("cust",)


def test_secrets_come_from_the_environment_and_from_files(directory, monkeypatch):
    (directory / "place").write_text("tx/a.csv\n")
    monkeypatch.setenv("TX", "tx")
    (directory / "wayfed.toml").write_text(
        """
        [tables.from_file]
        source = "file:place"
        [tables.from_environment]
        source = "${TX}/a.csv"
        """
    )
    with wf.context(directory / "wayfed.toml") as ctx:
        assert ctx.read("from_file").columns == ctx.read("from_environment").columns


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"tabels": {}}, "did you mean 'tables'?"),
        ({"tables": {"tx": {"source": "a.csv", "kee": "id"}}}, "did you mean 'key'?"),
        ({"tables": {"tx": {"table": "x"}}}, "tables.tx.source: field required"),
        ({"tables": {"tx": {"source": 3}}}, "tables.tx.source"),
        ({"engines": {"duckdb": {"memory": "1GB"}}}, "not an option of the engine 'duckdb'"),
        ({"tables": {"tx": {"source": "${NO_SUCH_VARIABLE}"}}}, "no variable NO_SUCH_VARIABLE"),
        ({"tables": {"tx": {"source": "file:no/such/file"}}}, "cannot be read"),
    ],
)
def test_a_wrong_key_of_the_configuration_is_refused(config, said):
    with pytest.raises(InvalidOption) as caught:
        wf.context(config)
    assert said in str(caught.value)


def test_a_file_that_is_missing_or_not_toml_is_refused(tmp_path):
    with pytest.raises(SourceError, match="cannot be read"):
        wf.context(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[tables\n")
    with pytest.raises(SourceError, match="line 1"):
        wf.context(tmp_path / "bad.toml")


@pytest.mark.parametrize(
    ("keywords", "error", "said"),
    [
        ({"sprak": True}, PlatformNotFound, "did you mean 'spark'?"),
        ({"optimise_for": "time"}, PlatformNotFound, "did you mean 'optimize_for'?"),
        ({"optimize_for": "money"}, InvalidOption, "available: time, bytes"),
        ({"env": "remote"}, InvalidOption, "available: local, federated"),
        ({"env": "federated"}, InvalidOption, "needs parties"),
        ({"parties": {}}, InvalidOption, "env='federated'"),
    ],
)
def test_a_wrong_keyword_of_context_is_refused(keywords, error, said):
    with pytest.raises(error) as caught:
        wf.context(**keywords)
    assert said in str(caught.value)


def test_a_name_that_is_nothing_lists_the_catalog_and_says_how_to_read_files(ctx, orders):
    with pytest.raises(SourceError) as caught:
        ctx.read("ordrs")
    assert "available: orders" in str(caught.value)
    assert "did you mean 'orders'?" in str(caught.value)
    with pytest.raises(SourceError, match="nothing that can be read"):
        ctx.read(42)


def test_a_name_is_registered_once(ctx, orders):
    with pytest.raises(InvalidOption, match="'orders' already"):
        ctx.register("orders", orders)


def test_a_registered_dataset_is_a_name_for_its_plan(ctx, orders):
    ctx.register("large", orders.filter(lambda t: t.amount > 10))
    assert ctx.read("large").schema == orders.schema
    assert "Filter" in type(ctx.read("large").relation).__name__


def test_a_key_that_the_table_has_not_is_refused_when_it_is_read(ctx):
    ctx.register("t", {"x": [1]}, key="y")
    with pytest.raises(PlanError, match="'y' is not a column of t"):
        ctx.read("t")


def test_the_catalog_says_how_to_read_so_read_does_not(ctx, orders):
    with pytest.raises(InvalidOption, match="says how to read it"):
        ctx.read("orders", format="csv")


def test_two_reads_of_one_stem_have_two_names(ctx, directory):
    first = ctx.read(directory / "tx" / "a.csv")
    second = ctx.read(str(directory / "tx" / "a.csv"))
    assert [d.relation.table for d in (first, second)] == ["a", "a_2"]


def test_sql_finds_the_tables_of_the_catalog(ctx, orders):
    assert ctx.sql("select id from orders").columns == ("id",)
    with pytest.raises(TableNotFound, match="did you mean 'orders'"):
        ctx.sql("select id from ordrs")


def test_a_closed_context_says_so(orders, ctx):
    ctx.close()
    ctx.close()
    for use in (lambda: ctx.read("orders"), ctx.tables, orders.count, ctx.__enter__):
        with pytest.raises(PlanError, match="this context is closed"):
            use()
    assert repr(ctx) == "Context: closed"


def test_a_local_context_has_no_parties(ctx):
    with pytest.raises(PlanError, match="env='federated'"):
        ctx.parties()
