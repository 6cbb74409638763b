"""The peak of memory: arrays are filled as batches come, and nothing keeps the whole twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROWS = 15_000_000
GROUP = 250_000
MOST = 1.5
"""How many times the result memory may hold while it is made."""

PROGRAM = """
import json, re, sys
import pyarrow as pa
import wayfed as wf


def status(key):
    with open("/proc/self/status") as file:
        return int(re.search(rf"{key}:\\s+(\\d+) kB", file.read())[1]) * 1024


ctx = wf.context(duckdb={"threads": 2})
lake = ctx.read("numbers.parquet")
ready = lake.filter("a < 250000").to_numpy()  # every library and thread of the real run is there
del ready
pa.default_memory_pool().release_unused()
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before = status("VmRSS")
arrays = lake.filter("a >= 0").to_numpy()
peak = status("VmHWM") - before
bytes = sum(arrays[name].nbytes for name in arrays)
told = {"rows": arrays.rows, "bytes": bytes, "peak": peak, "sum": int(arrays["a"].sum())}
json.dump(told, sys.stdout)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells its peaks here")
def test_to_numpy_never_holds_more_than_one_and_a_half_times_its_result(tmp_path: Path) -> None:
    with pq.ParquetWriter(tmp_path / "numbers.parquet", SCHEMA, compression="none") as writer:
        for start in range(0, ROWS, GROUP):
            a = np.arange(start, start + GROUP)
            writer.write_table(pa.table([a, a + 1, a / 1024, a / 512], schema=SCHEMA))

    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    (tmp_path / "numbers.parquet").unlink()  # pytest would keep half a gigabyte

    assert told.returncode == 0, told.stderr
    result = json.loads(told.stdout)
    assert (result["rows"], result["bytes"]) == (ROWS, ROWS * 4 * 8)
    assert result["sum"] == ROWS * (ROWS - 1) // 2
    assert result["peak"] <= MOST * result["bytes"]


SCHEMA = pa.schema({"a": pa.int64(), "b": pa.int64(), "x": pa.float64(), "y": pa.float64()})
