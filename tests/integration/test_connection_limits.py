"""A server that lends few connections is asked over few, and nobody waits for ever."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest

import wayfed as wf
from wayfed.local import Context
from wayfed_optimizer.errors import InvalidOption

pytestmark = [
    pytest.mark.postgres,
    # A busy machine may not be told what is known of tables in time; that is not the matter here.
    pytest.mark.filterwarnings("default::wayfed_optimizer.errors.StatisticsMissing"),
]

TABLES = ("a", "b", "c")
FOR_ROWS = """
select count(*) from pg_stat_activity
where application_name = 'wayfed' and datname = current_database()
  and query in ('ROLLBACK', 'COMMIT')
"""


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    """A database of three tables that one test has for itself."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"create database {name}".encode())
        url = f"{postgres_url.rsplit('/', 1)[0]}/{name}"
        with psycopg.connect(url, autocommit=True) as connection:
            for table in TABLES:
                connection.execute(
                    f"create table {table} as "
                    f"select i as id, i as {table} from generate_series(1, 20000) i".encode()
                )
            connection.execute("vacuum analyze")
        yield url
        server.execute(f"drop database {name} with (force)".encode())


def opened(connections: int | None) -> Context:
    context = wf.context(database={} if connections is None else {"connections": connections})
    assert isinstance(context, Context)
    return context


def joined_here(context: Context, url: str) -> int:
    a, b, c = (context.read(url, table=table).on(f"{store(context, url)}") for table in TABLES)
    return a.join(b, on="id").join(c, on="id").on("duckdb").filter("a + b + c = 3 * id").count()


def store(context: Context, url: str) -> str:
    context.read(url, table="a")
    return next(name for name in context.platform_names if name.startswith("postgresql"))


@pytest.mark.parametrize(("connections", "used"), [(None, 3), (2, 1), (3, 2)])
def test_no_more_connections_are_used_than_allowed(
    url: str, connections: int | None, used: int
) -> None:
    with opened(connections) as context:
        assert joined_here(context, url) == 20000
        with psycopg.connect(url) as server:
            (found,) = server.execute(FOR_ROWS).fetchone() or (0,)
            assert 1 <= found <= used


def test_runs_at_the_same_time_take_turns(url: str) -> None:
    with opened(2) as context, ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(joined_here, context, url) for _ in range(8)]
        assert [run.result(timeout=120) for run in runs] == [20000] * 8
        with psycopg.connect(url) as server:
            assert server.execute(FOR_ROWS).fetchone() == (1,)


def test_runs_that_need_the_same_two_databases_do_not_wait_for_each_other(
    url: str, postgres_url: str
) -> None:
    with opened(2) as context, ThreadPoolExecutor(4) as threads:
        here = context.read(url, table="a")
        there = context.read(postgres_url, query="select generate_series(1, 20000) as id")

        def met(number: int) -> int:
            one, two = (here, there) if number % 2 else (there, here)
            return one.join(two, on="id").on("duckdb").filter("id > 0").count()

        runs = [threads.submit(met, number) for number in range(24)]
        assert [run.result(timeout=120) for run in runs] == [20000] * 24


def test_rows_are_written_to_the_server_that_they_are_read_from(url: str) -> None:
    with opened(2) as context:
        rows = context.read(url, table="a").join(context.read(url, table="b"), on="id")
        rows.write(url, table="both")
        assert context.read(url, table="both").count() == 20000


def test_a_temporary_table_and_other_rows_share_one_connection(url: str) -> None:
    with opened(2) as context:
        many = context.read(pa.table({"id": range(1, 10001)}))
        there = context.read(url, table="a").join(many, on="id").on(store(context, url))
        other = context.read(url, table="b").on(store(context, url))
        assert there.join(other, on="id").on("duckdb").count() == 10000


def test_other_engines_are_given_rows_where_connections_are_few(url: str) -> None:
    with opened(2) as context:
        context.read(url, table="a")
        platform = context.environment.platforms[store(context, url)]
        assert "jdbc.query" not in map(str, platform.produces)


@pytest.mark.parametrize("connections", [1, 0, -3, "4", 2.0, True])
def test_a_limit_that_is_none_is_refused(connections: object) -> None:
    with pytest.raises(InvalidOption, match="is no number from 2 on"):
        wf.context(database={"connections": connections})
