"""Several connections read one table of PostgreSQL: its rows, once each, as of one moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

import wayfed as wf
from tests.integration.database_runs import OneRun, Store
from tests.waiting import wait_until
from wayfed_database import CONNECTOR
from wayfed_database.partitioned import Partitioned
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import Cancelled, ExecutionError, Failure, InvalidOption, TransferError
from wayfed_optimizer.expressions import (
    Named,
    SortKey,
    Subquery,
    SubqueryKind,
    call,
    column,
    literal,
)
from wayfed_optimizer.physical import Fragment
from wayfed_optimizer.relations import (
    Aggregate,
    Filter,
    Limit,
    Relation,
    Select,
    Sort,
)
from wayfed_optimizer.statistics.estimates import Estimate

pytestmark = pytest.mark.postgres

ROWS = 30_000
AT_WORK = """
select count(*) from pg_stat_activity where datname = current_database()
and application_name = 'wayfed' and query like '%ctid%' and state = 'active'
"""
PIDS = """
select pid from pg_stat_activity where datname = current_database()
and application_name = 'wayfed' and query = 'ROLLBACK'
"""
KILL = """
select pg_terminate_backend(max(pid)) from pg_stat_activity where datname = current_database()
and application_name = 'wayfed' and query like '%ctid%' and state = 'active'
"""
WAITING = "select count(*) from pg_locks where not granted and mode = 'AccessExclusiveLock'"


class ReadByMany(Store):
    """A database whose tables are read by several connections."""

    def __init__(self, target: object, **options: int) -> None:
        super().__init__(target)
        self.platform = CONNECTOR.store(target, options)
        self.estimated = ROWS

    def fragment(self, relation: Relation, **given: Any) -> Fragment:
        """Make the fragment, with as many rows as statistics would say."""
        return replace(super().fragment(relation, **given), rows=Estimate.exactly(self.estimated))


@pytest.fixture(scope="module")
def url(postgres_url: str) -> Iterator[str]:
    """A database with a table of many pages, in each of which there are few rows."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"create database {name}".encode())
        url = f"{postgres_url.rsplit('/', 1)[0]}/{name}"
        with psycopg.connect(url, autocommit=True) as connection:
            for table, rows in (("large", ROWS), ("small", 1000)):
                connection.execute(
                    f"create table {table} with (fillfactor = 10) as select i as id, "
                    f"lpad(i::text, 20, 'x')::char(24) as name "
                    f"from generate_series(1, {rows}) i".encode()
                )
            connection.execute(
                "create table wide with (fillfactor = 10) as select i as id, "
                "repeat('x', 3000) as name from generate_series(1, 20000) i"
            )
            connection.execute("create view seen as select * from large")
            connection.execute("create table parted (id int) partition by range (id)")
            connection.execute(
                f"create table lower partition of parted for values from (0) to ({ROWS})"
            )
            connection.execute(f"insert into parted select i from generate_series(1, {ROWS - 1}) i")
            connection.execute("vacuum analyze")
        yield url
        server.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def server(url: str) -> Iterator[Callable[..., Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection.execute


@pytest.fixture
def store(url: str) -> Iterator[ReadByMany]:
    store = ReadByMany(url, readers=3)
    yield store
    store.platform.close()


def leases(run: OneRun) -> int:
    """How many connections a run uses."""
    return len(run.session._leases)


def ids(rows: Any) -> list[int]:
    return sorted(rows.column("id").to_pylist())


def upper_half(table: Relation) -> Relation:
    return Filter(table, call("greater", column(table.schema, "id"), literal(ROWS // 2)))


def test_several_readers_give_the_rows_of_one(store: ReadByMany, url: str) -> None:
    table = store.read("large")
    with store.run() as run:
        rows = run.table(table)
        assert leases(run) == 3

    alone = Store(url)
    expected = alone.table(alone.read("large"))
    alone.platform.close()
    assert rows.schema == expected.schema
    assert rows.sort_by("id") == expected.sort_by("id")
    assert rows.num_rows == ROWS


def test_filters_and_columns_are_those_of_the_plan(store: ReadByMany) -> None:
    kept = upper_half(store.read("large"))
    relation = Select(kept, (Named("id", call("add", column(kept.schema, "id"), literal(1))),))
    store.estimated = ROWS // 2
    with store.run() as run:
        assert ids(run.table(relation)) == list(range(ROWS // 2 + 2, ROWS + 2))
        assert leases(run) == 3


def test_readers_that_begin_after_others_have_written_see_what_the_first_one_sees(
    store: ReadByMany, server: Callable[..., Any]
) -> None:
    server("create table changing with (fillfactor = 10) as select * from large")
    table, small = store.read("changing"), store.read("small")
    with store.run() as run:
        run.table(small)
        assert leases(run) == 1
        server("update changing set id = -id where id % 3 = 0")
        server("delete from changing where id % 3 = 1")
        server(f"insert into changing select i, 'new' from generate_series(1, {ROWS}) i")

        assert ids(run.table(table)) == list(range(1, ROWS + 1))
        assert leases(run) == 3


def test_readers_do_not_wait_for_one_who_waits_for_them(store: ReadByMany, url: str) -> None:
    table = store.read("large")
    with psycopg.connect(url) as other:
        waiting = threading.Thread(target=other.execute, args=("lock table large",))
        with store.run() as run, psycopg.connect(url, autocommit=True) as server:
            run.table(Limit(table, 1))
            waiting.start()
            wait_until(lambda: server.execute(WAITING).fetchone() == (1,))

            assert run.table(table, id="f2").num_rows == ROWS
        waiting.join()


def test_all_readers_of_a_cancelled_run_stop_in_the_server_too(
    store: ReadByMany, server: Callable[..., Any]
) -> None:
    token = CancellationToken()
    with store.run(token) as run:
        stream = run.stream(store.read("wide"))
        next(stream)
        assert server(AT_WORK).fetchone() == (3,)
        token.cancel("enough")
        with pytest.raises(Cancelled, match="enough"):
            stream.read_all()
        wait_until(lambda: server(AT_WORK).fetchone() == (0,))


def test_rows_that_nobody_reads_on_end_in_the_server_and_the_run_goes_on(
    store: ReadByMany, server: Callable[..., Any]
) -> None:
    wide, small = store.read("wide"), store.read("small")
    with store.run() as run:
        stream = run.stream(wide)
        next(stream)
        stream.close()
        wait_until(lambda: server(AT_WORK).fetchone() == (0,))

        assert run.table(small, id="f2").num_rows == 1000


def test_a_fragment_that_is_not_wanted_any_more_ends_in_the_server(
    store: ReadByMany, server: Callable[..., Any]
) -> None:
    wide = store.read("wide")
    with store.run() as run:
        stream = run.stream(wide)
        next(stream)
        run.session.abandon("f1")
        with pytest.raises((ExecutionError, TransferError)):
            stream.read_all()
        wait_until(lambda: server(AT_WORK).fetchone() == (0,))


def test_a_run_that_ends_before_its_rows_are_read_leaves_nothing(
    store: ReadByMany, server: Callable[..., Any]
) -> None:
    with store.run() as run:
        run.stream(store.read("wide"))
    wait_until(lambda: server(AT_WORK).fetchone() == (0,))


def test_one_reader_that_the_server_ends_ends_all_and_may_be_tried_again(
    store: ReadByMany, server: Callable[..., Any]
) -> None:
    with store.run() as run:
        stream = run.stream(store.read("wide"))
        next(stream)
        server(KILL)
        with pytest.raises(ExecutionError) as caught:
            stream.read_all()
        assert caught.value.failure is Failure.TRANSIENT
        wait_until(lambda: server(AT_WORK).fetchone() == (0,))


@pytest.mark.parametrize(("connections", "used"), [(2, 1), (3, 2), (8, 3)])
def test_no_more_connections_read_than_there_may_be(url: str, connections: int, used: int) -> None:
    store = ReadByMany(url, readers=2 if connections == 2 else 3, connections=connections)
    table = store.read("large")
    with store.run() as run:
        assert run.table(table).num_rows == ROWS
        assert leases(run) == used
    store.platform.close()


def test_connections_are_kept_for_the_next_run(
    store: ReadByMany, server: Callable[..., Any]
) -> None:
    table = store.read("large")
    store.table(table)
    before = set(server(PIDS).fetchall())
    store.table(table)
    assert set(server(PIDS).fetchall()) == before
    assert len(before) == 3


@pytest.mark.parametrize("name", ["small", "seen", "parted"])
def test_what_is_small_or_no_plain_table_is_read_by_one(store: ReadByMany, name: str) -> None:
    table = store.read(name)
    with store.run() as run:
        assert run.table(table).num_rows
        assert leases(run) == 1


def test_few_rows_of_a_large_table_are_left_to_its_indexes(store: ReadByMany) -> None:
    store.estimated = 10
    with store.run() as run:
        run.table(upper_half(store.read("large")))
        assert leases(run) == 1


def test_what_needs_all_rows_at_once_is_one_statement(store: ReadByMany) -> None:
    table = store.read("large")
    by_id = (SortKey(column(table.schema, "id")),)
    query = store.read(as_="query", query="select * from large")
    keys = Select(table, (Named("id", column(table.schema, "id")),))
    among = Filter(table, Subquery(SubqueryKind.IN, Limit(keys, 5), column(table.schema, "id")))
    total = Aggregate(table, (), (Named("n", call("count")),))
    for relation in (query, among, total, Sort(table, by_id), Limit(table, 5)):
        compiled = store.platform.compile(store.fragment(relation), store.sources)
        assert not isinstance(compiled.payload, Partitioned)


def test_one_connection_reads_where_nobody_said_how_many(url: str) -> None:
    store = ReadByMany(url)
    table = store.read("large")
    with store.run() as run:
        assert run.table(table).num_rows == ROWS
        assert leases(run) == 1
    store.platform.close()


def test_a_context_reads_by_as_many_as_it_is_told_to(url: str, server: Callable[..., Any]) -> None:
    with wf.context(database={"readers": 3}) as context:
        total = context.read(url, table="large").on("duckdb").group_by().agg(total=wf.sum("id"))
        assert total.to_arrow().to_pydict() == {"total": [ROWS * (ROWS + 1) // 2]}


@pytest.mark.parametrize("readers", [0, -3, "4", 2.0, True])
def test_a_number_of_readers_that_is_none_is_refused(readers: object) -> None:
    with pytest.raises(InvalidOption, match="is no number from 1 on"):
        wf.context(database={"readers": readers})


def test_more_readers_than_connections_are_refused() -> None:
    with pytest.raises(InvalidOption, match="more than connections = 3"):
        wf.context(database={"readers": 4, "connections": 3})
