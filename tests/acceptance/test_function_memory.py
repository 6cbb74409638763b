"""Functions of the user's over a gigabyte: they come to an end, and memory does not grow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROWS = 16_000_000
TEXTS = 1_000_000
GROUP = 250_000
MOST_BYTES = 400 << 20
"""Some batches on their way through two engines, while a gigabyte goes by."""

PROGRAM = """
import json, re, sys
import pyarrow as pa
import wayfed as wf


def status(key):
    with open("/proc/self/status") as file:
        return int(re.search(rf"{key}:\\s+(\\d+) kB", file.read())[1]) * 1024


def peak_of(work):
    pa.default_memory_pool().release_unused()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = status("VmRSS")
    rows = work()
    return {"rows": rows, "peak": status("VmHWM") - before}


def twice(row):
    yield {"length": len(row.text)}
    yield {"length": -len(row.text)}


ctx = wf.context(duckdb={"threads": 2, "memory_limit": "512MB"})
numbers, texts = ctx.read("numbers.parquet"), ctx.read("texts.parquet")
LENGTH = {"length": "int64"}
PLANS = {
    "map_batches": numbers.map_batches(lambda batch: batch, schema=numbers.schema),
    "map": texts.map(lambda row: {"length": len(row.text)}, schema=LENGTH),
    "flat_map": texts.flat_map(twice, schema=LENGTH),
}


def count(plan):
    with plan.to_batches() as batches:
        return sum(batch.num_rows for batch in batches)


for plan in PLANS.values():
    count(plan.limit(10))  # every library and thread of the real run is there
json.dump({name: peak_of(lambda: count(plan)) for name, plan in PLANS.items()}, sys.stdout)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells its peaks here")
def test_functions_go_over_a_gigabyte_in_the_memory_of_some_batches(tmp_path: Path) -> None:
    numbers = pa.schema([(f"x{i}", pa.float64()) for i in range(8)])
    column = np.random.default_rng(0).random(GROUP)
    write(tmp_path / "numbers.parquet", pa.table([column] * 8, schema=numbers), ROWS)
    write(tmp_path / "texts.parquet", pa.table({"text": ["x" * 1_000] * 25_000}), TEXTS)

    told = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    for path in tmp_path.glob("*.parquet"):
        path.unlink()  # pytest would keep two gigabytes

    assert told.returncode == 0, told.stderr
    result = json.loads(told.stdout)
    rows = {name: each["rows"] for name, each in result.items()}
    assert rows == {"map_batches": ROWS, "map": TEXTS, "flat_map": 2 * TEXTS}
    assert {name for name, each in result.items() if each["peak"] > MOST_BYTES} == set(), result


def write(path: Path, group: pa.Table, rows: int) -> None:
    """Write a gigabyte, the same group of rows again and again."""
    with pq.ParquetWriter(path, group.schema, compression="none", use_dictionary=False) as writer:
        for _ in range(0, rows, group.num_rows):
            writer.write_table(group)
