"""Platforms that a run could not have: the plans of the next while do without them.

Else each run would wait again for an engine that does not start, before it is placed elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar

from wayfed.execution.report import PLACED_ELSEWHERE
from wayfed_optimizer.errors import PlacedElsewhere, PlanError, warn_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wayfed.execution.report import Recovery
    from wayfed_optimizer.environment import Environment

SECONDS: Final = 60.0
"""For so long a platform that could not be had is not asked for again."""

P = TypeVar("P")


class Losses:
    """What a context's runs could not have lately; safe across threads.

    Parameters
    ----------
    clock
        Gives seconds.

    Examples
    --------
    >>> from wayfed.execution.report import Recovery
    >>> losses = Losses(clock=lambda: 0.0)
    >>> losses.note([Recovery(None, "spark", "no Java was found", "placed elsewhere")])
    >>> losses.lately(["duckdb", "spark"])
    {'spark': 'no Java was found'}
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._lost: dict[str, tuple[float, str]] = {}

    def note(self, recoveries: Iterable[Recovery]) -> None:
        """Take note of the platforms that a run gave up."""
        with self._lock:
            for each in recoveries:
                if each.action == PLACED_ELSEWHERE and each.platform is not None:
                    self._lost[each.platform] = self._clock() + SECONDS, each.error

    def lately(self, platforms: Iterable[str]) -> dict[str, str]:
        """Return which of some platforms are not to be asked for yet, and what was wrong."""
        with self._lock:
            now = self._clock()
            self._lost = {name: lost for name, lost in self._lost.items() if lost[0] > now}
            return {name: self._lost[name][1] for name in platforms if name in self._lost}

    def planned(self, environment: Environment, plan: Callable[[Environment], P]) -> P:
        """Return a plan that does without what was lost, and say so; with it, where it must."""
        lost = self.lately(environment.platforms)
        if not lost:
            return plan(environment)
        left = {name: each for name, each in environment.platforms.items() if name not in lost}
        try:
            found = plan(replace(environment, platforms=left))
        except PlanError:  # its tables lie there, the user asks for it, or nobody else can do it
            return plan(environment)
        for name, error in lost.items():
            told = error.removeprefix(f"{name}: ")
            warn_user(
                f"{name} could not be had lately: {told}. It is not asked for again until "
                f"{SECONDS:.0f} s after that",
                PlacedElsewhere,
            )
        return found
