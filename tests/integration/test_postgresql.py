"""PostgreSQL: types, statements, temporary tables, one snapshot a run, statistics."""

from __future__ import annotations

import datetime
import subprocess
import sys
from decimal import Decimal
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest

from tests.integration.database_runs import Store
from wayfed_optimizer.errors import SourceChanged, TransferError, TypeMismatch
from wayfed_optimizer.expressions import Named, SortKey, call, column, literal
from wayfed_optimizer.platform import ARROW_STREAM
from wayfed_optimizer.relations import Aggregate, Filter, Join, JoinKind, Read, Select, Sort
from wayfed_optimizer.statistics.estimates import Provenance
from wayfed_optimizer.types import Schema

pytestmark = pytest.mark.postgres

ACCOUNTS = """
create table accounts (id bigint primary key, owner text not null, balance numeric(12,2));
insert into accounts values (1, 'ada', 10.50), (2, 'bob', null), (3, 'cyd', 99.99);
"""


@pytest.fixture
def url(postgres_url):
    """URL of a database that one test has for itself."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield postgres_url.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def server(url):
    """Run SQL in the test's database, each statement at once."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection.execute


@pytest.fixture
def store(url):
    opened = Store(url)
    yield opened
    opened.platform.close()


@pytest.fixture
def accounts(server, store):
    server(ACCOUNTS)
    return store.read("accounts")


def sorted_by(relation, name):
    return Sort(relation, (SortKey(column(relation.schema, name)),))


def total(relation, name):
    return Aggregate(relation, (), (Named("total", call("sum", column(relation.schema, name))),))


def test_a_filter_runs_in_the_database_and_only_its_rows_leave(accounts, store):
    rich = Filter(accounts, call("greater", column(accounts.schema, "balance"), literal(50)))

    compiled = store.platform.compile(store.fragment(rich), store.sources)

    assert compiled.text == ("SELECT id, owner, balance FROM public.accounts WHERE balance > 50")
    assert store.rows(rich) == [{"id": 3, "owner": "cyd", "balance": Decimal("99.99")}]


def test_every_type_arrives_as_the_schema_says(server, store):
    server("create domain cents as numeric(10,2)")
    server(
        """
        create table t (i2 smallint, i4 int, i8 bigint, f4 real, f8 double precision,
            n numeric(20,4), ok boolean, s text, v varchar(9), c char(5), b bytea, d date,
            ts timestamp, tz timestamptz, price cents not null)
        """
    )
    server(
        """
        insert into t values (1, 2, 3, 0.5, 0.25, 12.3, true, 'é', 'v', 'c', '\\x00ff',
            '2013-07-01', '2013-07-01 09:30:00.000001', '2013-07-01 09:30+02', 5),
            (null, null, null, null, null, null, null, null, null, null, null, null, null, null, 0)
        """
    )

    rows = store.rows(store.read())

    assert [str(field) for field in store.sources["t"].schema] == [
        "i2 int16",
        "i4 int32",
        "i8 int64",
        "f4 float32",
        "f8 float64",
        "n decimal(20,4)",
        "ok bool",
        "s text",
        "v text",
        "c text",
        "b binary",
        "d date",
        "ts timestamp",
        "tz timestamp_utc",
        "price decimal(10,2) not null",
    ]
    assert list(rows[0].values()) == [
        1,
        2,
        3,
        0.5,
        0.25,
        Decimal("12.3000"),
        True,
        "é",
        "v",
        "c",
        b"\x00\xff",
        datetime.date(2013, 7, 1),
        datetime.datetime(2013, 7, 1, 9, 30, 0, 1),
        datetime.datetime(2013, 7, 1, 7, 30, tzinfo=datetime.UTC),
        Decimal("5.00"),
    ]
    assert set(list(rows[1].values())[:-1]) == {None}


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        ("uuid", "x::text as x"),
        ("jsonb", "x::text as x"),
        ("time", "x::text as x"),
        ("interval", "x::text as x"),
        ("int[]", "x::text as x"),
        ("mood", "x::text as x"),
        ("oid", "x::bigint as x"),
        ("numeric", "x::numeric(38,6) as x"),
        ("numeric(4,-2)", "x::double precision as x"),
        ("numeric(50,10)", "x::double precision as x"),
    ],
)
def test_a_type_without_a_counterpart_is_refused_with_the_cast_that_mends_it(
    server, store, kind, remedy
):
    server("create type mood as enum ('fine')")
    server(f"create table t (x {kind})")

    with pytest.raises(TypeMismatch, match="column 'x' is ") as caught:
        store.read()
    assert remedy in str(caught.value)

    read = store.read(as_="mended", query=f"select {remedy} from t")
    assert store.rows(read) == []


