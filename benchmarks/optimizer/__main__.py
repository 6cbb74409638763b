"""Runs what there is of the optimizer's benchmarks, and writes one JSON file and one picture.

    python -m benchmarks.optimizer [--output DIRECTORY] [PART …]

Each part runs in a process of its own, and prints lines of JSON, of which the last is its result.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.optimizer.picture import draw

PARTS = ("planning", "cardinality", "calibration", "choice", "three_stores", "misestimates")


def result_of(part: str) -> dict[str, Any]:
    """Run a part and return its result, or what went wrong."""
    print(f"{part} …", flush=True)
    began = perf_counter()
    done = subprocess.run(  # noqa: S603  the parts are this file's own
        [sys.executable, "-m", f"benchmarks.optimizer.{part}"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    found: dict[str, Any] = {"seconds": round(perf_counter() - began, 1)}
    try:
        found["lines"] = [json.loads(line) for line in lines]
    except ValueError as error:
        found["failed"] = f"it printed what is no JSON: {error}"
    if done.returncode:
        found["failed"] = f"it ended with {done.returncode}"
    return found


def main() -> None:
    """Run all parts, or those that were named."""
    there = [part for part in PARTS if find_spec(f"benchmarks.optimizer.{part}")]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.optimizer", description=__doc__)
    parser.add_argument("parts", nargs="*", default=there, metavar="PART", help=", ".join(there))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    found = {part: result_of(part) for part in asked.parts}
    found["machine"] = {"cores": os.cpu_count(), "load": os.getloadavg()}
    file = asked.output / "optimizer.json"
    file.write_text(json.dumps(found, indent=1))
    draw(found, asked.output / "optimizer.svg")
    print(file, file.with_suffix(".svg"))
    if any("failed" in each for each in found.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
