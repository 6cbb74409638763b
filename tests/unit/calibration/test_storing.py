"""What was measured is kept for this machine; what cannot be read is set aside, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wayfed.calibration import Measured, load, save
from wayfed.calibration.storing import mark_of

DUCKDB = Measured("duckdb", "2.0", {"read": 1e-8}, day="2026-01-01", observations=3, error=1.2)


def test_what_was_kept_comes_back(tmp_path: Path):
    file = tmp_path / "made" / "profile.json"

    assert save([DUCKDB], file)

    assert load(file) == (DUCKDB,)


def test_what_was_known_before_runs_refined_it_comes_back(tmp_path: Path):
    file = tmp_path / "profile.json"
    refined = Measured("duckdb", "2.0", {"read": 2e-8}, before_runs={"read": 1e-8})

    save([refined], file)

    assert load(file) == (refined,)


def test_a_new_measurement_replaces_that_of_its_platform_and_no_other(tmp_path: Path):
    file = tmp_path / "profile.json"
    save([DUCKDB, Measured("sqlite", "3", {"read": 1e-7})], file)

    save([Measured("duckdb", "2.1", {"read": 2e-8})], file)

    assert [(each.platform, each.version) for each in load(file)] == [
        ("duckdb", "2.1"),
        ("sqlite", "3"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[1]",
        b'{"form": 99}',
        b'{"form": 1, "machine": "another", "profiles": []}',
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_profile_is_set_aside_and_that_is_said(
    text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "profile.json"
    file.write_bytes(text)

    assert load(file) == ()
    assert load(file) == ()

    assert capsys.readouterr().err.count("made anew") == 1
    assert (tmp_path / "profile.json.unreadable").read_bytes() == text


@pytest.mark.parametrize(
    "rates", [{"read": -1.0}, {"read": 1e-30}, {"read": float("nan")}, {"speed": 1.0}]
)
def test_rates_that_no_machine_has_are_not_used(rates: dict[str, float], tmp_path: Path):
    file = tmp_path / "profile.json"
    save([DUCKDB], file)
    told = json.loads(file.read_text())
    told["profiles"][0]["rates"] = rates
    file.write_text(json.dumps(told))

    assert load(file) == ()


def test_a_place_where_nothing_can_be_kept_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    blocked = tmp_path / "a file"
    blocked.write_text("")

    assert not save([DUCKDB], blocked / "profile.json")

    assert "cannot be kept" in capsys.readouterr().err


def test_the_mark_of_a_place_does_not_depend_on_its_password():
    assert mark_of("postgresql://me:one@host/db") == mark_of("postgresql://me:two@host/db")
    assert mark_of("postgresql://host/db") != mark_of("postgresql://host/other")
