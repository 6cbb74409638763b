"""Databases that are down, closed to us, or not what they were; secrets are never told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import wayfed as wf
from tests.acceptance.judging import everything_said, lines, refused
from wayfed import errors

SECRET = "c0untess"


@pytest.fixture
def server(postgres_url: str) -> Iterator[psycopg.Connection]:
    """The server, with a table of transactions."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("drop table if exists transactions")
        connection.execute("create table transactions (id int, amount float8)")
        connection.execute("insert into transactions values (1, 2.5)")
        yield connection
        connection.execute("drop table if exists transactions")


@pytest.fixture
def place(postgres_url: str) -> str:
    """The server's URL without user and password, as messages name it."""
    return f"postgresql://{postgres_url.rsplit('@', 1)[1]}"


def with_password(url: str, user: str, password: str) -> str:
    return f"postgresql://{user}:{password}@{url.rsplit('@', 1)[1]}"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """An SQLite database with a table of orders."""
    connection = sqlite3.connect(tmp_path / "shop.sqlite", isolation_level=None)
    connection.execute("create table orders (id integer, total real)")
    connection.execute("insert into orders values (1, 9.5)")
    yield connection
    connection.close()


def test_a_server_that_is_down(ctx: wf.Context) -> None:
    with refused(errors.SourceError) as told:
        ctx.read(f"postgresql://ada:{SECRET}@127.0.0.1:1/core", table="transactions")
    assert told.text.startswith("no answer from PostgreSQL at 127.0.0.1:1: ")
    assert "Connection refused (here)" in told.text
    assert told.error.hint == "is the server running, and are host and port right?"
    assert SECRET not in everything_said(told.error)


@pytest.mark.postgres
@pytest.mark.parametrize("password", [SECRET, f"{SECRET}%40{SECRET}"])
def test_a_wrong_password_is_told_nowhere(
    ctx: wf.Context, postgres_url: str, place: str, password: str
) -> None:
    url = with_password(postgres_url, "ada", password)
    with refused(errors.SourceError) as told:
        ctx.read(url, table="transactions")
    assert SECRET not in everything_said(told.error)
    assert told.text == lines(
        f"{place} refused the password of 'ada' (here)",
        "  write it in the URL (postgresql://user:***@host/database), or in ~/.pgpass",
    )
    ctx.register("theirs", url, table="transactions")
    assert SECRET not in repr(ctx.tables()) + repr(ctx) + ctx.tables()._repr_html_()


@pytest.mark.parametrize("password", [f"{SECRET}@{SECRET}", f"{SECRET}/{SECRET}", f":{SECRET}"])
def test_a_password_that_breaks_its_url_is_told_nowhere(ctx: wf.Context, password: str) -> None:
    url = f"postgresql://ada:{password}@127.0.0.1:1/core"
    with pytest.raises((errors.InvalidOption, errors.SourceError)) as caught:
        ctx.read(url, table="transactions")
    assert SECRET not in everything_said(caught.value)
    ctx.register("theirs", url, table="transactions")
    assert SECRET not in repr(ctx.tables())


@pytest.mark.postgres
def test_a_right_password_is_told_nowhere_either(
    ctx: wf.Context, server: psycopg.Connection, postgres_url: str
) -> None:
    server.execute("drop role if exists ada")
    server.execute(f"create role ada login password '{SECRET}'")
    server.execute("grant select on transactions to ada")
    try:
        tx = ctx.read(with_password(postgres_url, "ada", SECRET), table="transactions")
        explained = tx.explain(analyze=True, alternatives=True)

        said = [repr(tx), tx._repr_html_(), repr(ctx), repr(ctx.platforms()), str(explained)]
        said += [explained.to_html(), explained.to_mermaid(), repr(explained.to_dict())]
        assert [text for text in said if SECRET in text] == []
        server.execute("revoke select on transactions from ada")
        with refused(errors.ExecutionError) as told:
            tx.to_numpy()
        assert "permission denied for table transactions" in told.text
        assert SECRET not in everything_said(told.error)
    finally:
        server.execute("drop owned by ada")
        server.execute("drop role ada")


