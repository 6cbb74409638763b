"""The house: imports go down only, and the door is light."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FOREIGN_MODULES = """
import sys
before = set(sys.modules)
import wayfed
loaded = {name.split(".")[0] for name in set(sys.modules) - before}
ours = {name for name in loaded if name == "wayfed" or name.startswith("wayfed_")}
print(*sorted(loaded - ours - sys.stdlib_module_names))
"""


def lint_imports(root: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--cache-dir", cache]
    floors = ":".join(str(root / floor) for floor in (".", "connectors", "optimizer"))
    return subprocess.run(
        command, cwd=root, env={"PYTHONPATH": floors}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy_of_the_house(tmp_path):
    for each in ("wayfed", "connectors", "optimizer"):
        shutil.copytree(ROOT / each, tmp_path / each, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_go_down_only(tmp_path):
    result = lint_imports(ROOT, tmp_path)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "statement", "broken"),
    [
        ("optimizer/wayfed_optimizer/upward.py", "import wayfed_sql", "Imports point down"),
        ("connectors/wayfed_duckdb/upward.py", "import wayfed", "Imports point down"),
        ("connectors/wayfed_duckdb/sideways.py", "import wayfed_files", "Imports point down"),
        ("optimizer/wayfed_optimizer/heavy.py", "import pyarrow", "The optimizer knows no engine"),
        ("wayfed/text.py", "import sqlglot", "Only wayfed_sql imports sqlglot"),
    ],
)
def test_an_import_that_the_house_forbids_is_caught(copy_of_the_house, module, statement, broken):
    (copy_of_the_house / module).write_text(f"{statement}\n")
    result = lint_imports(copy_of_the_house, copy_of_the_house / "cache")
    assert result.returncode == 1, result.stdout + result.stderr
    assert any(line.startswith(broken) and "BROKEN" in line for line in result.stdout.split("\n"))


def test_importing_wayfed_loads_nothing_but_itself_and_the_standard_library():
    command = [sys.executable, "-c", FOREIGN_MODULES]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
