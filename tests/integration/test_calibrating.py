"""``wayfed calibrate``, on the engines that start fast, as people type it."""

from __future__ import annotations

from pathlib import Path

import pytest

import wayfed as wf
from wayfed.calibration import load
from wayfed.calibration.links import measure_link
from wayfed.cli import main


@pytest.fixture
def wayfed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Type a command; what is measured is kept in a directory of the test's, and used."""
    monkeypatch.setenv("WAYFED_CACHE", str(tmp_path))
    monkeypatch.setenv("WAYFED_CALIBRATION", "on")

    def type_in(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return type_in


def test_what_is_measured_is_shown_and_planned_with_until_it_is_forgotten(wayfed):
    code, output, _ = wayfed("calibrate", "--quick", "--engine", "duckdb")
    assert code == 0
    assert "fragments, half of them predicted within" in output

    code, output, _ = wayfed("calibrate", "--show")
    assert code == 0
    assert "read.files.parquet" in output
    (found,) = load()
    with wf.context() as ctx:
        assert ctx.environment.costs_of("duckdb").rate("group") == found.rates["group"]

    wayfed("calibrate", "--forget")
    with wf.context() as ctx:
        duckdb = ctx.environment.platforms["duckdb"]
        assert ctx.environment.costs_of("duckdb") == duckdb.costs
    assert "nothing was measured yet" in wayfed("calibrate", "--show")[1]


def test_an_engine_that_cannot_be_measured_is_named_beside_those_that_can(wayfed):
    code, _, errors = wayfed("calibrate", "--engine", "kafka")

    assert code == 1
    assert "'kafka' cannot be measured" in errors
    assert "postgresql" in errors


@pytest.mark.postgres
def test_the_link_to_a_database_is_measured_without_writing_there(postgres_url: str):
    found = measure_link(postgres_url, quick=True)

    assert found.platform == "postgresql"
    assert found.place
    assert 0 < found.rates["out_byte"] < found.rates["fragment"] < 1
