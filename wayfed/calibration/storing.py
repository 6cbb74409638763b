"""Where measured rates are kept: one JSON file for a person and a machine."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from wayfed.calibration.machine import machine
from wayfed_java.cache import chosen_directory
from wayfed_java.telling import tell
from wayfed_optimizer.cost import FLOORS
from wayfed_optimizer.errors import mask_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_FORM: Final = 1
"""The version of the file's form."""
_MOST_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a platform.

    Parameters
    ----------
    platform
        Its kind: ``duckdb``, ``postgresql`` …
    version
        Of the engine, when it was measured.
    rates
        Seconds for each of a quantity.
    place
        A mark of the one store that this is about; empty where it is about all of the kind.
    day
        When.
    observations, error
        How many fragments were measured, and the median factor by which the rates are wrong.
    before_runs
        The rates before runs refined them; None where none did.
    """

    platform: str
    version: str
    rates: Mapping[str, float]
    place: str = ""
    day: str = field(default_factory=lambda: datetime.now(UTC).date().isoformat())
    observations: int = 0
    error: float = 1.0
    before_runs: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "rates", MappingProxyType(dict(self.rates)))

    @property
    def unrefined(self) -> Mapping[str, float]:
        """The rates as they were measured, without what runs told since."""
        return self.rates if self.before_runs is None else self.before_runs


def mark_of(place: str) -> str:
    """Return a mark by which a store is known again, and which tells nobody where it is.

    Examples
    --------
    >>> mark_of("postgresql://me:secret@host/core") == mark_of("postgresql://me:new@host/core")
    True
    """
    return sha256(mask_secrets(place).encode()).hexdigest()[:12] if place else ""


def profile_file() -> Path:
    """Return the file of what was measured on this machine, whether it is there or not."""
    return chosen_directory() / "calibration" / f"{machine()}.json"


def load(file: Path | None = None) -> tuple[Measured, ...]:
    """Return what was measured on this machine; nothing where that cannot be read.

    A file that is no profile is set aside under another name, and that is said.
    """
    file = file or profile_file()
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ValueError("it is too large")
        return _read(json.loads(file.read_bytes()))
    except OSError:
        return ()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        set_aside(file, error)
        return ()


def save(measured: Iterable[Measured], file: Path | None = None) -> bool:
    """Keep what was measured, in the place of what was known of the same platforms.

    Returns whether that was possible; where it was not, it is said.
    """
    file = file or profile_file()
    new = {(each.platform, each.place): each for each in measured}
    kept = {(each.platform, each.place): each for each in load(file)}
    profiles = [_written(each) for _, each in sorted({**kept, **new}.items())]
    text = json.dumps({"form": _FORM, "machine": machine(), "profiles": profiles}, indent=1)
    partial = file.with_name(f".{uuid4().hex}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, file)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        tell(f"what was measured cannot be kept in {file.parent}: {error.strerror}")
        return False
    return True


def forget(file: Path | None = None) -> None:
    """Remove what was measured."""
    (file or profile_file()).unlink(missing_ok=True)


def set_aside(file: Path, error: Exception) -> None:
    """Give a file that cannot be read another name, so that it is made anew, and say so."""
    aside = file.with_name(f"{file.name}.unreadable")
    try:
        os.replace(file, aside)
    except OSError:
        tell(f"{file} cannot be read ({_short(error)}): it is not used")
        return
    tell(f"{file} cannot be read ({_short(error)}): it is now {aside.name}, and made anew")


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:120]


def _written(each: Measured) -> dict[str, Any]:
    fields = {name: getattr(each, name) for name in Measured.__dataclass_fields__}
    before = each.before_runs
    return {
        **fields,
        "rates": dict(sorted(each.rates.items())),
        "before_runs": None if before is None else dict(sorted(before.items())),
    }


def _read(found: Any) -> tuple[Measured, ...]:
    if found["form"] != _FORM or found["machine"] != machine():
        raise ValueError("it is of another version of wayfed, or of another machine")
    return tuple(_checked(each) for each in found["profiles"])


def _checked(found: Any) -> Measured:
    before = found.get("before_runs")
    return Measured(
        platform=str(found["platform"]),
        version=str(found["version"]),
        rates=_rates(found["rates"]),
        place=str(found["place"]),
        day=str(found["day"]),
        observations=int(found["observations"]),
        error=float(found["error"]),
        before_runs=None if before is None else _rates(before),
    )


def _rates(found: Any) -> dict[str, float]:
    rates = {str(name): float(rate) for name, rate in found.items()}
    for name, rate in rates.items():
        floor = FLOORS.get(name.partition(".")[0])
        if floor is None or not isfinite(rate) or rate < floor * 0.999:
            raise ValueError(f"{name} cannot be {rate}")
    return rates
