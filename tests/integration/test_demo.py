"""The demo from beginning to end, on a PostgreSQL of its own and the flights of 2013."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from wayfed.demo import run as run_demo
from wayfed.demo.stores import _read_package
from wayfed.federated.releases import Release, ReleaseKind

PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")
TOO_FEW = "OO"  # SkyWest, with 29 flights


def words_in(release: Release) -> set[str]:
    """Return each word and number as it is written in what left."""
    values = {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in release.content.items()
    }
    return set(re.findall(r"[\w.]+", str(values)))


@pytest.mark.slow
def test_the_demo_trains_over_the_airlines_and_no_row_of_theirs_leaves(tmp_path: Path) -> None:
    told: list[Release] = []
    console = Console(file=io.StringIO(), width=120)

    run = run_demo(tmp_path / "report.html", console=console, on_release=told.append)

    assert len(run.parties) == 16
    assert run.left_out.keys() == {TOO_FEW}
    assert "min_rows=100" in run.left_out[TOO_FEW]
    assert len(run.history) == 20
    assert run.metrics["auc"] > 0.65

    kinds = {release.kind for release in told}
    assert kinds >= {ReleaseKind.STATISTICS, ReleaseKind.VOCABULARY, ReleaseKind.UPDATE}
    assert not kinds & {ReleaseKind.OTHER, ReleaseKind.FAILURE}
    assert all(f"\n| `{kind.value}` |" in PAGE for kind in kinds)
    assert {release.party for release in told} == run.parties.keys()

    flights = _read_package()["flights"]
    planes = set(flights["tailnum"].drop_null().to_pylist())
    said = set().union(*map(words_in, told))
    assert len(planes) > 4_000
    assert not planes & said
    assert {"EWR", "JFK", "LGA"} <= said  # a vocabulary, which may leave

    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Hawaiian Airlines" in report
    assert not planes & set(re.findall(r"\w+", report))
