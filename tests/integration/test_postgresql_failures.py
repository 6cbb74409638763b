"""PostgreSQL stopped, out of reach, forbidden or asked for what it has not: what one is told."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import traceback
from contextlib import ExitStack
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest

from tests.integration.database_runs import Store
from tests.waiting import wait_until
from wayfed_database import CONNECTOR
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import (
    Cancelled,
    ExecutionError,
    InvalidOption,
    SourceError,
    TableNotFound,
    TransferError,
    Unsupported,
)
from wayfed_optimizer.expressions import Named, call, cast_to, column
from wayfed_optimizer.platform import SourceRequest
from wayfed_optimizer.relations import Aggregate, Read, Select
from wayfed_optimizer.types import INT64, Schema

pytestmark = pytest.mark.postgres

RUNNING = (
    "select count(*) from pg_stat_activity where datname = current_database() "
    "and application_name = 'wayfed' and state = 'active'"
)
# A function in FROM would be computed to its last row, and kept on disk, before the first comes.
ENDLESS = "(select generate_series(1, 100000000) as i) endless"


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
def open_store():
    """Open databases for as long as the test lasts."""
    with ExitStack() as stack:

        def opened(url):
            store = Store(url)
            stack.callback(store.platform.close)
            return store

        yield opened


@pytest.fixture
def store(url, open_store):
    return open_store(url)


def everything_said(error):
    return "".join(traceback.format_exception(error)) + repr(error)


def test_a_cancelled_statement_stops_in_the_server_too(server, store):
    slow = store.read(as_="slow", query="select pg_sleep(60)::text as x")
    token = CancellationToken()

    def cancel_when_it_runs():
        wait_until(lambda: server(RUNNING).fetchone() == (1,))
        token.cancel("Ctrl-C")

    watcher = threading.Thread(target=cancel_when_it_runs)
    watcher.start()
    with store.run(token) as run, pytest.raises(Cancelled, match="Ctrl-C"):
        run.table(slow)
    watcher.join()

    wait_until(lambda: server(RUNNING).fetchone() == (0,))


def test_a_cancelled_stream_stops_in_the_server_too(server, store):
    endless = store.read(as_="endless", query=f"select i, repeat('x', 1000) as x from {ENDLESS}")
    token = CancellationToken()

    with store.run(token) as run:
        stream = run.stream(endless)
        next(stream)
        token.cancel("enough")
        with pytest.raises(Cancelled, match="enough"):
            for _ in stream:
                pass
        wait_until(lambda: server(RUNNING).fetchone() == (0,))


CTRL_C = """
import wayfed
with wayfed.context() as ctx:
    ctx.read({url!r}, query="select pg_sleep(120)::text as x").to_arrow()
