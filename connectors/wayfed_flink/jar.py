"""Our classes for Flink: the jar in the wheel, and the digests that say it is whole.

It is made of ``_java`` by ``scripts/build_jar.py``; the sources are not in the wheel.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

ROOM: Final = Path(__file__).parent
JAR: Final = ROOM / "_jars" / "wayfed-flink.jar"
DIGESTS: Final = ROOM / "_jars" / "DIGESTS"
_REMEDY: Final = "install wayfed again; in a checkout, run scripts/build_jar.py"


def digest_of_jar() -> str:
    """Return the line of DIGESTS for the jar as it is; a FileNotFoundError where it is not."""
    return f"{hashlib.sha256(JAR.read_bytes()).hexdigest()}  {JAR.name}"


def digest_of_sources() -> str:
    """Return the line of DIGESTS for the sources as they are."""
    found = hashlib.sha256()
    for path in sorted(path for path in (ROOM / "_java").rglob("*") if path.is_file()):
        found.update(path.relative_to(ROOM).as_posix().encode() + b"\0")
        found.update(path.read_bytes() + b"\0")
    return f"{found.hexdigest()}  _java"


def require_whole() -> None:
    """Raise ExecutionError unless the jar is there, and is the one that was committed."""
    from wayfed_optimizer.errors import ExecutionError  # not there where a wheel is built

    try:
        whole = digest_of_jar() in DIGESTS.read_text(encoding="ascii").splitlines()
    except FileNotFoundError as error:
        raise ExecutionError(f"'{error.filename}' is missing", hint=_REMEDY) from error
    if not whole:
        raise ExecutionError(f"'{JAR}' is damaged: its digest is another one", hint=_REMEDY)
