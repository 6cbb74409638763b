"""Runs the programs and prints a line of JSON for each: seconds by engine, all answers the same."""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import pyarrow as pa

from benchmarks import classics
from benchmarks.classics.answers import ANSWERS, agree
from benchmarks.classics.data import PLACES, Stores
from benchmarks.classics.engines import ENGINES, answer_of, available, options_of
from benchmarks.classics.programs import PROGRAMS
from wayfed.local import Context
from wayfed_database.embedded import PostgresServer


def measured(context: Context, program: str, engine: str, runs: int) -> tuple[pa.Table, float]:
    """Return a program's rows, and the seconds that the fastest of some runs took."""
    found, best = None, float("inf")
    for _ in range(runs):
        start = perf_counter()
        found = answer_of(context, program, engine)
        best = min(best, perf_counter() - start)
    return found, best


def measure(stores: Stores, asked: argparse.Namespace) -> None:
    """Print a line for each program and place."""
    expected = {program: ANSWERS[program](stores.tables) for program in asked.programs}
    for place in asked.places:
        with stores.open(place, **options_of(asked.engines)) as context:
            for program in asked.programs:
                line: dict[str, Any] = {"program": program, "tables": place}
                for engine in available(asked.engines, place):
                    found, seconds = measured(context, program, engine, asked.runs)
                    assert agree(program, found, expected[program]), (program, place, engine)
                    line[engine] = round(seconds, 3)
                print(json.dumps(line), flush=True)


def main() -> None:
    """Make the tables and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classics", usage=classics.__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=2, help="of which the fastest counts")
    parser.add_argument("--engines", nargs="*", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--places", nargs="*", default=list(PLACES), choices=PLACES)
    parser.add_argument("--programs", nargs="*", default=list(PROGRAMS), choices=list(PROGRAMS))
    asked = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        server = stack.enter_context(PostgresServer.start())
        measure(Stores.fill(directory, server.url, asked.scale), asked)


if __name__ == "__main__":
    main()
