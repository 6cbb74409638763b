"""Flink as a platform: exact types, names, errors, cancellation, and nothing left behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

import wayfed as wf
from tests.integration.engines import (
    a_run,
    as_files,
    fragment_of,
    on_platform,
    table_of,
)
from tests.integration.typed_rows import ROWS, SCHEMA
from wayfed_flink import CONNECTOR, jar
from wayfed_flink.channels import FLINK_FILES
from wayfed_flink.settings import Settings
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import Cancelled, ExecutionError, InvalidOption, Unsupported
from wayfed_optimizer.expressions import Named, Parameter, SortKey, call, column, literal
from wayfed_optimizer.platform import ARROW_STREAM, Compiled, FileSet, Platform
from wayfed_optimizer.relations import Aggregate, Filter, Join, Read, Select, Sort
from wayfed_optimizer.types import Schema

pytestmark = pytest.mark.flink

ONE = Schema.of(n="int64")
ENDLESS = "SELECT COUNT(*) FROM t a CROSS JOIN t b CROSS JOIN t c WHERE MOD(a.n * b.n * c.n, 7) = 8"


@pytest.fixture(scope="module")
def flink(flink_options: dict[str, object]) -> Iterator[Platform]:
    platform = CONNECTOR.platform(flink_options)
    yield platform
    platform.close()


def _numbers(count: int) -> pa.Table:
    return pa.table({"n": pa.array(range(count), pa.int64())})


def _run_text(
    platform: Platform, text: str, directory: Path, tables: dict[str, pa.Table], **options: Any
) -> Any:
    """What a platform answers to SQL of the test's own, of one number a row."""
    run = a_run(directory, options.get("token"))
    session = platform.open(run)
    fragment = fragment_of(Read("t", ONE), name=options.get("name", "f1"))
    try:
        inputs = {name: as_files(platform, table, run) for name, table in tables.items()}
        found: Any = session.execute(fragment, Compiled(text), inputs)
        return found.read_all()
    finally:
        session.close()


def test_a_join_of_filtered_files_is_aggregated_in_one_statement(
    flink: Platform, tmp_path: Path
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
            ],
        ),
        "carriers": table_of(
            carriers, [{"code": "UA", "name": "United"}, {"code": "DL", "name": "Delta"}]
        ),
    }

    found = on_platform(flink, relation, tables, tmp_path)

    assert found.to_pylist() == [
        {"name": "Delta", "flights": 1, "worst": 16.0},
        {"name": "United", "flights": 2, "worst": 90.0},
    ]


@pytest.mark.parametrize("output", [ARROW_STREAM, FLINK_FILES], ids=str)
def test_every_type_comes_back_as_it_went_in(flink: Platform, tmp_path: Path, output: Any) -> None:
    sent = table_of(SCHEMA, ROWS)
    run = a_run(tmp_path)
    session = flink.open(run)
    fragment = fragment_of(Read("t", SCHEMA), output)

    found = session.execute(
        fragment, flink.compile(fragment, {}), {"t": as_files(flink, sent, run)}
    )
    session.close()

    if isinstance(found, FileSet):
        (back,) = (
            c.convert
            for c in flink.conversions
            if (c.source, c.target) == (FLINK_FILES, ARROW_STREAM)
        )
        assert back is not None
        found = back(found, run)
    rows = found.read_all()  # type: ignore[attr-defined]  # the value of ARROW_STREAM
    assert rows.schema == sent.schema
    assert sorted(map(repr, rows.to_pylist())) == sorted(map(repr, sent.to_pylist()))


def test_columns_and_tables_may_be_called_anything(flink: Platform, tmp_path: Path) -> None:
    schema = Schema.of(**{"Order": "int64", "order": "int64", 'a. `b`, "c"\'${d}': "int64"})
    row: dict[str, object] = dict(zip(schema.names, (1, 2, 3), strict=True))
    name = 'weird. `na"me`'
    relation = Select(Read(name, schema), tuple(Named(n, column(schema, n)) for n in schema.names))
    found = on_platform(flink, relation, {name: table_of(schema, [row])}, tmp_path)
    assert found.to_pylist() == [row]


