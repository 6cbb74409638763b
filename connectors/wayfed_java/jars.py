"""Jars by the sets that engines need: fetched once by the Ivy in pyspark, verified, kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections import defaultdict
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_java.cache import cache_directory
from wayfed_java.runtime import java_home
from wayfed_java.trust import trust_options
from wayfed_optimizer.errors import ExecutionError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Report = Callable[[str], None]

_HERE: Final = Path(__file__).parent
_SECONDS: Final = 600


def jars(name: str, report: Report = lambda message: None) -> tuple[Path, ...]:
    """Return the jars of a set, fetched if they are not here yet.

    Parameters
    ----------
    name
        A set of ``ivy.xml``, for example ``postgresql``.
    report
        Is told what is fetched, before it is.

    Raises
    ------
    Unsupported
        Where pyspark, whose Ivy fetches them, is not installed.
    ExecutionError
        Where they cannot be fetched, or are not what was tested (by SHA-256).
    """
    expected = tested()[name]
    directory = cache_directory() / "jars" / name
    with _alone(directory):
        if any(_digest(directory / jar) != digest for jar, digest in expected.items()):
            report(f"fetching {name}: {len(expected)} jars")
            _fetch(name, directory, expected)
    return tuple(directory / jar for jar in sorted(expected))


@cache
def tested() -> Mapping[str, Mapping[str, str]]:
    """Return the SHA-256 of each jar that was tested, by set and file name."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for line in (_HERE / "jars.sha256").read_text(encoding="ascii").splitlines():
        digest, _, path = line.partition("  ")
        name, _, jar = path.partition("/")
        found[name][jar] = digest
    return MappingProxyType(found)


def retrieve(name: str, directory: Path) -> None:
    """Have Ivy put the jars of a set into a directory, whatever they are."""
    if find_spec("pyspark") is None:
        raise Unsupported(
            f"fetching the jars of {name}",
            reason="the Ivy that fetches them comes with pyspark",
            hint="pip install 'wayfed[spark]'",
        )
    import pyspark

    ivy = next((Path(pyspark.__file__).parent / "jars").glob("ivy-*.jar"))
    with tempfile.TemporaryDirectory(prefix="wayfed-ivy-") as scratch:
        program = java_home(Path(scratch)) / "bin" / "java"
        command = [str(program), "-Xmx256m", *trust_options(), "-jar", str(ivy)]
        command += ["-cache", f"{scratch}/cache", "-ivy", f"{_HERE}/ivy.xml", "-confs", name]
        command += ["-types", "jar", "bundle"]
        command += ["-retrieve", f"{directory}/[artifact]-[revision].[ext]"]
        done = subprocess.run(  # noqa: S603  the command is this file's own
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    if done.returncode:
        raise ExecutionError(
            f"the jars of {name} could not be fetched: {_reason(done.stdout + done.stderr)}",
            hint="check the network, and that SSL_CERT_FILE names your company's authority",
        )


def _fetch(name: str, directory: Path, expected: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{name}-") as scratch:
        fetched = Path(scratch)
        retrieve(name, fetched)
        for jar, digest in expected.items():
            found = _digest(fetched / jar)
            if found != digest:
                raise ExecutionError(
                    f"{jar} is {'missing' if found is None else 'not the one that was tested'}",
                    hint=f"its SHA-256 should be {digest}; is there a mirror in between?",
                )
        directory.mkdir(exist_ok=True)
        for jar in expected:
            (fetched / jar).replace(directory / jar)
    for other in set(directory.iterdir()) - {directory / jar for jar in expected}:
        other.unlink() if other.is_file() else shutil.rmtree(other)


def _digest(path: Path) -> str | None:
    if not path.exists():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reason(output: str) -> str:
    telling = ("PKIX", "UnknownHost", "SERVER ERROR", "not found", "rror")
    lines = [line.strip(" \t:") for line in output.splitlines()]
    found = (line for word in telling for line in lines if word in line)
    return next(found, lines[-1] if lines else "Ivy said nothing")


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep other processes from fetching the same set at the same time."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(directory.parent / f".{directory.name}.lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
