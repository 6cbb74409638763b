"""Fetch every set of jars, and write down what they are: ``connectors/wayfed_java/jars.sha256``."""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from pathlib import Path

from wayfed_java.jars import retrieve

ROOM = Path(__file__).parents[1] / "connectors" / "wayfed_java"


def main() -> None:
    """Write the table anew, in the order of sets and jars."""
    sets = re.findall(r'<conf name="([^"]+)"', (ROOM / "ivy.xml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as scratch:
        for name in sets:
            sys.stdout.write(f"fetching {name}\n")
            retrieve(name, Path(scratch) / name)
        lines = [
            f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.parent.name}/{jar.name}\n"
            for jar in sorted(Path(scratch).glob("*/*.jar"))
        ]
    (ROOM / "jars.sha256").write_text("".join(lines), encoding="ascii")


if __name__ == "__main__":
    main()
