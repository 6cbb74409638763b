"""Tables that are written: what readers see, what is refused, and what stays as it was."""

from __future__ import annotations

import datetime
import decimal
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest

import wayfed as wf
from wayfed_optimizer.errors import (
    ColumnNotFound,
    ExecutionError,
    InvalidOption,
    SourceError,
    TypeMismatch,
    WayfedError,
)

ORDERS = {"id": [1, 2, 3], "note": ["a", None, ""]}
POSTGRES = pytest.param("postgresql", marks=pytest.mark.postgres)


@pytest.fixture
def ctx():
    with wf.context() as context:
        yield context


@pytest.fixture
def postgres(postgres_url):
    """URL of a database of its own."""
    database = f"writing_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {database}")
        yield f"{postgres_url.rpartition('/')[0]}/{database}"
        server.execute(f"DROP DATABASE {database} WITH (FORCE)")


@pytest.fixture(params=["sqlite", POSTGRES])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/shop.sqlite"
    return request.getfixturevalue("postgres")


def execute(url, *statements):
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            for statement in statements:
                rows = connection.execute(statement).fetchall()
            connection.commit()
            return rows
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def rows(ctx, url, table):
    return ctx.read(url, table=table).sort("id").to_arrow().to_pylist()


def test_a_table_is_made_added_to_and_replaced(ctx, url):
    orders = ctx.read(ORDERS)
    assert orders.write(url, table="orders") == 3
    assert rows(ctx, url, "orders") == pa.table(ORDERS).to_pylist()
    with pytest.raises(SourceError, match=r"orders of .* exists already"):
        orders.write(url, table="orders")
    more = ctx.read({"note": ["d"], "id": pa.array([4], pa.int8())})
    assert more.write(url, table="orders", mode="append") == 1
    assert [row["id"] for row in rows(ctx, url, "orders")] == [1, 2, 3, 4]
    assert more.write(url, table="orders", mode="overwrite") == 1
    assert rows(ctx, url, "orders") == [{"id": 4, "note": "d"}]
    other = ctx.read({"id": [1], "x": [1.5]})
    assert other.write(url, table="orders", mode="overwrite") == 1
    assert rows(ctx, url, "orders") == [{"id": 1, "x": 1.5}]
    assert ctx.read(ORDERS).filter("id > 9").write(url, table="none", mode="append") == 0
    assert ctx.read(url, table="none").columns == ("id", "note")


def test_names_are_written_as_they_are(ctx, url):
    table = 'Order "lines"; drop table x'
    columns = {"id": [1], 'a "b" c': ["x"], "select": [True], "é😀": [2]}
    ctx.read(columns).write(url, table=table)
    ctx.read(columns).write(url, table=table, mode="append")
    assert rows(ctx, url, table) == pa.table(columns).to_pylist() * 2


def test_what_does_not_fit_a_table_names_the_column_and_the_cast(ctx, url):
    execute(url, "CREATE TABLE t (id integer, name varchar(20), at timestamp, d numeric(6,2))")
    good = pa.table(
        {
            "id": pa.array([1], pa.int32()),
            "name": ["a"],
            "at": pa.array([datetime.datetime(2013, 1, 1)], pa.timestamp("us")),
            "d": [decimal.Decimal("1.50")],
        }
    )
    ctx.read(good).write(url, table="t", mode="append")
    cases = (
        ({"id": pa.array(["a"])}, TypeMismatch, r"\.cast\(id='int"),
        (
            {"d": pa.array([decimal.Decimal("1.555")])},
            TypeMismatch,
            r"\.cast\(d='decimal\(6,2\)'\)",
        ),
        ({"nme": pa.array(["a"])}, ColumnNotFound, "did you mean 'name'"),
        ({"at": None}, SourceError, r"no column 'at'.*\n.*\n.*cast\('timestamp'\)"),
    )
    for changed, error, told in cases:
        kept = {n: good[n] for n in good.column_names} | changed
        table = pa.table({n: c for n, c in kept.items() if c is not None})
        with pytest.raises(error, match=told):
            ctx.read(table).write(url, table="t", mode="append")
    assert len(rows(ctx, url, "t")) == 1


