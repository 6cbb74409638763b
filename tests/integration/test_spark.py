"""Spark as a platform: exact types, names, errors, cancellation, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import wayfed as wf
from tests import strategies
from tests.integration.engines import (
    a_run,
    as_files,
    fragment_of,
    in_any_order,
    on_duckdb,
    on_platform,
    table_of,
)
from tests.integration.typed_rows import ROWS, SCHEMA
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import Cancelled, ExecutionError, InvalidOption, Unsupported
from wayfed_optimizer.expressions import (
    Literal,
    Named,
    Parameter,
    SortKey,
    call,
    case,
    column,
    literal,
)
from wayfed_optimizer.platform import ARROW_TABLE, PARQUET_FILES, Compiled, FileSet, Platform
from wayfed_optimizer.relations import Aggregate, Filter, Join, Read, Relation, Select, Sort
from wayfed_optimizer.types import BOOL, Schema
from wayfed_spark import CONNECTOR

pytestmark = pytest.mark.spark

ONE = Schema.of(n="int64")
NOON = datetime(2024, 7, 1, 12, tzinfo=UTC)
ENDLESS = "SELECT COUNT(*) AS n FROM range(1000000000) a, range(1000000000) b WHERE a.id % 7 = b.id"


def _run_text(platform: Platform, text: str, directory: Path, **options: Any) -> Any:
    """What a platform answers to SQL of the test's own."""
    run = a_run(directory, options.get("token"))
    session = platform.open(run)
    fragment = fragment_of(Read("t", ONE), name=options.get("name", "f1"))
    try:
        return session.execute(fragment, Compiled(text), {})
    finally:
        session.close()


def test_a_join_of_filtered_files_is_aggregated_in_one_statement(
    spark: Platform, tmp_path: Path
) -> None:
    flights = Schema.of(carrier="text", delay="float64")
    carriers = Schema.of(code="text", name="text")
    late = Filter(
        Read("flights", flights), call("greater", column(flights, "delay"), literal(15.0))
    )
    joined = Join(late, Read("carriers", carriers), on=(("carrier", "code"),))
    counted = Aggregate(
        joined,
        (Named("name", column(joined.schema, "name")),),
        (
            Named("flights", call("count")),
            Named("worst", call("max", column(joined.schema, "delay"))),
        ),
    )
    relation = Sort(counted, (SortKey(column(counted.schema, "name")),))
    tables = {
        "flights": table_of(
            flights,
            [
                {"carrier": "UA", "delay": 20.0},
                {"carrier": "UA", "delay": 90.0},
                {"carrier": "DL", "delay": 16.0},
                {"carrier": "DL", "delay": None},
                {"carrier": "B6", "delay": 3.0},
            ],
        ),
        "carriers": table_of(
            carriers, [{"code": "UA", "name": "United"}, {"code": "DL", "name": "Delta"}]
        ),
    }

    found = on_platform(spark, relation, tables, tmp_path)

    assert found.to_pylist() == [
        {"name": "Delta", "flights": 1, "worst": 16.0},
        {"name": "United", "flights": 2, "worst": 90.0},
    ]


@pytest.mark.parametrize("output", ["arrow", "files"])
def test_every_type_comes_back_as_it_went_in(spark: Platform, tmp_path: Path, output: str) -> None:
    sent = table_of(SCHEMA, ROWS)
    run = a_run(tmp_path)
    session = spark.open(run)
    relation = Read("t", SCHEMA)
    channel = PARQUET_FILES if output == "files" else ARROW_TABLE
    fragment = fragment_of(relation, channel)

    found = session.execute(
        fragment, spark.compile(fragment, {}), {"t": as_files(spark, sent, run)}
    )
    session.close()

    if isinstance(found, FileSet):
        from pyarrow import parquet

        assert found.schema == SCHEMA
        read = pa.concat_tables([parquet.read_table(path) for path in found.paths])
        found = read.cast(sent.schema)
    assert isinstance(found, pa.Table)
    assert found.schema == sent.schema
    assert repr(found.to_pylist()) == repr(sent.to_pylist())


def test_columns_and_tables_may_be_called_anything(spark: Platform, tmp_path: Path) -> None:
    schema = Schema.of(**{"Order": "int64", "order": "int64", 'a. `b`, "c"\'${d}': "int64"})
    row: dict[str, object] = dict(zip(schema.names, (1, 2, 3), strict=True))
    name = 'weird. `na"me`'
    relation = Select(Read(name, schema), tuple(Named(n, column(schema, n)) for n in schema.names))
    found = on_platform(spark, relation, {name: table_of(schema, [row])}, tmp_path)
    assert found.to_pylist() == [row]


