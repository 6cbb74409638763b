"""The same plan and the same statistics give the same choice, in any process."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
from tests.unit.placement.test_reductions import joined, orders_and_customers
from benchmarks.optimizer.planning import bushy
from wayfed_optimizer.stages import plan
from wayfed_optimizer.text import describe

env = orders_and_customers(1_000)
for relation, environment in ((joined(env), env), bushy(20, 4)):
    for fragment in plan(relation, environment).physical.fragments:
        print(fragment.id, fragment.platform, fragment.output, fragment.cost)
        print(describe(fragment.relation), fragment.inputs)
"""


def test_a_plan_does_not_depend_on_how_a_process_hashes():
    told = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(told) == 1
    assert "semi" in next(iter(told))
