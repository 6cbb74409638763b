"""The README's examples run as they are written and print what it says."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_examples_of_the_readme_run_and_print_what_it_says(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    programs = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}

    for program in programs:
        exec(compile(program, "README.md", "exec"), names)  # our own README
        printed = capsys.readouterr().out
        for promised in re.findall(r"^# (.*)$", program, re.MULTILINE):
            assert promised in printed

    names["ctx"].close()
