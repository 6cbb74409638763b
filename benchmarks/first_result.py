"""How long a newcomer waits: the wheel's installation, core only, and a first result; budget 0.7 s.

Builds the wheel, installs it into an environment of its own, and then runs a small program there
again and again, each time in a fresh interpreter; wall seconds.

    python benchmarks/first_result.py [--runs 9]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

BUDGET_S = 0.7
PROGRAM = """
import wayfed as wf

with wf.context() as ctx:
    orders = ctx.read({"customer": [1, 2, 1], "amount": [3.0, 4.0, 5.0]})
    print(orders.group_by("customer").agg(total=wf.sum("amount")).to_numpy()["total"])
"""


def seconds(*command: str, **environment: str) -> float:
    """Run a command and give its wall seconds."""
    # As on a person's machine, where the first run leaves bytecode for those after it.
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = perf_counter()
    subprocess.run(  # noqa: S603  # our own words
        command, check=True, stdout=subprocess.DEVNULL, env=inherited | environment
    )
    return perf_counter() - before


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as directory:
        seconds("uv", "build", "--quiet", "--wheel", "--out-dir", directory)
        (wheel,) = map(str, Path(directory).glob("*.whl"))
        home = f"{directory}/environment"
        seconds("uv", "venv", "--quiet", home)
        installed = seconds("uv", "pip", "install", "--quiet", wheel, VIRTUAL_ENV=home)
        waits = [seconds(f"{home}/bin/python", "-c", PROGRAM) for _ in range(runs + 1)]
    wait = median(waits[1:])
    print(
        json.dumps(
            {
                "install_s": round(installed, 1),
                "first_result_s": round(wait, 3),
                "budget_s": BUDGET_S,
                "of_budget": round(wait / BUDGET_S, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
