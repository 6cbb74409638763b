"""What a round costs beyond its arithmetic: the grids against a plain numpy loop.

All train the same logistic regression on the same rows, five full-batch steps a party and round,
and combine the parties' weights by their rows. The local grid and the loop take turns within one
process. The budget is 2 ms and 0.3 ms a party over the loop, in wall time on a quiet machine; CPU
time is printed beside.

``--processes`` sets parties in processes of their own, which grpcio with mutual TLS reaches, beside
the same parties in this process; runs over both take turns. The budget over `local` is 0.02 s a
round at 10 parties and 0.1 s at 100, and 4 s from `run_federated` to the first round's end at 3.

    python benchmarks/federated_rounds.py [--rounds 10] [--parties 10 100 1000]
    python benchmarks/federated_rounds.py --parties --processes 3 10 100

``--flower`` does the same where a guarded SuperLink is between them. The budget is 1 s a round at
10 parties, and 10 s to the first round's end.

    python benchmarks/federated_rounds.py --parties --flower 10
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from itertools import pairwise
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pyarrow as pa

import wayfed as wf
from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.run import run_federated

ROWS, FEATURES, STEPS, LEARNING_RATE = 261_876, 17, 5, 0.1
BASE_SECONDS, PARTY_SECONDS = 0.002, 0.0003


def parties_of(count: int) -> dict[str, Arrays]:
    """Give each party its share of rows that a linear rule labels."""
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, FEATURES))
    y = (x @ random.normal(size=FEATURES) + random.logistic(size=ROWS)) > 0
    bounds = np.linspace(0, ROWS, count + 1).astype(int)
    names = [f"x{i}" for i in range(FEATURES)]
    return {
        f"party{number:04}": Arrays.from_table(
            pa.table({**{n: x[a:b, i] for i, n in enumerate(names)}, "late": y[a:b]})
        )
        for number, (a, b) in enumerate(pairwise(bounds))
    }


class NumpyLoop:
    """The same arithmetic, by hand."""

    def __init__(self, parties: dict[str, Arrays]) -> None:
        names = [name for name in next(iter(parties.values())) if name != "late"]
        self.parties = [(p.matrix(names), p["late"].astype(float)) for p in parties.values()]
        self.weights = np.zeros(len(names))
        self.intercept = 0.0

    def round(self) -> None:
        """Train at each party and average by rows."""
        total = sum(len(y) for _, y in self.parties)
        weights, intercept = np.zeros_like(self.weights), 0.0
        for x, y in self.parties:
            w, b = self.weights.copy(), self.intercept
            for _ in range(STEPS):
                residual = 1.0 / (1.0 + np.exp(-(x @ w + b))) - y
                w -= LEARNING_RATE * (x.T @ residual) / len(y)
                b -= LEARNING_RATE * residual.mean()
            weights += w * (len(y) / total)
            intercept += b * (len(y) / total)
        self.weights, self.intercept = weights, intercept


def clocks() -> tuple[float, float]:
    """Give wall and CPU time."""
    return perf_counter(), process_time()


def since(mark: tuple[float, float]) -> tuple[float, float]:
    """Give the wall and CPU time since `mark`."""
    wall, cpu = clocks()
    return wall - mark[0], cpu - mark[1]


def measure(count: int, rounds: int) -> dict[str, Any]:
    """Let both train, a round each in turn; give median seconds and their difference."""
    parties = parties_of(count)
    loop = NumpyLoop(parties)
    by_hand: list[tuple[float, float]] = []
    by_grid: list[tuple[float, float]] = []
    mark = clocks()

    def after_round(_run: object) -> None:
        nonlocal mark
        by_grid.append(since(mark))
        started = clocks()
        loop.round()
        by_hand.append(since(started))
        mark = clocks()

    run = run_federated(
        parties,
        label="late",
        model=models.logistic_regression(learning_rate=LEARNING_RATE, local_epochs=STEPS),
        rounds=rounds,
        test=None,
        on_round=after_round,
        progress=False,
    )
    difference = float(np.abs(run.arrays["coefficients"] - loop.weights).max())
    grid, hand = (median(wall for wall, _ in taken[1:]) for taken in (by_grid, by_hand))
    grid_cpu, hand_cpu = (median(cpu for _, cpu in taken[1:]) for taken in (by_grid, by_hand))
    budget = BASE_SECONDS + PARTY_SECONDS * count
    return {
        "parties": count,
        "numpy_s": round(hand, 5),
        "local_s": round(grid, 5),
        "over_s": round(grid - hand, 5),
        "over_cpu_s": round(grid_cpu - hand_cpu, 5),
        "budget_s": round(budget, 5),
        "of_budget": round((grid - hand) / budget, 3),
        "ratio": round(grid / hand, 3),
        "difference": difference,
    }


def measure_processes(count: int, rounds: int, apart: str = "processes") -> dict[str, Any]:
    """Let runs over this process and over parties' own take turns; give medians of their rounds."""
    import pyarrow.parquet as pq

    names = [f"x{i}" for i in range(FEATURES)]
    columns = {**dict.fromkeys(names, "float64"), "late": "bool"}
    seconds: dict[str, list[tuple[float, float]]] = {"local": [], apart: []}
    first = 0.0
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as directory:
        tables = {}
        for name, arrays in parties_of(count).items():
            path = f"{directory}/{name}.parquet"
            pq.write_table(pa.table({column: arrays[column] for column in columns}), path)
            tables[name] = {"tables": {"rows": {"source": path}}}
        with wf.context(
            env="federated", parties={"schema": {"rows": columns}, "party": tables}
        ) as ctx:
            arrays = ctx.read("rows").to_numpy()
            for _ in range(3):
                for runner in seconds:
                    mark = clocks()
                    taken: list[tuple[float, float]] = []

                    def after_round(_run: object) -> None:
                        nonlocal mark
                        taken.append(since(mark))  # noqa: B023  # called in this turn
                        mark = clocks()

                    run = ctx.run_federated(
                        arrays,
                        label="late",
                        model=models.logistic_regression(
                            learning_rate=LEARNING_RATE, local_epochs=STEPS
                        ),
                        rounds=rounds,
                        test=None,
                        runner=runner,
                        on_round=after_round,
                    )
                    if runner == apart and not first:
                        first = taken[0][0]
                    seconds[runner] += taken[1:]
                    found.append(run.arrays)
    local, over = (median(wall for wall, _ in taken) for taken in seconds.values())
    return {
        "parties": count,
        "local_s": round(local, 5),
        f"{apart}_s": round(over, 5),
        "over_s": round(over - local, 5),
        "least_over_s": round(min(seconds[apart])[0] - min(seconds["local"])[0], 5),
        "coordinator_cpu_s": round(median(cpu for _, cpu in seconds[apart]), 5),
        "first_round_s": round(first, 2),
        "load": os.getloadavg()[0],
        "equal": all(
            np.array_equal(each[name], found[0][name]) for each in found for name in found[0]
        ),
    }


def main() -> None:
    """Measure and print one line of JSON a number of parties."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--parties", type=int, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--processes", type=int, nargs="*", default=[])
    parser.add_argument("--flower", type=int, nargs="*", default=[])
    asked = parser.parse_args()
    print(json.dumps({"cores": os.cpu_count(), "rows": ROWS, "features": FEATURES}))
    for count in asked.parties:
        print(json.dumps(measure(count, asked.rounds)))
    for count in asked.processes:
        print(json.dumps(measure_processes(count, asked.rounds)))
    for count in asked.flower:
        print(json.dumps(measure_processes(count, asked.rounds, "flower")))


if __name__ == "__main__":
    main()
