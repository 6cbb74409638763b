"""Rows that are few stand in a database's statement itself, and mean what they mean elsewhere."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from itertools import permutations
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest

import wayfed as wf
from tests.integration.database_runs import Store
from tests.integration.typed_rows import ROWS, SCHEMA
from wayfed.local import Context
from wayfed_arrow import arrow_schema
from wayfed_database.channels import values_of
from wayfed_database.inline import MOST_ROWS, InlineRows, with_rows
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE, TableReference
from wayfed_optimizer.stages import plan
from wayfed_optimizer.types import Schema

# A busy machine may not be told what is known of tables in time; that is not the matter here.
pytestmark = pytest.mark.filterwarnings("default::wayfed_optimizer.errors.StatisticsMissing")

HOSTILE = ["it's", "'); drop table t; --", "\\", "\\'", "%s :a $1 ?", "é𝄞\n", "", None]
NOT_STORED = {"list", "struct", "int8"}


@pytest.fixture
def context() -> Iterator[Context]:
    with wf.context() as context:
        assert isinstance(context, Context)
        yield context


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    """A database that one test has for itself."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"create database {name}".encode())
        url = f"{postgres_url.rsplit('/', 1)[0]}/{name}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create table t as select unnest(array[1, 2, 2]) as id")
            connection.execute(
                "create table much as select i as id, i % 7 as x from generate_series(1, 200000) i"
            )
            connection.execute("create index on much (id)")
            connection.execute("vacuum analyze")
        yield url
        server.execute(f"drop database {name} with (force)".encode())


def edges() -> pa.Table:
    """Rows with the edges of every type that is stored, without zero bytes."""
    schema = Schema(f for f in SCHEMA if f.name not in NOT_STORED)
    rows = [
        {n: v.replace("\x00", "") if isinstance(v, str) else v for n, v in row.items()}
        for row in ROWS
    ]
    return pa.Table.from_pylist(
        [{n: v for n, v in row.items() if n not in NOT_STORED} for row in rows],
        arrow_schema(schema),
    )


def store_of(context: Context, kind: str) -> str:
    (name,) = (name for name in context.platform_names if name.startswith(kind))
    return name


@pytest.mark.postgres
def test_every_type_is_written_into_a_statement_of_postgresql(context: Context, url: str) -> None:
    rows = edges().append_column("id", pa.array(range(len(ROWS)), pa.int32()))
    t = context.read(url, table="t").distinct()
    joined = context.read(rows).join(t, on="id", how="left").sort("id")
    there = joined.on(store_of(context, "postgresql"))

    assert "values@postgresql" in str(there.explain())
    found, expected = there.to_arrow(), joined.on("duckdb").to_arrow()
    assert found.schema == expected.schema
    assert str(found.to_pylist()) == str(expected.to_pylist())  # NaN is not equal to itself


@pytest.mark.postgres
def test_no_text_ends_a_constant(context: Context, url: str) -> None:
    t = context.read(url, table="t")
    rows = pa.table({"id": pa.array([2] * len(HOSTILE), pa.int64()), "text": HOSTILE})
    joined = context.read(rows).join(t.distinct(), on="id").on(store_of(context, "postgresql"))

    assert "values@postgresql" in str(joined.explain())
    found = joined.to_arrow()["text"].to_pylist()
    assert sorted(found, key=str) == sorted(HOSTILE, key=str)
    assert t.count() == 3


@pytest.mark.parametrize("source", [ARROW_TABLE, ARROW_STREAM])
@pytest.mark.parametrize("count", [0, 1, MOST_ROWS, MOST_ROWS + 1, 50_000])
@pytest.mark.postgres
def test_more_rows_than_believed_go_into_a_table(url: str, source: object, count: int) -> None:
    store = Store(url)
    rows = pa.table({"id": pa.array(range(count), pa.int64())})
    value = rows if source == ARROW_TABLE else rows.to_reader(max_chunksize=1000)
    with store.run() as run:
        found = run.session.ingest("f1", value, source, values_of(store.platform.name))
        text = with_rows("SELECT count(*) AS n, sum(id) AS s FROM wayfed_f1", {"f1": found})
        assert isinstance(found, InlineRows if count <= MOST_ROWS else TableReference)
        lease = run.session._owning()
        (row,) = lease.connection.stream(text).read_all().to_pylist()
    assert row["n"] == count
    assert int(row["s"] or 0) == sum(range(count))


@pytest.mark.postgres
def test_an_index_is_used_for_a_thousand_keys(context: Context, url: str) -> None:
    keys = pa.table({"id": pa.array(range(0, 200000, 200), pa.int32())})
    much = context.read(url, table="much")
    asked = context.read(keys).join(much, on="id").group_by("x").agg(n=wf.count()).sort("x")
    there = asked.on(store_of(context, "postgresql"))
    assert "values@postgresql" in str(there.explain())
    assert there.to_arrow() == asked.on("duckdb").to_arrow()
    asked_of_it = plan(there.relation, context.environment).compiled.values()
    assert any('"id" = ANY (f' in compiled.text for compiled in asked_of_it)


