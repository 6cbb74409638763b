"""What wrong statistics cost: runs that find out on the way, beside runs of the right plan.

Tables lie in PostgreSQL, in Parquet and in memory; some are believed to have a thousand times, or a
thousandth of, their rows. Each round runs the plan that is made with the truth and that of the
falsified statistics, the first one also that without looking at what is counted; the figures are
medians of the ratios within a round.

What watching costs where the estimates are right is measured in pairs of runs, which of a pair is
the first by turns: the median of their ratios, in seconds and in those of this process' processor,
which say more on a busy machine. Where both run the same plan and look at nothing, they are beside
it: how far apart two runs of the same thing are.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import wayfed as wf
from wayfed.dataset import Dataset
from wayfed.execution import Execution, execute
from wayfed_database.embedded import PostgresServer
from wayfed_optimizer.environment import Environment
from wayfed_optimizer.placement import Placed
from wayfed_optimizer.stages import plan
from wayfed_optimizer.statistics import Estimate, TableStatistics

FACTOR = 1_000.0
CUSTOMERS = 100_000
LEAST_PAIRS = 8
WATCHED = "wayfed.execution.watching._watched"
CHECKED = "wayfed_optimizer.stages.with_checkpoints"


@dataclass(frozen=True)
class Falsified:
    """Tables, by a part of their descriptions, and how many times their rows are believed."""

    table: str
    factor: float

    def __str__(self) -> str:
        return f"{self.table} {'x' if self.factor > 1 else '/'} {FACTOR:.0f}"

    def of(self, environment: Environment) -> Environment:
        """Return the environment in which that is believed."""
        believed = {}
        for name, source in environment.sources.items():
            known = source.statistics()
            if self.table in source.description:
                known = times(known, self.factor)
            believed[name] = known
        return replace(environment, statistics=believed)


def times(known: TableStatistics, factor: float) -> TableStatistics:
    """Return what is known of a table that is taken to be so many times as large."""
    rows = known.rows
    wrong = Estimate(
        rows.low * factor,
        rows.likely * factor,
        rows.high * factor,
        rows.confidence,
        rows.provenance,
    )
    columns = {
        name: replace(column, distinct=min(column.distinct, max(1.0, wrong.likely)))
        if column.distinct
        else column
        for name, column in known.columns.items()
    }
    return replace(known, rows=wrong, columns=columns)


TRUTH = Falsified("no table at all", 1.0)


def write_tables(url: str, directory: Path, orders: int) -> None:
    """Put orders and customers into PostgreSQL, and both into Parquet files."""
    random = np.random.default_rng(42)
    tables = {
        "orders": pa.table(
            {
                "o_id": np.arange(orders),
                "o_customer": random.integers(0, CUSTOMERS, orders),
                "o_amount": random.integers(0, 100_000, orders) / 8,
            }
        ),
        "customers": pa.table(
            {
                "c_id": np.arange(CUSTOMERS),
                "c_segment": random.integers(0, 1_000, CUSTOMERS),
                "c_region": random.integers(0, 20, CUSTOMERS),
            }
        ),
    }
    with wf.context() as context:
        for name, table in tables.items():
            pq.write_table(table, directory / f"{name}.parquet")
            context.read(table).write(url, table=name)
    index_orders(url)


def index_orders(url: str) -> None:
    """Let PostgreSQL find the orders of a customer, and know its tables."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create index on orders (o_customer)")
        connection.execute("analyze")


def queries_of(context: wf.Context, url: str, directory: Path) -> Mapping[str, Dataset]:
    """Return the queries; each is over two stores or three."""
    orders = context.read(url, table="orders")
    customers = context.read(str(directory / "customers.parquet"))
    kept_orders = context.read(str(directory / "orders.parquet"))
    kept_customers = context.read(url, table="customers")
    segments = context.read(pa.table({"segment": pa.array([3, 5, 7])}))
    total = wf.sum("o_amount")

    def joined(some: Dataset, bought: Dataset) -> Dataset:
        return some.join(bought, left_on="c_id", right_on="o_customer")

    return {
        "orders of few customers": joined(customers.filter("c_segment = 7"), orders)
        .group_by("c_region")
        .agg(total=total),
        "orders of some segments, in memory": joined(
            customers.join(segments, left_on="c_segment", right_on="segment"), orders
        )
        .group_by("c_segment")
        .agg(total=total),
        "orders of all customers": joined(customers, orders).group_by("c_region").agg(total=total),
        "files' orders of few customers": joined(
            kept_customers.filter("c_segment = 7"), kept_orders
        )
        .group_by("c_region")
        .agg(total=total),
    }


CASES = tuple(
    Falsified(table, factor) for table in ("orders", "customers") for factor in (FACTOR, 1 / FACTOR)
)


