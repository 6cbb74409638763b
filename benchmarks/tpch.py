"""TPC-H through `ctx.sql`, and by DuckDB's own SQL, on the same Parquet files in one process.

The two take turns, query by query; both end with an Arrow table, and wayfed parses, binds and plans
the text each time. The budget is 5 % and 10 ms, for each query and for all of them together.

    python benchmarks/tpch.py [--scale 1] [--runs 7] [--data DIRECTORY] [--queries 1 6 …]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import duckdb

import wayfed as wf
from tests.tpch.database import QUERIES, TABLES, file_of, generate
from wayfed.dataset import Dataset
from wayfed.local import Context

BUDGET_SHARE, BUDGET_MS = 0.05, 10.0


def by_wayfed(context: Context, query: str) -> float:
    """Ask wayfed; milliseconds from the text to an Arrow table."""
    before = perf_counter()
    dataset = context.sql(query)
    assert isinstance(dataset, Dataset)
    dataset.to_arrow()
    return 1000 * (perf_counter() - before)


def by_duckdb(connection: duckdb.DuckDBPyConnection, query: str) -> float:
    """Ask DuckDB; milliseconds from the text to an Arrow table."""
    before = perf_counter()
    connection.sql(query).to_arrow_table()
    return 1000 * (perf_counter() - before)


def measure(directory: Path, numbers: Sequence[int], runs: int) -> None:
    """Print a line of JSON for each query, and one for all."""
    ours_in_all, theirs_in_all = 0.0, 0.0
    with wf.context() as context, duckdb.connect() as connection:
        for table in TABLES:
            path = file_of(directory, table)
            context.register(table, path)
            connection.execute(f"CREATE VIEW {table} AS FROM read_parquet('{path}')")
        for number in numbers:
            query = QUERIES[number]
            by_wayfed(context, query)
            by_duckdb(connection, query)
            spent = [(by_wayfed(context, query), by_duckdb(connection, query)) for _ in range(runs)]
            ours, theirs = median(each[0] for each in spent), median(each[1] for each in spent)
            ours_in_all, theirs_in_all = ours_in_all + ours, theirs_in_all + theirs
            print(told(f"query {number}", ours, theirs), flush=True)
    print(told("all", ours_in_all, theirs_in_all, queries=len(numbers)))


def told(case: str, ours: float, theirs: float, queries: int = 1) -> str:
    """Return a result as a line of JSON."""
    allowed = BUDGET_MS * queries + BUDGET_SHARE * theirs
    return json.dumps(
        {
            "case": case,
            "wayfed_ms": round(ours, 1),
            "duckdb_ms": round(theirs, 1),
            "over_ms": round(ours - theirs, 1),
            "ratio": round(ours / theirs, 3),
            "of_budget": round((ours - theirs) / allowed, 3),
        }
    )


def main() -> None:
    """Generate the data where it is not there yet, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--data", type=Path, help="where the tables are, or are to be kept")
    parser.add_argument("--queries", type=int, nargs="*", default=list(QUERIES))
    asked = parser.parse_args()
    with TemporaryDirectory() as temporary:
        directory = asked.data or Path(temporary)
        if not file_of(directory, TABLES[0]).exists():
            generate(directory, asked.scale)
        measure(directory, asked.queries, asked.runs)


if __name__ == "__main__":
    main()
