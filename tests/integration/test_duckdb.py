from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from tests.integration.engines import a_run, fragment_of
from wayfed_arrow import Stream, arrow_schema
from wayfed_duckdb import CONNECTOR
from wayfed_duckdb.connections import Connection
from wayfed_duckdb.platform import LEFT_OUT
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import (
    Cancelled,
    ExecutionError,
    InvalidOption,
    TransferError,
    Unsupported,
)
from wayfed_optimizer.expressions import Named, Parameter, call, cast_to, column, literal
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE, Run, SourceRequest
from wayfed_optimizer.relations import Aggregate, Filter, Join, JoinKind, Read, Select
from wayfed_optimizer.types import INT64, PLAIN, Schema

NUMBERS = Schema.of(n="int64", word="text")
ROWS = pa.table({"n": [1, 2, 3], "word": ["a", None, "c"]})


@pytest.fixture
def platform():
    platform = CONNECTOR.platform({"threads": 2})
    yield platform
    platform.close()


class Session:
    """A session on DuckDB that runs whole relations."""

    def __init__(self, platform, run):
        self.platform, self.run, self.session = platform, run, platform.open(run)

    def __call__(self, relation, output=ARROW_TABLE, name="f1", **inputs):
        fragment = fragment_of(relation, output, name)
        compiled = self.platform.compile(fragment, {})
        return self.session.execute(fragment, compiled, inputs)


@pytest.fixture
def session(platform, tmp_path):
    session = Session(platform, a_run(tmp_path))
    yield session
    session.session.close()


def forever(n="n") -> Aggregate:
    """A plan that takes hours: it counts the pairs of a cross join of a cross join."""
    reads = [Read(name, Schema.of(**{name: "int64"})) for name in ("a", "b", "c")]
    pairs = Join(Join(reads[0], reads[1], JoinKind.CROSS), reads[2], JoinKind.CROSS)
    total = call("add", column(pairs.schema, "a"), column(pairs.schema, "c"))
    different = Filter(pairs, call("not_equal", total, column(pairs.schema, "b")))
    return Aggregate(different, (), (Named(n, call("count")),))


def many(name: str) -> pa.Table:
    return pa.table({name: pa.array(range(20_000), pa.int64())})


def test_a_plan_over_a_table_is_answered_as_a_table_or_a_stream(session):
    read = Read("t", NUMBERS)
    kept = Filter(read, call("greater", column(NUMBERS, "n"), literal(1)))
    assert session(kept, t=ROWS).to_pydict() == {"n": [2, 3], "word": [None, "c"]}
    stream = session(kept, ARROW_STREAM, t=ROWS)
    assert stream.schema == arrow_schema(NUMBERS)
    assert stream.read_all().to_pydict() == {"n": [2, 3], "word": [None, "c"]}


def test_every_type_comes_back_as_it_went_in(session):
    nested = {"price": "decimal(12,2)", "tags": "list<text>", "at": "struct<x: int8>"}
    schema = Schema.of(**{name: name for name in PLAIN}, **nested)
    moment = datetime(2013, 1, 1, 12, 0, 0, 5)
    values = {
        "bool": True,
        "text": "ä",
        "binary": b"\x00\xff",
        "date": moment.date(),
        "timestamp": moment,
        "timestamp_utc": moment.replace(tzinfo=UTC),
        "price": Decimal("-1234567890.12"),
        "tags": ["x", None],
        "at": {"x": 1},
    }
    rows = [{name: values.get(name, 7) for name in schema.names}, dict.fromkeys(schema.names)]
    table = pa.Table.from_pylist(rows, arrow_schema(schema))
    assert session(Read("t", schema), t=table).equals(table)


def test_a_stream_is_read_once_and_kept_where_a_plan_reads_it_twice(session):
    left = Read("t", Schema.of(n="int64"))
    renamed = Select(left, (Named("m", column(left.schema, "n")),))
    twice = Join(left, renamed, on=(("n", "m"),))
    rows = pa.table({"n": [1, 2]})
    assert session(twice, t=rows.to_reader()).num_rows == 2
    assert session(left, t=rows.to_reader()).num_rows == 2


