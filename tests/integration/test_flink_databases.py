"""PostgreSQL read by Flink itself: exact values, in the run's snapshot, ended with the run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

import wayfed as wf
from tests.integration.engines import a_run, fragment_of
from wayfed.local import Context
from wayfed_flink.queries import query_table
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import Cancelled, ExecutionError
from wayfed_optimizer.platform import JDBC_QUERY, JdbcQuery, Platform
from wayfed_optimizer.relations import Read
from wayfed_optimizer.types import Schema

pytestmark = [pytest.mark.flink, pytest.mark.postgres]

TABLES = """
CREATE TABLE for_flink AS
SELECT i AS id, (i % 100)::int2 AS small, i::int8 * 9000000000000 AS large, i / 3.0::float8 AS x,
       (i / 3.0)::float4 AS r, i % 2 = 0 AS truth, (i * 0.01)::numeric(12,2) AS amount,
       (i::numeric * 1000000000000000000)::numeric(38,0) AS wide,
       'ä''"' || i AS name, 'c'::char(4) AS code,
       decode(md5(i::text), 'hex') AS bytes, date '0001-01-01' + i * 1000 AS day,
       timestamp '0001-01-01 00:00:00.000001' + i * interval '11 days 1.5 seconds' AS naive,
       timestamptz '1883-11-18 12:00:00.123456+00' + i * interval '7 hours' AS instant
FROM generate_series(1, 2000) i;
INSERT INTO for_flink (id, x, r) VALUES (NULL, 'NaN', '-Infinity');
ANALYZE for_flink;
CREATE TABLE many_for_flink AS SELECT i AS id, i % 10 AS k FROM generate_series(1, 200000) i;
ANALYZE many_for_flink;
"""


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(TABLES)
    return postgres_url


@pytest.fixture(scope="module")
def context(flink_options: dict[str, object], url: str) -> Iterator[Context]:
    with wf.context(flink=flink_options) as context:
        assert isinstance(context, Context)
        yield context


def test_every_type_comes_as_it_does_through_this_process(context: Context, url: str) -> None:
    typed = context.read(url, table="for_flink").sort("id")
    on_flink = typed.on("flink")
    assert "jdbc.query" in str(on_flink.explain())
    found, expected = on_flink.to_arrow(), typed.on("duckdb").to_arrow()
    assert found.schema == expected.schema
    assert repr(found.to_pylist()) == repr(expected.to_pylist())


def test_what_the_store_leaves_out_is_said_in_its_query(context: Context, url: str) -> None:
    joined = (
        context.read(url, table="many_for_flink")
        .filter(wf.col("id") < 100)
        .join(context.read(pa.table({"k": [3]})), on="k")
        .select("id")
        .on("flink")
    )
    assert "id < 100" in str(joined.explain())
    assert joined.count() == 10


def test_the_first_rows_of_no_order_are_asked_for_once(context: Context, url: str) -> None:
    some = context.read(url, table="many_for_flink").limit(1000)
    assert some.join(some, on="id").on("flink").count() == 1000


def _asked(context: Context, url: str, table: str) -> tuple[Platform, Any, JdbcQuery]:
    """What a store gives Flink to ask, and the run of the store's that it is good for."""
    source = context.read(url, table=table).relation
    name = next(name for name in context.environment.sources if name.startswith(table))
    platforms = context.environment.platforms
    store = next(p for p in platforms.values() if p.name.startswith("postgresql"))
    fragment = fragment_of(Read(name, source.schema), JDBC_QUERY)
    session = store.open(a_run(Path("/nowhere")))
    query = session.execute(fragment, store.compile(fragment, context.environment.sources), {})
    assert isinstance(query, JdbcQuery)
    return platforms["flink"], session, query


def _answered(
    flink: Platform, query: JdbcQuery, directory: Path, token: CancellationToken | None = None
) -> pa.Table:
    fragment = fragment_of(Read("t", query.schema))
    part = flink.open(a_run(directory, token))
    try:
        found: Any = part.execute(fragment, flink.compile(fragment, {}), {"t": query})
        return found.read_all()
    finally:
        part.close()


@pytest.mark.parametrize("key", [("id", 1, 200_000), ("id", 500, 900), ("id", 7, 8), None])
def test_all_parts_are_of_the_runs_snapshot_and_have_each_row_once(
    context: Context, url: str, tmp_path: Path, key: Any
) -> None:
    flink, session, query = _asked(context, url, "many_for_flink")
    with psycopg.connect(url, autocommit=True) as connection:
        (seen,) = connection.execute("SELECT array_agg(id) FROM many_for_flink").fetchone() or ()
        connection.execute("UPDATE many_for_flink SET id = NULL WHERE id = 2")
        connection.execute("DELETE FROM many_for_flink WHERE id > 199990")
    found = _answered(flink, replace(query, key=key), tmp_path)
    session.close()
    assert sorted(found["id"].to_pylist(), key=repr) == sorted(seen, key=repr)


def test_parts_are_as_many_as_tasks_and_leave_no_number_out() -> None:
    query = JdbcQuery("u", None, None, "d", "q", Schema.of(n="int64"), "b", ("n", -5, 5))
    told = query_table("t", query, 3)
    ranges = ('"n" < -2 OR "n" IS NULL', '"n" >= -2 AND "n" < 2', '"n" >= 2')
    assert all(f"AS asked WHERE {rows}'" in told.replace("''", "'") for rows in ranges)


def test_cancelling_a_run_stops_what_the_database_computes(
    context: Context, url: str, tmp_path: Path
) -> None:
    flink, session, query = _asked(context, url, "many_for_flink")
    waiting = replace(query, sql="SELECT 1, 1 FROM pg_sleep(600)", key=None)
    token = CancellationToken()

    def running() -> int:
        with psycopg.connect(url, autocommit=True) as connection:
            asked = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND state = 'active'"
            (count,) = connection.execute(asked, ["SELECT * FROM (SELECT 1, 1%"]).fetchone() or (0,)
            return int(count)

    def stop() -> None:
        _wait_until(lambda: running() == 1)
        token.cancel("enough")

    canceller = threading.Thread(target=stop)
    canceller.start()
    with pytest.raises(Cancelled, match="enough"):
        _answered(flink, waiting, tmp_path, token)
    canceller.join()
    session.close()
    _wait_until(lambda: running() == 0)


def _wait_until(condition: Any) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def test_a_password_is_shown_nowhere(context: Context, url: str, tmp_path: Path) -> None:
    flink, session, query = _asked(context, url, "many_for_flink")
    session.close()
    with pytest.raises(ExecutionError) as raised:
        _answered(flink, replace(query, password="open sesame"), tmp_path)
    assert "invalid snapshot" in str(raised.value) or "password" in str(raised.value)
    shown = [str(error) for error in (raised.value, raised.value.__cause__)]
    assert not any("open sesame" in text for text in shown)


def test_a_time_that_no_engine_has_is_an_error(context: Context, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE endless_for_flink AS SELECT 'infinity'::timestamp AS t")
    with pytest.raises(ExecutionError, match="beyond the years 1 to 9999"):
        context.read(url, table="endless_for_flink").sort("t").on("flink").to_arrow()
