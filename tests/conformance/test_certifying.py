"""docs/certify.md: its example certifies a platform, as it is written there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "certify.md"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    for name, program in re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        (tmp_path / name).write_text(program)
    return tmp_path


def run(directory: Path, cases: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", cases]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def test_the_example_of_the_page_certifies_a_platform(example: Path) -> None:
    done = run(example, "Limit or every_claim or R12 or L6")
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d\d+ passed", done.stdout, re.MULTILINE), done.stdout


def test_a_mark_on_what_passes_is_an_error(example: Path) -> None:
    conftest = example / "conftest.py"
    marks = 'MARKS = {"R15 Limit: of none": Mark("never", "it has no zero")}\n'
    conftest.write_text(re.sub(r"MARKS = .*\n", marks, conftest.read_text()))

    done = run(example, "Limit")

    assert done.returncode == 1
    assert "duckdb passes R15 Limit: of none, though marked never: it has no zero" in done.stdout
