"""What an answer takes: seconds by the clock, and of processors here and at the server."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from time import perf_counter, process_time
from typing import Any

import psutil

from benchmarks.peers.expert import Answer, rows_of


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of one case: the least and the median by the clock, and the least of processors.

    Processor seconds are those of this process, of its children, and of the server.
    """

    best: float
    median: float
    cpu: float


def in_turns(
    programs: Mapping[str, Callable[[], Answer]], server: int, runs: int
) -> dict[str, Spent]:
    """Run programs, one after the other, some times over; the first time is not counted."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for program in programs.values():
        program()
    for _ in range(runs):
        for name, program in programs.items():
            cpu, before = cpu_seconds(server), perf_counter()
            program()
            spent[name].append((perf_counter() - before, cpu_seconds(server) - cpu))
    return {
        name: Spent(min(w for w, _ in each), median(w for w, _ in each), min(c for _, c in each))
        for name, each in spent.items()
    }


def cpu_seconds(server: int) -> float:
    """Return the processor seconds of this process, its children, and a server's processes."""
    here = psutil.Process()
    of_others = [c for c in here.children(recursive=True) if c.pid != server]
    postgres = psutil.Process(server)
    return process_time() + sum(map(_seconds, (*of_others, postgres, *postgres.children())))


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    ended: float = times.children_user + times.children_system
    return float(times.user + times.system) + ended


def difference(found: Answer, expected: Answer) -> str | None:
    """Return where rows are not those expected; None where they are, decimals to nine digits."""
    if len(found) != len(expected):
        return f"{len(found)} rows instead of {len(expected)}"
    pairs = zip(rows_of(found), rows_of(expected), strict=True)
    for number, (row, other) in enumerate(pairs):
        if len(row) != len(other) or not all(map(_equal, row, other)):
            return f"row {number}: {row} instead of {other}"
    return None


def _equal(value: Any, other: Any) -> bool:
    if isinstance(value, int | float | Decimal) and isinstance(other, int | float | Decimal):
        return math.isclose(value, other, rel_tol=1e-9)
    if isinstance(value, str) and isinstance(other, str):
        return value.rstrip() == other.rstrip()
    return bool(value == other)
