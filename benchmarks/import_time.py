"""What `import wayfed` costs, in CPU milliseconds of a fresh interpreter; the budget is 100.

The interpreter's own start is measured in turn and taken off.

    python benchmarks/import_time.py [--runs 15]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from statistics import median

BUDGET_MS = 100


def cpu_ms(program: str) -> float:
    """Run a program in a fresh interpreter and give its CPU milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603  # our own words
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    pairs = [(cpu_ms("pass"), cpu_ms("import wayfed")) for _ in range(runs)]
    bare, whole = (median(side) for side in zip(*pairs, strict=True))
    spent = whole - bare
    print(
        json.dumps(
            {
                "import_wayfed_cpu_ms": round(spent, 1),
                "interpreter_cpu_ms": round(bare, 1),
                "budget_ms": BUDGET_MS,
                "of_budget": round(spent / BUDGET_MS, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
