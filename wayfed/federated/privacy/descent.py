"""DP-SGD at a party: clipped gradients of a Poisson sample, noise of the party's own, a step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from wayfed.federated.privacy.noise import noised, poisson_sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wayfed.federated.models.adapter import Examples, Matrix, Weights
    from wayfed.federated.models.descent import Descent


@runtime_checkable
class ClippingModel(Protocol):
    """A model that can be trained with differential privacy of its rows."""

    @property
    def descent(self) -> Descent:
        """How it steps down its loss."""
        ...

    def clipped_gradient(
        self, weights: Weights, examples: Examples, clip: float
    ) -> Mapping[str, NDArray[np.float64]]:
        """Return the sum over rows of each row's own gradient, cut to L2 norm `clip`.

        The gradient is that of the row's loss times its weight; its norm is over all arrays
        together. A row whose gradient is not finite counts as zeros. Nothing but the row itself
        and `weights` may decide what it adds: no batch statistics.
        """
        ...

    def predict(self, weights: Weights, x: Matrix) -> Matrix:
        """As in `wayfed.federated.models.adapter.Model`."""
        ...


@dataclass(frozen=True, slots=True)
class Steps:
    """How a party steps through its rows: of each round, and how each step draws its rows.

    Parameters
    ----------
    in_round
        Steps of one round.
    sampling
        The probability with which a row is drawn for a step.
    """

    in_round: int
    sampling: float

    @classmethod
    def of(cls, descent: Descent, rows: float) -> Steps:
        """Return the steps of a descent over about so many rows (as told with noise)."""
        sampling = 1.0
        if descent.batch_size is not None:
            # Fourths of an octave: parties of about the same size share what the noise costs.
            octaves = math.log2(descent.batch_size / max(rows, 1.0))
            sampling = min(1.0, 2.0 ** (math.ceil(4 * octaves) / 4))
        return cls(descent.local_epochs * math.ceil(1 / sampling), sampling)


def cut(norms: NDArray[np.float64], clip: float) -> NDArray[np.float64]:
    """Return the factors that cut gradients of these norms to `clip`; 0 for what is not finite.

    A gradient of zeros keeps the factor 1.

    Examples
    --------
    >>> cut(np.array([0.0, 0.5, 4.0, np.inf, np.nan]), clip=1.0)
    array([1.  , 1.  , 0.25, 0.  , 0.  ])
    """
    factors = clip / np.maximum(norms, clip)
    return np.where(np.isfinite(factors), factors, 0.0)


def descend(
    model: ClippingModel,
    weights: Weights,
    examples: Examples,
    *,
    rows: float,
    steps: Steps,
    clip: float,
    sensitivity: float,
    multiplier: float,
    proximal_mu: float = 0.0,
) -> Weights:
    """Step down from `weights` by noisy gradients (Abadi et al., Deep Learning with DP, CCS 2016).

    Parameters
    ----------
    model, weights, examples
        What learns, from where, and of what.
    rows
        About how many rows there are, as was told with noise: how many there are is private too.
    steps
        How many steps, and how each draws its rows.
    clip
        What the norm of a row's gradient is cut to.
    sensitivity
        How far a unit of privacy can move a sum of gradients; `clip` where it is one row.
    multiplier
        The noise's standard deviation over the sensitivity.
    proximal_mu
        As in `wayfed.federated.models.adapter.Model`.
    """
    current = {name: value.copy() for name, value in weights.items()}
    expected = max(1.0, rows * steps.sampling)
    for _ in range(steps.in_round):
        drawn = examples.at(poisson_sample(len(examples), steps.sampling))
        sums = model.clipped_gradient(current, drawn, clip)
        noisy = noised(
            {name: sums[name] for name in current}, sensitivity=sensitivity, multiplier=multiplier
        )
        slopes = {name: value / expected for name, value in noisy.items()}
        model.descent.step(current, slopes, weights, proximal_mu=proximal_mu)
    return current
