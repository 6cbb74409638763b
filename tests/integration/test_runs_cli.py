"""`wayfed runs`, as people type it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import wayfed as wf
from wayfed.federated.runs.results import FederatedRun

WAYFED = Path(sys.executable).with_name("wayfed")

Typed = Callable[..., tuple[int, str]]


@pytest.fixture
def wayfed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type a command; gives the exit code, and all that was written."""
    monkeypatch.setenv("WAYFED_RUNS", str(tmp_path / "runs.db"))
    monkeypatch.setenv("COLUMNS", "120")

    def type_in(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [WAYFED, "runs", *arguments], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        return done.returncode, done.stdout + done.stderr

    return type_in


@pytest.fixture
def runs(wayfed: Typed) -> list[FederatedRun]:
    """Two runs that differ by their rate."""
    rows = {"bank": ["a", "b"] * 40, "x": [1.0, 2.0, 3.0, 4.0] * 20}
    rows["late"] = [False, False, True, True] * 20
    with wf.context() as ctx:
        parties = ctx.read(rows).to_numpy().partition_by("bank")
        return [
            ctx.run_federated(
                parties,
                label="late",
                preprocess=wf.features(standardize=True),
                model=wf.models.logistic_regression(learning_rate=rate),
                rounds=3,
            )
            for rate in (0.1, 0.9)
        ]


def test_runs_are_listed_shown_compared_and_exported(
    wayfed: Typed, runs: list[FederatedRun], tmp_path: Path
) -> None:
    first, second = runs

    _, listed = wayfed("list")
    _, shown = wayfed("show", second.id)
    _, compared = wayfed("compare", first.id, second.id)
    code, told = wayfed("export", second.id, "--output", "model.zip")

    assert listed.index(second.id) < listed.index(first.id)
    assert "2 runs in" in listed
    assert "3 of 3 rounds, 2 parties, finished" in shown
    assert "learning_rate" in compared
    assert "0.9" in compared
    assert "batch_size" not in compared
    assert (code, told) == (0, "wf.models.load('model.zip') loads it\n")
    loaded = wf.models.load(tmp_path / "model.zip")
    assert loaded.inputs == {"x": "float64"}
    with wf.context() as ctx:
        scored = loaded.predict(ctx.read({"id": [1, 2], "x": [1.0, 4.0]})).to_arrow()
    assert scored.to_pydict() == {"id": [1, 2], "x": [1.0, 4.0], "prediction": [False, True]}


def test_an_export_is_arrays_and_a_card(
    wayfed: Typed, runs: list[FederatedRun], tmp_path: Path
) -> None:
    wayfed("export", runs[0].id)
    code, told = wayfed("export", runs[0].id)

    assert (code, "--overwrite" in told) == (2, True)
    directory = tmp_path / runs[0].id
    card = json.loads((directory / "card.json").read_text())
    assert card["model"]["name"] == "logistic_regression"
    assert card["features"][0]["number"] == "x"
    assert card["metrics"] == runs[0].metrics
    with np.load(directory / "model.npz", allow_pickle=False) as arrays:
        assert arrays["coefficients"].tobytes() == runs[0].arrays["coefficients"].tobytes()


def test_an_id_that_is_not_there_is_said_so(wayfed: Typed, runs: list[FederatedRun]) -> None:
    code, told = wayfed("show", "mine")
    _, ambiguous = wayfed("show", "20")
    alone = wayfed("compare", runs[0].id)

    assert code == 1
    assert "'mine'" in told
    assert runs[0].id in told
    assert "20 begins 2 runs" in ambiguous
    assert (alone[0], "two runs or more" in alone[1]) == (2, True)
