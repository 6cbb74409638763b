"""Runs over a coordinator while somebody is killed, stopped or started anew: none hangs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.killing import outcomes

PROGRAM = "chaos"


def assert_all_ended_well(found: list[dict[str, Any]]) -> None:
    for outcome in found:
        assert outcome.get("exit") == 0, outcome
        assert outcome["ended"] in ("right model", "named failure"), outcome
        assert outcome["ended"] == "right model" or outcome["error"], outcome


@pytest.mark.slow
def test_a_run_ends_in_the_model_of_those_who_were_there_or_says_who_was_not(tmp_path):
    found = outcomes(PROGRAM, str(tmp_path), "--deadline", "30")

    assert len(found) == 5
    assert_all_ended_well(found)


@pytest.mark.soak
def test_fifty_runs_to_which_anything_may_happen_end(tmp_path):
    found = outcomes(PROGRAM, str(tmp_path), "--runs", "50", "--seed", "soak", "--deadline", "10")

    assert len(found) == 50
    assert_all_ended_well(found)
    assert sum(outcome["ended"] == "right model" for outcome in found) > 25
