"""A JVM starts when a plan first needs it, serves all contexts of its process, leaves no trace."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

ENGINES = [
    pytest.param("spark", marks=pytest.mark.spark),
    pytest.param("flink", marks=pytest.mark.flink),
]

COMMON = """
    import os, sys, tempfile
    import psutil
    import wayfed as wf

    engine = sys.argv[1]

    def javas():
        children = psutil.Process().children(recursive=True)
        return sorted(child.pid for child in children if "java" in child.name())

    def answer(ctx):
        rows = ctx.read({"n": [1, 2, 3]}).filter(lambda t: t.n > 1).on(engine).to_numpy()
        return sorted(rows["n"].tolist())

    first, second = (wf.context(**{engine: {}}) for _ in range(2))
    assert not javas()
    assert answer(first) == [2, 3]
    (started,) = javas()
"""

SHARED = """
    assert answer(second) == [2, 3]
    first.close()
    assert answer(second) == [2, 3]
    assert javas() == [started]  # the same one served them all
"""

KILLED = """
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The temporary directory of the programs, by which their processes are known too."""
    place = tmp_path / "tmp"
    place.mkdir()
    return place


def run(engine: str, temporary: Path, *parts: str) -> subprocess.CompletedProcess[str]:
    program = "".join(map(textwrap.dedent, parts))
    environment = os.environ | {
        "TMPDIR": str(temporary),
        "WAYFED_QUIET": "1",
        "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1",  # starts sooner
    }
    return subprocess.run(
        [sys.executable, "-c", program, engine],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def processes_of(temporary: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(temporary):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_contexts_share_a_jvm_and_who_does_not_close_the_last_one_leaves_nothing(
    engine: str, temporary: Path
) -> None:
    # What closing the last one leaves is asked in test_spark and test_flink.
    done = run(engine, temporary, COMMON, SHARED)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert processes_of(temporary) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_the_jvm_of_a_program_that_is_killed_ends_by_itself(engine: str, temporary: Path) -> None:
    assert run(engine, temporary, COMMON, KILLED).returncode == -9
    _, alive = psutil.wait_procs(processes_of(temporary), timeout=180)
    for process in alive:
        process.kill()
    assert alive == []
