"""A standalone cluster of a master and two workers, of which one is killed in mid-job in the end.

Rows come and go by files that all see.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.conftest import EVERYTHING_MUST_RUN
from tests.integration.spark_programs import (
    GROUPS,
    waiting_after_the_shuffle,
    waiting_before_the_shuffle,
)
from tests.waiting import wait_until
from wayfed.testing.servers.process import free_ports
from wayfed.testing.servers.spark import SparkCluster
from wayfed_optimizer.errors import ExecutionError, WayfedError
from wayfed_spark import CONNECTOR
from wayfed_spark.masters import require_master

pytestmark = pytest.mark.spark

ROOT = Path(__file__).parents[2]
SECONDS = 300
ROWS = 4000
PROGRAM = """
    import json, os, sys
    from pathlib import Path
    import pyarrow as pa
    from pyarrow import parquet
    import wayfed as wf
    from wayfed_optimizer.errors import ExecutionError

    options, here = json.loads(sys.argv[1]), Path(sys.argv[2])
    parquet.write_table(pa.table({"n": list(range(1000))}), here / "numbers.parquet")
    (here / "names.csv").write_text("n,name\\n1,one\\n2,two\\n")
    exchange = here / "exchange"
    exchange.mkdir()
    told = {}
    with wf.context(spark={**options, "exchange": str(exchange)}) as context:
        numbers = context.read(str(here / "numbers.parquet"))
        names = context.read(str(here / "names.csv"))
        mine = context.read(pa.table({"n": [1, 2, 3], "x": [0.5, 1.5, 2.5]}))
        joined = numbers.join(names, on="n").join(mine, on="n").sort("n").on("spark")
        told["joined"] = joined.to_arrow().to_pylist()
        mapped = numbers.map(lambda row: os.getpid(), schema={"process": "int64"}).on("spark")
        told["others"] = os.getpid() not in mapped.to_arrow()["process"].to_pylist()
        # So many that they would not pass through the driver.
        large = numbers.filter(wf.col("n") > 0).hint(rows=10**10).sort("n").on("spark")
        told["large"] = large.to_arrow()["n"].to_pylist() == list(range(1, 1000))
        try:
            numbers.map(lambda row: 1 // 0, schema={"n": "int64"}).on("spark").count()
        except ExecutionError as error:
            told["failure"] = str(error)
    told["left"] = [str(path) for path in exchange.iterdir()]
    print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[SparkCluster]:
    try:
        started = SparkCluster.start(workers=2)
    except WayfedError as error:
        if EVERYTHING_MUST_RUN:
            raise
        pytest.skip(f"no Spark cluster: {error}")
    with started:
        yield started


@pytest.fixture(scope="module")
def told(cluster: SparkCluster, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a program on a cluster prints; a process has room for one Spark."""
    here = tmp_path_factory.mktemp("cluster")
    program = textwrap.dedent(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(cluster.options), str(here)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_plan_over_files_and_memory_runs_on_workers(told: Any) -> None:
    assert told["joined"] == [
        {"n": 1, "name": "one", "x": 0.5},
        {"n": 2, "name": "two", "x": 1.5},
    ]


def test_functions_run_in_processes_of_the_workers(told: Any) -> None:
    assert told["others"]
    assert "raised ZeroDivisionError" in told["failure"]


def test_a_large_result_comes_by_files_in_its_order(told: Any) -> None:
    assert told["large"]


def test_the_exchange_directory_is_left_empty(told: Any) -> None:
    assert told["left"] == []


def test_a_master_that_is_not_there_is_told_at_once() -> None:
    (port,) = free_ports(1)
    with pytest.raises(
        ExecutionError, match=rf"no master of Spark is at 127.0.0.1:{port}: "
    ) as raised:
        require_master(f"spark://127.0.0.1:{port}")
    assert "is the cluster up" in str(raised.value)


def test_an_exchange_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WayfedError, match="is no directory"):
        CONNECTOR.platform({"exchange": str(tmp_path / "missing")})


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    rows = pa.table({"k": [i % GROUPS for i in range(ROWS)], "x": [i / 4 for i in range(ROWS)]})
    (tmp_path / "rows").mkdir()
    for part in range(4):
        quarter = rows.slice(part * ROWS // 4, ROWS // 4)
        parquet.write_table(quarter, tmp_path / "rows" / f"{part}.parquet")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [
        pytest.param(waiting_before_the_shuffle, marks=pytest.mark.soak),
        waiting_after_the_shuffle,
    ],
)
def test_the_answer_is_right_and_there_once_though_a_worker_was_killed_in_mid_job(
    cluster: SparkCluster, directory: Path, program: Callable[..., object]
) -> None:
    with started(program, directory, cluster.options) as process:
        wait_until(lambda: begun(directory) or process.poll() is not None, seconds=SECONDS)
        assert process.poll() is None, process.communicate()[1]
        worker, executors = at_work(cluster, begun(directory))

        cluster.kill(worker)
        for each in executors:
            each.kill()
        before = begun(directory)
        (directory / "go").touch()

        assert answer_of(process) == right_answer()
        assert len(begun(directory)) > len(before)
    cluster.start_worker(worker)


@contextmanager
def started(
    program: Callable[..., object], directory: Path, options: Mapping[str, Any]
) -> Iterator[subprocess.Popen[str]]:
    """A program in a process of its own, which is gone in the end with the JVM that it started."""
    module = [sys.executable, "-m", "tests.integration.spark_programs"]
    command = [*module, program.__name__, str(directory), json.dumps(options)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def answer_of(process: subprocess.Popen[str]) -> list[tuple[object, ...]]:
    """The rows that a program prints, in order of their groups."""
    printed, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, errors
    return sorted(tuple(row.values()) for row in json.loads(printed))


def right_answer() -> list[tuple[object, ...]]:
    groups = {k: [i / 4 for i in range(k, ROWS, GROUPS)] for k in range(GROUPS)}
    return [(k, len(values), sum(values)) for k, values in groups.items()]


def begun(directory: Path) -> list[int]:
    """The processes that began to call the function, once for each time."""
    return [int(path.name.split("-")[1]) for path in directory.glob("begun-*")]


def at_work(cluster: SparkCluster, processes: list[int]) -> tuple[int, list[psutil.Process]]:
    """The first worker with one of these processes below it, and all that are below it."""
    for worker in cluster.workers:
        below = psutil.Process(cluster.pid(worker)).children(recursive=True)
        if any(each.pid in processes for each in below):
            return worker, below
    raise AssertionError(f"{processes} belong to no worker")
