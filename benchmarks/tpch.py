"""TPC-H through `ctx.sql`, and by DuckDB's own SQL, on the same Parquet files in one process.

The two take turns, query by query, and the best of each counts; both end with an Arrow table, and
wayfed parses, binds and plans the text each time. The budget is 5 % and 10 ms a query.

    python benchmarks/tpch.py [--scale 1] [--runs 7] [--data DIRECTORY] [--queries 1 6 …]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import NamedTuple

import duckdb

import wayfed as wf
from tests.tpch.database import QUERIES, TABLES, file_of, generate
from wayfed.dataset import Dataset
from wayfed.local import Context

BUDGET_SHARE, BUDGET_MS = 0.05, 10.0


class Spent(NamedTuple):
    """What one answer took: milliseconds by the clock, and of all processors together."""

    wall: float
    cpu: float


def spent_by(program: Callable[[], object]) -> Spent:
    """Run a program and say what it took."""
    wall, cpu = perf_counter(), process_time()
    program()
    return Spent(1000 * (perf_counter() - wall), 1000 * (process_time() - cpu))


def measure(directory: Path, numbers: Sequence[int], runs: int) -> None:
    """Print a line of JSON for each query, and one for all."""
    everything = []
    with wf.context() as context, duckdb.connect() as connection:
        for table in TABLES:
            path = file_of(directory, table)
            context.register(table, path)
            connection.execute(f"CREATE VIEW {table} AS FROM read_parquet('{path}')")
        for number in numbers:
            ours, theirs = in_turn(context, connection, QUERIES[number], runs)
            everything.append((ours, theirs))
            print(told(f"query {number}", ours, theirs), flush=True)
    ours, theirs = (
        Spent(*map(sum, zip(*each, strict=True))) for each in zip(*everything, strict=True)
    )
    print(told("all", ours, theirs, queries=len(numbers)))


def in_turn(
    context: Context, connection: duckdb.DuckDBPyConnection, query: str, runs: int
) -> tuple[Spent, Spent]:
    """Ask the two in turns, from the text to an Arrow table, and return the best of each."""

    def by_wayfed() -> None:
        dataset = context.sql(query)
        assert isinstance(dataset, Dataset)
        dataset.to_arrow()

    def by_duckdb() -> None:
        connection.sql(query).to_arrow_table()

    by_wayfed()
    by_duckdb()
    spent = [(spent_by(by_wayfed), spent_by(by_duckdb)) for _ in range(runs)]
    ours, theirs = (Spent(*map(min, zip(*each, strict=True))) for each in zip(*spent, strict=True))
    return ours, theirs


def told(case: str, ours: Spent, theirs: Spent, queries: int = 1) -> str:
    """Return a result as a line of JSON."""
    allowed = BUDGET_MS * queries + BUDGET_SHARE * theirs.wall
    return json.dumps(
        {
            "case": case,
            "wayfed_ms": round(ours.wall, 1),
            "duckdb_ms": round(theirs.wall, 1),
            "over_ms": round(ours.wall - theirs.wall, 1),
            "ratio": round(ours.wall / theirs.wall, 3),
            "cpu_ratio": round(ours.cpu / theirs.cpu, 3),
            "of_budget": round((ours.wall - theirs.wall) / allowed, 3),
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