def test_a_querys_rows_are_a_table_like_any_other(accounts, store):
    read = store.read(
        as_="q", query="select owner, balance::float8 as b from accounts where owner like '%b%';"
    )
    assert store.rows(read) == [{"owner": "bob", "b": None}]


def test_two_tables_of_one_database_join_there_as_one_statement(server, accounts, store):
    server("create table visits (account bigint, city text)")
    server("insert into visits values (1, 'Rome'), (3, 'Oslo')")
    visits = store.read("visits")

    joined = Join(accounts, visits, JoinKind.INNER, (("id", "account"),))

    compiled = store.platform.compile(store.fragment(joined), store.sources)
    assert compiled.text.count("SELECT") == 1
    assert {(row["owner"], row["city"]) for row in store.rows(joined)} == {
        ("ada", "Rome"),
        ("cyd", "Oslo"),
    }


def test_rows_from_elsewhere_become_a_temporary_table_that_the_run_leaves_behind_nowhere(
    server, accounts, store
):
    keys = Read("f0", Schema.of(key="int64"))
    chosen = sorted_by(Join(accounts, keys, JoinKind.SEMI, (("id", "key"),)), "id")

    with store.run() as run:
        run.ingest("f0", pa.table({"key": pa.array([1, 3])}))
        assert run.table(chosen, id="f1")["owner"].to_pylist() == ["ada", "cyd"]

    left = server("select count(*) from pg_class where relname like 'wayfed%'").fetchone()
    assert left == (0,)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.int32(), [1, None]),
        (pa.float64(), [0.1, float("inf")]),
        (pa.decimal128(12, 2), [Decimal("1.50"), Decimal("-0.01")]),
        (pa.decimal128(38, 10), [Decimal("1234567890123456789012345678.0123456789"), None]),
        (pa.bool_(), [True, None]),
        (pa.string(), ["it's", ""]),
        (pa.binary(), [b"\x00", None]),
        (pa.date32(), [datetime.date(1, 1, 1), datetime.date(9999, 12, 31)]),
        (pa.timestamp("us"), [datetime.datetime(1969, 12, 31, 23, 59, 59, 999999), None]),
        (pa.timestamp("us", "UTC"), [datetime.datetime(2013, 1, 1, tzinfo=datetime.UTC), None]),
    ],
    ids=str,
)
def test_values_come_back_from_a_temporary_table_as_they_went_in(store, kind, values):
    from wayfed_arrow import schema_from_arrow

    rows = pa.table({"x": pa.array(values, kind)})
    read = Read("f0", schema_from_arrow(rows.schema))

    with store.run() as run:
        run.ingest("f0", rows.to_reader(), ARROW_STREAM)
        assert run.table(read).equals(rows)


def test_results_stream_at_the_same_time_from_one_snapshot(server, accounts, store):
    with store.run() as run:
        first = run.stream(accounts, id="f1")
        server("insert into accounts values (4, 'dan', 1)")
        second = run.stream(accounts, id="f2")

        assert second.read_all().num_rows == 3
        assert first.read_all().num_rows == 3
    assert store.table(accounts).num_rows == 4


def test_a_statement_over_a_busy_temporary_table_costs_its_first_reader_nothing(server, store):
    numbers = pa.table({"n": pa.array(range(2_000_000))})
    read = Read("f0", Schema.of(n="int64"))

    with store.run() as run:
        run.ingest("f0", numbers)
        first = run.stream(read, id="f1")
        assert next(first).num_rows < 2_000_000
        second = run.table(total(read, "n"), id="f2")
        rest = first.read_all()

    assert second["total"].to_pylist() == [sum(range(2_000_000))]
    assert rest["n"][-1].as_py() == 1_999_999


