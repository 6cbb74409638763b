"""Databases of which only SQLAlchemy knows the kind, here DuckDB's own files."""

from __future__ import annotations

import datetime
import decimal
import threading

import duckdb
import pyarrow as pa
import pytest

import wayfed as wf
from wayfed_optimizer.errors import (
    ExecutionError,
    InvalidOption,
    SourceError,
    TableNotFound,
    TypeMismatch,
    Unsupported,
    WayfedError,
)

# duckdb_sqlalchemy asks for what sqlalchemy 2.1 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ROWS = pa.table(
    {
        "id": [1, 2, 3],
        "Text é": ["a\x00b", None, "😀"],
        "flag": [True, None, False],
        "x": [1.5, float("nan"), None],
        "d": pa.array([decimal.Decimal("1.23"), None, decimal.Decimal("-9.99")]).cast(
            pa.decimal128(38, 2)
        ),
        "b": [b"\x00\xff", None, b""],
        "day": [datetime.date(1, 1, 1), None, datetime.date(9999, 12, 31)],
        "at": pa.array([datetime.datetime(2013, 1, 1, 1, 2, 3, 4), None, None], pa.timestamp("us")),
        "instant": pa.array(
            [datetime.datetime(2013, 7, 1), None, None], pa.timestamp("us", tz="UTC")
        ),
    }
)


@pytest.fixture
def ctx():
    with wf.context() as context:
        yield context


@pytest.fixture
def url(tmp_path):
    return f"duckdb:///{tmp_path}/shop.duckdb"


def execute(url, sql):
    with duckdb.connect(url.removeprefix("duckdb:///")) as connection:
        return connection.execute(sql).fetchall()


def test_every_type_goes_there_and_back(ctx, url):
    assert ctx.read(ROWS).write(url, table="t") == 3
    back = ctx.read(url, table="t").sort("id").to_arrow()
    assert back.schema.equals(ROWS.schema)
    assert repr(back.to_pylist()) == repr(ROWS.to_pylist())


def test_a_table_is_added_to_and_replaced(ctx, url):
    rows = ctx.read({"id": [1, 2], "x": ["a", "b"]})
    rows.write(url, table="t")
    rows.write(url, table="t", mode="append")
    assert ctx.read(url, table="t").count() == 4
    rows.filter("id = 2").write(url, table="t", mode="overwrite")
    assert ctx.read(url, table="t").to_arrow().to_pylist() == [{"id": 2, "x": "b"}]
    with pytest.raises(SourceError, match="exists already"):
        rows.write(url, table="t")
    with pytest.raises(Unsupported, match="by other columns"):
        rows.select("id").write(url, table="t", mode="overwrite")


def test_only_the_columns_that_a_plan_needs_are_asked_for(ctx, url):
    ctx.read(ROWS).write(url, table="t")
    plan = ctx.read(url, table="t").filter("id > 1").group_by("flag").agg(n=wf.count())
    text = str(plan.explain())
    assert "duckdb:shop" in text
    assert "SELECT id, flag" in text
    assert sorted(plan.to_numpy()["n"].tolist()) == [1, 1]


def test_many_rows_stream(ctx, url):
    execute(url, "CREATE TABLE t AS SELECT range AS id FROM range(50_000)")
    assert ctx.read(url, table="t").group_by().agg(n=wf.sum("id")).to_numpy()["n"] == 1249975000


def test_what_is_not_ours_names_the_remedy(ctx, url):
    execute(url, "CREATE TABLE t (id UUID, x TIME); CREATE VIEW v AS SELECT 1 AS x")
    with pytest.raises(TypeMismatch, match=r"'id' is uuid"):
        ctx.read(url, table="t")
    with pytest.raises(Unsupported, match="make a view"):
        ctx.read(url, query="select 1")
    with pytest.raises(TableNotFound, match="'tt' is not a table"):
        ctx.read(url, table="tt")
    with pytest.raises(InvalidOption, match="needs a table="):
        ctx.read({"x": [1]}).write(url)
    with pytest.raises(SourceError, match="is a view"):
        ctx.read({"x": [1]}).write(url, table="v", mode="append")
    with pytest.raises(SourceError, match="no answer from"):
        ctx.read("duckdb:////nowhere/at/all.duckdb", table="t")


def test_a_failure_leaves_everything_as_it_was(ctx, url):
    execute(url, "CREATE TABLE t (x VARCHAR); INSERT INTO t VALUES ('1')")
    failing = ctx.read({"x": ["1", "two"]}).cast(x="int64").cast(x="text")
    for table, mode in (("t", "append"), ("t", "overwrite"), ("u", "error")):
        with pytest.raises(WayfedError, match="two"):
            failing.write(url, table=table, mode=mode)
    ctx.close()
    assert execute(url, "SELECT x FROM t") == [("1",)]
    assert execute(url, "SELECT count(*) FROM duckdb_tables()") == [(1,)]


def test_constraints_are_told(ctx, url):
    execute(url, "CREATE TABLE t (id BIGINT PRIMARY KEY)")
    with pytest.raises(ExecutionError, match=r"t of duckdb:.* cannot be written: .*[Dd]uplicate"):
        ctx.read({"id": [1, 1]}).write(url, table="t", mode="append")


def test_closing_the_context_ends_the_writing(ctx, url):
    reached = threading.Event()

    def slow(batch):
        reached.set()
        threading.Event().wait(0.2)
        return batch

    many = ctx.read(pa.Table.from_batches(pa.table({"id": [1]}).to_batches() * 99))
    closer = threading.Thread(target=lambda: (reached.wait(), ctx.close()))
    closer.start()
    with pytest.raises(WayfedError):
        many.map_batches(slow, schema=many.schema).write(url, table="t")
    closer.join()
    assert execute(url, "SELECT count(*) FROM duckdb_tables()") == [(0,)]
