"""docs/platforms.md says what the capabilities and the suite say."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_what_runs_where_is_current() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "generate_platforms.py"))
    remedy = "run scripts/generate_platforms.py"
    assert script["PAGE"].read_text() == script["current_page"](), remedy