def test_columns_that_the_table_fills_itself_may_be_left_out(ctx, url):
    key = "integer primary key" if url.startswith("sqlite") else "bigserial primary key"
    execute(url, f"CREATE TABLE t (id {key}, name text, kind text DEFAULT 'new')")
    ctx.read({"name": ["a", "b"]}).write(url, table="t", mode="append")
    assert [row["kind"] for row in rows(ctx, url, "t")] == ["new", "new"]


def test_nested_columns_are_refused(ctx, url):
    nested = ctx.read(pa.table({"x": [[1]], "y": [{"a": 1}]}))
    with pytest.raises(TypeMismatch, match=r"'x' is list<int64>.*\n.*explode"):
        nested.select("x").write(url, table="t")
    with pytest.raises(TypeMismatch, match=r"'y' is struct.*\n.*columns of its fields"):
        nested.select("y").write(url, table="t")


def test_a_failure_leaves_the_table_as_it_was(ctx, url):
    ctx.read({"x": ["1"]}).write(url, table="t")
    failing = ctx.read({"x": ["1", "two"]}).cast(x="int64").cast(x="text")
    for mode in ("append", "overwrite"):
        with pytest.raises(WayfedError, match="two"):
            failing.write(url, table="t", mode=mode)
    with pytest.raises(WayfedError, match="two"):
        failing.write(url, table="u")
    assert execute(url, "SELECT x FROM t") == [("1",)]
    assert ctx.read({"x": ["2"]}).write(url, table="t", mode="append") == 1


def test_constraints_are_heeded_and_told(ctx, url):
    execute(url, "CREATE TABLE t (id bigint PRIMARY KEY, note text)")
    ctx.read(ORDERS).write(url, table="t", mode="append")
    with pytest.raises(ExecutionError, match=r"t of .* cannot be written: .*(?i:unique)"):
        ctx.read({"id": [4, 1], "note": ["d", "e"]}).write(url, table="t", mode="append")
    ctx.read(ORDERS).write(url, table="t", mode="overwrite")
    assert len(rows(ctx, url, "t")) == 3


def test_a_plan_may_replace_and_add_to_the_table_that_it_reads(ctx, url):
    ctx.read(ORDERS).write(url, table="t")
    table = ctx.read(url, table="t")
    table.with_columns(id=wf.col("id") + 10).write(url, table="t", mode="append")
    table.filter("id > 11").write(url, table="t", mode="overwrite")
    assert [row["id"] for row in rows(ctx, url, "t")] == [12, 13]
    table.with_columns(twice=wf.col("id") * 2).write(url, table="t", mode="overwrite")
    assert [row["twice"] for row in rows(ctx, url, "t")] == [24, 26]


def test_options_that_do_not_go_together_are_refused(ctx, url, tmp_path):
    orders = ctx.read(ORDERS)
    with pytest.raises(InvalidOption, match="needs a table="):
        orders.write(url)
    with pytest.raises(InvalidOption, match="directories"):
        orders.write(url, table="t", partition_by="id")
    with pytest.raises(InvalidOption, match="files have no tables"):
        orders.write(tmp_path / "x.parquet", table="t")


def test_closing_the_context_ends_the_writing_and_takes_it_back(ctx, url):
    ctx.read(ORDERS).write(url, table="t")
    reached = threading.Event()

    def endless(batches):
        reached.set()
        threading.Event().wait(0.2)
        return batches

    many = ctx.read(pa.Table.from_batches(pa.table({"id": [1], "note": ["x"]}).to_batches() * 99))
    slow = many.map_batches(endless, schema=many.schema)
    closer = threading.Thread(target=lambda: (reached.wait(), ctx.close()))
    closer.start()
    with pytest.raises(WayfedError):
        slow.write(url, table="t", mode="append")
    closer.join()
    assert execute(url, "SELECT count(*) FROM t") == [(3,)]


KILLED = """
import os, sys
import pyarrow as pa
import wayfed as wf
url, mode = sys.argv[1:]
def batches():
    for number in range(200):
        if number == 150:
            print("writing", flush=True)
            sys.stdin.read()
        yield pa.record_batch({"id": list(range(2000)), "note": ["x" * 50] * 2000})
schema = pa.schema([("id", pa.int64()), ("note", pa.string())])
table = pa.RecordBatchReader.from_batches(schema, batches())
from wayfed.connectors import writer
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.platform import TargetRequest
from wayfed_optimizer.relations import WriteMode
from wayfed_arrow import schema_from_arrow
request = TargetRequest(url, schema_from_arrow(table.schema), WriteMode(mode), "t")
connector = writer(request)
store = connector.store(url, {}, new=True)
connector.target(request, store).write(table, CancellationToken())
"""


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_a_writer_that_is_killed_leaves_the_old_rows(ctx, url, mode):
    ctx.read(ORDERS).write(url, table="t")
    command = [sys.executable, "-c", KILLED, url, mode]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
    assert rows(ctx, url, "t") == pa.table(ORDERS).to_pylist()
    assert ctx.read({"id": [9], "note": ["z"]}).write(url, table="t", mode=mode) == 1


