"""Fetch sets of jars, and write down what they are: ``connectors/wayfed_java/jars.sha256``.

``scripts/lock_jars.py postgresql`` does it for one set and leaves the others' lines alone.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from pathlib import Path

from wayfed_java.ivy import retrieve
from wayfed_java.sets import IVY_FILE, TESTED_FILE


def main(chosen: list[str]) -> None:
    """Write the table anew, in the order of sets and jars."""
    sets = re.findall(r'<conf name="([^"]+)"', IVY_FILE.read_text(encoding="utf-8"))
    if unknown := set(chosen) - set(sets):
        sys.exit(f"no set of {IVY_FILE.name} is called {', '.join(unknown)}; there are {sets}")
    asked = set(chosen or sets)
    kept = [
        line
        for line in TESTED_FILE.read_text(encoding="ascii").splitlines()
        if (name := line.split()[-1].partition("/")[0]) in sets and name not in asked
    ]
    lines = [line for name in sets if name in asked for line in _fetched(name)]
    table = sorted(kept + lines, key=lambda line: line.split()[-1])
    TESTED_FILE.write_text("".join(f"{line}\n" for line in table), encoding="ascii")


def _fetched(name: str) -> list[str]:
    sys.stdout.write(f"fetching {name}\n")
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch) / "jars"
        retrieve(name, directory, Path(scratch))
        return [_line(name, jar) for jar in directory.glob("*.jar")]


def _line(name: str, jar: Path) -> str:
    digest = hashlib.sha256(jar.read_bytes()).hexdigest()
    return f"{digest} {jar.stat().st_size:9d} {name}/{jar.name}"


if __name__ == "__main__":
    main(sys.argv[1:])
