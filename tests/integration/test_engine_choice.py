"""Which engine a plan goes to, as the costs have it: nothing here runs, and nothing may start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

# In a process of its own: in this one, other tests may have started what must not start.
PROGRAM = """
import json, sys
import psutil
import wayfed as wf

with wf.context(spark={"master": "local[2]"}, flink={}) as ctx:
    orders = ctx.read("orders.parquet")
    groups = orders.group_by("id").agg(total=wf.sum("amount")).sort("id")
    explained = groups.explain(alternatives=True).to_dict()
    rows = groups.to_arrow().to_pylist()
    started = [each.name for each in ctx.platforms() if each.started]
    jvms = [each.name() for each in psutil.Process().children(recursive=True)]
told = {"explained": explained, "rows": rows, "started": started, "jvms": jvms}
json.dump(told, sys.stdout)
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    directory: Path = tmp_path_factory.mktemp("choice")
    table = pa.table({"id": [1, 2, 2], "amount": [10.0, 20.0, 5.0]})
    pq.write_table(table, directory / "orders.parquet")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_small_plan_starts_no_jvm(told: dict[str, Any]) -> None:
    assert told["rows"] == [{"id": 1, "total": 10.0}, {"id": 2, "total": 25.0}]
    assert {each["platform"] for each in told["explained"]["fragments"]} == {"duckdb"}
    assert set(told["started"]) <= {"duckdb", "python"}
    assert told["jvms"] == []


def test_explain_tells_what_starting_another_engine_would_cost(told: dict[str, Any]) -> None:
    (fragment,) = told["explained"]["fragments"]
    others = {each["platform"]: each for each in fragment["alternatives"]}
    assert others["spark"]["cost"]["startup"] >= 1
    assert others["flink"]["cost"]["startup"] >= 1