def test_parameters_keep_their_values(spark: Platform, tmp_path: Path) -> None:
    given = {name: value for name, value in ROWS[1].items() if name not in ("list", "struct")}
    outputs = (Named(n, Parameter(n, SCHEMA[n].type)) for n in given)
    relation = Select(
        Read("t", ONE), (*outputs, Named("none", Parameter("none", SCHEMA["date"].type)))
    )
    tables = {"t": table_of(ONE, [{"n": 1}])}
    found = on_platform(spark, relation, tables, tmp_path, {**given, "none": None})
    assert found.to_pylist() == [{**given, "none": None}]


@pytest.mark.parametrize(
    "name", ["_hidden.parquet", ".dot.parquet", "a[1]*.parquet", "b c%20#?.parquet", "d=1,e:2.x"]
)
def test_files_may_be_called_anything(spark: Platform, tmp_path: Path, name: str) -> None:
    run = a_run(tmp_path)
    (plain,) = as_files(spark, table_of(ONE, [{"n": 7}]), run).paths
    place = tmp_path / "year=2024"
    place.mkdir()
    path = Path(shutil.copy(plain, place / name))
    session = spark.open(run)
    fragment = fragment_of(Read("t", ONE))
    found = session.execute(fragment, spark.compile(fragment, {}), {"t": FileSet((path,), ONE)})
    session.close()
    assert isinstance(found, pa.Table)
    assert found.to_pylist() == [{"n": 7}]


def test_no_rows_keep_their_columns(spark: Platform, tmp_path: Path) -> None:
    sent = table_of(SCHEMA, [])
    found = on_platform(spark, Read("t", SCHEMA), {"t": sent}, tmp_path)
    assert found.num_rows == 0
    assert found.schema == sent.schema


def test_sorted_rows_stay_sorted_over_many_row_groups(spark: Platform, tmp_path: Path) -> None:
    count = 300_000
    sent = pa.table({"n": pa.array(range(count, 0, -1), pa.int64())})
    relation = Sort(Read("t", ONE), (SortKey(column(ONE, "n")),))
    found = on_platform(spark, relation, {"t": sent}, tmp_path)
    assert found.column("n").combine_chunks() == pa.array(range(1, count + 1), pa.int64())