def test_a_stream_is_kept_where_a_guard_reads_it_again(session):
    t, u = Read("t", Schema.of(word="text")), Read("u", Schema.of(other="text"))
    numbers = Join(t, u, JoinKind.SEMI, (("word", "other"),))
    number = cast_to(column(t.schema, "word"), INT64)
    large = Filter(numbers, call("greater", number, literal(1)))
    rows = {"t": pa.table({"word": ["2", "x"]}), "u": pa.table({"other": ["2"]}).to_reader()}
    assert session(large, **rows).to_pydict() == {"word": ["2"]}


def test_inputs_whose_names_differ_in_case_or_are_odd_are_told_apart(session):
    schemas = [Schema.of(a="int64"), Schema.of(b="int64"), Schema.of(c="int64")]
    names = ["T", "t", 'we"ird name.x']
    reads = [Read(name, schema) for name, schema in zip(names, schemas, strict=True)]
    joined = Join(Join(reads[0], reads[1], on=(("a", "b"),)), reads[2], on=(("a", "c"),))
    inputs = {
        name: pa.table({schema.names[0]: [position, 9]})
        for position, (name, schema) in enumerate(zip(names, schemas, strict=True))
    }
    assert session(joined, **inputs).to_pydict() == {"a": [9], "b": [9], "c": [9]}


def test_columns_that_differ_in_case_only_are_refused(session):
    with pytest.raises(Unsupported, match="case"):
        session(Read("t", Schema.of(a="int64", A="int64")), t=pa.table({"a": [1], "A": [2]}))


def test_parameters_of_the_run_are_given_to_the_engine(platform, tmp_path):
    least = Parameter("least", column(NUMBERS, "n").type)
    kept = Filter(Read("t", NUMBERS), call("greater_equal", column(NUMBERS, "n"), least))
    run = Run("r1", CancellationToken(), lambda: tmp_path, {"least": 2, "unused": "x"})
    assert Session(platform, run)(kept, t=ROWS)["n"].to_pylist() == [2, 3]


def test_results_are_streamed_in_batches_and_counted(session):
    table = pa.table({"n": pa.array(range(500_000), pa.int64())})
    relation = Read("t", Schema.of(n="int64"))
    fragment = fragment_of(relation, ARROW_STREAM)
    stream = session(relation, ARROW_STREAM, t=table)
    first = next(stream)
    assert first.num_rows < 200_000
    assert session.session.metrics(fragment)["rows"] == first.num_rows
    stream.read_all()
    assert session.session.metrics(fragment)["rows"] == 500_000


def test_closing_a_result_early_closes_the_stream_it_was_computed_from(session):
    released = []
    batches = (pa.record_batch({"n": [i]}) for i in range(1_000_000))
    source = Stream(pa.schema({"n": pa.int64()}), batches, lambda: released.append(True))
    stream = session(Read("t", Schema.of(n="int64")), ARROW_STREAM, t=source)
    next(stream)
    stream.close()
    assert released == [True]


def test_closing_a_session_closes_its_streams_and_forgets_its_inputs(session):
    rows = [ROWS.slice(0)]
    alive = weakref.ref(rows[0])
    stream = session(Read("t", NUMBERS), ARROW_STREAM, t=rows.pop())
    session.session.close()
    session.session.close()
    with pytest.raises(TransferError, match="closed"):
        next(stream)
    gc.collect()
    assert alive() is None


def test_an_error_of_the_engine_says_where_and_what_was_asked(session):
    overflowing = call("multiply", column(NUMBERS, "n"), literal(2**62))
    relation = Select(Read("t", NUMBERS), (Named("x", overflowing),))
    with pytest.raises(ExecutionError, match=r"duckdb, f1: .*[Oo]verflow") as caught:
        session(relation, t=ROWS)
    assert "SELECT" in caught.value.sql
    assert type(caught.value.__cause__).__module__ == "_duckdb"