"""


def test_ctrl_c_stops_the_statement_in_the_server(server, url):
    program = subprocess.Popen(
        [sys.executable, "-c", CTRL_C.format(url=url)], stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: server(RUNNING).fetchone() == (1,))

    program.send_signal(signal.SIGINT)
    _, told = program.communicate(timeout=120)

    assert "KeyboardInterrupt" in told
    wait_until(lambda: server(RUNNING).fetchone() == (0,))


def test_a_cancelled_run_starts_nothing_more(server, store):
    server("create table t (x int)")
    token = CancellationToken()
    read = store.read()

    with store.run(token) as run:
        token.cancel("too late")
        with pytest.raises(Cancelled):
            run.table(read)


def test_a_run_that_was_stopped_leaves_no_connection_open(server, store):
    slow = store.read(as_="slow", query=f"select i from {ENDLESS}")
    with store.run() as run:
        stream = run.stream(slow)
        next(stream)

    reading = (
        "select count(*) from pg_stat_activity where datname = current_database() "
        "and application_name = 'wayfed' and query like 'COPY%generate_series%'"
    )
    wait_until(lambda: server(reading).fetchone() == (0,))


def test_a_stopped_source_of_a_temporary_table_stops_the_ingest(server, store):
    token = CancellationToken()

    def batches():
        yield pa.record_batch({"k": pa.array([1])})
        token.cancel("Ctrl-C")
        token.raise_if_cancelled()

    from wayfed_arrow import Stream

    stream = Stream(pa.schema({"k": pa.int64()}), batches())
    with store.run(token) as run, pytest.raises(Cancelled):
        run.ingest("f0", stream)


def test_an_error_of_a_statement_carries_its_sql_and_the_servers_own(server, store):
    server("create table t (x text)")
    server("insert into t values ('many')")
    read = store.read()
    bad = Select(read, (Named("x", cast_to(column(read.schema, "x"), INT64)),))

    with pytest.raises(ExecutionError) as caught:
        store.rows(bad)

    assert 'invalid input syntax for type bigint: "many"' in str(caught.value)
    assert "AS BIGINT" in str(caught.value.sql)
    assert caught.value.fragment == "f1"
    assert caught.value.__cause__ is not None


def test_an_error_in_the_middle_of_a_stream_carries_its_sql(store):
    read = store.read(
        as_="q", query="select 1 / (3000000 - i) as x from generate_series(1, 3000000) i"
    )
    with store.run() as run:
        stream = run.stream(read)
        with pytest.raises(ExecutionError, match="division by zero") as caught:
            stream.read_all()
    assert "generate_series" in str(caught.value.sql)


def test_after_an_error_the_next_run_works(server, store):
    server("create table t (x text)")
    server("insert into t values ('many')")
    read = store.read()
    bad = Select(read, (Named("x", cast_to(column(read.schema, "x"), INT64)),))
    with pytest.raises(ExecutionError):
        store.rows(bad)

    assert store.rows(read) == [{"x": "many"}]


def test_a_misspelt_table_is_answered_with_the_closest(server, store):
    server("create table transactions (id int)")
    server("create schema core")
    server("create table core.customers (id int)")

    with pytest.raises(TableNotFound) as caught:
        store.read("transaction")
    assert "did you mean 'transactions'?" in str(caught.value)
    assert caught.value.available == ("transactions", "core.customers")

    with pytest.raises(TableNotFound, match="customer") as caught:
        store.read("core.customer")
    assert "did you mean 'core.customers'?" in str(caught.value)


def test_a_table_of_another_schema_is_read_by_both_names(server, store):
    server('create schema "My schema"')
    server('create table "My schema"."Order" ("Select" int)')

    read = store.read("My schema.Order")

    assert read.schema.names == ("Select",)
    assert store.rows(read) == []


def test_an_index_is_not_a_table(server, store):
    server("create table t (x int primary key)")

    with pytest.raises(SourceError, match="neither a table nor a view"):
        store.read("t_pkey")


def test_a_query_that_is_none_is_refused_when_it_is_read(store):
    with pytest.raises(SourceError, match="does not take the query: syntax error at or near"):
        store.read(as_="q", query="selec 1")


def test_a_query_that_writes_is_refused(server, store):
    server("create table t (x int)")

    with pytest.raises(SourceError, match="does not take the query"):
        store.read(as_="q", query="delete from t returning x")
    server(
        "create function grow() returns int language sql as 'insert into t values (1) returning x'"
    )
    sneaky = store.read(as_="sneaky", query="select grow() as x")
    with pytest.raises(ExecutionError, match="read-only transaction"):
        store.rows(sneaky)


def test_who_may_not_read_a_table_is_told_so_when_it_is_read(server, url, open_store):
    server("create table secret (x int)")
    server(f"create role guest_{url[-6:]} login password 'open sesame'")
    host = url.rpartition("@")[2]
    guest = open_store(f"postgresql://guest_{url[-6:]}:open%20sesame@{host}")

    with pytest.raises(SourceError) as caught:
        guest.read("secret")
    assert f'GRANT SELECT ON "public"."secret" TO guest_{url[-6:]}' in str(caught.value)

    server("create view opened as select x, grown.y from secret, (select 1 as y) grown")
    server(f"grant select (y) on opened to guest_{url[-6:]}")
    read = guest.read("opened")
    with pytest.raises(ExecutionError, match="permission denied for view opened"):
        guest.rows(read)
    server(f"drop owned by guest_{url[-6:]}; drop role guest_{url[-6:]}")


def test_who_may_not_make_temporary_tables_is_told_what_to_ask_for(server, url, open_store):
    role = f"reader_{url[-6:]}"
    server(f"create role {role} login password 'x'")
    server(f"revoke temporary on database {url.rpartition('/')[2]} from public")
    guest = open_store(f"postgresql://{role}:x@{url.rpartition('@')[2]}")

    with guest.run() as run, pytest.raises(TransferError, match="GRANT TEMPORARY"):
        run.ingest("f0", pa.table({"k": pa.array([1])}))
    server(f"drop role {role}")


def test_a_wrong_password_is_said_and_not_shown(url, open_store):
    wrong = url.replace("wayfed:", "wayfed:hunter2-")
    store = open_store(wrong)

    with pytest.raises(SourceError) as caught:
        store.read("t")

    assert "refused the password of 'wayfed'" in str(caught.value)
    assert "hunter2" not in everything_said(caught.value)
    assert "hunter2" not in repr(store.platform) + repr(store.platform.engine.location)


def test_a_wrong_password_is_said_and_not_shown_by_the_connections_for_rows(url, open_store):
    store = open_store(url.replace("wayfed:", "wayfed:hunter2-"))
    with store.run() as run, pytest.raises(SourceError, match="refused the password") as caught:
        run.ingest("f0", pa.table({"k": pa.array([1])}))
    assert "hunter2" not in everything_said(caught.value)


def test_a_server_that_is_down_is_named_with_host_and_port(unused_port, open_store):
    store = open_store(f"postgresql://ada:countess@127.0.0.1:{unused_port}/core")

    with pytest.raises(SourceError) as caught:
        store.read("t")

    assert f"no answer from PostgreSQL at 127.0.0.1:{unused_port}" in str(caught.value)
    assert "is the server running" in str(caught.value)
    assert "countess" not in everything_said(caught.value)


@pytest.fixture
def unused_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_database_that_is_not_there_is_named(url, open_store):
    with pytest.raises(SourceError, match="has no database 'nowhere'"):
        open_store(url.rpartition("/")[0] + "/nowhere").read("t")


def test_the_server_going_down_in_a_run_is_an_error_of_the_run(server, store):
    read = store.read(as_="q", query=f"select i from {ENDLESS}")

    with store.run() as run:
        stream = run.stream(read)
        next(stream)
        server(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'wayfed' and state = 'active'"
        )
        with pytest.raises(ExecutionError, match="postgresql:test_"):
            for _ in stream:
                pass


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:p@ss:w/ord@host:54x32/core",
        "postgresql://ada:countess@[::1/core",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_showing_it(url):
    with pytest.raises(InvalidOption, match="URL cannot be read") as caught:
        CONNECTOR.store(url, {})
    said = everything_said(caught.value)
    assert "w/ord" not in said.replace(url, "")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://host/db", "its driver cannot be loaded"),
        ("oracle+cx_oracle://host/db", "its driver cannot be loaded"),
        ("snowflake://host/db", "no SQLAlchemy dialect called 'snowflake' is installed"),
    ],
)
def test_databases_whose_driver_is_missing_are_refused_by_name(url, told):
    assert CONNECTOR.claims(url, None)
    with pytest.raises(Unsupported, match=told) as caught:
        CONNECTOR.source(SourceRequest(url, table="t"), CONNECTOR.store(url, {}))
    assert f"a {url.partition(':')[0].partition('+')[0]} database" in str(caught.value)


def test_a_database_needs_either_a_table_or_a_query(store):
    with pytest.raises(InvalidOption, match="needs a table= or a query="):
        store.read(table=None)
    with pytest.raises(InvalidOption, match="'tabel' is not an option"):
        store.read(options={"tabel": "t"})


def test_integers_beyond_their_type_do_not_pass_through_a_temporary_table(store):
    read = Read("f0", Schema.of(k="int16"))
    total = Aggregate(read, (), (Named("n", call("sum", column(read.schema, "k"))),))
    with store.run() as run:
        run.ingest("f0", pa.table({"k": pa.array([32767, 32767], pa.int16())}))
        assert run.table(total).to_pylist() == [{"n": 65534}]