def test_an_error_of_spark_says_who_where_what_and_why_in_few_lines(
    spark: Platform, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = "SELECT CAST('x' AS BIGINT) AS n"
    with pytest.raises(ExecutionError) as raised:
        _run_text(spark, text, tmp_path, name="f7")
    error = raised.value
    assert (error.platform, error.fragment, error.sql) == ("spark", "f7", text)
    assert "[CAST_INVALID_INPUT]" in str(error)
    assert len(str(error).splitlines()) < 5
    assert error.__cause__ is not None
    assert capfd.readouterr() == ("", "")


def _when_jobs(wanted: Callable[[int], bool]) -> threading.Event:
    """An event that is set as soon as the number of active jobs is as wanted."""
    from pyspark.sql import SparkSession

    session = SparkSession.builder.getOrCreate()
    reached, tracker = threading.Event(), session.sparkContext.statusTracker()

    def watch() -> None:
        while not wanted(len(tracker.getActiveJobsIds())) and not reached.wait(0.02):
            pass
        reached.set()

    threading.Thread(target=watch, daemon=True).start()
    return reached


def test_cancelling_a_run_stops_its_jobs(spark: Platform, tmp_path: Path) -> None:
    token = CancellationToken()
    running = _when_jobs(lambda active: active > 0)
    canceller = threading.Thread(target=lambda: running.wait() and token.cancel("enough"))
    canceller.start()
    with pytest.raises(Cancelled, match="enough"):
        _run_text(spark, ENDLESS, tmp_path, token=token)
    canceller.join()
    assert _when_jobs(lambda active: active == 0).wait(120)


def test_ctrl_c_stops_the_jobs_of_its_run(spark: Platform, tmp_path: Path) -> None:
    running = _when_jobs(lambda active: active > 0)
    interrupter = threading.Thread(
        target=lambda: running.wait() and os.kill(os.getpid(), signal.SIGINT)
    )
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        _run_text(spark, ENDLESS, tmp_path)
    interrupter.join()
    assert _when_jobs(lambda active: active == 0).wait(120)


def test_what_spark_counted_can_be_asked_for(spark: Platform, tmp_path: Path) -> None:
    run = a_run(tmp_path)
    session = spark.open(run)
    fragment = fragment_of(Read("t", ONE))
    files = as_files(spark, table_of(ONE, [{"n": 1}, {"n": 2}]), run)
    session.execute(fragment, spark.compile(fragment, {}), {"t": files})
    counted = session.metrics(fragment)
    session.close()
    assert counted["jobs"] == 1
    assert counted["rows_read"] == 2


def test_a_session_of_the_users_is_used_and_left_as_it_was(spark: Platform, tmp_path: Path) -> None:
    from pyspark.sql import SparkSession

    _run_text(spark, "SELECT 1L AS n", tmp_path)
    theirs = SparkSession.builder.getOrCreate()
    theirs.conf.set("spark.sql.session.timeZone", "America/New_York")
    theirs.conf.set("spark.sql.ansi.enabled", "false")
    settings_before = dict(theirs.conf.getAll)

    platform = CONNECTOR.platform({"session": theirs})
    assert platform.started()
    relation = Select(Read("t", ONE), (Named("hour", call("hour", literal(NOON))),))
    found = on_platform(platform, relation, {"t": table_of(ONE, [{"n": 1}])}, tmp_path)
    platform.close()

    assert found.to_pylist() == [{"hour": 12}]
    assert dict(theirs.conf.getAll) == settings_before
    assert theirs.catalog.listTables() == []
    assert theirs.range(3).count() == 3


def test_two_contexts_with_clashing_settings_are_told(spark: Platform, tmp_path: Path) -> None:
    other = CONNECTOR.platform({"master": "local[1]", "memory": "1g"})
    with pytest.raises(ExecutionError, match=r"master=local\[2\].*not with master=local\[1\]"):
        _run_text(other, "SELECT 1L AS n", tmp_path)
    other.close()


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"master": "locl[2]"}, InvalidOption, "master='locl"),
        ({"memory": "lots"}, InvalidOption, "for example '4g'"),
        ({"config": {"spark.sql.ansi.enabled": "false"}}, InvalidOption, "cannot be set"),
        ({"session": object()}, InvalidOption, "takes a SparkSession, not a object"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anything_starts(
    options: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error) as raised:
        CONNECTOR.platform(options)
    assert told in str(raised.value)


def test_rows_come_as_files_and_nothing_else(spark: Platform, tmp_path: Path) -> None:
    run = a_run(tmp_path)
    with pytest.raises(Unsupported):
        spark.open(run).ingest("t", None, spark.produces[0], spark.accepts[0])


@pytest.mark.parametrize("old", [False, True], ids=["64 bits", "96 bits"])
def test_nanoseconds_in_parquet_are_read_where_none_is_lost(
    spark_options: dict[str, object], tmp_path: Path, old: bool
) -> None:
    from pyarrow import parquet

    moment = datetime(1969, 12, 31, 23, 59, 59, 999_999)
    table = pa.table({"n": [1, 2], "t": pa.array([moment, None], pa.timestamp("ns"))})
    parquet.write_table(table, tmp_path / "f.parquet", use_deprecated_int96_timestamps=old)
    lost = pa.table({"t": pa.array([1_500], pa.timestamp("ns"))})
    parquet.write_table(lost, tmp_path / "g.parquet", use_deprecated_int96_timestamps=old)
    with wf.context(spark=spark_options) as context:
        found = context.read(str(tmp_path / "f.parquet")).sort("n").on("spark").to_arrow()
        assert found["t"].to_pylist() == [moment, None]
        with pytest.raises(ExecutionError, match="column t is timestamp and cannot hold nanos"):
            context.read(str(tmp_path / "g.parquet")).on("spark").to_arrow()


def test_a_plan_of_the_users_runs_on_spark_where_she_says_so(
    spark_options: dict[str, object], tmp_path: Path
) -> None:
    from pyarrow import parquet

    flights = tmp_path / "flights.parquet"
    parquet.write_table(
        pa.table({"carrier": ["UA", "DL", "UA"], "delay": [20.0, None, 90.0]}), flights
    )
    names = pa.table({"carrier": ["UA", "DL"], "name": ["United", "Delta"]})
    with wf.context(spark=spark_options) as context:
        late = (
            context.read(str(flights))
            .join(context.read(names), on="carrier")
            .group_by("name")
            .agg(flights=wf.count(), worst=wf.max("delay"))
            .sort("name")
        )
        on_spark = late.on("spark")
        assert "JOIN" in str(on_spark.explain())
        assert on_spark.to_arrow() == late.on("duckdb").to_arrow()
        assert on_spark.to_arrow().to_pylist() == [
            {"name": "Delta", "flights": 1, "worst": None},
            {"name": "United", "flights": 2, "worst": 90.0},
        ]


LIFE = """
    import os, sys, tempfile
    from pathlib import Path
    import psutil
    from wayfed_optimizer.errors import ExecutionError
    from wayfed_optimizer.platform import Compiled
    from wayfed_spark import CONNECTOR

    def children():
        return [p.name() for p in psutil.Process().children(recursive=True)]

    first, second = CONNECTOR.platform({"memory": "1g"}), CONNECTOR.platform({"memory": "1g"})
    assert "pyspark" not in sys.modules and "pyarrow" not in sys.modules
    from tests.integration.engines import a_run, fragment_of
    from wayfed_optimizer.relations import Read
    from wayfed_optimizer.types import Schema

    place = Path(tempfile.mkdtemp())
    environment, path = dict(os.environ), list(sys.path)
    fragment = fragment_of(Read("t", Schema.of(n="int64")))

    def answer(platform):
        session = platform.open(a_run(place))
        found = session.execute(fragment, Compiled("SELECT 1L AS n"), {})
        session.close()
        return found.to_pylist()

    session = first.open(a_run(place))
    first.compile(fragment, {})
    assert not children() and not first.started()
    assert answer(first) == answer(second) == [{"n": 1}]
    assert len([name for name in children() if "java" in name]) == 1, children()
    first.close()
    assert answer(second) == [{"n": 1}] and second.started()
    for process in psutil.Process().children():
        process.kill()
        process.wait()
    assert answer(second) == [{"n": 1}]
    second.close()
    second.close()
    assert not children() and not second.started()

    broken = CONNECTOR.platform({"memory": "900000g"})
    try:
        answer(broken)
    except ExecutionError as error:
        assert "memory=900000g" in str(error) and "heap" in str(error), error
    broken.close()
    assert not children()

    os.rmdir(place)
    assert os.listdir(tempfile.gettempdir()) == []
    changed = {k for k in environment | dict(os.environ) if environment.get(k) != os.environ.get(k)}
    assert changed <= {"SPARK_AUTH_SOCKET_TIMEOUT", "SPARK_BUFFER_SIZE"}, changed
    assert path == sys.path
"""


def test_spark_starts_when_first_needed_and_the_last_context_leaves_nothing(
    tmp_path: Path,
) -> None:
    # With no Java on the PATH, so that the package's own is used, behind its stand-in.
    bare = tmp_path / "bin"
    bare.mkdir()
    for program in ("bash", "sh", "dirname", "env", "nice", "uname", "ps", "id", "rm", "cat"):
        if found := shutil.which(program):
            (bare / program).symlink_to(found)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {
        "PATH": str(bare),
        "TMPDIR": str(temporary),
        "HOME": str(tmp_path),
        "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1",  # starts sooner
    }
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-W",
            "ignore::ResourceWarning",
            "-c",
            textwrap.dedent(LIFE),
        ],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@settings(
    max_examples=50 if os.environ.get("WAYFED_THOROUGH") == "1" else 12,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(plan=strategies.plans(), data=st.data())
def test_a_random_plan_has_the_same_rows_on_spark_and_duckdb(
    plan: Relation, data: st.DataObject, spark: Platform, tmp_path_factory: Any
) -> None:
    tables = {
        name: table_of(schema, data.draw(strategies.rows(schema)))
        for name, schema in strategies.TABLES.items()
    }
    directory = tmp_path_factory.mktemp("plans")
    ours, theirs = on_platform(spark, plan, tables, directory), on_duckdb(plan, tables)
    assert in_any_order(ours) == in_any_order(theirs)


def test_an_unknown_condition_is_never_true(spark: Platform, tmp_path: Path) -> None:
    table = Read("t", ONE)
    unknown = Literal(None, BOOL)
    size = case(((unknown, literal("small")),), literal("large"))
    kept = Filter(table, call("or", unknown, call("equal", column(ONE, "n"), literal(1))))
    plan = Select(kept, (Named("size", size), Named("no", call("not", unknown))))
    rows = on_platform(spark, plan, {"t": table_of(ONE, [{"n": 1}, {"n": 2}])}, tmp_path)
    assert rows.to_pylist() == [{"size": "large", "no": None}]
