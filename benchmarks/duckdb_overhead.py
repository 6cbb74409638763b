"""What wayfed adds to DuckDB: a plan, and by hand the SQL that it prints, on the same Parquet file.

The two take turns in one process. The budget is 5 % or 10 ms, whichever is more.

    python benchmarks/duckdb_overhead.py [--rows 5000000] [--runs 15]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import wayfed as wf

BUDGET_SHARE, BUDGET_MS = 0.05, 10.0


def write_sales(path: Path, rows: int) -> None:
    """Write a table of sales: a region, an amount, a day."""
    random = np.random.default_rng(0)
    table = pa.table(
        {
            "region": random.integers(0, 1000, rows),
            "amount": random.integers(0, 1 << 20, rows) / 1024,
            "day": random.integers(0, 365, rows).astype(np.int32),
        }
    )
    pq.write_table(table, path)


def in_turn(runs: int, *programs: Callable[[], object]) -> list[list[float]]:
    """Time programs one after the other, `runs` times; milliseconds."""
    spent: list[list[float]] = [[] for _ in programs]
    for program in programs:
        program()
    for _ in range(runs):
        for times, program in zip(spent, programs, strict=True):
            before = perf_counter()
            program()
            times.append(1000 * (perf_counter() - before))
    return spent


def main() -> None:
    """Measure and print a line of JSON for an aggregation and one for a scan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=15)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, wf.context() as context:
        path = Path(directory) / "sales.parquet"
        write_sales(path, asked.rows)
        sales = context.read(path).filter(lambda t: t.day < 200)
        source = f"read_parquet('{path}')"
        connection = duckdb.connect()
        cases = {
            "aggregate": (
                sales.group_by("region").agg(total=wf.sum("amount"), n=wf.count()),
                f"SELECT region, sum(amount) AS total, count(*) AS n FROM {source} "
                "WHERE day < 200 GROUP BY region",
            ),
            "scan": (
                sales.filter(lambda t: t.region < 100).select("region", "amount"),
                f"SELECT region, amount FROM {source} WHERE day < 200 AND region < 100",
            ),
        }
        for name, (dataset, sql) in cases.items():
            ours, theirs = in_turn(
                asked.runs,
                dataset.to_arrow,
                lambda sql=sql: connection.sql(sql).to_arrow_table(),
            )
            by_plan, by_hand = median(ours), median(theirs)
            allowed = max(BUDGET_MS, BUDGET_SHARE * by_hand)
            print(
                json.dumps(
                    {
                        "case": name,
                        "wayfed_ms": round(by_plan, 2),
                        "duckdb_ms": round(by_hand, 2),
                        "over_ms": round(by_plan - by_hand, 2),
                        "ratio": round(by_plan / by_hand, 3),
                        "of_budget": round((by_plan - by_hand) / allowed, 3),
                    }
                )
            )


if __name__ == "__main__":
    main()
