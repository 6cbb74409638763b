"""`map_batches` and the same function over Arrow batches by hand, on one Parquet file.

The two take turns in one process. The budget: at least 80 % of the speed by hand. Peak memory is
measured in processes of their own: it must not grow with the rows.

    python benchmarks/map_batches.py [--rows 16000000] [--runs 5]

16 million rows of 64 bytes are a gigabyte of Arrow.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import wayfed as wf

COLUMNS = 8
CHUNK = 1_000_000
SCHEMA = {"total": "float64", "x0": "float64"}
BUDGET_SPEED = 0.8


def write_rows(path: Path, rows: int) -> None:
    """Write rows of eight float64 columns, a chunk at a time."""
    random = np.random.default_rng(0)
    schema = pa.schema([(f"x{i}", pa.float64()) for i in range(COLUMNS)])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for start in range(0, rows, CHUNK):
            count = min(CHUNK, rows - start)
            writer.write_table(
                pa.table({f"x{i}": random.random(count) for i in range(COLUMNS)}, schema=schema)
            )


def added(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Sum the columns of a batch: cheap, so that what lies around the function shows."""
    total = batch.column(0)
    for column in batch.columns[1:]:
        total = pc.add(total, column)
    return pa.record_batch({"total": total, "x0": batch["x0"]})


def scaled(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Standardise rows with numpy: what people write."""
    values = np.column_stack([column.to_numpy() for column in batch.columns])
    spread = values.std(axis=1)
    return pa.record_batch({"total": values.mean(axis=1) / spread, "x0": batch["x0"]})


def by_hand(path: Path, function: Callable[[pa.RecordBatch], pa.RecordBatch]) -> int:
    """Apply a function to the batches that DuckDB reads, and count the rows."""
    with duckdb.connect() as connection:
        batches = connection.sql(f"SELECT * FROM read_parquet('{path}')").to_arrow_reader(122_880)
        return sum(function(batch).num_rows for batch in batches)


def by_plan(
    context: wf.Context, path: Path, function: Callable[[pa.RecordBatch], pa.RecordBatch]
) -> int:
    """Do the same by a plan."""
    mapped = context.read(path).map_batches(function, schema=SCHEMA)
    with mapped.to_batches() as batches:
        return sum(batch.num_rows for batch in batches)


FUNCTIONS = {"sum": added, "numpy": scaled}


def peak_megabytes(path: Path) -> float:
    """Run a plan over a file in a process of its own and return what it took at most."""
    told = subprocess.run(  # noqa: S603  # this file again
        [sys.executable, __file__, "--peak", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(told.stdout)


def measure_peak(path: Path) -> None:
    """Print the peak resident memory of this process after one plan, in megabytes."""
    with wf.context(duckdb={"memory_limit": "512MB"}) as context:
        by_plan(context, path, added)
    # Not getrusage: it tells the peak of the process that this one was forked from.
    status = Path("/proc/self/status").read_text()
    print(int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024)


def main() -> None:
    """Measure and print a line of JSON for each function, and one for memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=16_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peak", type=Path)
    asked = parser.parse_args()
    if asked.peak:
        measure_peak(asked.peak)
        return
    with tempfile.TemporaryDirectory() as directory, wf.context() as context:
        path, tenth = Path(directory) / "rows.parquet", Path(directory) / "tenth.parquet"
        write_rows(path, asked.rows)
        write_rows(tenth, asked.rows // 10)
        for name, function in FUNCTIONS.items():
            spent: dict[str, list[float]] = {"plan": [], "hand": []}
            for _ in range(asked.runs):
                before = perf_counter()
                assert by_hand(path, function) == asked.rows
                spent["hand"].append(perf_counter() - before)
                before = perf_counter()
                assert by_plan(context, path, function) == asked.rows
                spent["plan"].append(perf_counter() - before)
            plan, hand = median(spent["plan"]), median(spent["hand"])
            print(
                json.dumps(
                    {
                        "case": name,
                        "gigabytes": round(asked.rows * COLUMNS * 8 / 1e9, 2),
                        "wayfed_s": round(plan, 3),
                        "hand_s": round(hand, 3),
                        "speed": round(hand / plan, 3),
                        "of_budget": round(BUDGET_SPEED * plan / hand, 3),
                    }
                ),
                flush=True,
            )
        whole, part = peak_megabytes(path), peak_megabytes(tenth)
        print(json.dumps({"case": "peak", "whole_mb": round(whole), "tenth_of_it_mb": round(part)}))


if __name__ == "__main__":
    main()
