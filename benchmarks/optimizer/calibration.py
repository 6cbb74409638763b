"""How well calibrated costs predict what fragments take: q-error, on fragments not fitted to.

    python -m benchmarks.optimizer.calibration [--engines duckdb postgresql sqlite] [--quick]

Half of the fragments that `wayfed calibrate` measures are fitted to, the other half is predicted:
the factor by which the prediction is off, either way, of fragments over 20 ms. Several ways of
halving count together. The goals are 1.5 at the median and 4 at the 95th percentile.
"""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

import numpy as np

from wayfed.calibration.fitting import Observation, fit
from wayfed.calibration.measuring import benches, run
from wayfed_optimizer.cost import CostProfile

ENGINES = ("duckdb", "postgresql", "sqlite")
SHORTEST = 0.02
HALVINGS = 8
GOALS = {"median": 1.5, "p95": 4.0}


def held_out(seen: list[Observation], known: CostProfile) -> list[float]:
    """Return the q-errors of halves that were predicted by the other halves."""
    errors: list[float] = []
    for seed in range(HALVINGS):
        order = np.random.default_rng(seed).permutation(len(seen))
        half = len(seen) // 2
        fitted = known.measured(fit([seen[place] for place in order[:half]], known))
        others = (seen[place] for place in order[half:])
        errors += (each.error(fitted) for each in others if each.seconds > SHORTEST)
    return errors


def told(errors: list[float]) -> dict[str, float]:
    """Return the quantiles of q-errors."""
    return {
        "fragments": len(errors),
        "median": round(float(np.median(errors)), 2),
        "p95": round(float(np.quantile(errors, 0.95)), 2),
        "worst": round(max(errors), 2),
    }


def measure(engines: tuple[str, ...] = ENGINES, *, quick: bool = False) -> dict[str, Any]:
    """Measure platforms, and return how well halves of what was seen predict the other halves."""
    found: dict[str, Any] = {}
    everything: list[float] = []
    for bench in benches(engines):
        known, _, cases, _ = run(bench, quick=quick)
        seen = [case.observation for case in cases]
        assumed = [each.error(known) for each in seen if each.seconds > SHORTEST]
        errors = held_out(seen, known)
        everything += errors
        found[bench.kind] = {"held_out": told(errors), "not_calibrated": told(assumed)}
        print(json.dumps({bench.kind: found[bench.kind]}), flush=True)
    return {**found, "all": told(everything), "goals": GOALS, "load": os.getloadavg()}


def main() -> None:
    """Print a line of JSON for each platform, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", nargs="*", default=list(ENGINES))
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    print(json.dumps(measure(tuple(asked.engines), quick=asked.quick)))


if __name__ == "__main__":
    main()
