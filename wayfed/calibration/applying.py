"""What a context knows of this installation: the measured rates, put over those of platforms."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING, Final

from wayfed.calibration.storing import Measured, load, mark_of, save
from wayfed_java.telling import tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.calibration.runlog import RunLog
    from wayfed.execution.report import Report
    from wayfed_optimizer.cost import CostProfile
    from wayfed_optimizer.physical import PhysicalPlan
    from wayfed_optimizer.platform import Platform

SWITCH: Final = "WAYFED_CALIBRATION"
"""``off`` in the environment: plans go by what platforms say of themselves, and no run is noted."""


def is_on() -> bool:
    """Say whether what was measured is used and what runs take is noted."""
    return os.environ.get(SWITCH, "on").lower() not in {"off", "0", "no", "false"}


class Calibration:
    """What a context knows and learns of its platforms' costs; read when it makes its first plan.

    Runs are noted from then on, and what they took refines what the next context plans with.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._log: RunLog | None = None
        self._measured: Mapping[tuple[str, str], Measured] | None = None
        self._found: dict[str, CostProfile | None] = {}

    def costs(
        self, platforms: Mapping[str, Platform], places: Mapping[str, str]
    ) -> Mapping[str, CostProfile]:
        """Return the costs of the platforms of which something was measured.

        Parameters
        ----------
        platforms
            By name.
        places
            Where stores are, by the names of their platforms.
        """
        with self._lock:
            if self._measured is None:
                self._measured = {(e.platform, e.place): e for e in _known()}
            if not self._measured:
                return {}
            for name in platforms.keys() - self._found.keys():
                self._found[name] = self._of(platforms[name], places.get(name, ""))
            found = ((name, self._found[name]) for name in platforms)
            return {name: costs for name, costs in found if costs is not None}

    def note(self, plan: PhysicalPlan, report: Report, places: Mapping[str, str]) -> None:
        """Note what a run took."""
        from wayfed.calibration.runlog import RunLog

        if self._log is None:
            self._log = RunLog()
        self._log.note(plan, report, places)

    def _of(self, platform: Platform, place: str) -> CostProfile | None:
        assert self._measured is not None  # noqa: S101  # `costs` read it
        kind = kind_of(platform.name)
        of_kind = self._measured.get((kind, ""))
        of_place = self._measured.get((kind, mark_of(place))) if place else None
        costs = platform.costs
        for measured in (of_kind, of_place):
            if measured is not None and _is_current(measured, platform):
                costs = costs.measured(measured.rates)
        return None if costs is platform.costs else costs


def _known() -> list[Measured]:
    """Return what is known of this machine, refined first where enough runs were noted."""
    if not is_on():
        return []
    from wayfed.calibration.runlog import take_runs

    known = list(load())
    if noted := take_runs():
        from wayfed.calibration.refining import refined

        better = refined(known, noted)
        if better:
            save(better)
            known = [*known, *better]  # of two of a kind the later one holds
    return known


def kind_of(name: str) -> str:
    """Return the kind of a platform: stores are called ``kind:where``.

    Examples
    --------
    >>> kind_of("postgresql:core")
    'postgresql'
    """
    return name.partition(":")[0]


def _is_current(measured: Measured, platform: Platform) -> bool:
    """Say whether rates are of the engine that is there; a store's shows only when it is asked."""
    if ":" in platform.name:
        return True
    now = platform.version()
    if measured.version in ("", now):
        return True
    tell(
        f"{platform.name} {measured.version} was measured, and this is {now}: its own estimates "
        f"are used until `wayfed calibrate --engine {measured.platform}` measures it"
    )
    return False