@pytest.mark.postgres
def test_a_database_that_is_not_there(ctx: wf.Context, postgres_url: str) -> None:
    with refused(errors.SourceError) as told:
        ctx.read(f"{postgres_url.rsplit('/', 1)[0]}/core", table="transactions")
    assert "has no database 'core' (here)" in told.text


@pytest.mark.postgres
def test_a_misspelt_table_of_a_database(
    ctx: wf.Context, server: psycopg.Connection, postgres_url: str, place: str
) -> None:
    assert server.info
    with refused(errors.TableNotFound) as told:
        ctx.read(postgres_url, table="transaction")
    assert told.text == lines(
        f"'transaction' is not a table of {place} (here)",
        "  available: transactions",
        "  did you mean 'transactions'?",
    )


@pytest.mark.postgres
def test_a_type_of_a_database_without_a_counterpart_names_the_cast(
    ctx: wf.Context, server: psycopg.Connection, postgres_url: str
) -> None:
    server.execute("alter table transactions add column document json")
    with refused(errors.TypeMismatch) as told:
        ctx.read(postgres_url, table="transactions")
    assert told.text == lines(
        "column 'document' is json, which has no counterpart here (here)",
        '  read it with query="select document::text as document, … from …"',
    )


@pytest.mark.postgres
def test_a_table_dropped_between_plan_and_run(
    ctx: wf.Context, server: psycopg.Connection, postgres_url: str, place: str
) -> None:
    tx = ctx.read(postgres_url, table="transactions")
    assert tx.count() == 1
    server.execute("drop table transactions")
    with refused(errors.SourceChanged) as told:
        tx.to_numpy()
    assert told.text == lines(
        f"transactions of {place} was dropped after the plan was made (here)",
        "  read another table, or make the plan again when it is back",
    )
    server.execute("create table transactions (id int, amount text)")
    with refused(errors.SourceChanged) as told:
        tx.to_numpy()
    assert told.text == lines(
        f"transactions of {place} changed after the plan was made: "
        "column 'amount' was double precision and is text (here)",
        "  read it again with ctx.read(), and check the plan against its new columns",
    )


def test_a_table_of_sqlite_dropped_between_plan_and_run(
    ctx: wf.Context, shop: sqlite3.Connection, tmp_path: Path
) -> None:
    orders = ctx.read(f"sqlite:///{tmp_path}/shop.sqlite", table="orders")
    shop.execute("drop table orders")
    with refused(errors.SourceChanged) as told:
        orders.to_numpy()
    assert told.text.startswith(
        f"orders of {tmp_path}/shop.sqlite was dropped after the plan was made (here)\n"
    )


def test_sqlite_that_holds_other_values_than_it_declares(
    ctx: wf.Context, shop: sqlite3.Connection, tmp_path: Path
) -> None:
    shop.execute("insert into orders values (2, 'nine')")
    orders = ctx.read(f"sqlite:///{tmp_path}/shop.sqlite", table="orders")
    with refused(errors.TransferError) as told:
        orders.to_numpy()
    assert "column 'total' is declared as float64, and holds 'nine' (here)" in told.text
    assert "read it as text" in str(told.error.hint)


def test_an_sqlite_file_that_is_missing_or_none(ctx: wf.Context, tmp_path: Path) -> None:
    with refused(errors.SourceError) as told:
        ctx.read(f"sqlite:///{tmp_path}/shop.sqlite", table="orders")
    assert told.text.startswith(f"there is no SQLite database {tmp_path}/shop.sqlite (here)\n")
    (tmp_path / "text.sqlite").write_text("this is no database at all " * 100)
    with refused(errors.SourceError) as told:
        ctx.read(f"sqlite:///{tmp_path}/text.sqlite", table="orders")
    assert told.text == f"{tmp_path}/text.sqlite: file is not a database (here)"
    assert not (tmp_path / "shop.sqlite").exists()