KEYS = {
    "keys, each once": pa.table({"k": pa.array([1, 2, 9], pa.int64())}),
    "keys and NULL, some twice": pa.table({"k": pa.array([2, None, 2, 3, None], pa.int64())}),
    "no keys": pa.table({"k": pa.array([], pa.int64())}),
    "narrower keys": pa.table({"k": pa.array([1, 3, None], pa.int16())}),
    "more columns": pa.table({"k": pa.array([1, 2], pa.int64()), "of": ["a", None]}),
    "texts": pa.table({"name": ["it's", "b", None, "\\"]}),
    "dates": pa.table({"day": pa.array([dt.date(1, 1, 1), dt.date(2024, 2, 29), None])}),
}


@pytest.mark.postgres
@pytest.mark.parametrize("how", ["inner", "semi", "anti", "left"])
@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
def test_a_table_filtered_by_keys_gives_the_rows_of_the_join(
    context: Context, url: str, keys: pa.Table, how: str
) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "create table facts as select * from (values "
            "(1::bigint, 'b', date '0001-01-01', 1), (1, 'it''s', null, 2), (2, null, '2024-02-29',"
            " 3), (null, E'\\\\', '2024-02-29', 4), (3, 'c', '2024-03-01', 5)) v(k, name, day, n)"
        )
    key = keys.column_names[0]
    facts = context.read(url, table="facts")
    few = context.read(keys)
    each_way = [facts.join(few, on=key, how=how), few.join(facts, on=key, how=how)]
    for joined in each_way:
        order = joined.sort(*joined.schema.names)
        there = order.on(store_of(context, "postgresql"))
        assert "values@postgresql" in str(there.explain())
        assert there.to_arrow() == order.on("duckdb").to_arrow()


@pytest.mark.postgres
def test_keys_that_look_like_a_filter_are_keys(context: Context, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table pairs as values ('a', 'b', 1), ('c', 'd', 2)")
    pairs = context.read(url, table="pairs")

    def asked(first: str, second: str) -> wf.Dataset:
        few = context.read(pa.table({"column1": ["a", first]}))
        others = context.read(pa.table({"column2": ["b", second]}))
        joined = few.join(pairs, on="column1").join(others, on="column2")
        return joined.filter(wf.col("column1") != first).on(store_of(context, "postgresql"))

    (statement,) = (
        each.text
        for each in plan(asked("x", "y").relation, context.environment).compiled.values()
        if "ANY" in each.text
    )
    filters = re.findall(r"TRUE /\*.*?\*/", statement)
    assert len(filters) == 2
    for each in filters:
        for first, second in permutations((each, "') or true; select 1 --")):
            assert asked(first, second).to_arrow().to_pylist() == [
                {"column1": "a", "column2": "b", "column3": 1}
            ]


@pytest.mark.postgres
def test_columns_may_be_called_like_the_beginning_of_a_comment(context: Context, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute('create table odd as select i as "i/*d" from generate_series(1, 9) i')
    few = context.read(pa.table({"id": pa.array([2, 3, 70], pa.int32())})).hint(rows=3)
    much = context.read(pa.table({"id": pa.array(range(2, 9000), pa.int32())})).hint(rows=3)

    for keys, found in ((few, 2), (much, 8)):
        joined = keys.join(context.read(url, table="odd"), left_on="id", right_on="i/*d")
        assert joined.on(store_of(context, "postgresql")).count() == found


@pytest.mark.postgres
def test_days_before_the_first_year_are_keys_too(context: Context, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table days as values (date '0044-03-15 BC', 1)")
    ides = pa.array([-735_160], pa.int32()).cast(pa.date32())
    joined = context.read(pa.table({"column1": ides})).join(
        context.read(url, table="days"), on="column1"
    )
    there = joined.select("column2").on(store_of(context, "postgresql"))
    assert there.to_arrow().to_pylist() == [{"column2": 1}]


@pytest.mark.postgres
def test_a_table_that_is_read_twice_keeps_the_rows_of_its_other_reader(
    context: Context, url: str
) -> None:
    context.register("t", context.read(url, table="t"))
    context.register("few", pa.table({"id": pa.array([1], pa.int32())}))
    asked = context.sql("select a.id, (select count(*) from t) as n from t a join few using (id)")

    there = asked.on(store_of(context, "postgresql"))
    assert there.to_arrow().to_pylist() == [{"id": 1, "n": 3}]


@pytest.mark.postgres
def test_a_temporary_table_is_known_to_the_planner(url: str) -> None:
    store = Store(url)
    with store.run() as run:
        run.ingest("f1", pa.table({"id": pa.array(range(500), pa.int32())}))
        known = run.session._owning().connection.stream(
            "select reltuples::int8 as n from pg_class where relname = 'wayfed_f1'"
        )
        assert known.read_all()["n"].to_pylist() == [500]
