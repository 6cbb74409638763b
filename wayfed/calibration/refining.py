"""Refines what is known of platforms with what runs took, a little at a time."""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Final

from wayfed.calibration.defaults import assumed_of
from wayfed.calibration.fitting import fit
from wayfed.calibration.storing import Measured
from wayfed_optimizer.cost import FLOORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wayfed.calibration.fitting import Observation
    from wayfed_optimizer.cost import CostProfile

_FEWEST: Final = 20
_NEWEST: Final = 400
_MOST: Final = 2.0
"""The factor by which one refinement may change a rate."""
_FARTHEST: Final = 4.0
"""The factor by which all of them may: a machine that is busy for a day is no slower for good."""


def refined(
    known: Iterable[Measured], runs: Mapping[tuple[str, str], list[Observation]]
) -> list[Measured]:
    """Return what is known better after some runs; nothing of what too few fragments tell of.

    Parameters
    ----------
    known
        What was measured so far.
    runs
        Observations by kind of platform and mark of place, as the log has them.
    """
    before = {(each.platform, each.place): each for each in known}
    found: list[Measured] = []
    for (kind, place), noted in runs.items():
        observations, costs = noted[-_NEWEST:], assumed_of(kind)
        if costs is None or len(observations) < _FEWEST:
            continue
        own = before.get((kind, place))
        measured = costs
        for each in filter(None, (before.get((kind, "")), own)):
            costs, measured = costs.measured(each.rates), measured.measured(each.unrefined)
        rates = _near(fit(observations, costs, most=_MOST), measured)
        error = median(each.error(costs.measured(rates)) for each in observations)
        base = own or replace(before.get((kind, "")) or Measured(kind, "", {}), place=place)
        found.append(
            Measured(
                kind,
                base.version,
                {**(own.rates if own else {}), **rates},
                place,
                observations=len(observations),
                error=error,
                before_runs=own.unrefined if own else {},
            )
        )
    return found


def _near(rates: Mapping[str, float], measured: CostProfile) -> dict[str, float]:
    """Return rates that are not too far from those that were measured."""
    found: dict[str, float] = {}
    for name, rate in rates.items():
        floor = FLOORS.get(name.partition(".")[0], 0.0)
        known = max(measured.rate(name), floor)
        found[name] = max(floor, min(max(rate, known / _FARTHEST), known * _FARTHEST))
    return found
