"""Frames and tables that lie on Spark: read in place, and her session left as it was."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

import wayfed as wf
from tests.integration.typed_rows import ROWS, SCHEMA
from wayfed.local import Context
from wayfed_arrow import arrow_schema
from wayfed_optimizer.errors import InvalidOption, SourceChanged, SourceError, TypeMismatch
from wayfed_spark import CONNECTOR

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def session(spark_options: dict[str, object]) -> Iterator[Any]:
    """A session of the user's own, beside those of the test run, with its own settings."""
    from pyspark.sql import SparkSession

    theirs = SparkSession.builder.getOrCreate().newSession()
    theirs.conf.set("spark.sql.session.timeZone", "America/New_York")
    theirs.conf.set("spark.sql.ansi.enabled", "false")
    theirs.sql("CREATE DATABASE sales")
    theirs.sql(
        "CREATE TABLE sales.orders USING parquet AS "
        "SELECT id AS order_id, id % 3 AS customer, CAST(id * 1.5 AS DECIMAL(9,2)) AS amount "
        "FROM range(100)"
    )
    yield theirs
    theirs.sql("DROP DATABASE sales CASCADE")


@pytest.fixture
def context(session: Any) -> Iterator[Context]:
    with wf.context(spark=session) as context:
        assert isinstance(context, Context)
        yield context


def _platforms(dataset: Any) -> set[str]:
    return {fragment["platform"] for fragment in dataset.explain().to_dict()["fragments"]}


def test_a_frame_is_read_where_it_lies(context: Context, session: Any) -> None:
    frame = session.range(10).selectExpr("id", "id * 2 AS twice")
    found = context.read(frame).filter(wf.col("id") > 7).sort("id")
    assert _platforms(found.on("spark")) == {"spark"}
    assert found.to_arrow().to_pylist() == [{"id": 8, "twice": 16}, {"id": 9, "twice": 18}]


def test_a_frame_keeps_the_meaning_that_it_has_in_its_session(
    context: Context, session: Any
) -> None:
    frame = session.sql("SELECT 1 / 0 AS x, CAST(TIMESTAMP '2020-01-01 00:00:00' AS STRING) AS t")
    expected = [tuple(row) for row in frame.collect()]
    assert expected == [(None, "2020-01-01 00:00:00")]
    assert [tuple(r.values()) for r in context.read(frame).to_arrow().to_pylist()] == expected


def test_a_table_of_the_sessions_catalog_is_joined_with_what_lies_elsewhere(
    context: Context, session: Any
) -> None:
    customers = context.read(pa.table({"customer": [0, 1], "name": ["a", "b"]}))
    orders = context.read(session, table="sales.orders")
    joined = orders.join(customers, on="customer").group_by("name").agg(n=wf.count()).sort("name")
    expected = [{"name": "a", "n": 34}, {"name": "b", "n": 33}]
    assert joined.to_arrow().to_pylist() == expected
    assert joined.on("duckdb").to_arrow().to_pylist() == expected
    assert joined.on("spark").to_arrow().to_pylist() == expected


def test_a_frame_by_chance_has_the_same_rows_for_two_readers(
    context: Context, session: Any
) -> None:
    def draw(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            drawn = [int.from_bytes(os.urandom(6)) for _ in range(batch.num_rows)]
            yield pa.record_batch({"x": pa.array(drawn, pa.int64())})

    drawn = context.read(session.range(50).mapInArrow(draw, "x LONG"))
    assert drawn.join(drawn, on="x").count() == 50


def test_a_view_by_chance_has_the_same_rows_for_two_readers(context: Context, session: Any) -> None:
    session.sql("CREATE TEMPORARY VIEW chances AS SELECT uuid() AS x FROM range(50)")
    drawn = context.read(session, table="chances")
    assert drawn.join(drawn, on="x").count() == 50
    session.catalog.dropTempView("chances")


def test_rows_that_the_user_keeps_stay_kept(context: Context, session: Any) -> None:
    frame = session.range(5).selectExpr("id AS n").persist()
    read = context.read(frame)
    assert read.join(read, on="n").count() == 5
    assert frame.storageLevel.useMemory
    frame.unpersist()
    assert session.sparkContext._jsc.getPersistentRDDs().isEmpty()


def test_the_memory_of_a_session_is_told_by_itself(session: Any) -> None:
    assert CONNECTOR.platform({"session": session}).costs.memory == 0.6 * 2**30
    assert CONNECTOR.platform({"memory": "4g"}).costs.memory == 0.6 * 4 * 2**30
    assert CONNECTOR.platform({"master": "yarn"}).costs.memory == math.inf


def test_every_type_of_a_frame_has_its_own_here(context: Context, session: Any) -> None:
    from pyspark.sql.pandas.types import from_arrow_schema

    sent = pa.Table.from_pylist(ROWS, arrow_schema(SCHEMA))
    shape = from_arrow_schema(sent.schema, prefer_timestamp_ntz=True)
    session.conf.set("spark.sql.session.timeZone", "UTC")
    frame = session.createDataFrame(sent, shape)
    session.conf.set("spark.sql.session.timeZone", "America/New_York")
    read = context.read(frame)
    assert [(f.name, f.type) for f in read.schema] == [(f.name, f.type) for f in SCHEMA]
    assert repr(read.to_arrow().to_pylist()) == repr(sent.to_pylist())


def test_nothing_of_the_session_is_touched(context: Context, session: Any) -> None:
    before = dict(session.conf.getAll)
    session.sparkContext.setJobGroup("mine", "my own work")
    context.read(session.range(5)).sort("id").to_arrow()
    assert dict(session.conf.getAll) == before
    assert session.catalog.listTables() == []
    assert session.sparkContext.getLocalProperty("spark.jobGroup.id") == "mine"
    assert session.range(3).count() == 3


@pytest.mark.parametrize(
    ("sql", "error", "told"),
    [
        ("SELECT INTERVAL '1' DAY AS i, 1 AS n", TypeMismatch, "column 'i' of a frame of Spark is"),
        ("SELECT MAP('a', 1) AS m", TypeMismatch, "column 'm' .*is map<string,int>"),
        ("SELECT PARSE_JSON('1') AS v", TypeMismatch, "column 'v' .*is variant"),
        ("SELECT 1 AS n, 2 AS n", SourceError, "two columns .* called 'n'"),
    ],
)
def test_a_frame_that_cannot_be_read_says_which_column_and_what_helps(
    context: Context, session: Any, sql: str, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        context.read(session.sql(sql))


def test_a_table_that_is_not_there_and_what_is_no_table_are_told(
    context: Context, session: Any
) -> None:
    with pytest.raises(SourceError, match=r"no table 'sales.invoices'"):
        context.read(session, table="sales.invoices")
    with pytest.raises(InvalidOption, match="a session with the table="):
        context.read(session)
    with pytest.raises(InvalidOption, match="query= is not for"):
        context.read(session, query="SELECT 1")


def test_a_table_that_others_replaced_is_no_longer_what_was_planned(
    context: Context, session: Any
) -> None:
    session.sql("CREATE TABLE sales.gone USING parquet AS SELECT 1 AS n")
    planned = context.read(session, table="sales.gone")
    session.sql("DROP TABLE sales.gone")
    with pytest.raises(SourceChanged, match=r"table sales.gone of Spark is not what it was"):
        planned.to_arrow()
