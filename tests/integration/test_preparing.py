"""Engines that start while a first plan is made: one connection, no matter who asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wayfed as wf
from tests.integration.database_runs import Store
from tests.waiting import wait_until
from wayfed.local import Context
from wayfed_duckdb.connector import CONNECTOR as DUCKDB
from wayfed_optimizer.errors import Cancelled, PlanError, SourceError
from wayfed_optimizer.platform import Preparing

pytestmark = [
    pytest.mark.postgres,
    # A busy machine may not be told what is known of tables in time; that is not the matter here.
    pytest.mark.filterwarnings("default::wayfed_optimizer.errors.StatisticsMissing"),
]

FOR_ROWS = """
select pid from pg_stat_activity
where application_name = 'wayfed' and datname = current_database() and query = 'ROLLBACK'
"""
OURS = "select count(*) from pg_stat_activity where application_name = 'wayfed' and datname = "


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    """A database of one table that one test has for itself."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"create database {name}".encode())
        url = f"{postgres_url.rsplit('/', 1)[0]}/{name}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create table t as select 1::bigint as id")
        yield url
        server.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def server(url: str) -> Iterator[Callable[..., Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection.execute


def test_what_was_prepared_is_what_the_run_uses(
    url: str, server: Callable[..., psycopg.Cursor[Any]]
) -> None:
    store = Store(url)
    read = store.read()
    assert isinstance(store.platform, Preparing)

    store.platform.prepare()
    store.platform.prepare()
    assert not store.platform.started()
    assert store.rows(read) == [{"id": 1}]
    assert store.rows(read) == [{"id": 1}]

    assert store.platform.started()
    assert len(server(FOR_ROWS).fetchall()) == 1
    store.platform.close()


def test_a_platform_that_is_closed_while_it_connects_leaves_no_connection(
    url: str, postgres_url: str
) -> None:
    store = Store(url)
    preparing = Thread(target=store.platform.prepare)
    preparing.start()
    store.platform.close()
    preparing.join()
    store.platform.close()  # as a context does that was closed while a plan was made

    with psycopg.connect(postgres_url, autocommit=True) as other:
        wait_until(lambda: connections(other, url) == 0, "its connection is gone")
    assert not store.platform.started()


@pytest.mark.parametrize("wait", [0.0, 0.002, 0.01, 0.03, 0.06, 0.1])
def test_a_context_closed_while_a_first_plan_is_made_leaves_no_connection(
    url: str, postgres_url: str, tmp_path: Path, wait: float
) -> None:
    pq.write_table(pa.table({"id": [1, 2], "n": [3, 4]}), tmp_path / "numbers.parquet")
    context = wf.context()
    query = context.read(url, table="t").join(context.read(tmp_path / "numbers.parquet"), on="id")

    def run() -> None:
        with suppress(PlanError, Cancelled):
            query.to_arrow()

    running = Thread(target=run)
    running.start()
    running.join(wait)
    context.close()
    running.join()

    with psycopg.connect(postgres_url, autocommit=True) as other:
        wait_until(lambda: connections(other, url) == 0, "its connections are gone")


def connections(server: psycopg.Connection, url: str) -> int:
    """Return how many connections of wayfed's the database of a test has."""
    name = url.rsplit("/", 1)[1]
    (count,) = server.execute(f"{OURS}'{name}'".encode()).fetchone() or (0,)
    return int(count)


def test_whoever_prepared_in_vain_is_told_by_the_run(url: str, postgres_url: str) -> None:
    store = Store(url)
    read = store.read()
    name = url.rsplit("/", 1)[1]
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(f"alter database {name} with allow_connections false".encode())
        store.platform.prepare()
        with pytest.raises(SourceError, match="not currently accepting connections"):
            store.rows(read)
        other.execute(f"alter database {name} with allow_connections true".encode())

    assert store.rows(read) == [{"id": 1}]
    store.platform.close()


def test_duckdb_is_started_by_its_first_fragment_whatever_was_prepared() -> None:
    platform = DUCKDB.platform({})
    platform.prepare()
    assert not platform.started()
    platform.close()
    platform.prepare()
    assert not platform.started()


def test_only_engines_that_a_plan_may_use_are_prepared(url: str) -> None:
    with wf.context() as context:
        assert isinstance(context, Context)
        assert context.read(url, table="t").to_arrow().to_pydict() == {"id": [1]}
        started = {each.name for each in context.platforms() if each.started}
        assert started == {f"postgresql:{url.rsplit('/', 1)[1]}", "python"}
