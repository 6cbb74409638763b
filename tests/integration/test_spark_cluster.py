"""A standalone cluster of a master and two workers; rows come and go by files that all see."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import EVERYTHING_MUST_RUN
from wayfed.testing.servers.process import free_ports
from wayfed.testing.servers.spark import SparkCluster
from wayfed_optimizer.errors import ExecutionError, WayfedError
from wayfed_spark import CONNECTOR
from wayfed_spark.masters import require_master

pytestmark = pytest.mark.spark

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
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a program on a cluster prints; a process has room for one Spark."""
    try:
        cluster = SparkCluster.start(workers=2)
    except WayfedError as error:
        if EVERYTHING_MUST_RUN:
            raise
        pytest.skip(f"no Spark cluster: {error}")
    with cluster:
        here = tmp_path_factory.mktemp("cluster")
        program = textwrap.dedent(PROGRAM)
        done = subprocess.run(
            [sys.executable, "-c", program, json.dumps(cluster.options), str(here)],
            cwd=Path(__file__).parents[2],
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
