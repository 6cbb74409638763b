"""What a loop as a plan adds to the same loop by hand over DuckDB, for each iteration.

Both do the same: a step over the current rows and a table of some thousand rows, and a test whether
to go on. They take turns in one process. The budget: 5 ms of CPU time an iteration, since wall time
of such small things is that of whoever else uses the machine.

    python benchmarks/iterate.py [--iterations 200] [--runs 7]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time

import duckdb
import numpy as np
import pyarrow as pa

import wayfed as wf
from wayfed.dataset import Dataset

BUDGET_MS = 5.0
CENTRES = 8


def points(rows: int) -> pa.Table:
    """Return points on a line."""
    return pa.table({"x": np.random.default_rng(0).random(rows)})


def centres() -> pa.Table:
    """Return the first centres."""
    return pa.table({"c": np.arange(CENTRES), "mid": np.linspace(0.0, 1.0, CENTRES)})


STEP = """
SELECT c, avg(x) AS mid FROM points CROSS JOIN centres WHERE abs(x - mid) < 0.1 GROUP BY c
"""
TEST = "SELECT max(mid) > 2 AS done FROM centres"


def by_hand(table: pa.Table, iterations: int) -> pa.Table:
    """Move centres to the mean of the points around them (mean shift), with DuckDB alone."""
    with duckdb.connect() as connection:
        connection.register("points", table)
        current = centres()
        for _ in range(iterations):
            connection.register("centres", current)
            current = connection.sql(STEP).to_arrow_table()
            connection.register("centres", current)
            if connection.sql(TEST).fetchall()[0][0]:
                break
        return current


def plan(context: wf.Context, table: pa.Table, iterations: int) -> Dataset:
    """Return the same as a plan."""
    rows = context.read(table)

    def step(current: Dataset) -> Dataset:
        near = rows.join(current, how="cross").filter(lambda t: (t.x - t.mid).abs() < 0.1)
        return near.group_by("c").agg(mid=wf.mean("x"))

    return context.read(centres()).iterate(
        step,
        until=lambda current: (
            current.group_by().agg(most=wf.max("mid")).select(done=wf.col("most") > 2)
        ),
        max_iterations=iterations,
    )


def trivial(context: wf.Context, iterations: int) -> Dataset:
    """Return a loop that does next to nothing: what is left is the loop itself."""
    return context.read(centres()).iterate(
        lambda current: current.with_columns(mid=lambda t: t.mid + 0.001),
        until=lambda current: (
            current.group_by().agg(most=wf.max("mid")).select(done=wf.col("most") > 1e9)
        ),
        max_iterations=iterations,
    )


def trivial_by_hand(iterations: int) -> pa.Table:
    """Do the same with DuckDB alone."""
    with duckdb.connect() as connection:
        current = centres()
        for _ in range(iterations):
            connection.register("centres", current)
            current = connection.sql("SELECT c, mid + 0.001 AS mid FROM centres").to_arrow_table()
            connection.register("centres", current)
            if connection.sql("SELECT max(mid) > 1e9 AS done FROM centres").fetchall()[0][0]:
                break
        return current


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Return the milliseconds of wall and of CPU time that some work takes."""
    wall, cpu = perf_counter(), process_time()
    work()
    return 1000 * (perf_counter() - wall), 1000 * (process_time() - cpu)


def main() -> None:
    """Measure and print a line of JSON for each loop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--runs", type=int, default=7)
    asked = parser.parse_args()
    count = asked.iterations
    table = points(5_000)
    with wf.context() as context:
        cases: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "nothing": (trivial(context, count).to_arrow, lambda: trivial_by_hand(count)),
            "centres": (plan(context, table, count).to_arrow, lambda: by_hand(table, count)),
        }
        for name, programs in cases.items():
            spent: list[list[tuple[float, float]]] = [[], []]
            for run in range(asked.runs + 1):
                for times, program in zip(spent, programs, strict=True):
                    took = measured(program)
                    if run:
                        times.append(took)
            ours, theirs = (
                [median(part) / count for part in zip(*each, strict=True)] for each in spent
            )
            print(
                json.dumps(
                    {
                        "case": name,
                        "iterations": count,
                        "wayfed_ms": round(ours[0], 3),
                        "duckdb_ms": round(theirs[0], 3),
                        "over_ms": round(ours[0] - theirs[0], 3),
                        "over_cpu_ms": round(ours[1] - theirs[1], 3),
                        "of_budget": round((ours[1] - theirs[1]) / BUDGET_MS, 3),
                    }
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
