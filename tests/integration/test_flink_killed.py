"""A Flink cluster whose TaskManager is killed as it writes: what it left is in no answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import wayfed as wf
from tests.waiting import wait_until
from wayfed.testing.servers.flink import FlinkCluster

pytestmark = [pytest.mark.flink, pytest.mark.slow, pytest.mark.soak]

SECONDS = 300
COPIES = 20
COUNT = 400_000


@pytest.fixture(scope="module")
def cluster() -> Iterator[FlinkCluster]:
    with FlinkCluster.start(task_managers=2) as started:
        yield started


def test_rows_that_a_killed_task_manager_has_written_are_there_once(
    cluster: FlinkCluster, tmp_path: Path
) -> None:
    rows = pa.table({"n": pa.array(range(COUNT), pa.int64())})
    with (
        wf.context(flink={"address": cluster.url, "exchange": str(tmp_path)}) as context,
        ThreadPoolExecutor(1) as killer,
    ):
        numbers = context.read(rows)
        few = numbers.filter(lambda row: row.n < COPIES).rename({"n": "copy"})
        copies = numbers.join(few, how="cross").select(x=wf.col("n") * COPIES + wf.col("copy"))
        killed = killer.submit(kill_a_writer, cluster, tmp_path)

        found = copies.on("flink").to_arrow()

        killed.result()
    (job,) = cluster.asked("/jobs/overview")["jobs"]
    history = cluster.asked(f"/jobs/{job['jid']}/exceptions")["exceptionHistory"]["entries"]
    assert history, "the job had come to its end before the kill"
    assert found.num_rows == pc.count_distinct(found["x"]).as_py() == COUNT * COPIES
    assert pc.sum(found["x"]).as_py() == COUNT * COPIES * (COUNT * COPIES - 1) // 2


def kill_a_writer(cluster: FlinkCluster, exchange: Path) -> None:
    """Kill a TaskManager as soon as a first file of a result has rows."""

    def some_are_written() -> bool:
        return any(path.stat().st_size > 1 << 16 for path in exchange.glob("*/*/*-0.arrows"))

    wait_until(some_are_written, seconds=SECONDS)
    victim = cluster.busy()[0]
    cluster.kill(victim)
    cluster.start_task_manager(victim)
