"""Functions of the user's own on Spark: beside the data, in workers, with Python's meaning."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import wayfed as wf
from tests.integration.engines import a_run, fragment_of, on_platform, table_of
from tests.integration.typed_rows import ROWS, SCHEMA
from wayfed.local import Context
from wayfed_optimizer.errors import Cancelled, ExecutionError
from wayfed_optimizer.platform import Platform
from wayfed_optimizer.relations import MapBatches, MapKind, Read
from wayfed_spark import CONNECTOR

pytestmark = pytest.mark.spark

NUMBERS = pa.table({"n": list(range(10))})


@pytest.fixture(scope="module")
def context(spark_options: dict[str, object]) -> Iterator[Context]:
    with wf.context(spark=spark_options) as context:
        assert isinstance(context, Context)
        yield context


def _platforms(dataset: Any) -> list[str]:
    return [f["platform"] for f in dataset.explain().to_dict()["fragments"]]


def test_a_function_between_two_filters_is_called_where_they_run(context: Context) -> None:
    def twice(batch: pa.RecordBatch) -> dict[str, Any]:
        return {"m": [2 * n for n in batch["n"].to_pylist()], "process": [os.getpid()] * len(batch)}

    numbers = context.read(NUMBERS).filter(wf.col("n") > 2)
    mapped = numbers.map_batches(twice, schema={"m": "int64", "process": "int64"})
    found = mapped.filter(wf.col("m") > 8).on("spark")

    text = str(found.explain())
    assert "twice (batch to batch) in Python workers, over" in text
    assert "f2 on spark" in text
    assert "on python" not in text
    rows = found.sort("m").to_arrow()
    assert rows["m"].to_pylist() == [10, 12, 14, 16, 18]
    assert os.getpid() not in rows["process"].to_pylist()


def test_without_being_asked_for_small_rows_stay_in_this_process(context: Context) -> None:
    mapped = context.read(NUMBERS).map(lambda row: os.getpid(), schema={"process": "int64"})
    assert set(mapped.to_arrow()["process"].to_pylist()) == {os.getpid()}


def test_rows_become_several_rows_there(context: Context) -> None:
    several = context.read(NUMBERS).flat_map(lambda row: [row.n] * row.n, schema={"n": "int64"})
    counted = several.group_by("n").agg(count=wf.count()).sort("n").on("spark")
    assert counted.to_arrow().to_pylist() == [{"n": n, "count": n} for n in range(1, 10)]


def test_every_type_passes_through_a_function(spark: Platform, tmp_path: Path) -> None:
    sent = table_of(SCHEMA, ROWS)
    mapped = MapBatches(Read("t", SCHEMA), "same", lambda batch: batch, MapKind.BATCHES, SCHEMA)
    found = on_platform(spark, mapped, {"t": sent}, tmp_path)
    assert found.schema == sent.schema
    assert repr(found.to_pylist()) == repr(sent.to_pylist())


def test_two_readers_of_a_functions_rows_see_the_same_rows(context: Context) -> None:
    def chance(batch: pa.RecordBatch) -> dict[str, Any]:
        return {"x": [int.from_bytes(os.urandom(6)) for _ in range(len(batch))]}

    drawn = context.read(NUMBERS).map_batches(chance, schema={"x": "int64"})
    assert drawn.join(drawn, on="x").on("spark").count() == 10


def test_a_function_is_called_once_for_rows_that_are_sorted(
    context: Context, tmp_path: Path
) -> None:
    def counted(batch: pa.RecordBatch) -> pa.RecordBatch:
        with (tmp_path / "called").open("a") as file:
            file.writelines(f"{n}\n" for n in batch["n"].to_pylist())
        return batch

    mapped = context.read(NUMBERS).map_batches(counted, schema={"n": "int64"})
    found = mapped.filter(wf.col("n") > 2).sort("n", descending=True).on("spark").to_arrow()
    assert found["n"].to_pylist() == list(range(9, 2, -1))
    assert sorted(map(int, (tmp_path / "called").read_text().split())) == list(range(10))


def test_how_far_spark_is_can_be_asked_while_it_runs(context: Context, tmp_path: Path) -> None:
    def patient(batch: pa.RecordBatch) -> pa.RecordBatch:
        while not (tmp_path / "go").exists():
            time.sleep(0.01)
        return batch

    mapped = context.read(NUMBERS).map_batches(patient, schema={"n": "int64"}).on("spark")
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(mapped.to_arrow)
        try:
            running = _until(lambda: _tasks_of_a_run(context), coming)
        finally:
            (tmp_path / "go").touch()
        assert coming.result().num_rows == 10
    assert running["tasks"] < running["tasks_total"]


def _tasks_of_a_run(context: Context) -> Mapping[str, float]:
    """What Spark counted of a fragment that runs, once it has tasks."""
    found = [each.engine for each in context.progress() if each.platform == "spark"]
    return next((engine for engine in found if engine.get("tasks_total")), {})


def _until(ask: Callable[[], Mapping[str, float]], coming: Future[pa.Table]) -> Mapping[str, float]:
    while not (found := ask()):
        assert not coming.done(), coming.result()
        threading.Event().wait(0.02)
    return found


def test_asking_how_far_a_run_is_starts_no_jvm(tmp_path: Path) -> None:
    platform = CONNECTOR.platform({"master": "local[1]", "memory": "3g"})
    fragment = fragment_of(Read("t", SCHEMA))
    assert dict(platform.open(a_run(tmp_path)).metrics(fragment)) == {}


def test_a_function_that_raises_is_told_with_its_traceback_batch_and_fragment(
    context: Context,
) -> None:
    def inverse(row: Any) -> Any:
        return 1 / (row.n - 5)

    told = (
        r"spark, f\d: function 'inverse', partition 0, batch 0, row 5 raised ZeroDivisionError: "
        r"division by zero at test_spark_python\.py, line \d+"
    )
    with pytest.raises(ExecutionError, match=told) as raised:
        context.read(NUMBERS).map(inverse, schema={"x": "float64"}).on("spark").count()

    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert "return 1 / (row.n - 5)" in "".join(traceback.format_exception(raised.value))


def test_rows_that_do_not_fit_are_told_as_in_this_process(context: Context) -> None:
    mapped = context.read(NUMBERS).map_batches(lambda b: {"m": ["x"]}, schema={"n": "int64"})
    with pytest.raises(ExecutionError, match="column 'n' is missing") as raised:
        mapped.on("spark").count()
    assert "available: m" in str(raised.value)


def test_a_function_that_holds_what_cannot_be_sent_is_refused_by_name(context: Context) -> None:
    lock = threading.Lock()

    def locked(row: Any) -> int:
        with lock:
            return 1

    with pytest.raises(ExecutionError, match=r"'locked' cannot be sent to workers: .*lock"):
        context.read(NUMBERS).map(locked, schema={"n": "int64"}).on("spark").count()


def test_a_worker_that_dies_is_told_of(context: Context) -> None:
    mapped = context.read(NUMBERS).map(lambda row: os._exit(3), schema={"n": "int64"})
    with pytest.raises(ExecutionError, match=r"spark, f\d: .*worker exited unexpectedly"):
        mapped.on("spark").count()


def test_a_function_that_hangs_is_ended_with_its_run(context: Context, tmp_path: Path) -> None:
    path = str(tmp_path / "called")
    os.mkfifo(path)

    def hang(batch: pa.RecordBatch) -> pa.RecordBatch:
        with open(path, "w") as file:
            file.write("called")
        with open(path) as file:
            file.read()
        return batch

    def stop() -> None:
        with open(path) as file:
            file.read(6)
        context.close()

    stopping = threading.Thread(target=stop)
    stopping.start()
    with pytest.raises(Cancelled):
        context.read(NUMBERS).map_batches(hang, schema={"n": "int64"}).on("spark").count()
    stopping.join()