def test_an_error_while_rows_stream_is_ours_too(session):
    table = pa.table({"n": pa.array([1] * 400_000 + [2**62], pa.int64())})
    doubled = call("multiply", column(NUMBERS, "n"), literal(4))
    relation = Select(Read("t", Schema.of(n="int64")), (Named("x", doubled),))
    stream = session(relation, ARROW_STREAM, t=table)
    with pytest.raises(ExecutionError, match=r"duckdb, f1: .*[Oo]verflow"):
        stream.read_all()


def test_an_error_of_an_input_stream_is_raised_as_it_is(session):
    def batches():
        yield pa.record_batch({"n": [1]})
        raise TransferError("the link broke")

    source = Stream(pa.schema({"n": pa.int64()}), batches())
    with pytest.raises(TransferError, match="the link broke"):
        session(Read("t", Schema.of(n="int64")), t=source)


def test_cancelling_stops_a_statement_that_runs(platform, tmp_path):
    token = CancellationToken()
    session = Session(platform, a_run(tmp_path, token))
    with ThreadPoolExecutor(1) as workers:
        answer = workers.submit(session, forever(), a=many("a"), b=many("b"), c=many("c"))
        token.cancel("enough")
        with pytest.raises(Cancelled, match="enough"):
            answer.result()
    again = Session(platform, a_run(tmp_path))
    assert again(Read("t", NUMBERS), t=ROWS).num_rows == 3


def test_cancelling_stops_a_stream_that_is_read(platform, tmp_path):
    token = CancellationToken()
    session = Session(platform, a_run(tmp_path, token))
    table = pa.table({"n": pa.array(range(2_000_000), pa.int64())})
    stream = session(Read("t", Schema.of(n="int64")), ARROW_STREAM, t=table)
    next(stream)
    token.cancel("enough")
    with pytest.raises(Cancelled, match="enough"):
        stream.read_all()


def test_closing_a_session_stops_a_statement_that_runs(session):
    with ThreadPoolExecutor(1) as workers:
        answer = workers.submit(session, forever(), a=many("a"), b=many("b"), c=many("c"))
        while not session.platform.started():
            wait([answer], timeout=0.01)
        session.session.close()
        with pytest.raises(Cancelled):
            answer.result()


def test_a_run_that_was_cancelled_before_starts_nothing(platform, tmp_path):
    token = CancellationToken()
    token.cancel("too late")
    with pytest.raises(Cancelled):
        Session(platform, a_run(tmp_path, token))(Read("t", NUMBERS), t=ROWS)
    assert not platform.started()


def test_ctrl_c_in_the_thread_that_waits_stops_the_engine(platform, tmp_path):
    token = CancellationToken()
    session = Session(platform, a_run(tmp_path, token))
    waiting = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    with ThreadPoolExecutor(1) as workers:
        answer = workers.submit(session, forever(), a=many("a"), b=many("b"), c=many("c"))
        with pytest.raises(KeyboardInterrupt):
            waiting.start()
            # In steps: polars, once imported, lets no signal end a wait without a timeout.
            while not wait([answer], timeout=0.1).done:
                continue
        token.cancel("Ctrl-C")
        with pytest.raises(Cancelled, match="Ctrl-C"):
            answer.result()
    waiting.join()


ENDLESS = """
import os, signal, threading
import polars  # restarts system calls after a signal, waits for locks among them
import pyarrow as pa
import wayfed as wf

ctx = wf.context()
a, b, c = (ctx.read(pa.table({name: range(20_000)})) for name in "abc")
pairs = a.join(b, how="cross").join(c, how="cross").filter(lambda t: t.a + t.c != t.b)
try:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    pairs.count()
except KeyboardInterrupt:
    print("stopped", ctx.read(pa.table({"n": [1]})).count())
"""


def test_ctrl_c_stops_a_query_also_where_polars_is_imported():
    command = [sys.executable, "-c", ENDLESS]
    result = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert result.stdout == "stopped 1\n", result.stderr


