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

import wayfed as wf

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


PAIRS = 4_000_000
LIMIT = "300MB"


@pytest.mark.slow
def test_a_join_larger_than_the_memory_of_duckdb_spills_and_says_so(tmp_path: Path) -> None:
    keys = np.arange(PAIRS)
    for name, order in (("a", keys), ("b", keys[::-1])):
        columns = {f"{name}{number}": order + number for number in range(8)}
        pq.write_table(pa.table({"key": order, **columns}), tmp_path / f"{name}.parquet")

    with wf.context(duckdb={"memory_limit": LIMIT}) as ctx:
        a, b = (ctx.read(tmp_path / f"{name}.parquet") for name in "ab")
        joined = a.join(b, on="key")
        explained = joined.explain()
        rows = equal = 0
        for batch in joined.to_batches():
            a7, b0 = (batch.column(name).to_numpy() for name in ("a7", "b0"))
            rows, equal = rows + len(a7), equal + int((a7 == b0 + 7).sum())

    assert (rows, equal) == (PAIRS, PAIRS)
    (note,) = explained.notes
    assert note.startswith("f1 holds about 432 MB at once, and duckdb has room for 300 MB")