def test_a_stream_that_is_left_unread_holds_up_nothing(server, store):
    server("create table big as select generate_series(1, 2000000) as n")
    big = store.read("big")

    with store.run() as run:
        stream = run.stream(big, id="f1")
        next(stream)
        stream.close()
        assert run.table(total(big, "n"), id="f2")["total"].to_pylist() == [2000001000000]
    assert store.rows(total(big, "n")) == [{"total": 2000001000000}]


def test_connections_are_kept_for_the_next_run(server, accounts, store):
    backends = "select pid from pg_stat_activity where application_name = 'wayfed'"
    with store.run() as run:
        run.table(accounts)
    first = server(backends).fetchall()
    with store.run() as run:
        run.table(accounts)

    assert len(first) == 2  # one for rows, one for the catalog
    assert set(server(backends).fetchall()) == set(first)


def test_a_connection_that_the_server_ended_is_replaced(server, accounts, store):
    store.rows(accounts)
    server(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where application_name = 'wayfed' and datname = current_database()"
    )
    assert store.table(accounts).num_rows == 3


@pytest.mark.parametrize("value", ["infinity", "0044-03-15 BC"])
@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
def test_times_that_no_calendar_here_has_are_an_error(server, store, kind, value):
    server(f"create table t (x {kind})")
    server(f"insert into t values ('{value}')")

    with pytest.raises(TransferError, match="column 'x' holds infinity, or a year outside"):
        store.rows(store.read())


def test_numeric_nan_is_an_error_that_names_the_column(server, store):
    server("create table t (x numeric(8,2))")
    server("insert into t values ('NaN')")

    with pytest.raises(TransferError, match="column 'x'"):
        store.rows(store.read())


def test_texts_are_ordered_by_code_point_whatever_the_collation(server, store):
    server('create table t (x text collate "unicode")')

    ordered = sorted_by(store.read(), "x")

    compiled = store.platform.compile(store.fragment(ordered), store.sources)
    assert compiled.text == 'SELECT x FROM public.t ORDER BY x COLLATE "C" NULLS LAST'
    assert store.rows(ordered) == []


def test_statistics_come_from_the_planner_without_a_scan(server, store):
    server(
        "create table t as select i as id, i % 10 as k, i / 4.0::float8 as x, "
        "date '2013-01-01' + i % 365 as d from generate_series(1, 20000) i"
    )
    server("analyze t")
    store.read()

    known = store.sources["t"].statistics()

    assert known.rows.likely == pytest.approx(20000)
    assert known.rows.provenance is Provenance.DATABASE
    assert known.columns["id"].distinct == pytest.approx(20000)
    assert known.columns["k"].distinct == 10
    assert (known.columns["k"].low, known.columns["k"].high) == (0, 9)
    assert known.columns["d"].low == datetime.date(2013, 1, 1)
    assert known.columns["d"].high == datetime.date(2013, 12, 31)
    assert known.columns["id"].width == 4


def test_a_table_nobody_analysed_is_estimated_by_its_size(server, store):
    server("create table t (id bigint, x float8)")
    server("alter table t set (autovacuum_enabled = false)")
    server("insert into t select i, i from generate_series(1, 10000) i")
    store.read()

    rows = store.sources["t"].statistics().rows

    assert rows.low <= 10000 <= rows.high


def test_a_view_and_a_query_are_estimated_by_the_planner(server, accounts, store):
    server("create view rich as select * from accounts where balance > 5")
    server("analyze accounts")
    store.read("rich")
    store.read(as_="q", query="select * from accounts")

    assert store.sources["rich"].statistics().rows.likely == 2
    assert store.sources["q"].statistics().rows.likely == 3


def test_partitions_are_counted_together(server, store):
    server("create table t (id int) partition by range (id)")
    server("create table t1 partition of t for values from (0) to (1000)")
    server("create table t2 partition of t for values from (1000) to (3000)")
    server("insert into t select generate_series(0, 2999)")
    server("analyze t")
    store.read()

    assert store.sources["t"].statistics().rows.likely == pytest.approx(3000)


def test_rows_of_a_transaction_that_ends_after_a_later_one_make_another_version(
    url, server, accounts, store
):
    server("create table t (x int)")
    with psycopg.connect(url) as earlier:
        earlier.execute("update accounts set balance = 0")
        server("insert into t values (1)")
        before = store.sources["accounts"].snapshot()
        earlier.commit()

    assert store.sources["accounts"].snapshot() != before


