"""Private runs that are killed at random places go on, and all that was told is paid for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DRIVER = "tests.integration.killed_private_runs"
ROUNDS = 5


def killed_runs(runner: str, root: Path, *options: str) -> list[dict[str, Any]]:
    """Return what came of runs that were killed, gone on with, killed, and gone on with."""
    done = subprocess.run(
        [sys.executable, "-m", DRIVER, runner, str(root), *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_all_was_paid_for(outcomes: list[dict[str, Any]]) -> None:
    for outcome in outcomes:
        killed, killed_again, ended = outcome["ended"]
        assert (killed, ended) == (-9, 0), outcome
        assert killed_again in (-9, 0), outcome
        assert (outcome["status"], outcome["rounds"]) == ("finished", ROUNDS), outcome
        for bank, account in outcome["accounts"].items():
            for kind, arrived in account["arrived"].items():
                assert arrived <= account["noted"].get(kind, 0) <= account["paid"], outcome
            assert account["charged"] >= account["cost"], outcome
            # Who was not there at the end is not told of.
            assert outcome["spent"].get(bank, account["cost"]) >= account["cost"], outcome
            assert account["composed"], outcome


@pytest.mark.slow
def test_what_killed_private_runs_have_told_is_paid_for(tmp_path: Path) -> None:
    assert_all_was_paid_for(killed_runs("local", tmp_path, "--kills", "2"))


@pytest.mark.slow
def test_a_party_that_was_killed_too_pays_for_no_more_than_it_has_told(tmp_path: Path) -> None:
    (outcome,) = killed_runs("processes", tmp_path, "--party", "birch")

    assert_all_was_paid_for([outcome])
    birch, ash = outcome["accounts"]["birch"], outcome["accounts"]["ash"]
    assert birch["arrived"]["train"] < ash["arrived"]["train"]
    assert birch["paid"] == ROUNDS


@pytest.mark.soak
@pytest.mark.parametrize("runner", ["local", "processes"])
def test_what_fifty_killed_private_runs_have_told_is_paid_for(runner: str, tmp_path: Path) -> None:
    assert_all_was_paid_for(killed_runs(runner, tmp_path, "--kills", "25", "--seed", "soak"))
