"""What wayfed adds to PySpark: plans on Spark, and the same by hand, on the same Parquet files.

Q1 and Q3 of TPC-H, and lineitem with all of its 16 columns from Parquet through Spark to Arrow.
The two take turns in one process, on one Spark. The budget is 5 % or 150 ms, whichever is more.

    python benchmarks/spark_overhead.py [--scale 0.1] [--runs 7] [--memory 4g] [--files DIRECTORY]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import wayfed as wf
from tests.tpch.database import QUERIES, TABLES, file_of, generate

BUDGET_SHARE, BUDGET_MS = 0.05, 150.0


def in_turn(runs: int, *programs: Callable[[], object]) -> list[list[float]]:
    """Time programs one after the other, `runs` times; milliseconds."""
    spent: list[list[float]] = [[] for _ in programs]
    for program in programs * 2:
        program()
    for _ in range(runs):
        for times, program in zip(spent, programs, strict=True):
            before = perf_counter()
            program()
            times.append(1000 * (perf_counter() - before))
    return spent


def by_hand(session: Any, directory: Path, sql: str) -> Callable[[], object]:
    """Return a program that reads the files and runs a statement, as one would write it."""

    def run() -> object:
        for table in TABLES:
            session.read.parquet(str(file_of(directory, table))).createOrReplaceTempView(table)
        return session.sql(sql).toArrow()

    return run


def main() -> None:
    """Measure and print a line of JSON for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--memory", default="4g")
    parser.add_argument("--files", type=Path)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as temporary,
        wf.context(spark={"memory": asked.memory}) as context,
    ):
        directory = asked.files or Path(temporary)
        if asked.files is None:
            generate(directory, asked.scale)
        for table in TABLES:
            context.register(table, file_of(directory, table))
        context.read("lineitem").limit(1).on("spark").to_arrow()
        from pyspark.sql import SparkSession

        session = SparkSession.builder.getOrCreate()
        cases = {
            "q1": QUERIES[1],
            "q3": QUERIES[3],
            "lineitem": "SELECT * FROM lineitem",
        }
        for name, text in cases.items():
            sql = text.rstrip().rstrip(";")
            planned = context.sql(sql)
            assert isinstance(planned, wf.Dataset)  # no explain was asked for
            dataset = planned.on("spark")
            ours, theirs = in_turn(asked.runs, dataset.to_arrow, by_hand(session, directory, sql))
            mine, hand = median(ours), median(theirs)
            allowed = max(BUDGET_MS, BUDGET_SHARE * hand)
            print(
                json.dumps(
                    {
                        "case": name,
                        "scale": asked.scale,
                        "wayfed_ms": round(mine, 1),
                        "pyspark_ms": round(hand, 1),
                        "over_ms": round(mine - hand, 1),
                        "ratio": round(mine / hand, 3),
                        "of_budget": round((mine - hand) / allowed, 3),
                    }
                )
            )


if __name__ == "__main__":
    main()