def test_parameters_keep_their_values(flink: Platform, tmp_path: Path) -> None:
    # Of constants, Flink's planner knows no infinite FLOAT.
    row = {**ROWS[1], "float32": -1.5}
    given = {name: value for name, value in row.items() if name not in ("list", "struct")}
    outputs = (Named(n, Parameter(n, SCHEMA[n].type)) for n in given)
    relation = Select(
        Read("t", ONE), (*outputs, Named("none", Parameter("none", SCHEMA["date"].type)))
    )
    tables = {"t": table_of(ONE, [{"n": 1}])}
    found = on_platform(flink, relation, tables, tmp_path, {**given, "none": None})
    assert found.to_pylist() == [{**given, "none": None}]


def test_no_rows_keep_their_columns(flink: Platform, tmp_path: Path) -> None:
    sent = table_of(SCHEMA, [])
    found = on_platform(flink, Read("t", SCHEMA), {"t": sent}, tmp_path)
    assert found.num_rows == 0
    assert found.schema == sent.schema


def test_sorted_rows_stay_sorted_over_many_batches(flink: Platform, tmp_path: Path) -> None:
    count = 300_000
    sent = pa.table({"n": pa.array(range(count, 0, -1), pa.int64())})
    relation = Sort(Read("t", ONE), (SortKey(column(ONE, "n")),))
    found = on_platform(flink, relation, {"t": sent}, tmp_path)
    assert found.column("n").combine_chunks() == pa.array(range(1, count + 1), pa.int64())


def test_only_the_columns_that_are_asked_for_are_read(flink: Platform, tmp_path: Path) -> None:
    schema = Schema.of(n="int64", text="text")
    run = a_run(tmp_path)
    files = as_files(flink, table_of(schema, [{"n": 1, "text": "x" * 1000}]), run)
    # What the second column would be read from is no longer there.
    path = files.paths[0]
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"x" * 1000)])
    relation = Select(Read("t", schema), (Named("n", column(schema, "n")),))
    fragment = fragment_of(relation)
    session = flink.open(run)
    found: Any = session.execute(fragment, flink.compile(fragment, {}), {"t": files})
    assert found.read_all().to_pylist() == [{"n": 1}]
    session.close()


