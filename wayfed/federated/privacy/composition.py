"""What several runs cost one table together, where the sum of their epsilons says too much.

Rényi differential privacy adds up order by order (Mironov, CSF 2017), also where each run is asked
for in view of what the ones before have told (Feldman and Zrnic, Individual privacy accounting via
a Rényi filter, NeurIPS 2021). That is so for an order that is fixed beforehand; here each of
`ORDERS` has its share of the delta, so that at the end the best of them may be taken: the average
of the orders' supermartingales is one too. Privacy loss distributions, which are tighter within a
run, do not compose so where sizes are chosen on the way.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from wayfed.federated.privacy.accounting import Gaussian

if TYPE_CHECKING:
    from collections.abc import Iterable

Sides: TypeAlias = tuple[tuple[Gaussian, ...], ...]
"""What a run tells of a row, by each of the ways in which a row can be in it.

A row is learned from or measured on, never both: one side each. Every row is on one of them.
"""

ORDERS: Final = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 512)


def composed(runs: Iterable[Sides], delta: float) -> float:
    """Return the epsilon that runs cost one table together.

    Parameters
    ----------
    runs
        What each of them tells.
    delta
        The probability that is granted to the bound's failing.

    Examples
    --------
    >>> one = ((Gaussian(multiplier=20.0, times=20),),)
    >>> round(composed([one], 1e-6), 2), round(composed([one] * 9, 1e-6), 2)
    (1.13, 3.72)
    """
    together = [0.0] * len(ORDERS)
    for run in runs:
        together = [sum(pair) for pair in zip(together, _curve(run), strict=True)]
    if not any(together):
        return 0.0
    share = delta / len(ORDERS)
    return max(0.0, min(map(_epsilon, ORDERS, together, [share] * len(ORDERS))))


@lru_cache(maxsize=4096)
def _curve(run: Sides) -> tuple[float, ...]:
    """Return the Rényi divergence of a run by order: that of the side that tells most."""
    return tuple(
        max(math.fsum(each.times * _divergence(each, order) for each in side) for side in run)
        for order in ORDERS
    )


def _divergence(release: Gaussian, order: int) -> float:
    """Return the Rényi divergence of one release with Gaussian noise.

    Of a sample: Mironov, Talwar and Zhang, Rényi differential privacy of the sampled Gaussian
    mechanism, 2019, section 3.3, where a row is added or removed.
    """
    exponent = 0.5 / release.multiplier**2
    if release.sampling >= 1:
        return order * exponent
    kept, drawn = math.log1p(-release.sampling), math.log(release.sampling)
    terms = [
        math.lgamma(order + 1)
        - math.lgamma(k + 1)
        - math.lgamma(order - k + 1)
        + (order - k) * kept
        + k * drawn
        + k * (k - 1) * exponent
        for k in range(order + 1)
    ]
    most = max(terms)
    return (most + math.log(math.fsum(math.exp(term - most) for term in terms))) / (order - 1)


def _epsilon(order: int, divergence: float, delta: float) -> float:
    """Return the epsilon of a divergence.

    Canonne, Kamath and Steinke, The discrete Gaussian for differential privacy, NeurIPS 2020,
    proposition 12.
    """
    return divergence + math.log1p(-1 / order) - math.log(delta * order) / (order - 1)
