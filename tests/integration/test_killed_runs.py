"""Runs whose process is killed at random places go on, and give the undisturbed model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.killing import outcomes
from wayfed.federated.runs.store import RunStore

PROGRAM = "killed_runs"


def assert_all_went_on(found: list[dict[str, Any]]) -> None:
    for outcome in found:
        assert outcome["killed"] == -9, outcome
        assert (outcome["resumed"], outcome["status"], outcome["rounds"]) == (0, "finished", 8)
        assert outcome["same"], outcome


@pytest.mark.slow
@pytest.mark.parametrize(("runner", "kills"), [("local", 5), ("processes", 2)])
def test_a_run_killed_at_any_place_goes_on_to_the_same_model(
    runner: str, kills: int, tmp_path: Path
) -> None:
    assert_all_went_on(outcomes(PROGRAM, runner, str(tmp_path), "--kills", str(kills)))

    kept = RunStore(str(tmp_path / "runs.db")).runs()
    assert {each.status for each in kept} == {"finished"}
    assert {each.rounds for each in kept} == {"8 of 8"}


@pytest.mark.slow
def test_a_run_goes_on_with_a_party_that_was_killed_too(tmp_path: Path) -> None:
    (outcome,) = outcomes(PROGRAM, "processes", str(tmp_path), "--party", "birch")

    assert (outcome["killed"], outcome["status"], outcome["rounds"]) == (-9, "finished", 8)
    assert outcome["lost"] == ["birch"]
    assert outcome["last"] == ["ash", "birch", "cedar"]


@pytest.mark.soak
@pytest.mark.parametrize("runner", ["local", "processes"])
def test_fifty_runs_killed_at_any_place_go_on(runner: str, tmp_path: Path) -> None:
    assert_all_went_on(outcomes(PROGRAM, runner, str(tmp_path), "--kills", "50", "--seed", "soak"))
