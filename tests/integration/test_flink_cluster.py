"""A session cluster of the user's: jobs there, machines that die, and clusters that will not do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

import wayfed as wf
from wayfed.testing.servers.flink import FlinkCluster
from wayfed.testing.servers.process import free_ports
from wayfed_optimizer.errors import ExecutionError

pytestmark = pytest.mark.flink

TYPED = """
CREATE TABLE for_a_cluster AS
SELECT i AS id, (i * 0.01)::numeric(12,2) AS amount, 'ä''"' || i AS name,
       timestamptz '1883-11-18 12:00:00.123456+00' + i * interval '7 hours' AS instant
FROM generate_series(1, 200) i;
ANALYZE for_a_cluster;
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[FlinkCluster]:
    with FlinkCluster.start(task_managers=2) as started:
        yield started


@pytest.fixture
def exchange(tmp_path: Path) -> Path:
    place = tmp_path / "exchange"
    place.mkdir()
    return place


def test_a_plan_runs_on_a_cluster_and_leaves_nothing_there(
    cluster: FlinkCluster, exchange: Path
) -> None:
    rows = pa.table({"k": [1, 2, 2], "x": [1.0, 2.0, 4.0]})
    with wf.context(flink={"address": cluster.url, "exchange": str(exchange)}) as context:
        plan = context.read(rows).group_by("k").agg(total=wf.sum("x")).sort("k").on("flink")
        assert plan.to_arrow().to_pylist() == [{"k": 1, "total": 1.0}, {"k": 2, "total": 6.0}]
        assert list(exchange.iterdir()) == []
    assert cluster.running() == ()
    (job,) = cluster.asked("/jobs/overview")["jobs"]
    assert job["name"].startswith("wayfed wayfed_")


@pytest.mark.postgres
def test_the_tasks_of_a_cluster_ask_with_the_driver_that_comes_with_the_job(
    cluster: FlinkCluster, exchange: Path, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(TYPED)
    with wf.context(flink={"address": cluster.url, "exchange": str(exchange)}) as context:
        typed = context.read(postgres_url, table="for_a_cluster").sort("id")
        on_flink = typed.on("flink")
        assert "jdbc.query" in str(on_flink.explain())
        assert repr(on_flink.to_arrow().to_pylist()) == repr(
            typed.on("duckdb").to_arrow().to_pylist()
        )


def test_a_machine_that_dies_in_the_midst_of_a_job_costs_no_row_and_no_second_one(
    cluster: FlinkCluster, exchange: Path
) -> None:
    count = 400_000
    rows = pa.table({"n": pa.array(range(count), pa.int64())})
    options = {"address": cluster.url, "exchange": str(exchange), "restarts": 10}
    with wf.context(flink=options) as context:
        numbers = context.read(rows)
        few = numbers.filter(lambda row: row.n < 100).rename({"n": "m"})
        plan = (
            numbers.join(few, how="cross")
            .filter(lambda row: (row.n * row.m) % 1_000_003 == 1)
            .select("n", "m")
        )
        expected = plan.on("duckdb").to_arrow().num_rows
        killer = threading.Thread(target=_kill_one_that_works, args=(cluster,))
        killer.start()
        found = plan.on("flink").to_arrow()
        killer.join()
    pairs = set(zip(*(found.column(name).to_pylist() for name in ("n", "m")), strict=True))
    assert found.num_rows == len(pairs) == expected


def _kill_one_that_works(cluster: FlinkCluster) -> None:
    while not (cluster.running() and cluster.busy()):
        threading.Event().wait(0.02)
    victim = cluster.busy()[0]
    cluster.kill(victim)
    cluster.start_task_manager(victim)


@contextmanager
def _answering(answers: dict[str, Any]) -> Iterator[str]:
    """The address of a server that gives these answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answers.get(self.path, [])).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"flink://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def _ask(address: str) -> None:
    with wf.context(flink={"address": address}) as context:
        context.read(pa.table({"n": [1]})).filter(lambda row: row.n > 0).on("flink").to_arrow()


def test_a_cluster_that_will_not_do_is_told_of_before_a_job_is_made() -> None:
    (closed,) = free_ports(1)
    with pytest.raises(ExecutionError, match=f"no Flink answers at flink://127.0.0.1:{closed}"):
        _ask(f"flink://127.0.0.1:{closed}")
    with _answering({}) as other, pytest.raises(ExecutionError, match="is no Flink"):
        _ask(other)
    old = {"/config": {"flink-version": "1.20.1"}}
    with _answering(old) as other, pytest.raises(ExecutionError, match=r"is Flink 1\.20\.1, and"):
        _ask(other)
    idle = {"/config": {"flink-version": "2.3.0"}, "/overview": {"taskmanagers": 0}}
    with _answering(idle) as other, pytest.raises(ExecutionError, match="has no TaskManager"):
        _ask(other)


def test_an_exchange_directory_that_cannot_be_used_is_named(
    cluster: FlinkCluster, tmp_path: Path
) -> None:
    missing = tmp_path / "missing"
    with wf.context(flink={"address": cluster.url, "exchange": str(missing)}) as context:
        plan = context.read(pa.table({"n": [1]})).filter(lambda row: row.n > 0).on("flink")
        with pytest.raises(ExecutionError, match=f"'{missing}' cannot be written to"):
            plan.to_arrow()
