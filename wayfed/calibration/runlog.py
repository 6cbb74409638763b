"""The log of runs: what fragments had to do and what they took, a line of JSON for each run.

It holds amounts of work, rows, bytes and seconds; no name of a table, no value, no SQL, no place.
The newest lines are kept, up to a bound.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from wayfed.calibration.applying import is_on, kind_of
from wayfed.calibration.fitting import Observation
from wayfed.calibration.machine import machine
from wayfed.calibration.observing import own_seconds
from wayfed.calibration.storing import mark_of, set_aside
from wayfed_java.cache import chosen_directory
from wayfed_java.telling import tell
from wayfed_optimizer.cost import FLOORS
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from wayfed.execution.report import Report
    from wayfed_optimizer.physical import Fragment, PhysicalPlan

MOST_BYTES: Final = 1 << 20
"""Beyond this the older half goes."""
ENOUGH_BYTES: Final = 1 << 16
"""So much is worth refining costs with: two hundred fragments or so."""
_CLOSE: Final = 2.0
"""An estimate of rows that is off by more says nothing of the work that was done."""
_SHORTEST: Final = 0.005
"""Seconds of fragments that are worth noting: shorter ones tell of the machine, not of them."""


def log_file() -> Path:
    """Return the file of this machine's runs, whether it is there or not."""
    return chosen_directory() / "calibration" / f"{machine()}.runs.jsonl"


class RunLog:
    """Notes the runs of a context; one that cannot write says so once, and is quiet then.

    Parameters
    ----------
    file
        Where to; the log of this machine by default.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._failed = not is_on()

    def note(self, plan: PhysicalPlan, report: Report, places: Mapping[str, str]) -> None:
        """Add what a run took, where there is something to learn from it."""
        if self._failed:
            return
        noted = list(_noted(plan, report, places))
        if not noted:
            return
        line = json.dumps(noted, separators=(",", ":")) + "\n"
        file = self._file or log_file()
        try:
            try:
                _append(file, line)
            except FileNotFoundError:
                file.parent.mkdir(parents=True, exist_ok=True)
                _append(file, line)
        except OSError as error:
            self._failed = True
            tell(f"runs are not noted: {file} cannot be written ({error.strerror})")


def runs(file: Path | None = None) -> Mapping[tuple[str, str], list[Observation]]:
    """Return what was noted of each kind of platform and place, the oldest first.

    A log that cannot be read is set aside, and that is said; a last line that was cut off is not
    counted.
    """
    file = file or log_file()
    found: dict[tuple[str, str], list[Observation]] = {}
    try:
        text = file.read_text(encoding="utf-8")
        for line in text.splitlines()[: None if text.endswith("\n") else -1]:
            for each in json.loads(line):
                key, seen = (str(each["platform"]), str(each["place"])), _observation(each)
                # Another version of wayfed may count what this one does not.
                if {name.partition(".")[0] for name in seen.work} <= FLOORS.keys():
                    found.setdefault(key, []).append(seen)
    except OSError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        set_aside(file, error)
        return {}
    return found


def take_runs(
    file: Path | None = None, at_least: int = ENOUGH_BYTES
) -> Mapping[tuple[str, str], list[Observation]]:
    """Return what was noted, and begin the log anew, where at least so many bytes were."""
    file = file or log_file()
    taken = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        if file.stat().st_size < at_least:
            return {}
        os.replace(file, taken)
    except OSError:
        return {}
    found = runs(taken)
    with suppress(OSError):
        taken.unlink(missing_ok=True)
    return found


def forget_runs(file: Path | None = None) -> None:
    """Remove the log."""
    (file or log_file()).unlink(missing_ok=True)


def _append(file: Path, line: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
        size = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    if size > MOST_BYTES:
        _halve(file)


def _halve(file: Path) -> None:
    """Leave out the older half; a run that is noted meanwhile may be lost with it."""
    lines = file.read_bytes().splitlines(keepends=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    with suppress(OSError):
        partial.write_bytes(b"".join(lines[len(lines) // 2 :]))
        os.replace(partial, file)


def _noted(
    plan: PhysicalPlan, report: Report, places: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    for fragment in plan.fragments:
        took = report.fragments.get(fragment.id)
        if took is None or took.platform != fragment.platform or took.runs != 1:
            continue
        seconds = own_seconds(fragment, report)
        if seconds < _SHORTEST or seconds < took.seconds / 2 or not _is_counted(fragment):
            continue
        told = fragment.rows.likely
        if max(told, took.rows) > _CLOSE * min(told, took.rows) + 100:
            continue
        yield {
            "platform": kind_of(fragment.platform),
            "place": mark_of(places.get(fragment.platform, "")),
            "rows": [round(told), took.rows],
            "bytes": took.bytes,
            "seconds": round(seconds, 6),
            "work": {name: float(f"{amount:.4g}") for name, amount in fragment.work.items()},
        }


def _is_counted(fragment: Fragment) -> bool:
    """Say whether a fragment's rows pass through this process, which counts them."""
    return fragment.inside is None and fragment.output in (ARROW_STREAM, ARROW_TABLE)


def _observation(each: Any) -> Observation:
    work = {str(name): float(amount) for name, amount in each["work"].items()}
    seconds = float(each["seconds"])
    if not all(isfinite(amount) and amount >= 0 for amount in (seconds, *work.values())):
        raise ValueError("amounts are numbers from 0")
    return Observation(work, seconds)
