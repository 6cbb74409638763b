"""What databases tell of their tables: frequent values, histograms and keys, in one question."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from uuid import uuid4

import psycopg
import pytest

import wayfed as wf
from tests.integration.database_runs import Store
from wayfed_database.columns import ColumnDescription
from wayfed_database.postgresql_statistics import LazyColumns
from wayfed_optimizer.errors import StatisticsMissing
from wayfed_optimizer.statistics.shares import Range, range_share
from wayfed_optimizer.types import Schema

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(postgres_url):
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield postgres_url.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def server(url):
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection.execute


@pytest.fixture
def store(url):
    opened = Store(url)
    yield opened
    opened.platform.close()


def known_of(store, table="t"):
    store.read(table)
    return store.sources[table].statistics()


def test_frequent_values_and_histograms_are_read(server, store):
    server(
        "create table t as select i as id, i % 4 = 0 as even, "
        "case when i % 2 = 0 then 'JFK' else 'X' || i end as port from generate_series(1, 10000) i"
    )
    server("analyze t")
    columns = known_of(store).columns
    assert columns["port"].common["JFK"] == pytest.approx(0.5, abs=0.03)
    assert columns["even"].common[True] == pytest.approx(0.25, abs=0.03)
    bounds = columns["id"].histogram
    assert (bounds[0], bounds[-1]) == (1, 10_000)
    assert bounds[50] == pytest.approx(5_000, rel=0.05)


def test_texts_of_another_collation_tell_what_is_frequent_but_not_their_order():
    row = {
        "distinct": 300.0,
        "nulls": 0.0,
        "width": 4,
        "common": ["Ä", "z"],
        "shares": [0.2, 0.1],
        "histogram": ["a", "B", "c"],
    }
    for collation, ends, bounds in (("de_DE", None, 0), (None, "a", 3)):
        described = ColumnDescription("x", "text", collation=collation)
        known = LazyColumns({"x": row}, 1000, Schema.of(x="text"), (described,))["x"]
        assert known.common == {"Ä": 0.2, "z": 0.1}
        assert len(known.histogram) == bounds
        assert (known.low is None) == (ends is None)


@pytest.mark.parametrize(
    ("definition", "keys"),
    [
        ("id int primary key, x int", [{"id"}]),
        ("a int, b int, unique (a, b)", [{"a", "b"}]),
        ("id int unique deferrable", []),
        ("id int unique, x int unique", [{"id"}, {"x"}]),
    ],
)
def test_keys_are_those_that_every_reader_can_rely_on(server, store, definition, keys):
    server(f"create table t ({definition})")
    assert known_of(store).keys == tuple(map(frozenset, keys))


@pytest.mark.parametrize(
    "index",
    ["(id) where id > 0", "(abs(id))", "(id, abs(x))"],
    ids=["of some rows", "of an expression", "of a column and an expression"],
)
def test_indexes_that_promise_less_are_no_keys(server, store, index):
    server("create table t (id int, x int)")
    server(f"create unique index on t {index}")
    assert known_of(store).keys == ()


def test_columns_that_an_index_only_carries_along_are_not_of_its_key(server, store):
    server("create table t (id int, x int)")
    server("create unique index on t (id) include (x)")
    assert known_of(store).keys == (frozenset({"id"}),)


def test_a_key_says_nothing_of_rows_that_inherit(server, store):
    server("create table t (id int primary key)")
    server("create table heir () inherits (t)")
    assert known_of(store).keys == ()


def test_a_key_of_a_partitioned_table_holds_in_all_of_it(server, store):
    server("create table t (id int primary key, x int) partition by range (id)")
    server("create table t1 partition of t for values from (0) to (10)")
    assert known_of(store).keys == (frozenset({"id"}),)


def test_a_few_more_rows_change_no_plan_but_their_version(server, store):
    server("create table t as select i as id from generate_series(1, 100000) i")
    server("analyze t")
    store.read()
    source = store.sources["t"]
    (before,) = source.teller.told((source,))
    server("insert into t select generate_series(1, 1000)")
    (after,) = source.teller.told((source,))
    assert after.statistics is before.statistics
    assert after.version != before.version
    server("insert into t select generate_series(1, 100000)")
    (later,) = source.teller.told((source,))
    assert later.statistics.rows.likely == pytest.approx(201_000, rel=0.05)


def test_a_plan_goes_on_where_a_store_does_not_tell_in_time(server, url):
    server("create table t as select i as id from generate_series(1, 10) i")
    with wf.context({"planning": {"statistics_seconds": 0}}) as ctx:
        table = ctx.read(url, table="t")
        with pytest.warns(StatisticsMissing, match="did not tell what it knows within 0 s"):
            assert table.count() == 10


def test_sqlite_tells_about_how_many_values_columns_have_that_nobody_analysed(tmp_path):
    path = tmp_path / "flights.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table t (code text, port text, gate integer)")
        connection.executemany(
            "insert into t values (?, ?, ?)",
            [(f"c{i}", f"p{i % 7}", i * 37 % 500 if i % 2 else None) for i in range(20_000)],
        )
        connection.commit()
    with wf.context() as ctx:
        read = ctx.read(f"sqlite:///{path}", table="t")
        known = ctx.environment.sources[read.relation.table].statistics().columns
    assert known["code"].distinct == pytest.approx(20_000)
    assert known["port"].distinct == 7
    assert 250 / 4 < known["gate"].distinct < 250 * 4


def test_sqlite_tells_how_numbers_lie_that_nobody_analysed(tmp_path):
    path = tmp_path / "flights.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table t (delay real, gate integer, code text)")
        connection.executemany(
            "insert into t values (?, ?, ?)",
            # Nine of ten delays are below 1, and half of the gates are no numbers.
            [
                ((i * 7919 % 20_000) / 20_000 + (5 if i % 10 == 0 else 0), "A" if i % 2 else i, "c")
                for i in range(20_000)
            ],
        )
        connection.commit()
    with wf.context() as ctx:
        read = ctx.read(f"sqlite:///{path}", table="t")
        known = ctx.environment.sources[read.relation.table].statistics().columns
    assert 0.8 < range_share(known["delay"], Range(high=2.0)).likely < 0.97
    assert range_share(known["delay"], Range(high=0.001)).likely < 0.02
    assert known["gate"].histogram == known["code"].histogram == ()


def test_sqlite_looks_at_no_rows_by_a_column_that_is_called_as_their_numbers_are(tmp_path):
    path = tmp_path / "flights.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("create table t (rowid text, a text); insert into t values (1, 2)")
    with wf.context() as ctx:
        read = ctx.read(f"sqlite:///{path}", table="t")
        assert not ctx.environment.sources[read.relation.table].statistics().columns


def test_sqlite_tells_keys_and_counts(tmp_path):
    path = tmp_path / "flights.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "create table t (id integer primary key, code text unique, port text, at timestamp,"
            " unique (port, code), unique (at));"
            "create unique index part on t (port) where id > 500;"
        )
        connection.executemany(
            "insert into t (code, port) values (?, ?)", [(f"c{i}", f"p{i % 4}") for i in range(100)]
        )
        connection.execute("create index ports on t (port)")
        connection.execute("analyze")
        connection.commit()
    with wf.context() as ctx:
        read = ctx.read(f"sqlite:///{path}", table="t")
        known = ctx.environment.sources[read.relation.table].statistics()
    # Two texts may be one time: an index over them is no key of ours.
    assert set(known.keys) == {frozenset({"id"}), frozenset({"code"}), frozenset({"port", "code"})}
    assert known.rows.likely == 100
    assert known.columns["port"].distinct == pytest.approx(4)
    assert known.columns["id"].distinct == 100