def test_a_table_that_was_dropped_after_planning_is_a_changed_source(server, accounts, store):
    server("drop table accounts")

    with pytest.raises(SourceChanged, match=r"accounts of postgresql://.* was dropped"):
        store.sources["accounts"].snapshot()
    with pytest.raises(SourceChanged, match=r'"public\.accounts" does not exist'):
        store.rows(accounts)


def test_a_column_that_changed_after_planning_is_named(server, accounts, store):
    snapshot = store.sources["accounts"].snapshot()
    server("alter table accounts add column note text, alter column balance type float8")
    server("alter table accounts rename column owner to holder")

    with pytest.raises(SourceChanged) as caught:
        store.sources["accounts"].verify(snapshot)

    assert "column 'owner' is gone" in str(caught.value)
    assert "column 'balance' was numeric(12,2) and is double precision" in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        "alter table t alter column x type numeric(8,3)",
        "alter table t add column y int; alter table t drop column x; "
        "alter table t rename column y to x",
        "drop table t; create table t (x text)",
        "drop table t; create domain positive as int; create table t (x positive)",
    ],
)
def test_a_change_of_columns_is_seen_however_often_there_was_none(server, store, change):
    server("create table t (x numeric(8,2))")
    store.read("t")
    source = store.sources["t"]
    first, second = source.snapshot(), source.snapshot()
    source.verify(first)
    source.verify(second)
    server(change)

    with pytest.raises(SourceChanged, match=r"column 'x' was numeric\(8,2\) and is"):
        source.snapshot()
    with pytest.raises(SourceChanged, match=r"column 'x' was numeric\(8,2\) and is"):
        source.verify(second)


def test_a_domain_that_allows_null_by_now_is_a_changed_source(server, store):
    server("create domain positive as int not null check (value > 0)")
    server("create table t (x positive)")
    store.read("t")
    source = store.sources["t"]
    source.verify(source.snapshot())
    server("alter domain positive drop not null")

    with pytest.raises(SourceChanged, match="column 'x' was not null and may be NULL"):
        source.snapshot()


def test_a_table_that_took_anothers_place_is_a_changed_source(server, accounts, store):
    source = store.sources["accounts"]
    snapshot = source.snapshot()
    source.verify(snapshot)
    server("create table newer (like accounts)")
    server("drop table accounts")
    server("alter table newer rename to accounts")

    with pytest.raises(SourceChanged, match="was replaced while it was read"):
        source.verify(snapshot)


def test_the_version_of_a_table_changes_with_its_rows(server, accounts, store):
    before = store.sources["accounts"].snapshot()
    assert store.sources["accounts"].snapshot() == before
    server("update accounts set balance = 0")
    assert store.sources["accounts"].snapshot() != before


def test_reading_loads_neither_pandas_nor_the_module_that_would(url, accounts):
    program = f"""
import sys
from tests.integration.database_runs import Store
store = Store({url!r})
assert store.table(store.read("accounts")).num_rows == 3
print(*sorted({{"pandas", "adbc_driver_manager.dbapi"}} & set(sys.modules)))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (result.stdout.strip(), result.stderr) == ("", "")


def test_a_selection_of_expressions_is_computed_there(accounts, store):
    doubled = Select(
        accounts,
        (
            Named("id", column(accounts.schema, "id")),
            Named("twice", call("multiply", column(accounts.schema, "balance"), literal(2))),
        ),
    )
    assert store.rows(sorted_by(doubled, "id"))[0] == {"id": 1, "twice": Decimal("21.00")}


def test_dots_may_be_part_of_the_name_of_a_schema_or_table(server, store):
    server('create schema "o.o"')
    server('create table "o.o"."t.t" as select 7 as x')

    assert store.rows(store.read("o.o.t.t")) == [{"x": 7}]


def test_a_numeric_nan_is_told_of_in_words(server, store):
    server("create table t (n numeric(5,2))")
    server("insert into t values ('NaN')")

    with pytest.raises(TransferError, match="'n' came as string and does not fit decimal"):
        store.rows(store.read())
