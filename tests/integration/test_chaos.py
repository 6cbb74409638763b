"""Runs over a coordinator while somebody is killed, stopped or started anew: none hangs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DRIVER = "tests.integration.chaos"


def runs(root: Path, *options: str) -> list[dict[str, Any]]:
    """Return what came of runs to which something happened."""
    done = subprocess.run(
        [sys.executable, "-m", DRIVER, str(root), *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_all_ended_well(outcomes: list[dict[str, Any]]) -> None:
    for outcome in outcomes:
        assert outcome.get("exit") == 0, outcome
        assert outcome["ended"] in ("right model", "named failure"), outcome
        assert outcome["ended"] == "right model" or outcome["error"], outcome


@pytest.mark.slow
def test_a_run_ends_in_the_model_of_those_who_were_there_or_says_who_was_not(tmp_path):
    outcomes = runs(tmp_path, "--deadline", "30")

    assert len(outcomes) == 5
    assert_all_ended_well(outcomes)


@pytest.mark.soak
def test_fifty_runs_to_which_anything_may_happen_end(tmp_path):
    outcomes = runs(tmp_path, "--runs", "50", "--seed", "soak", "--deadline", "10")

    assert len(outcomes) == 50
    assert_all_ended_well(outcomes)
    assert sum(outcome["ended"] == "right model" for outcome in outcomes) > 25
