"""Private runs that are killed at random places go on, and all that was told is paid for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.killing import outcomes

PROGRAM = "killed_private_runs"
ROUNDS = 5


def assert_all_was_paid_for(found: list[dict[str, Any]]) -> None:
    for outcome in found:
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
    assert_all_was_paid_for(outcomes(PROGRAM, "local", str(tmp_path), "--kills", "2"))


@pytest.mark.slow
def test_a_party_that_was_killed_too_pays_for_no_more_than_it_has_told(tmp_path: Path) -> None:
    (outcome,) = outcomes(PROGRAM, "processes", str(tmp_path), "--party", "birch")

    assert_all_was_paid_for([outcome])
    birch, ash = outcome["accounts"]["birch"], outcome["accounts"]["ash"]
    assert birch["arrived"]["train"] < ash["arrived"]["train"]
    assert birch["paid"] == ROUNDS


@pytest.mark.soak
@pytest.mark.parametrize("runner", ["local", "processes"])
def test_what_fifty_killed_private_runs_have_told_is_paid_for(runner: str, tmp_path: Path) -> None:
    assert_all_was_paid_for(
        outcomes(PROGRAM, runner, str(tmp_path), "--kills", "25", "--seed", "soak")
    )