def test_fragments_of_one_run_work_at_the_same_time(session):
    table = pa.table({"n": pa.array(range(100_000), pa.int64())})
    read = Read("t", Schema.of(n="int64"))
    count = Aggregate(read, (), (Named("n", call("count")),))
    with ThreadPoolExecutor(8) as workers:
        answers = [workers.submit(session, count, name=f"f{i}", t=table) for i in range(8)]
    assert [answer.result().to_pydict() for answer in answers] == [{"n": [100_000]}] * 8


def test_a_platform_starts_with_its_first_fragment_and_closes_twice(platform, session):
    assert not platform.started()
    session(Read("t", NUMBERS), t=ROWS)
    assert platform.started()
    platform.close()
    platform.close()
    assert not platform.started()


def test_instants_are_shown_in_utc(session):
    schema = Schema.of(at="timestamp_utc")
    table = pa.table({"at": [datetime(2013, 1, 1, 23, tzinfo=UTC)]}, schema=arrow_schema(schema))
    hour = Select(Read("t", schema), (Named("hour", call("hour", column(schema, "at"))),))
    assert session(hour, t=table).to_pydict() == {"hour": [23]}


def test_what_is_left_out_of_duckdbs_optimizer_still_has_the_name_that_we_know():
    import duckdb

    there = {name for (name,) in duckdb.sql("FROM duckdb_optimizers()").fetchall()}

    assert set(LEFT_OUT) <= there


def test_a_table_that_is_missing_is_not_looked_for_among_python_variables(session):
    t = ROWS  # noqa: F841  what SQL must not see
    with pytest.raises(ExecutionError, match="t does not exist"):
        session(Read("t", NUMBERS))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"thread": 2}, "did you mean 'threads'"),
        ({"threads": 0}, "1 or more"),
        ({"threads": "2"}, "1 or more"),
        ({"memory_limit": "lots"}, "not a size"),
        ({"memory_limit": 4}, "'4GB'"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options, told):
    with pytest.raises(InvalidOption, match=told):
        CONNECTOR.platform(options)


def test_what_does_not_fit_into_memory_is_put_into_files_that_go_away(tmp_path):
    spill = tmp_path / "spill"
    platform = CONNECTOR.platform(
        {"threads": 1, "memory_limit": "60MB", "temp_directory": str(spill)}
    )
    schema = Schema.of(n="int64", word="text")
    table = pa.table({"n": range(400_000), "word": [f"{i:060}" for i in range(400_000)]})
    grouped = Aggregate(
        Read("t", schema),
        (Named("word", column(schema, "word")),),
        (Named("n", call("sum", column(schema, "n"))),),
    )
    result = Session(platform, a_run(tmp_path))(grouped, ARROW_STREAM, t=table)
    assert sum(batch.num_rows for batch in result) == 400_000
    platform.close()
    assert not spill.exists() or not any(spill.iterdir())


def test_duckdb_holds_no_tables_of_ours():
    assert not CONNECTOR.claims("flights.parquet", None)
    with pytest.raises(Unsupported):
        CONNECTOR.source(SourceRequest("x.parquet"), None)


def test_of_a_stream_no_more_is_copied_than_may_be(session, monkeypatch):
    monkeypatch.setattr("wayfed_duckdb.connections.MOST_COPIED", 100)
    copied = []
    make = Connection._make_table
    monkeypatch.setattr(
        Connection, "_make_table", lambda *given: (copied.append(given[1]), make(*given))
    )
    few, many = Schema.of(a="int64"), Schema.of(b="int64")
    left = Join(Read("few", few), Read("many", many), JoinKind.INNER, (("a", "b"),))
    both = Join(left, Read("more", Schema.of(c="int64")), JoinKind.INNER, (("a", "c"),))
    numbers = pa.table({"b": pa.array(range(1_000))})

    rows = session(
        both,
        few=pa.table({"a": [3, 5]}),
        many=numbers.to_reader(max_chunksize=10),
        more=numbers.rename_columns(["c"]).to_reader(max_chunksize=10),
    )

    assert sorted(rows["a"].to_pylist()) == [3, 5]
    assert copied == ["few"]