def test_sqlite_takes_back_what_a_killed_transaction_had_begun(ctx, tmp_path):
    path = tmp_path / "x.sqlite"
    ctx.read(ORDERS).write(path, table="t")
    pid = os.fork()
    if pid == 0:
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("DELETE FROM t")
        many = ((i, "x" * 500) for i in range(20_000))
        connection.executemany("INSERT INTO t VALUES (?, ?)", many)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert path.with_name("x.sqlite-journal").exists()
    assert ctx.read(path, table="t").count() == 3


def test_a_disk_that_is_full_is_told_and_leaves_the_table(tmp_path):
    program = f"""
import resource
import numpy as np
import wayfed as wf
url = "sqlite:///{tmp_path / "bank.db"}"
with wf.context() as ctx:
    ctx.read({{"x": [1]}}).write(url, table="t")
    resource.setrlimit(resource.RLIMIT_FSIZE, (40960, 40960))
    try:
        ctx.read({{"x": np.arange(300_000)}}).write(url, table="t", mode="overwrite")
    except wf.WayfedError as error:
        print(type(error).__name__, "is there room" in str(error))
    print(ctx.read(url, table="t").to_numpy()["x"].tolist())
"""
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert result.stdout == "ExecutionError True\n[1]\n", result.stdout + result.stderr


def test_views_of_a_replaced_table_show_the_new_rows(ctx, tmp_path):
    url = f"sqlite:///{tmp_path / 'bank.db'}"
    with closing(sqlite3.connect(tmp_path / "bank.db")) as connection:
        connection.executescript("CREATE TABLE t (a, b); CREATE VIEW v AS SELECT a FROM t")
    ctx.read({"a": [5], "c": [1.5]}).write(url, table="t", mode="overwrite")
    assert execute(url, "SELECT a FROM v") == [(5,)]


