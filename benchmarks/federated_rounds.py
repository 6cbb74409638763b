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

``--start-server`` lets Flower's own ``start_server`` take a round after each of ``--processes``,
with the same rows and steps and a process a client; CPU seconds are of all processes together.

    python benchmarks/federated_rounds.py --parties --start-server 10 100
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
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
TURNS = 3


def rows_of(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Give each party its share of rows that a linear rule labels."""
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, FEATURES))
    y = (x @ random.normal(size=FEATURES) + random.logistic(size=ROWS)) > 0
    bounds = np.linspace(0, ROWS, count + 1).astype(int)
    return [(x[a:b], y[a:b]) for a, b in pairwise(bounds)]


def parties_of(count: int) -> dict[str, Arrays]:
    """Give each party its rows as arrays."""
    return {
        f"party{number:04}": Arrays.from_table(
            pa.table({**{f"x{i}": x[:, i] for i in range(FEATURES)}, "late": y})
        )
        for number, (x, y) in enumerate(rows_of(count))
    }


def descend(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, intercept: float
) -> tuple[np.ndarray, float]:
    """Take the steps of a round down the log loss, by hand."""
    weights = weights.copy()
    for _ in range(STEPS):
        residual = 1.0 / (1.0 + np.exp(-(x @ weights + intercept))) - y
        weights -= LEARNING_RATE * (x.T @ residual) / len(y)
        intercept -= LEARNING_RATE * residual.mean()
    return weights, intercept


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
            w, b = descend(x, y, self.weights, self.intercept)
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


def family_cpu(pid: int, *, without: tuple[int, ...] = ()) -> float:
    """Give the CPU seconds of a process and its living children, but for some and theirs."""
    parents: dict[int, list[int]] = {}
    seconds: dict[int, float] = {}
    for each in Path("/proc").iterdir():
        if not each.name.isdigit():
            continue
        try:
            fields = (each / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents.setdefault(int(fields[1]), []).append(int(each.name))
        seconds[int(each.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    total, left = 0.0, [pid]
    while left:
        one = left.pop()
        if one not in without:
            total += seconds.get(one, 0.0)
            left += parents.get(one, ())
    return total


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


def measure_processes(
    count: int, rounds: int, apart: str = "processes", *, peer: bool = False
) -> dict[str, Any]:
    """Let runs over this process and over parties' own take turns; give medians of their rounds.

    With a peer, a round of Flower's ``start_server`` follows each round over parties' own.
    """
    import pyarrow.parquet as pq

    names = [f"x{i}" for i in range(FEATURES)]
    columns = {**dict.fromkeys(names, "float64"), "late": "bool"}
    seconds: dict[str, list[float]] = {"local": [], apart: []}
    cpu: dict[str, list[float]] = {apart: [], "start_server": []}
    here: list[float] = []
    first = 0.0
    found: list[dict[str, Any]] = []
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        flower = _start_server(count, TURNS * rounds) if peer else None
        others = (flower.pid,) if flower is not None else ()
        if flower is not None:
            stack.callback(flower.close)
        tables = {}
        for name, arrays in parties_of(count).items():
            path = f"{directory}/{name}.parquet"
            pq.write_table(pa.table({column: arrays[column] for column in columns}), path)
            tables[name] = {"tables": {"rows": {"source": path}}}
        ctx = stack.enter_context(
            wf.context(env="federated", parties={"schema": {"rows": columns}, "party": tables})
        )
        parties = ctx.read("rows").to_numpy()
        for _ in range(TURNS):
            for runner in seconds:
                taken: list[tuple[float, float]] = []
                away: list[float] = []
                spent = 0.0
                mark = clocks()

                def after_round(_run: object) -> None:
                    nonlocal mark, spent
                    taken.append(since(mark))  # noqa: B023  # called in this turn
                    if runner == apart:  # noqa: B023
                        now = family_cpu(os.getpid(), without=others)
                        away.append(now - spent)  # noqa: B023
                        if flower is not None:
                            before = family_cpu(flower.pid)
                            flower.round()
                            cpu["start_server"].append(family_cpu(flower.pid) - before)
                        spent = family_cpu(os.getpid(), without=others)
                    mark = clocks()

                run = ctx.run_federated(
                    parties,
                    label="late",
                    model=models.logistic_regression(
                        learning_rate=LEARNING_RATE, local_epochs=STEPS
                    ),
                    rounds=rounds,
                    test=None,
                    runner=runner,
                    on_round=after_round,
                    progress=False,
                )
                if runner == apart:
                    first = first or taken[0][0]
                    cpu[apart] += away[1:]
                    here += [seconds for _, seconds in taken[1:]]
                seconds[runner] += [wall for wall, _ in taken[1:]]
                found.append(run.arrays)
    local, over = map(median, seconds.values())
    told = {
        "parties": count,
        "local_s": round(local, 5),
        f"{apart}_s": round(over, 5),
        "over_s": round(over - local, 5),
        "least_over_s": round(min(seconds[apart]) - min(seconds["local"]), 5),
        "coordinator_cpu_s": round(median(here), 5),
        "cpu_s": round(mean(cpu[apart]), 4),
        "first_round_s": round(first, 2),
        "load": os.getloadavg()[0],
        "equal": all(
            np.array_equal(each[name], found[0][name]) for each in found for name in found[0]
        ),
    }
    if flower is not None:
        theirs = flower.seconds[1:]
        told |= {
            "start_server_s": round(median(theirs), 5),
            "start_server_least_s": round(min(theirs), 5),
            "start_server_cpu_s": round(mean(cpu["start_server"][1:]), 4),
            "of_start_server": round(over / median(theirs), 3),
            "least_of_start_server": round(min(seconds[apart]) / min(theirs), 3),
        }
    return told


def _start_server(count: int, rounds: int) -> Any:
    from federated_peers.start_server import StartServer

    return StartServer(count, rounds)


def main() -> None:
    """Measure and print one line of JSON a number of parties."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--parties", type=int, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--processes", type=int, nargs="*", default=[])
    parser.add_argument("--flower", type=int, nargs="*", default=[])
    parser.add_argument("--start-server", type=int, nargs="*", default=[])
    asked = parser.parse_args()
    print(json.dumps({"cores": os.cpu_count(), "rows": ROWS, "features": FEATURES}))
    for count in asked.parties:
        print(json.dumps(measure(count, asked.rounds)))
    for count in asked.processes:
        print(json.dumps(measure_processes(count, asked.rounds)))
    for count in asked.flower:
        print(json.dumps(measure_processes(count, asked.rounds, "flower")))
    for count in asked.start_server:
        print(json.dumps(measure_processes(count, asked.rounds, peer=True)))


if __name__ == "__main__":
    main()
