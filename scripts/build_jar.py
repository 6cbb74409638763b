"""Compile our classes for Flink: ``connectors/wayfed_flink/_jars``; with ``--check``, compare only.

The Eclipse compiler runs on any Java runtime, and the jar is the same, byte for byte, wherever it
is made. The jar and the digests are committed, so that nobody else needs a compiler.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from wayfed_flink.jar import DIGESTS, JAR, ROOM, digest_of_jar, digest_of_sources
from wayfed_java import jars, java_home

ROOT = Path(__file__).parents[1]
MANIFEST = b"Manifest-Version: 1.0\r\nCreated-By: wayfed\r\n\r\n"
SINCE = (2026, 1, 1, 0, 0, 0)


def main() -> None:
    """Write jar and digests; or exit with an error where the committed ones are others."""
    if "--check" in sys.argv:
        with tempfile.TemporaryDirectory() as directory:
            made = Path(directory) / JAR.name
            _build(made)
            same = made.read_bytes() == JAR.read_bytes() and DIGESTS.read_text() == _digests()
        sys.exit(None if same else f"{JAR.name} is not what its sources give: run {sys.argv[0]}")
    JAR.parent.mkdir(exist_ok=True)
    made = JAR.with_suffix(".new")
    _build(made)
    made.replace(JAR)  # whole: a JVM may have the old one open
    DIGESTS.write_text(_digests())
    sys.stdout.write(f"{JAR.relative_to(ROOT)}: {JAR.stat().st_size} bytes\n")


def _digests() -> str:
    return f"{digest_of_sources()}\n{digest_of_jar()}\n"


def _build(jar: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        classes = Path(directory) / "classes"
        _compile(classes, Path(directory))
        resources = ROOM / "_java" / "resources"
        entries = {
            path.relative_to(base).as_posix(): path.read_bytes()
            for base in (classes, resources)
            for path in base.rglob("*")
            if path.is_file()
        }
    # Stored, not deflated: builds of zlib differ in what they make.
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_STORED) as archive:
        for name, content in [("META-INF/MANIFEST.MF", MANIFEST), *sorted(entries.items())]:
            entry = zipfile.ZipInfo(name, SINCE)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, content)


def _compile(classes: Path, scratch: Path) -> None:
    import pyflink

    flink = Path(pyflink.__file__).parent
    libraries = [*flink.glob("lib/*.jar"), *flink.glob("opt/flink-python-*.jar")]
    (compiler,) = jars("ecj", lambda message: print(message, file=sys.stderr))  # noqa: T201  a script's
    sources = ROOM / "_java" / "java"
    command = [str(java_home(scratch, "flink") / "bin" / "java"), "-Xmx512m", "-jar", str(compiler)]
    # 11: what a Flink 2 cluster may run on.
    command += ["-source", "11", "-target", "11", "-nowarn", "-proc:none", "-g:lines,source,vars"]
    command += ["-encoding", "UTF-8", "-cp", ":".join(map(str, sorted(libraries)))]
    command += ["-d", str(classes), *(str(path) for path in sorted(sources.rglob("*.java")))]
    subprocess.run(command, check=True, cwd=sources)  # noqa: S603  the command is this file's own


if __name__ == "__main__":
    main()
