"""Jars by the sets that engines need: fetched once, verified, kept."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wayfed_java.cache import cache_directory, cannot_write, chosen_directory
from wayfed_java.ivy import retrieve
from wayfed_java.locking import alone
from wayfed_java.sets import jar_set
from wayfed_java.telling import tell, telling
from wayfed_optimizer.errors import ExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed_java.sets import Jar, JarSet

    Report = Callable[[str], None]

MISSING: Final = "missing"
DAMAGED: Final = "damaged"
_MEGABYTE: Final = 1_000_000


def jars(name: str, report: Report | None = None) -> tuple[Path, ...]:
    """Return the jars of a set, fetched if they are not here yet.

    Where they are here and what they should be, nothing is fetched and nothing written, so that
    this works without a network and in a cache that cannot be written. Processes that need the
    same jars at once wait for the first.

    Parameters
    ----------
    name
        A set of ``ivy.xml``, for example ``postgresql``.
    report
        Is told what is fetched, before it is; without it stderr is.

    Raises
    ------
    InvalidOption
        Where no set is called so.
    Unsupported
        Where pyspark, whose Ivy fetches them, is not installed.
    ExecutionError
        Where they cannot be fetched or kept, or are not what was tested (by SHA-256).
    """
    wanted = jar_set(name)
    if wrong_jars(wanted):
        _fetch_alone(wanted, report)
    directory = _home(wanted)
    return tuple(directory / jar.name for jar in wanted.jars)


def wrong_jars(wanted: JarSet, *, thorough: bool = False) -> Mapping[Jar, str]:
    """Return the jars of a set that are missing or damaged in the cache, and which of the two.

    A file that has not changed since it was verified is not read again, unless `thorough`.
    """
    directory, known = _home(wanted), {} if thorough else _verified(wanted)
    wrong, seen = {}, {}
    for jar in wanted.jars:
        path = directory / jar.name
        try:
            mark = _mark(path, jar)
            if known.get(jar.name) != mark and _digest(path) != jar.digest:
                wrong[jar] = DAMAGED
            seen[jar.name] = mark
        except FileNotFoundError:
            wrong[jar] = MISSING
        except OSError as error:
            raise ExecutionError(
                f"{path} cannot be read: {error.strerror}", hint="remove it, or set WAYFED_CACHE"
            ) from error
    if not wrong and seen != known:
        _remember(wanted, seen)
    return wrong


def _fetch_alone(wanted: JarSet, report: Report | None) -> None:
    home = _home(wanted)
    try:
        (cache_directory() / "jars").mkdir(exist_ok=True)

        def waiting() -> None:
            (report or tell)(f"waiting for another process that fetches {wanted}")

        with alone(home.with_name(f".{wanted.name}.lock"), waiting):
            if wrong := wrong_jars(wanted):  # else another process has just fetched them
                _fetch(wanted, wrong, report)
    except OSError as error:
        raise cannot_write(home, error) from error


def _fetch(wanted: JarSet, wrong: Mapping[Jar, str], report: Report | None) -> None:
    message = f"fetching {wanted}"
    if damaged := [jar.name for jar, how in wrong.items() if how == DAMAGED]:
        message = f"{', '.join(damaged)} in {_home(wanted)} is damaged: {message} again"
    if report is not None:
        report(message)
        _fetch_and_verify(wanted, lambda size: None)
        return
    with telling(message) as grow:
        whole = f"{wanted.size / _MEGABYTE:.1f} MB"
        _fetch_and_verify(wanted, lambda size: grow(f"{size / _MEGABYTE:.1f} of {whole}"))


def _fetch_and_verify(wanted: JarSet, progress: Callable[[int], None]) -> None:
    """Let Ivy fetch beside the set's directory, and move over only what is as it should be."""
    home = _home(wanted)
    for left in home.parent.glob(f".{wanted.name}-*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        dir=home.parent, prefix=f".{wanted.name}-", ignore_cleanup_errors=True
    ) as scratch:
        fetched = Path(scratch) / "fetched"
        retrieve(wanted.name, fetched, Path(scratch), progress)
        for jar in wanted.jars:
            _require_tested(fetched / jar.name, jar)
        home.mkdir(exist_ok=True)
        for jar in wanted.jars:
            (fetched / jar.name).replace(home / jar.name)
    wrong_jars(wanted)


def _require_tested(path: Path, jar: Jar) -> None:
    found = _digest(path) if path.exists() else None
    if found != jar.digest:
        raise ExecutionError(
            f"{jar} {'is not the one that was tested' if found else 'did not come'}",
            hint=f"its SHA-256 should be {jar.digest}; is there a mirror in between?",
        )


def _home(wanted: JarSet) -> Path:
    return chosen_directory() / "jars" / wanted.name


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _mark(path: Path, jar: Jar) -> list[object]:
    """Return what would differ if the file had changed since: its change time cannot be set."""
    status = path.stat()
    return [jar.digest, status.st_ino, status.st_size, status.st_ctime_ns]


def _record(wanted: JarSet) -> Path:
    return _home(wanted).with_name(f".{wanted.name}.verified")


def _verified(wanted: JarSet) -> dict[str, object]:
    try:
        known = json.loads(_record(wanted).read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(wanted: JarSet, seen: Mapping[str, object]) -> None:
    with suppress(OSError):  # in a cache that cannot be written, all is read again next time
        record = _record(wanted)
        with tempfile.NamedTemporaryFile(
            "w", dir=record.parent, prefix=f"{record.name}.", delete=False
        ) as file:
            json.dump(seen, file)
        Path(file.name).replace(record)