@contextmanager
def not_adapting() -> Iterator[None]:
    """Run plans as they were made."""
    with patch(WATCHED, lambda stages, environment: iter(())), patch(CHECKED, as_it_is):
        yield


def as_it_is(placed: Placed, *_: object) -> Placed:
    """Put no fragments into a plan that only count."""
    return placed


def seconds_of(dataset: Dataset, environment: Environment) -> tuple[float, Execution]:
    """Return the seconds of planning and running."""
    began = perf_counter()
    stages = plan(dataset.relation, environment)
    with execute(stages, environment) as execution:
        for _ in execution.stream:
            pass
    return perf_counter() - began, execution


def wrong_statistics(
    name: str, dataset: Dataset, falsified: Falsified, environment: Environment, rounds: int
) -> dict[str, object]:
    """Return the figures of a query whose statistics are falsified."""
    truth, wrong = TRUTH.of(environment), falsified.of(environment)
    times: list[tuple[float, float, float]] = []
    for number in range(rounds + 1):
        right, _ = seconds_of(dataset, truth)
        adapted, execution = seconds_of(dataset, wrong)
        if number <= 1:
            with not_adapting():
                as_made, _ = seconds_of(dataset, wrong)
        if number:  # the first round warms up
            times.append((right, adapted, as_made))
    told = execution.report.replannings
    return {
        "query": name,
        "believed": str(falsified),
        "truth_ms": round(1e3 * median(right for right, _, _ in times), 1),
        "adaptive_ms": round(1e3 * median(adapted for _, adapted, _ in times), 1),
        "of_truth": round(median(adapted / right for right, adapted, _ in times), 3),
        "of_truth_not_adapting": round(times[0][2] / times[0][0], 3),
        "replannings": len(told),
        "changed": sum(each.changed for each in told),
        "planning_again_ms": round(1e3 * sum(each.seconds for each in told), 1),
    }


def right_statistics(
    name: str, dataset: Dataset, environment: Environment, seconds: float
) -> dict[str, object]:
    """Return what watching costs a query whose statistics are right."""
    truth = TRUTH.of(environment)

    def taken(watching: bool) -> tuple[float, float]:
        gc.collect()
        cpu = process_time()
        if watching:
            wall, _ = seconds_of(dataset, truth)
        else:
            with not_adapting():
                wall, _ = seconds_of(dataset, truth)
        return wall, process_time() - cpu

    def pair(first: bool, second: bool, number: int) -> tuple[tuple[float, float], ...]:
        # Whoever is first in a round has the colder caches: by turns.
        if number % 2:
            one, two = taken(first), taken(second)
        else:
            two, one = taken(second), taken(first)
        return one, two

    taken(True), taken(False)
    watched, alike = [], []
    end = perf_counter() + seconds
    while perf_counter() < end or len(watched) < LEAST_PAIRS:
        watched.append(pair(True, False, len(watched)))
        alike.append(pair(False, False, len(watched)))

    def percent(pairs: list[tuple[tuple[float, float], ...]], which: int) -> float:
        return round(100 * (median(a[which] / b[which] for a, b in pairs) - 1), 2)

    return {
        "query": name,
        "pairs": len(watched),
        "ms": round(1e3 * median(b[0] for _, b in watched), 1),
        "cpu_ms": round(1e3 * median(b[1] for _, b in watched), 1),
        "overhead_percent": percent(watched, 0),
        "overhead_cpu_percent": percent(watched, 1),
        "alike_percent": percent(alike, 0),
        "alike_cpu_percent": percent(alike, 1),
    }


def printed(found: dict[str, object]) -> dict[str, object]:
    """Print a case and return it."""
    print(json.dumps(found), flush=True)
    return found


def main() -> None:
    """Measure and print a line of JSON a case, and last of all one with all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=30.0, help="a query, where all is right")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, PostgresServer.start() as server:
        directory = Path(place)
        write_tables(server.url, directory, arguments.orders)
        with wf.context() as context:
            queries = queries_of(context, server.url, directory)
            environment = context.environment
            right = [
                printed(right_statistics(name, query, environment, arguments.seconds))
                for name, query in queries.items()
            ]
            wrong = [
                printed(wrong_statistics(name, query, falsified, environment, arguments.rounds))
                for name, query in queries.items()
                for falsified in CASES
            ]
    ratios = [float(str(case["of_truth"])) for case in wrong]
    print(
        json.dumps(
            {
                "orders": arguments.orders,
                "load": [round(load, 1) for load in os.getloadavg()],
                "of_truth_median": median(ratios),
                "of_truth_worst": max(ratios),
                **{
                    key: median(float(str(each[key])) for each in right)
                    for key in ("overhead_percent", "overhead_cpu_percent")
                },
                "wrong": wrong,
                "right": right,
            }
        )
    )


if __name__ == "__main__":
    main()
