"""From what fragments took to the rates of a platform: robust, bounded least squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.cost import FLOORS, seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from wayfed_optimizer.cost import CostProfile

_ROUNDS: Final = 10
_SWEEPS: Final = 25
_HUBER: Final = 0.5
"""A fragment that took more than e^0.5 times what was expected counts less and less."""
_PRIOR: Final = 0.03
"""What straying from the rate that was known costs, beside an observation's 1."""
_NOISE_SECONDS: Final = 0.004
"""Below this, what the machine does besides is as much as what the fragment does."""
_ENOUGH: Final = 5
"""So many fragments of which a quantity is a good part tell its rate; fewer tell less."""
_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Observation:
    """What a fragment had to do, and the seconds that it took.

    Parameters
    ----------
    work
        Amounts of the quantities of `wayfed_optimizer.cost.QUANTITIES`.
    seconds
        Without those of the fragments whose rows it waited for.
    """

    work: Mapping[str, float]
    seconds: float

    def error(self, profile: CostProfile) -> float:
        """Return by which factor a profile is wrong about it, either way: 1 is right."""
        told = max(1e-9, seconds_of(profile, tuple(self.work.items())))
        took = max(1e-9, self.seconds)
        return max(told / took, took / told)


def fit(
    observations: Sequence[Observation], known: CostProfile, *, most: float = 30.0
) -> dict[str, float]:
    """Return the rates of the quantities that were observed, of those that take time there.

    Parameters
    ----------
    observations
        What fragments had to do, and what they took.
    known
        What was known of the platform before.
    most
        The factor by which a rate may change, either way; less where few fragments tell of it.

    Notes
    -----
    The sum of squares of log errors is made small by Gauss-Newton steps, with Huber's weights
    (Huber, Annals of Mathematical Statistics 1964), and a pull towards what is known, so that
    quantities which always come together share what they took. No rate gets below its floor, and
    none strays further from what is known than its observations allow.

    Examples
    --------
    >>> from wayfed_optimizer.cost import CostProfile
    >>> seen = [Observation({"read": rows}, rows * 2e-8) for rows in (1e6, 2e6, 4e6, 5e6, 6e6)]
    >>> round(fit(seen, CostProfile(rates={"read": 1e-8}))["read"], 10)
    2e-08
    """
    import numpy as np

    # What only other platforms do explains nothing, however much of it there would have been.
    names = sorted({name for each in observations for name in each.work if known.takes(name)})
    if not names:
        return {}
    took = np.array([max(each.seconds, 1e-6) for each in observations])
    amounts = np.array([[each.work.get(name, 0.0) for name in names] for each in observations])
    floors = np.array([FLOORS.get(name.partition(".")[0], 0.0) for name in names])
    before = np.maximum(np.array([known.rate(name) for name in names]), np.maximum(floors, 1e-12))
    # Another machine is first of all faster or slower as a whole.
    told = amounts @ before
    clear = took >= _NOISE_SECONDS
    ratios = (took / told)[clear] if clear.any() else took / told
    pace = float(np.clip(np.median(ratios), 1 / most, most))
    prior = np.maximum(before * pace, floors)
    parts = amounts * prior
    found = prior * _scaled(parts, took, floors / prior, most)
    rates = np.maximum(np.clip(found, before / most, before * most), floors)
    return {name: float(rate) for name, rate in zip(names, rates, strict=True)}


def _scaled(
    parts: NDArray[np.float64],
    took: NDArray[np.float64],
    floors: NDArray[np.float64],
    widest: float,
) -> NDArray[np.float64]:
    """Return by what each quantity's share of the seconds has to be multiplied."""
    import numpy as np

    most = _room(parts, widest)
    least = np.maximum(floors, 1 / most)
    scale = np.clip(np.ones(parts.shape[1]), least, np.maximum(most, least))
    trust = np.minimum(1.0, took / _NOISE_SECONDS)
    for _ in range(_ROUNDS):
        told = parts @ scale
        off = np.log(told / took)
        weight = trust * np.minimum(1.0, _HUBER / np.maximum(np.abs(off), 1e-9))
        # A step of Gauss and Newton on log(told / took): its slope is parts / told.
        slope = parts / told[:, None]
        target = slope @ scale - off
        normal = (slope * weight[:, None]).T @ slope + _PRIOR * np.eye(parts.shape[1])
        right = (slope * weight[:, None]).T @ target + _PRIOR
        for _ in range(_SWEEPS):
            for j in range(len(scale)):
                rest = right[j] - normal[j] @ scale + normal[j, j] * scale[j]
                scale[j] = min(max(rest / normal[j, j], least[j]), max(most[j], least[j]))
    return scale


def _room(parts: NDArray[np.float64], widest: float) -> NDArray[np.float64]:
    """Return by which factor each rate may change: little, where few fragments tell of it."""
    import numpy as np

    telling = (parts >= _SHARE * parts.sum(axis=1, keepdims=True)).sum(axis=0)
    return np.where(telling >= _ENOUGH, widest, 1 + (widest - 1) * telling / (3 * _ENOUGH))
