"""Which Java engines are started with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from wayfed_java.runtime import java_home, read_release
from wayfed_optimizer.errors import ExecutionError

VECTOR = "java.base jdk.incubator.vector"


def _java(home: Path, version: str, modules: str = VECTOR) -> Path:
    """A home whose java says with what it was called."""
    (home / "bin").mkdir(parents=True)
    program = home / "bin" / "java"
    program.write_text('#!/bin/sh\nfor a do echo "$a"; done\n')
    program.chmod(0o755)
    (home / "release").write_text(f'JAVA_VERSION="{version}"\nMODULES="{modules}"\n')
    return home


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine with no Java at all, and without the package's."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    monkeypatch.setattr("wayfed_java.runtime.find_spec", lambda name: None)
    return monkeypatch


@pytest.mark.parametrize("version", ["17.0.15", "21.0.8", "22"])
def test_a_java_of_the_machines_is_used_as_it_is(
    no_java: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    home = _java(tmp_path / "jdk", version)
    no_java.setenv("JAVA_HOME", str(home))
    assert java_home(tmp_path) == home


def test_a_java_on_the_path_is_found_through_its_links(
    no_java: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = _java(tmp_path / "jdk", "17.0.1")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "java").symlink_to(home / "bin" / "java")
    no_java.setenv("PATH", str(programs))
    assert java_home(tmp_path) == home


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.2", "25.0.1", ""])
def test_a_java_that_spark_does_not_run_on_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(_java(tmp_path / "old", version)))
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    stand_in = java_home(tmp_path)  # of the package's own, which lacks a module
    assert stand_in == tmp_path / "java"


def test_a_java_without_the_vector_module_is_not_asked_for_it(
    no_java: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = _java(tmp_path / "a jdk's", "21.0.8", "java.base")
    no_java.setenv("JAVA_HOME", str(home))
    program = java_home(tmp_path) / "bin" / "java"
    arguments = ["-cp", "a b:*", "--add-modules=jdk.incubator.vector", "-X", "", "Main", "$x"]
    said = subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["-cp", "a b:*", "-X", "", "Main", "$x"]


def test_without_any_java_the_error_names_the_remedy(
    no_java: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    no_java.setenv("JAVA_HOME", str(_java(tmp_path / "old", "11.0.2")))
    with pytest.raises(ExecutionError) as raised:
        java_home(tmp_path)
    assert "wayfed[spark]" in str(raised.value)
    assert f"Java 11 in {tmp_path / 'old'}" in str(raised.value)


@pytest.mark.parametrize("content", ["", "a file"])
def test_a_java_home_that_is_none_is_passed_over_and_named_where_nothing_else_is_left(
    no_java: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    broken = tmp_path / "broken"
    if content:
        broken.write_text(content)
    no_java.setenv("JAVA_HOME", str(broken))
    with pytest.raises(ExecutionError, match="there is no Java that flink runs on") as raised:
        java_home(tmp_path, "flink")
    assert f"no Java in JAVA_HOME={broken}" in str(raised.value)
    home = _java(tmp_path / "jdk", "17.0.1")
    no_java.setenv("PATH", str(home / "bin"))
    assert java_home(tmp_path) == home


def test_a_folder_that_is_no_java_is_not_taken_for_one(tmp_path: Path) -> None:
    assert read_release(tmp_path) is None
    (tmp_path / "release").write_text('JAVA_VERSION="17"\n')
    assert read_release(tmp_path) is None
