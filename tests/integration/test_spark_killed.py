"""A Spark cluster whose worker is killed in the midst of a job: the answer is right, and once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.integration.spark_programs import (
    GROUPS,
    waiting_after_the_shuffle,
    waiting_before_the_shuffle,
)
from wayfed.testing.servers.spark import SparkCluster

pytestmark = [pytest.mark.slow, pytest.mark.spark]

ROOT = Path(__file__).parents[2]
SECONDS = 300
ROWS = 4000


@pytest.fixture(scope="module")
def cluster() -> Iterator[SparkCluster]:
    with SparkCluster.start(workers=2) as started:
        yield started


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    rows = pa.table({"k": [i % GROUPS for i in range(ROWS)], "x": [i / 4 for i in range(ROWS)]})
    (tmp_path / "rows").mkdir()
    for part in range(4):
        quarter = rows.slice(part * ROWS // 4, ROWS // 4)
        parquet.write_table(quarter, tmp_path / "rows" / f"{part}.parquet")
    return tmp_path


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
        wait_until(lambda: bool(begun(directory)), process)
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


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)