def test_an_error_of_flink_says_who_where_what_and_why_in_few_lines(
    flink: Platform, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = "SELECT CAST(CAST(n AS STRING) || 'x' AS BIGINT) AS n FROM t"
    with pytest.raises(ExecutionError) as raised:
        _run_text(flink, text, tmp_path, {"t": _numbers(1)}, name="f7")
    error = raised.value
    assert (error.platform, error.fragment, error.sql) == ("flink", "f7", text)
    assert "For input string: '0x'" in str(error)
    assert len(str(error).splitlines()) < 5
    assert error.__cause__ is not None
    assert capfd.readouterr() == ("", "")


def test_cancelling_a_run_stops_its_job(flink: Platform, tmp_path: Path) -> None:
    token = CancellationToken()
    canceller = threading.Timer(1.0, token.cancel, ["enough"])
    canceller.start()
    with pytest.raises(Cancelled, match="enough"):
        _run_text(flink, ENDLESS, tmp_path, {"t": _numbers(1_000_000)}, token=token)
    # All slots are free again: the next job has its answer.
    found = _run_text(flink, "SELECT COUNT(*) FROM t", tmp_path, {"t": _numbers(3)})
    assert found.to_pylist() == [{"n": 3}]


def test_what_flink_counted_can_be_asked_for(flink: Platform, tmp_path: Path) -> None:
    run = a_run(tmp_path)
    session = flink.open(run)
    fragment = fragment_of(Read("t", ONE))
    files = as_files(flink, table_of(ONE, [{"n": 1}, {"n": 2}]), run)
    session.execute(fragment, flink.compile(fragment, {}), {"t": files})
    counted = session.metrics(fragment)
    session.close()
    assert (counted["rows_read"], counted["rows_written"]) == (2, 2)
    assert counted["bytes_written"] > 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"address": "http://here:8081"}, "flink://host:8081"),
        ({"address": "flink://elsewhere:8081"}, "exchange= names a directory"),
        ({"address": "flink://127.0.0.1:8081", "memory": "2g"}, "leave memory= out"),
        ({"memory": "lots"}, "for example '4g'"),
        ({"parallelism": 0}, "a whole number from 1 on"),
        ({"restarts": True}, "a whole number from 0 on"),
        ({"config": {"table.local-time-zone": "CET"}}, "cannot be set"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anything_starts(
    options: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidOption) as raised:
        CONNECTOR.platform(options)
    assert told in str(raised.value)


def test_jars_of_the_users_go_to_a_cluster_beside_ours() -> None:
    settings = Settings("here:8081", config={"pipeline.jars": "file:///theirs.jar"})
    told = settings.remote((Path("/ours.jar"), Path("/driver.jar")), slots=2)
    expected = "file:///ours.jar;file:///driver.jar;file:///theirs.jar"
    assert told["pipeline.jars"] == expected


def test_rows_come_as_files_and_nothing_else(flink: Platform, tmp_path: Path) -> None:
    run = a_run(tmp_path)
    with pytest.raises(Unsupported):
        flink.open(run).ingest("t", None, flink.produces[0], flink.accepts[0])


def test_a_plan_of_the_users_runs_on_flink_where_she_says_so(
    flink_options: dict[str, object], tmp_path: Path
) -> None:
    from pyarrow import parquet

    flights = tmp_path / "flights.parquet"
    parquet.write_table(
        pa.table({"carrier": ["UA", "DL", "UA"], "delay": [20.0, None, 90.0]}), flights
    )
    names = pa.table({"carrier": ["UA", "DL"], "name": ["United", "Delta"]})
    with wf.context(flink=flink_options) as context:
        late = (
            context.read(str(flights))
            .join(context.read(names), on="carrier")
            .group_by("name")
            .agg(flights=wf.count(), worst=wf.max("delay"))
            .sort("name")
        )
        on_flink = late.on("flink")
        assert "JOIN" in str(on_flink.explain())
        assert on_flink.to_arrow() == late.on("duckdb").to_arrow()
        assert on_flink.to_arrow().to_pylist() == [
            {"name": "Delta", "flights": 1, "worst": None},
            {"name": "United", "flights": 2, "worst": 90.0},
        ]


@pytest.fixture(scope="module")
def small() -> Iterator[Platform]:
    """A Flink of the tests' own, of little memory, whose JVM they may end."""
    platform = CONNECTOR.platform({"memory": "256m", "parallelism": 2})
    yield platform
    platform.close()


@pytest.mark.slow
def test_rows_that_memory_has_no_room_for_are_an_error_with_its_remedy(
    small: Platform, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # With neither, the JVM would collect garbage for hours.
    text = "SELECT CAST(CARDINALITY(ARRAY_AGG(n)) AS BIGINT) AS n FROM t"
    with pytest.raises(ExecutionError, match="had no memory left") as raised:
        _run_text(small, text, tmp_path, {"t": _numbers(3_000_000)})
    assert "memory= gives it more" in str(raised.value)
    assert capfd.readouterr() == ("", "")
    found = _run_text(small, text, tmp_path, {"t": _numbers(3)})
    assert found.to_pylist() == [{"n": 3}]


def test_a_jvm_that_ends_in_the_midst_of_a_job_is_told_of_and_started_again(
    small: Platform, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _run_text(small, "SELECT COUNT(*) FROM t", tmp_path, {"t": _numbers(3)})
    (jvm,) = (
        child
        for child in psutil.Process().children()
        if any(option.startswith(f"-Xmx{128 << 20}") for option in child.cmdline())
    )
    token = _EndsTheJvm(jvm)
    with pytest.raises(ExecutionError, match="its JVM has ended"):
        _run_text(small, ENDLESS, tmp_path, {"t": _numbers(10_000)}, token=token)
    assert capfd.readouterr() == ("", "")
    found = _run_text(small, "SELECT COUNT(*) FROM t", tmp_path, {"t": _numbers(3)})
    assert found.to_pylist() == [{"n": 3}]


class _EndsTheJvm(CancellationToken):
    """Kills a JVM soon after it has taken a job: before, another one would be started."""

    def __init__(self, jvm: psutil.Process) -> None:
        super().__init__()
        self._jvm = jvm

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Kill it while somebody waits for its job; the job would take hours."""
        killer = threading.Timer(1.0, self._jvm.kill)
        killer.start()
        try:
            with super().calling(callback):
                yield
        finally:
            killer.join()


@pytest.mark.parametrize("state", ["missing", "damaged"])
def test_a_jar_that_is_not_whole_is_named(
    state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / jar.JAR.name
    if state == "damaged":
        broken.write_bytes(jar.JAR.read_bytes()[:-1])
    monkeypatch.setattr(jar, "JAR", broken)
    with pytest.raises(ExecutionError, match=rf"{broken.name}' is {state}") as raised:
        jar.require_whole()
    assert "install wayfed again" in str(raised.value)


LIFE = """
    import os, sys, tempfile
    from pathlib import Path
    import psutil
    from wayfed_optimizer.errors import ExecutionError
    from wayfed_optimizer.platform import Compiled
    from wayfed_flink import CONNECTOR

    def children():
        return [p.name() for p in psutil.Process().children(recursive=True)]

    first, second = CONNECTOR.platform({"memory": "1g"}), CONNECTOR.platform({"memory": "1g"})
    assert not {"pyflink", "pyarrow", "py4j"} & set(sys.modules)
    from tests.integration.engines import a_run, fragment_of
    from wayfed_optimizer.relations import Read
    from wayfed_optimizer.types import Schema

    place = Path(tempfile.mkdtemp())
    environment, path = dict(os.environ), list(sys.path)
    fragment = fragment_of(Read("t", Schema.of(n="int64")))

    def answer(platform):
        session = platform.open(a_run(place))
        found = session.execute(fragment, Compiled("VALUES CAST(1 AS BIGINT)"), {})
        session.close()
        return found.read_all().to_pylist()

    session = first.open(a_run(place))
    first.compile(fragment, {})
    assert not children() and not first.started()
    assert answer(first) == answer(second) == [{"n": 1}]
    assert len([name for name in children() if "java" in name]) == 1, children()
    first.close()
    third = CONNECTOR.platform({"memory": "1g", "parallelism": 1})
    assert answer(second) == answer(third) == [{"n": 1}] and second.started()
    third.close()
    assert second.started() and not third.started()
    for process in psutil.Process().children():
        process.kill()
        process.wait()
    assert not second.started()
    assert answer(second) == [{"n": 1}] and second.started()
    second.close()
    second.close()
    assert not children() and not second.started()

    broken = CONNECTOR.platform({"memory": "900000g"})
    try:
        answer(broken)
    except ExecutionError as error:
        assert "heap" in str(error), error
    broken.close()
    assert not children()

    import shutil
    shutil.rmtree(place)
    assert os.listdir(tempfile.gettempdir()) == [], os.listdir(tempfile.gettempdir())
    assert environment == dict(os.environ)
    assert path == sys.path
"""


def test_flink_starts_when_first_needed_and_the_last_context_leaves_nothing(
    tmp_path: Path,
) -> None:
    # With no Java on the PATH, so that the package's own is used.
    bare = tmp_path / "bin"
    bare.mkdir()
    for program in ("sh",):
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
        [sys.executable, "-W", "error", "-c", textwrap.dedent(LIFE)],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
