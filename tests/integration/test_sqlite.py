"""SQLite: declared types held to, statements, rows from elsewhere, one version a run, stopping."""

from __future__ import annotations

import datetime
import sqlite3
import subprocess
import sys
import threading
from contextlib import ExitStack, closing
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

import wayfed as wf
from tests.integration.database_runs import Store
from wayfed_arrow import schema_from_arrow
from wayfed_database import CONNECTOR
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import (
    Cancelled,
    ColumnNotFound,
    ExecutionError,
    InvalidOption,
    SourceChanged,
    SourceError,
    TableNotFound,
    TransferError,
    TypeMismatch,
    Unsupported,
)
from wayfed_optimizer.expressions import Named, SortKey, call, column, literal
from wayfed_optimizer.platform import ARROW_STREAM
from wayfed_optimizer.relations import (
    Aggregate,
    Filter,
    Join,
    JoinKind,
    Limit,
    Read,
    Select,
    Sort,
)
from wayfed_optimizer.statistics.estimates import Provenance
from wayfed_optimizer.types import Schema


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bank.sqlite"


@pytest.fixture
def sql(path):
    """Run SQL in the test's database."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        yield connection.executescript


@pytest.fixture
def store(sql, path):
    return Store(f"sqlite:///{path}")


def sorted_by(relation, name):
    return Sort(relation, (SortKey(column(relation.schema, name)),))


def total(relation, name):
    return Aggregate(relation, (), (Named("total", call("sum", column(relation.schema, name))),))


def test_a_database_file_is_claimed_by_its_url_and_by_its_name(store, path):
    assert CONNECTOR.claims(f"sqlite:///{path}", None)
    assert CONNECTOR.claims(path, None)
    assert CONNECTOR.claims("bank.db", None)
    assert not CONNECTOR.claims("bank.parquet", None)
    assert not CONNECTOR.claims("bank.db", "csv")
    assert CONNECTOR.claims("bank.data", "sqlite")
    assert store.platform.name == "sqlite:bank"


def test_a_strict_tables_filter_runs_there_as_it_is_written(sql, store):
    sql("create table t (id integer primary key, name text) strict; insert into t values (1, 'a')")
    read = store.read()
    chosen = Filter(read, call("equal", column(read.schema, "id"), literal(1)))

    compiled = store.platform.compile(store.fragment(chosen), store.sources)

    assert compiled.text == "SELECT id, name FROM main.t WHERE id = 1"
    assert store.rows(chosen) == [{"id": 1, "name": "a"}]


def test_every_declared_type_arrives_as_the_schema_says(sql, store):
    sql(
        """
        create table t (id integer primary key, n bigint not null, x real, s varchar(9), b blob,
            ok boolean, d date, ts datetime, price decimal(10,2));
        insert into t values
            (1, -1, 0.5, 'é', x'00ff', 1, '2013-07-01', '2013-07-01 09:30:00.000001', 12.3),
            (2, 0, null, null, null, null, null, null, null)
        """
    )

    rows = store.rows(sorted_by(store.read(), "id"))

    assert [str(field) for field in store.sources["t"].schema] == [
        "id int64 not null",
        "n int64 not null",
        "x float64",
        "s text",
        "b binary",
        "ok bool",
        "d date",
        "ts timestamp",
        "price decimal(10,2)",
    ]
    assert list(rows[0].values()) == [
        1,
        -1,
        0.5,
        "é",
        b"\x00\xff",
        True,
        datetime.date(2013, 7, 1),
        datetime.datetime(2013, 7, 1, 9, 30, 0, 1),
        Decimal("12.30"),
    ]
    assert list(rows[1].values()) == [2, 0, *[None] * 7]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("uuid", "is uuid"),
        ("", "is of no declared type"),
        ("numeric", "is numeric without a precision"),
        ("decimal(18,2)", "up to 15 digits"),
        ("json", "is json"),
    ],
)
def test_a_type_without_a_counterpart_is_refused_with_the_cast_that_mends_it(
    sql, store, kind, told
):
    sql(f"create table t (x {kind})")

    with pytest.raises(TypeMismatch, match="column 'x' is ") as caught:
        store.read()

    assert told in str(caught.value)
    assert 'query="select cast(x as ' in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("integer", "'many'", "int64, and holds 'many'"),
        ("integer", "''", "int64, and holds ''"),
        ("integer", "1.5", "int64, and holds 1.5"),
        ("real", "'1,5'", "float64, and holds '1,5'"),
        ("boolean", "'true'", "bool, and holds 'true'"),
        ("boolean", "2", "bool, and holds 2"),
        ("date", "'01/07/2013'", "date, and holds '01/07/2013'"),
        ("date", "20130701", "date, and holds 20130701"),
        ("timestamp", "1372671000", "timestamp, and holds 1372671000"),
        ("timestamp", "'2013-07-01T09:30:00+02:00'", "timestamp, and holds '2013"),
        ("decimal(6,2)", "'a'", r"decimal\(6,2\), and holds 'a'"),
    ],
)
def test_a_value_that_is_not_of_its_declared_type_is_an_error_wherever_it_is_used(
    sql, store, kind, value, told
):
    sql(f"create table t (id integer primary key, x {kind}); insert into t values (1, {value})")
    read = store.read()
    counted = Aggregate(
        Filter(read, call("is_not_null", column(read.schema, "x"))),
        (),
        (Named("n", call("max", column(read.schema, "x"))),),
    )

    for relation in (read, counted):
        with pytest.raises(TransferError, match=f"column 'x' is declared as {told}"):
            store.rows(relation)


def test_text_in_an_indexed_number_is_noticed_and_the_index_stays_of_use(sql, store):
    sql("create table t (k integer, s text); create index by_k on t (k)")
    sql("insert into t values (1, 'a')")
    read = store.read()
    chosen = Filter(read, call("equal", column(read.schema, "k"), literal(1)))
    compiled = store.platform.compile(store.fragment(chosen), store.sources)

    assert compiled.text == "SELECT k, s FROM main.t WHERE k = 1"
    assert store.rows(chosen) == [{"k": 1, "s": "a"}]

    sql("insert into t values ('two', 'b')")
    with pytest.raises(TransferError, match="column 'k' is declared as int64, and holds 'two'"):
        store.rows(chosen)


def test_bytes_in_a_text_column_are_an_error_that_names_it(sql, store):
    sql("create table t (s text); insert into t values (x'ff')")

    with pytest.raises(TransferError, match="column 's' is text, and holds a value that is blob"):
        store.rows(store.read())


def test_timestamps_of_every_precision_compare_as_times(sql, store):
    sql(
        """
        create table t (id integer primary key, at timestamp);
        insert into t values (1, '2013-07-01'), (2, '2013-07-01 00:00'), (3, '2013-07-01T00:00:00'),
            (4, '2013-07-01 00:00:00.5'), (5, '2013-06-30 23:59:59.999999')
        """
    )
    read = store.read()
    midnight = literal(datetime.datetime(2013, 7, 1))
    at_midnight = Filter(read, call("equal", column(read.schema, "at"), midnight))
    later = Filter(read, call("greater", column(read.schema, "at"), midnight))

    assert [row["id"] for row in store.rows(sorted_by(at_midnight, "id"))] == [1, 2, 3]
    assert store.rows(later) == [{"id": 4, "at": datetime.datetime(2013, 7, 1, 0, 0, 0, 500000)}]


def test_texts_compare_by_code_point_whatever_the_columns_collation(sql, store):
    sql("create table t (x text collate nocase, y text collate rtrim, z text)")
    sql("insert into t values ('b', 'a ', 'c'), ('B', 'a', 'C'), ('a', 'a', 'a')")
    read = store.read()

    equal_b = Filter(read, call("equal", column(read.schema, "x"), literal("b")))
    equal_a = Filter(read, call("equal", column(read.schema, "y"), literal("a")))

    assert len(store.rows(equal_b)) == 1
    assert len(store.rows(equal_a)) == 2
    assert [row["x"] for row in store.rows(sorted_by(read, "x"))] == ["B", "a", "b"]


def test_decimals_of_15_digits_are_exact(sql, store):
    values = [Decimal("0.10"), Decimal("9999999999999.99"), Decimal("-0.01"), Decimal("2.67")]
    sql("create table t (id integer primary key, x decimal(15,2))")
    for value in values:
        sql(f"insert into t (x) values ({value})")

    assert [row["x"] for row in store.rows(sorted_by(store.read(), "id"))] == values


def test_a_column_that_begins_with_thousands_of_nulls_keeps_its_type(sql, store):
    sql(
        """
        create table t (id integer primary key, s text, x real);
        with recursive g(i) as (select 1 union all select i + 1 from g where i < 70000)
        insert into t select i, case when i = 70000 then 'last' end, null from g
        """
    )
    table = store.table(sorted_by(store.read(), "id"))

    assert table["s"].null_count == 69_999
    assert table["s"][-1].as_py() == "last"
    assert table.schema.field("x").type == pa.float64()


def test_a_view_and_a_query_tell_their_types_by_columns_and_casts(sql, store):
    sql(
        """
        create table t (id integer primary key, at timestamp, x real);
        insert into t values (1, '2013-07-01 09:30:00', 2.5);
        create view v as select id, at, cast(x as integer) as whole from t
        """
    )
    view = store.read("v")

    assert [str(field) for field in view.schema] == ["id int64", "at timestamp", "whole int64"]
    assert store.rows(view)[0]["whole"] == 2
    with pytest.raises(TypeMismatch, match="column 'u' is of no declared type"):
        store.read(as_="q", query="select upper('a') as u")
    mended = store.read(as_="m", query="select cast(upper('a') as text) as u;")
    assert store.rows(mended) == [{"u": "A"}]


def test_two_tables_join_there_and_a_view_of_each_is_made_once(sql, store):
    sql(
        """
        create table a (id integer primary key, x integer); insert into a values (1, 10), (2, 20);
        create table b (ref integer, y integer); insert into b values (1, 5), (1, 6)
        """
    )
    a, b = store.read("a"), store.read("b")
    joined = Join(a, b, JoinKind.LEFT, (("id", "ref"),))

    with store.run() as run:
        assert run.table(joined, id="f1").num_rows == 3
        assert run.table(joined, id="f2").num_rows == 3


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 39), reason="SQLite before 3.39")
def test_full_joins_run_there(sql, store):
    sql(
        """
        create table a (x integer) strict; insert into a values (1), (2);
        create table b (y integer) strict; insert into b values (2), (3)
        """
    )
    joined = Join(store.read("a"), store.read("b"), JoinKind.FULL, (("x", "y"),))

    rows = {(row["x"], row["y"]) for row in store.rows(joined)}

    assert rows == {(1, None), (2, 2), (None, 3)}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.int32(), [1, None]),
        (pa.int64(), [2**63 - 1, -(2**63)]),
        (pa.float64(), [0.1, float("inf")]),
        (pa.float32(), [0.5, None]),
        (pa.decimal128(12, 2), [Decimal("1.50"), Decimal("-0.01")]),
        (pa.bool_(), [True, None]),
        (pa.string(), ["it's", ""]),
        (pa.binary(), [b"\x00", None]),
        (pa.date32(), [datetime.date(1, 1, 1), datetime.date(9999, 12, 31)]),
        (pa.timestamp("us"), [datetime.datetime(1969, 12, 31, 23, 59, 59, 999999), None]),
        (pa.timestamp("us", "UTC"), [datetime.datetime(2013, 1, 1, tzinfo=datetime.UTC), None]),
    ],
    ids=str,
)
def test_values_come_back_as_they_went_in(store, kind, values):
    rows = pa.table({"x": pa.array(values, kind)})
    read = Read("f0", schema_from_arrow(rows.schema))

    with store.run() as run:
        run.ingest("f0", rows.to_reader(), ARROW_STREAM)
        assert run.table(read).equals(rows)


def test_timestamps_from_elsewhere_compare_with_those_that_are_there(sql, store):
    sql("create table t (at timestamp); insert into t values ('2013-07-01T09:30:00')")
    moments = pa.table({"moment": pa.array([datetime.datetime(2013, 7, 1, 9, 30)])})
    joined = Join(
        store.read(), Read("f0", Schema.of(moment="timestamp")), JoinKind.SEMI, (("at", "moment"),)
    )

    with store.run() as run:
        run.ingest("f0", moments)
        assert run.table(joined).num_rows == 1


def test_what_sqlite_cannot_hold_is_refused(store):
    with store.run() as run:
        with pytest.raises(TransferError, match="column 'x' holds NaN"):
            run.ingest("f0", pa.table({"x": [1.0, float("nan")]}))
        with pytest.raises(TransferError, match="SQLite keeps 15 digits"):
            run.ingest("f1", pa.table({"x": pa.array([Decimal(1)], pa.decimal128(20, 2))}))


def test_rows_from_elsewhere_leave_nothing_in_the_file(sql, path, store):
    sql("create table t (id integer primary key)")
    before = path.read_bytes()

    with store.run() as run:
        run.ingest("f0", pa.table({"k": [1]}))
        run.table(store.read())

    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_run_sees_one_version_of_the_file(sql, store, journal):
    sql(f"pragma journal_mode = {journal}")
    sql("create table t (id integer primary key); insert into t values (1)")
    read = store.read()

    with store.run() as run:
        assert run.table(read, id="f1").num_rows == 1
        with ExitStack() as stack:
            if journal == "delete":  # a reader there keeps writers out
                stack.enter_context(pytest.raises(sqlite3.OperationalError, match="locked"))
            sql("insert into t values (2)")
        assert run.table(read, id="f2").num_rows == 1
    expected = 1 if journal == "delete" else 2
    assert store.table(read).num_rows == expected


def test_results_are_read_at_the_same_time(sql, store):
    sql(
        """
        create table t (n integer) strict;
        with recursive g(i) as (select 1 union all select i + 1 from g where i < 200000)
        insert into t select i from g
        """
    )
    read = store.read()

    with store.run() as run:
        first = run.stream(read, id="f1")
        begun = next(first).num_rows
        second = run.stream(total(read, "n"), id="f2")
        third = run.stream(Limit(read, 3), id="f3")
        assert third.read_all().num_rows == 3
        again = run.stream(Limit(read, 2), id="f4")
        assert second.read_all()["total"].to_pylist() == [20000100000]
        assert again.read_all().num_rows == 2
        assert begun + first.read_all().num_rows == 200_000


def test_a_cancelled_statement_ends_at_once(sql, store):
    sql("create table t (n integer) strict; insert into t values (1)")
    endless = store.read(
        as_="q",
        query="with recursive g(i) as (select 1 union all select i + 1 from g) "
        "select cast(count(*) as integer) as n from g",
    )
    token = CancellationToken()
    timer = threading.Timer(0.3, token.cancel, ("Ctrl-C",))
    timer.start()

    with store.run(token) as run, pytest.raises(Cancelled, match="Ctrl-C"):
        run.table(endless)
    timer.join()


def test_integer_overflow_is_an_error(sql, store):
    sql(f"create table t (n integer) strict; insert into t values ({2**63 - 1}), (1)")

    with pytest.raises(ExecutionError, match="integer overflow") as caught:
        store.rows(total(store.read(), "n"))
    assert "SUM(" in str(caught.value.sql)


def test_statistics_are_those_that_analyze_left(sql, store):
    sql(
        """
        create table t (id integer primary key, k integer, s text);
        create index by_k on t (k);
        with recursive g(i) as (select 1 union all select i + 1 from g where i < 1000)
        insert into t select i, i % 10, 'x' from g;
        analyze
        """
    )
    store.read()

    known = store.sources["t"].statistics()

    assert known.rows.likely == 1000
    assert known.rows.provenance is Provenance.DATABASE
    assert known.columns["k"].distinct == 10
    assert (known.columns["k"].low, known.columns["k"].high) == (0, 9)
    assert (known.columns["id"].low, known.columns["id"].high) == (1, 1000)


def test_without_analyze_the_greatest_row_id_tells_the_size(sql, store):
    sql("create table t (x text)")
    sql("insert into t values ('a'), ('b'), ('c')")
    sql("create table w (x text primary key) without rowid; create view v as select * from t")
    for name in ("t", "w", "v"):
        store.read(name)

    assert store.sources["t"].statistics().rows.likely == 3
    assert store.sources["w"].statistics().rows.provenance is Provenance.DEFAULT
    assert store.sources["v"].statistics().rows.provenance is Provenance.DEFAULT


def test_a_table_that_was_dropped_after_planning_is_a_changed_source(sql, store):
    sql("create table t (id integer primary key, x real)")
    read = store.read()
    sql("drop table t")

    with pytest.raises(SourceChanged, match="was dropped after the plan was made"):
        store.sources["t"].snapshot()
    with pytest.raises(SourceChanged, match=r"no such table: main\.t"):
        store.rows(read)


def test_a_column_that_changed_after_planning_is_named(sql, store):
    sql("create table t (id integer primary key, x real, y text)")
    store.read()
    snapshot = store.sources["t"].snapshot()
    sql("drop table t; create table t (id integer primary key, x text)")

    with pytest.raises(SourceChanged) as caught:
        store.sources["t"].verify(snapshot)

    assert "column 'x' was REAL and is TEXT" in str(caught.value)
    assert "column 'y' is gone" in str(caught.value)


def test_the_version_of_a_table_changes_with_its_rows(sql, store):
    sql("create table t (id integer primary key)")
    store.read()
    before = store.sources["t"].snapshot()
    assert store.sources["t"].snapshot() == before
    sql("insert into t values (1)")
    assert store.sources["t"].snapshot() != before


def test_a_missing_file_is_named_and_not_made(tmp_path):
    (tmp_path / "bank.sqlite").touch()

    with pytest.raises(SourceError, match=r"there is no SQLite database .*bnak\.sqlite") as caught:
        CONNECTOR.store(f"sqlite:///{tmp_path}/bnak.sqlite", {})

    assert "did you mean 'bank.sqlite'?" in str(caught.value)
    assert not (tmp_path / "bnak.sqlite").exists()


def test_a_file_that_is_no_database_is_named(path):
    path.write_text("hello, world " * 100)

    with pytest.raises(SourceError, match=r"bank\.sqlite: file is not a database"):
        Store(path).read("t")


def test_a_misspelt_table_is_answered_with_the_closest(sql, store):
    sql("create table Transactions (id integer primary key)")

    assert store.read("transactions").schema.names == ("id",)
    with pytest.raises(TableNotFound, match="did you mean 'Transactions'"):
        store.read("transaction")


def test_a_query_that_is_none_is_refused_when_it_is_read(store):
    with pytest.raises(SourceError, match="does not take the query"):
        store.read(as_="q", query="selec 1")
    with pytest.raises(SourceError, match="does not take the query"):
        store.read(as_="q", query="delete from t")


def test_wanted_columns_must_be_there_with_their_types(sql, store):
    sql("create table t (id integer primary key, x real, y uuid)")

    read = store.read(schema=Schema.of(x="float64"))
    assert str(read.schema) == "Schema(x float64)"

    with pytest.raises(TypeMismatch, match="column 'x' of t is float64, not int64"):
        store.read(schema=Schema.of(x="int64"))
    with pytest.raises(ColumnNotFound, match="'z' is not a column of t"):
        store.read(schema=Schema.of(z="int64"))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url):
    with pytest.raises(Unsupported, match="SQLite database in memory"):
        CONNECTOR.store(url, {})


def test_options_of_a_url_are_refused(path):
    with pytest.raises(InvalidOption, match="'cache' is not an option of a SQLite URL"):
        CONNECTOR.store(f"sqlite:///{path}?cache=shared", {})


def test_a_name_with_blanks_and_quotes_is_a_name(sql, store):
    sql('create table "my ""t" ("a b" integer, "select" real); insert into "my ""t" values (1, 2)')

    assert store.rows(store.read('my "t')) == [{"a b": 1, "select": 2.0}]


def test_reading_loads_neither_pandas_nor_sqlalchemy(sql, path):
    sql("create table t (id integer primary key, at timestamp)")
    program = f"""
import sys
import wayfed as wf
from tests.integration.database_runs import Store
store = Store({str(path)!r})
assert store.table(store.read()).num_rows == 0
print(*sorted({{"pandas", "adbc_driver_manager.dbapi", "sqlalchemy"}} & set(sys.modules)))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (result.stdout.strip(), result.stderr) == ("", "")


def test_a_selection_is_computed_there(sql, store):
    sql("create table t (id integer primary key, x real); insert into t values (1, 2.5)")
    read = store.read()
    doubled = Select(
        read, (Named("twice", call("multiply", column(read.schema, "x"), literal(2.0))),)
    )
    assert store.rows(doubled) == [{"twice": 5.0}]


def test_a_table_that_is_read_twice_is_joined_where_that_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "visits.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE visits (visitor INTEGER, page TEXT)")
        connection.execute("INSERT INTO visits VALUES (0, 'a'), (1, 'b')")
    with wf.context() as ctx:
        visits = ctx.read(f"sqlite:///{path}", table="visits")
        others = visits.rename({"visitor": "other", "page": "other_page"})
        pairs = visits.join(others, how="inner", predicate="visitor = 0").on("sqlite:visits")
        assert pairs.count() == 2
