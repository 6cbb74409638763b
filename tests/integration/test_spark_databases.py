"""PostgreSQL read by Spark itself: exact values, in the run's snapshot."""

from __future__ import annotations

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
from wayfed_optimizer.errors import ExecutionError
from wayfed_optimizer.platform import JDBC_QUERY, JdbcQuery, Platform
from wayfed_optimizer.relations import Read

pytestmark = [pytest.mark.spark, pytest.mark.postgres]

TYPES = """
CREATE TABLE typed AS
SELECT i AS id, (i % 100)::int2 AS small, i::int8 * 9000000000000 AS large, i / 3.0::float8 AS x,
       (i / 3.0)::float4 AS r, i % 2 = 0 AS truth, (i * 0.01)::numeric(12,2) AS amount,
       (i::numeric * 1000000000000000000)::numeric(38,0) AS wide,
       'ä''"' || i AS name, 'c'::char(4) AS code,
       decode(md5(i::text), 'hex') AS bytes, date '0001-01-01' + i * 1000 AS day,
       timestamp '0001-01-01 00:00:00.000001' + i * interval '11 days 1.5 seconds' AS naive,
       timestamptz '1883-11-18 12:00:00.123456+00' + i * interval '7 hours' AS instant
FROM generate_series(1, 2000) i;
INSERT INTO typed (id, x, r) VALUES (NULL, 'NaN', '-Infinity');
ANALYZE typed;
"""


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(TYPES)
        connection.execute(
            "CREATE TABLE many AS SELECT i AS id, i % 10 AS k FROM generate_series(1, 200000) i"
        )
        connection.execute("ANALYZE many")
    return postgres_url


@pytest.fixture(scope="module")
def context(spark_options: dict[str, object], url: str) -> Iterator[Context]:
    with wf.context(spark=spark_options) as context:
        assert isinstance(context, Context)
        yield context


def test_every_type_comes_as_it_does_through_this_process(context: Context, url: str) -> None:
    typed = context.read(url, table="typed").sort("id")
    on_spark = typed.on("spark")
    assert "jdbc.query" in str(on_spark.explain())
    found, expected = on_spark.to_arrow(), typed.on("duckdb").to_arrow()
    assert found.schema == expected.schema
    assert repr(found.to_pylist()) == repr(expected.to_pylist())


def test_rows_that_are_many_come_in_parts_and_once(context: Context, url: str) -> None:
    many = context.read(url, table="many").filter(wf.col("id") > 1)
    counted = many.group_by("k").agg(n=wf.count(), total=wf.sum("id")).sort("k")
    found = counted.on("spark").to_arrow()
    assert found == counted.on("duckdb").to_arrow()


def test_rows_that_statistics_do_not_know_of_come_too(
    context: Context, spark_options: dict[str, object], url: str
) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            """CREATE TABLE stale AS SELECT i::int8 AS id, i AS "a ""b" FROM
            generate_series(1, 200000) i; ANALYZE stale;
            INSERT INTO stale VALUES (NULL, -1), (-9223372036854775808, -2), (NULL, -3),
            (9223372036854775807, -4)"""
        )
    counted = (
        context.read(url, table="stale")
        .group_by()
        .agg(n=wf.count(), known=wf.count("id"), least=wf.min("id"), most=wf.max("id"))
    )
    expected = [{"n": 200_004, "known": 200_002, "least": -(2**63), "most": 2**63 - 1}]
    assert counted.on("spark").to_arrow().to_pylist() == expected
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE stale")
    with wf.context(spark=spark_options) as other:
        again = other.read(url, table="stale").filter(wf.col('a "b') < 0).on("spark").to_arrow()
    assert again.num_rows == 4


def test_what_the_store_leaves_out_is_said_in_its_query(context: Context, url: str) -> None:
    joined = (
        context.read(url, table="many")
        .filter(wf.col("id") < 100)
        .join(context.read(pa.table({"k": [3]})), on="k")
        .select("id")
        .on("spark")
    )
    text = str(joined.explain())
    assert "f1 on postgresql" in text or "f2 on postgresql" in text
    assert "id < 100" in text
    assert joined.count() == 10


def test_the_first_rows_of_no_order_are_asked_for_once(context: Context, url: str) -> None:
    some = context.read(url, table="many").limit(1000)
    twice = some.join(some, on="id").on("spark")
    assert twice.count() == 1000


def _asked(context: Context, url: str) -> tuple[Platform, Any, JdbcQuery, Any]:
    source = context.read(url, table="many").relation
    name = next(name for name in context.environment.sources if name.startswith("many"))
    platforms = context.environment.platforms
    store = next(p for p in platforms.values() if p.name.startswith("postgresql"))
    fragment = fragment_of(Read(name, source.schema), JDBC_QUERY)
    compiled = store.compile(fragment, context.environment.sources)
    session = store.open(a_run(Path("/nowhere")))
    query = session.execute(fragment, compiled, {})
    assert isinstance(query, JdbcQuery)
    return platforms["spark"], session, query, fragment


def test_spark_sees_the_runs_snapshot(context: Context, url: str, tmp_path: Path) -> None:
    spark, session, query, asked = _asked(context, url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO many VALUES (1, 1)")
        connection.execute("DELETE FROM many WHERE id = 2")
    fragment = fragment_of(Read("t", asked.relation.schema))
    part = spark.open(a_run(tmp_path))
    found = part.execute(fragment, spark.compile(fragment, {}), {"t": query})
    part.close()
    session.close()
    assert isinstance(found, pa.Table)
    assert sorted(found["id"].to_pylist()) == list(range(1, 200_001))


@pytest.mark.parametrize("bounds", [(5, 6), (-(2**63), 2**63 - 1), (300_000, 400_000)])
def test_bounds_that_are_wrong_lose_no_row(
    context: Context, url: str, tmp_path: Path, bounds: tuple[int, int]
) -> None:
    spark, session, query, asked = _asked(context, url)
    parted = replace(query, key=("id", *bounds))
    fragment = fragment_of(Read("t", asked.relation.schema))
    part = spark.open(a_run(tmp_path))
    found = part.execute(fragment, spark.compile(fragment, {}), {"t": parted})
    plain = part.execute(fragment, spark.compile(fragment, {}), {"t": replace(query, key=None)})
    part.close()
    session.close()
    assert isinstance(found, pa.Table)
    assert isinstance(plain, pa.Table)
    assert sorted(found["id"].to_pylist()) == sorted(plain["id"].to_pylist())


def test_a_password_is_shown_nowhere(context: Context, url: str) -> None:
    _, session, query, _ = _asked(context, url)
    session.close()
    assert query.password
    assert query.password not in repr(query)
    assert query.password not in query.url


def test_a_time_that_no_engine_has_is_an_error(context: Context, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE endless AS SELECT 'infinity'::timestamp AS t")
    with pytest.raises(ExecutionError, match="beyond the years 1 to 9999"):
        context.read(url, table="endless").sort("t").on("spark").to_arrow()