def test_sqlite_refuses_what_it_cannot_hold(ctx, tmp_path):
    path = f"{tmp_path}/x.sqlite"
    instant = pa.array([datetime.datetime(2013, 1, 1)], pa.timestamp("us", "UTC"))
    with pytest.raises(TypeMismatch, match=r"\.cast\(at='timestamp'\)"):
        ctx.read(pa.table({"at": instant})).write(path, table="t")
    long = pa.array([decimal.Decimal("1.5")], pa.decimal128(38, 2))
    with pytest.raises(TypeMismatch, match=r"cast\(d='decimal\(15,2\)'\)"):
        ctx.read(pa.table({"d": long})).write(path, table="t")
    with pytest.raises(WayfedError, match="NaN"):
        ctx.read({"x": [float("nan")]}).write(path, table="t")
    assert not os.path.exists(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE VIEW v AS SELECT 1 AS x")
    with pytest.raises(SourceError, match="is a view"):
        ctx.read({"x": [1]}).write(path, table="v", mode="append")
    with pytest.raises(SourceError, match="no SQLite database"):
        ctx.read({"x": [1]}).write(tmp_path / "none" / "x.sqlite", table="v")


@pytest.mark.postgres
def test_a_schema_may_be_named_and_must_be_there(ctx, postgres):
    execute(postgres, 'CREATE SCHEMA "S x"')
    ctx.read(ORDERS).write(postgres, table="S x.T")
    assert execute(postgres, 'SELECT count(*) FROM "S x"."T"') == [(3,)]
    with pytest.raises(SourceError, match=r"no schema 'S y'.*\n.*public.*\n.*did you mean 'S x'"):
        ctx.read(ORDERS).write(postgres, table="S y.T")


@pytest.mark.postgres
def test_an_overwritten_table_keeps_its_indexes_and_grants(ctx, postgres):
    execute(
        postgres,
        "CREATE TABLE t (id bigint, note text)",
        "CREATE INDEX t_id ON t (id)",
        "GRANT SELECT ON t TO public",
        "CREATE VIEW v AS SELECT * FROM t",
    )
    before = execute(postgres, "SELECT oid, relacl::text FROM pg_class WHERE relname = 't'")
    ctx.read(ORDERS).write(postgres, table="t", mode="overwrite")
    assert execute(postgres, "SELECT oid, relacl::text FROM pg_class WHERE relname = 't'") == before
    with pytest.raises(ExecutionError, match=r"depend on it.*\n.*drop what does"):
        ctx.read({"x": [1]}).write(postgres, table="t", mode="overwrite")
    with pytest.raises(SourceError, match=r"'v' of .* is not a table"):
        ctx.read(ORDERS).write(postgres, table="v", mode="append")


@pytest.mark.postgres
def test_rows_that_others_hang_on_are_not_overwritten(ctx, postgres):
    execute(
        postgres,
        "CREATE TABLE t (id bigint PRIMARY KEY, note text)",
        "CREATE TABLE lines (t bigint REFERENCES t ON DELETE CASCADE)",
    )
    with pytest.raises(SourceError, match="rows of lines go"):
        ctx.read(ORDERS).write(postgres, table="t", mode="overwrite")


@pytest.mark.postgres
def test_a_reader_of_an_older_snapshot_sees_the_old_rows(ctx, postgres):
    ctx.read(ORDERS).write(postgres, table="t")
    with psycopg.connect(postgres) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        assert reader.execute("SELECT 1").fetchall()
        ctx.read({"id": [9], "note": ["z"]}).write(postgres, table="t", mode="overwrite")
        assert reader.execute("SELECT count(*) FROM t").fetchone() == (3,)
    assert execute(postgres, "SELECT count(*) FROM t") == [(1,)]


@pytest.mark.postgres
def test_writers_of_one_table_wait_for_each_other(ctx, postgres):
    ctx.read(ORDERS).write(postgres, table="t")

    def overwrite(number):
        ctx.read({"id": [number, number], "note": ["x", "y"]}).write(
            postgres, table="t", mode="overwrite"
        )

    threads = [threading.Thread(target=overwrite, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [row["id"] for row in rows(ctx, postgres, "t")]
    assert len(ids) == 2
    assert len(set(ids)) == 1


INTERRUPTED = """
import sys
import wayfed as wf
with wf.context() as ctx:
    try:
        ctx.read({"id": [1], "note": ["x"]}).write(sys.argv[1], table="t", mode="append")
    except KeyboardInterrupt:
        print("interrupted")
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 't'::regclass"


@pytest.mark.postgres
def test_ctrl_c_ends_a_write_that_waits_for_a_lock(ctx, postgres):
    ctx.read(ORDERS).write(postgres, table="t")
    command = [sys.executable, "-c", INTERRUPTED, postgres]
    with psycopg.connect(postgres) as holder, psycopg.connect(postgres, autocommit=True) as watcher:
        holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            while watcher.execute(WAITING).fetchone() == (0,):
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=120)[0] == "interrupted\n"
        assert watcher.execute(WAITING).fetchone() == (0,)
    assert execute(postgres, "SELECT count(*) FROM t") == [(3,)]


@pytest.mark.postgres
def test_who_may_not_write_is_told_what_to_ask_for_without_the_password(ctx, postgres):
    user = f"guest_{uuid4().hex[:8]}"
    execute(
        postgres,
        f"CREATE ROLE {user} LOGIN PASSWORD 'hunter2'",
        "CREATE TABLE t (id bigint, note text)",
        f"GRANT SELECT ON t TO {user}",
        "REVOKE CREATE ON SCHEMA public FROM public",
    )
    host = postgres.rpartition("@")[2]
    guest = f"postgresql://{user}:hunter2@{host}"
    for table, right in (("t", "INSERT ON"), ("u", "CREATE ON SCHEMA")):
        with pytest.raises(SourceError, match=f"GRANT {right}") as caught:
            ctx.read(ORDERS).write(guest, table=table, mode="append")
        assert "hunter2" not in str(caught.value)
    nowhere = f"{postgres.rpartition('/')[0]}/nowhere"
    with pytest.raises(SourceError, match="no database 'nowhere'"):
        ctx.read(ORDERS).write(nowhere, table="t")
    execute(postgres, f"DROP OWNED BY {user}", f"DROP ROLE {user}")
