"""What planning costs: rewrite, placement, cutting and SQL text of a five-table join; budget 10 ms.

CPU milliseconds, warm; the tables are Parquet files with footers of statistics.

    python benchmarks/planning.py [--runs 50]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median
from time import process_time

import pyarrow as pa
import pyarrow.parquet as pq

import wayfed as wf
from wayfed.dataset import Dataset
from wayfed_optimizer.stages import plan

BUDGET_MS = 10


def five_tables(context: wf.Context, directory: Path) -> Dataset:
    """Return revenue by nation of the orders of one year: customers, lines, suppliers, nations."""
    rows = {
        "orders": {"o_id": [1, 2], "c_id": [1, 2], "o_year": [1994, 1995]},
        "customers": {"c_id": [1, 2], "n_id": [1, 2]},
        "lines": {"o_id": [1, 2], "s_id": [1, 2], "price": [1.0, 2.0], "discount": [0.1, 0.0]},
        "suppliers": {"s_id": [1, 2], "s_n_id": [1, 2]},
        "nations": {"n_id": [1, 2], "n_name": ["one", "two"]},
    }
    for name, columns in rows.items():
        pq.write_table(pa.table(columns), directory / f"{name}.parquet")
    read = {name: context.read(directory / f"{name}.parquet") for name in rows}
    return (
        read["orders"]
        .filter(lambda t: t.o_year == 1994)
        .join(read["customers"], on="c_id")
        .join(read["lines"], on="o_id")
        .join(read["suppliers"], on="s_id")
        .filter(lambda t: t.s_n_id == t.n_id)
        .join(read["nations"], on="n_id")
        .group_by("n_name")
        .agg(revenue=wf.sum(wf.col("price") * (1 - wf.col("discount"))))
        .sort("revenue", descending=True)
    )


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as directory, wf.context() as context:
        relation = five_tables(context, Path(directory)).relation
        environment = context.environment
        plan(relation, environment)
        spent: list[float] = []
        stages: dict[str, list[float]] = {}
        for _ in range(runs):
            before = process_time()
            made = plan(relation, environment)
            spent.append(1000 * (process_time() - before))
            for name, seconds in made.seconds.items():
                stages.setdefault(name, []).append(1000 * seconds)
    print(
        json.dumps(
            {
                "planning_cpu_ms": round(median(spent), 2),
                "stages_wall_ms": {name: round(median(ms), 2) for name, ms in stages.items()},
                "budget_ms": BUDGET_MS,
                "of_budget": round(median(spent) / BUDGET_MS, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
