"""What packages ask for is compared with what is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from wayfed.engines.packages import Unmet, is_installed, unmet


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place where packages are installed, besides the usual ones."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(site: Path, name: str, version: str, *asks: str) -> None:
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {each}" for each in asks]
    (site / f"{name}-{version}.dist-info").mkdir()
    (site / f"{name}-{version}.dist-info" / "METADATA").write_text("\n".join(lines))


def test_what_is_asked_for_and_here_is_not_told(site: Path) -> None:
    install(site, "arrows", "16.1.0")
    install(site, "engine", "1.0", "arrows>=15,<17")
    assert unmet("engine") == ()


@pytest.mark.parametrize(
    ("version", "wanted"), [("14.0.2", "arrows>=15"), ("26.0.1", "arrows!=26.*,<17")]
)
def test_only_the_limits_that_are_broken_are_told(site: Path, version: str, wanted: str) -> None:
    install(site, "arrows", version)
    install(site, "engine", "1.0", "arrows>=15,<17,!=26.*")
    assert unmet("engine") == (Unmet(wanted, version),)


def test_what_is_not_installed_is_told_with_all_its_limits(site: Path) -> None:
    install(site, "engine", "1.0", "no-such-arrows<17,>=15")
    assert [str(each) for each in unmet("engine")] == ["no-such-arrows<17,>=15 (not installed)"]


def test_an_extra_is_told_by_itself_and_what_is_for_other_machines_not_at_all(site: Path) -> None:
    install(
        site,
        "engine",
        "1.0",
        "no-such-core",
        "no-such-fork; python_version < '3'",
        "no-such-extra; extra == 'fast'",
        "no-such-mixture; python_version < '3' and extra == 'fast'",
    )
    assert unmet("engine") == (Unmet("no-such-core", None),)
    assert unmet("engine", "fast") == (Unmet("no-such-extra", None),)


def test_a_package_without_requirements_asks_for_nothing(site: Path) -> None:
    install(site, "engine", "1.0")
    assert unmet("engine") == ()


def test_an_extra_of_wayfed_that_is_here_is_installed() -> None:
    assert is_installed("spark")
