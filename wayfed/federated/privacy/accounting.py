"""What noisy releases cost together, and how much noise a budget asks for, by dp-accounting."""

from __future__ import annotations

import logging
import math
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Accountant = Literal["pld", "rdp"]

_FINEST: Final = 1 / 400
"""How close to the least multiplier that will do a search ends, relative to it."""
_TIGHTER: Final = 0.7
"""By privacy loss distributions, no case was seen to need less than this of what RDP asks."""
_QUICK: Final = 0.7
"""Below this multiplier privacy loss distributions take many seconds; RDP's bound has to do."""
_COMPOSED: Final = 100_000
"""Of more releases, privacy loss distributions take minutes and then hours; RDP's bound takes as
long as of one."""
_MOST_SAMPLED: Final = 10**9
"""Of more releases of samples, what is lost of each one's cost in a float's last bits adds up."""
_EXACT: Final = 1e-9
_FLOATS: Final = 1e-15
"""More than the rounding of the difference of two probabilities."""
_MOST: Final = 1e9
_ROUGH_LOSSES: Final = 1e-3
_ROUGH_ORDERS: Final = (*range(2, 33), 40, 48, 64, 96, 128, 256, 512)
_SLACK: Final = 1 - 1e-4
"""What discretising privacy losses may add, so that the cost told is within the budget too."""


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Releases with Gaussian noise, as an accountant sees them.

    Parameters
    ----------
    multiplier
        The noise's standard deviation over the L2 sensitivity of what it is added to.
    times
        How many such releases there are.
    sampling
        The probability with which each row is drawn for a release, independently of all others
        (Poisson sampling); 1 where all are used, or where rows are chosen in any other way.
    """

    multiplier: float
    times: int = 1
    sampling: float = 1.0


def epsilon_of(
    releases: tuple[Gaussian, ...], delta: float, *, accountant: Accountant = "pld"
) -> float:
    """Return the epsilon that releases cost together, where a row is added or removed.

    Parameters
    ----------
    releases
        What is told, in any order; what is asked later may depend on what was told before.
    delta
        The probability that is granted to the bound's failing.
    accountant
        ``pld`` composes privacy loss distributions (Koskela, Jälkö and Honkela, Computing tight
        differential privacy guarantees using FFT, AISTATS 2020), ``rdp`` Rényi differential
        privacy (Mironov, Rényi differential privacy, CSF 2017), which costs nothing to compute.

    Examples
    --------
    >>> twenty_rounds = (Gaussian(multiplier=8.0, times=20),)
    >>> round(epsilon_of(twenty_rounds, 1e-5), 2), round(
    ...     epsilon_of(twenty_rounds, 1e-5, accountant="rdp"), 2)
    (2.26, 2.45)
    """
    return _epsilon(releases, delta, accountant, False)


def cost_of(releases: tuple[Gaussian, ...], delta: float) -> float:
    """Return what releases cost, in the quickest way that gives away little.

    That is the exact cost of one Gaussian mechanism where nothing is sampled, ``pld`` else, and
    where that takes too long, RDP's greater bound.
    """
    if all(each.sampling >= 1 for each in releases):
        return _unsampled_cost(_precision(releases), delta)
    quick = all(each.multiplier >= _QUICK and each.times <= _COMPOSED for each in releases)
    return epsilon_of(releases, delta, accountant="pld" if quick else "rdp")


def multiplier_for(
    epsilon: float,
    delta: float,
    *,
    times: int,
    sampling: float = 1.0,
    beside: tuple[Gaussian, ...] = (),
) -> float:
    """Return the least noise multiplier with which releases stay within a budget.

    Parameters
    ----------
    epsilon, delta
        The budget.
    times, sampling
        As in `Gaussian`.
    beside
        What else is paid from the budget.

    Raises
    ------
    InvalidOption
        No noise is enough: what is beside it has spent the budget; or there are more releases of
        samples than can be added up.

    Examples
    --------
    >>> round(multiplier_for(2.0, 1e-5, times=20), 1)
    8.9
    """
    if sampling < 1 and times > _MOST_SAMPLED:
        raise InvalidOption(
            f"more than {_MOST_SAMPLED:,} steps of samples cannot be accounted for",
            hint="a larger batch_size, fewer rounds, or fewer local_epochs",
        )
    return _multiplier(epsilon, delta, times, sampling, beside)


@lru_cache(maxsize=4096)
def _epsilon(
    releases: tuple[Gaussian, ...], delta: float, accountant: Accountant, rough: bool
) -> float:
    """Return the cost; a rough one is a little greater, and much sooner there."""
    with _quiet():
        from dp_accounting import pld, rdp

        made: Any
        if accountant == "pld":
            options = {"value_discretization_interval": _ROUGH_LOSSES} if rough else {}
            made = pld.PLDAccountant(**options)
        else:
            made = rdp.RdpAccountant(orders=_ROUGH_ORDERS if rough else None)
        return float(made.compose(_event_of(releases)).get_epsilon(delta))


@lru_cache(maxsize=1024)
def _multiplier(
    epsilon: float, delta: float, times: int, sampling: float, beside: tuple[Gaussian, ...]
) -> float:
    if sampling >= 1 and all(each.sampling >= 1 for each in beside):
        return _unsampled(epsilon, delta, times, beside)

    def cost(multiplier: float, accountant: Accountant) -> float:
        releases = (*beside, Gaussian(multiplier, times, sampling))
        return _epsilon(releases, delta, accountant, True)

    high = 1.0
    while cost(high, "rdp") > epsilon:
        high *= 2
        if high > _MOST:
            raise _unaffordable(epsilon, delta, times)
    low = high / 2
    while cost(low, "rdp") <= epsilon:
        low /= 2
    bound = _least(low, high, lambda multiplier: cost(multiplier, "rdp") - epsilon)
    if bound < _QUICK or times > _COMPOSED:
        return bound
    return _least(bound * _TIGHTER, bound, lambda multiplier: cost(multiplier, "pld") - epsilon)


def _unsampled(epsilon: float, delta: float, times: int, beside: tuple[Gaussian, ...]) -> float:
    """Return what all releases leave to these, by the exact cost of one Gaussian mechanism."""
    low, high = 1e-9, 1.0
    while _delta_of(high, epsilon * _SLACK) > delta:
        high *= 2
    while high - low > _EXACT * high:
        middle = (low + high) / 2
        if _delta_of(middle, epsilon * _SLACK) > delta:
            low = middle
        else:
            high = middle
    left = high**-2 - _precision(beside)
    if left <= 0:
        raise _unaffordable(epsilon, delta, times)
    return math.sqrt(times / left)


@lru_cache(maxsize=1024)
def _unsampled_cost(precision: float, delta: float) -> float:
    """Return the epsilon of one Gaussian mechanism; a little too great rather than too small."""
    multiplier = precision**-0.5
    low, high = 0.0, 1.0
    while _delta_of(multiplier, high) > delta:
        high *= 2
    while high - low > _EXACT * high:
        middle = (low + high) / 2
        if _delta_of(multiplier, middle) > delta:
            low = middle
        else:
            high = middle
    return high


def _delta_of(multiplier: float, epsilon: float) -> float:
    """Return the delta that one Gaussian mechanism has at an epsilon, rather too great.

    Balle and Wang, Improving the Gaussian mechanism for differential privacy, ICML 2018, theorem 8.
    It is here beside dp-accounting's own because that takes seconds to import.
    """
    half, far = 0.5 / multiplier, epsilon * multiplier
    below = math.erfc((half + far) / math.sqrt(2)) / 2
    taken = math.exp(epsilon + math.log(below)) if below > 0 else 0.0
    return math.erfc((far - half) / math.sqrt(2)) / 2 - taken + _FLOATS


def _least(low: float, high: float, excess: Callable[[float], float]) -> float:
    """Return a value between `low` and `high` whose excess is not above 0, and hardly more.

    Costs fall nearly as a power of the multiplier, so that a few steps along the chord (regula
    falsi, with the Illinois halving of the end that stays) come close enough.
    """
    over, under = excess(low), excess(high)
    if over <= 0:
        return low
    while high - low > _FINEST * high:
        middle = low + (high - low) * over / (over - under) if under < 0 else (low + high) / 2
        middle = min(max(middle + _FINEST / 2 * high, low), high - _FINEST / 4 * high)
        found = excess(middle)
        if found > 0:
            low, over, under = middle, found, under / 2
        else:
            high, over, under = middle, over / 2, found
    return high


def _unaffordable(epsilon: float, delta: float, times: int) -> InvalidOption:
    return InvalidOption(
        f"no noise keeps {times} releases within epsilon={epsilon:g}, delta={delta:g}",
        hint="ask for more epsilon, or for fewer rounds",
    )


def _precision(releases: Iterable[Gaussian]) -> float:
    """Return the precision of one Gaussian mechanism that costs what several do.

    Dong, Roth and Su, Gaussian differential privacy, JRSS B 84(1), 2022, corollary 3.3.
    """
    return math.fsum(each.times / each.multiplier**2 for each in releases)


def _event_of(releases: tuple[Gaussian, ...]) -> Any:
    import dp_accounting as accounting

    whole = [each for each in releases if each.sampling >= 1]
    events = [
        accounting.SelfComposedDpEvent(
            accounting.PoissonSampledDpEvent(
                each.sampling, accounting.GaussianDpEvent(each.multiplier)
            ),
            each.times,
        )
        for each in releases
        if each.sampling < 1
    ]
    if whole:
        events.append(accounting.GaussianDpEvent(_precision(whole) ** -0.5))
    return accounting.ComposedDpEvent(events)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself which of its many orders RDP could not compute; the others bound it too."""
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
