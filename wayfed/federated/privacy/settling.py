"""What a party settles when a private run begins: about how many rows, how many steps, which noise.

It is settled once. A run that is gone on with, after a crash here or elsewhere, has the noise that
it began with; each round that is told again is one more, and is paid for.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from wayfed.federated.privacy.accounting import Gaussian, cost_of, multiplier_for
from wayfed.federated.privacy.descent import ClippingModel, Steps
from wayfed.federated.privacy.dp import Spent
from wayfed.federated.privacy.noise import noised
from wayfed_optimizer.errors import PolicyViolation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.federated.models.adapter import Model
    from wayfed.federated.privacy.composition import Sides
    from wayfed.federated.privacy.dp import DifferentialPrivacy

_FOR_COUNTS: Final = 0.1
"""The share of the budget that pays for the numbers of rows, by the precision of the noise."""
_DEVIATIONS: Final = 6
"""How far both numbers of rows together may lie above what is told; 4.2 deviations of their sum."""
_IMPOSSIBLE: Final = 12
"""How far they never do: 8.5 deviations of their sum, once in 10^17 times, below any delta."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a party will tell in a run, and with which noise.

    Parameters
    ----------
    rows, testing
        About how many rows it learns from, and is measured on; what it tells of their numbers.
    in_round, sampling
        How it steps through its rows; see `wayfed.federated.privacy.descent.Steps`.
    counting, training, measuring
        The noise of the numbers of rows, of each step, and of each measure; 0 where there is none.
    together
        Whether a unit's rows may be learned from and measured on, and in more than one sample of a
        round.
    """

    rows: int = 1
    testing: int = 0
    in_round: int = 1
    sampling: float = 1.0
    counting: float = 0.0
    training: float
    measuring: float = 0.0
    together: bool = False

    @property
    def steps(self) -> Steps:
        """How it steps through its rows."""
        return Steps(self.in_round, self.sampling)

    def at_most(self, unit: float) -> int:
        """Return a number of rows that is exceeded once in a hundred thousand times.

        Parameters
        ----------
        unit
            How many rows one unit of privacy can change.
        """
        return self._above(_DEVIATIONS, unit)

    def never_more_than(self, unit: float) -> int:
        """Return a number of rows that is exceeded only by rows that came after they were counted.

        Parameters
        ----------
        unit
            How many rows one unit of privacy can change.
        """
        return self._above(_IMPOSSIBLE, unit)

    def sides(self, rounds: int) -> Sides:
        """Return what so many rounds tell of a row, by how the row may be in them."""
        counted = (Gaussian(self.counting),) if self.counting else ()
        measured = rounds if self.measuring else 0
        if self.together:
            return ((*counted, Gaussian(self.training, self.in_round * rounds + measured)),)
        learned = (*counted, self._learned(rounds))
        if not measured:
            return (learned,)
        return (learned, (*counted, Gaussian(self.measuring, measured)))

    def spent(self, privacy: DifferentialPrivacy, rounds: int) -> Spent:
        """Return what so many rounds cost."""
        training = self._learned(rounds)
        return Spent(
            max(cost_of(side, privacy.delta) for side in self.sides(rounds)),
            privacy.delta,
            privacy.unit,
            training.multiplier,
            training.sampling,
            training.times,
        )

    def to_plain(self) -> dict[str, float]:
        """Give numbers by name."""
        return {**asdict(self), "together": int(self.together)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, float]) -> Settled:
        """Read what `to_plain` wrote."""
        return cls(
            rows=int(plain["rows"]),
            testing=int(plain["testing"]),
            in_round=int(plain["in_round"]),
            sampling=plain["sampling"],
            counting=plain["counting"],
            training=plain["training"],
            measuring=plain["measuring"],
            together=bool(plain["together"]),
        )

    def _above(self, deviations: int, unit: float) -> int:
        return self.rows + self.testing + math.ceil(deviations * self.counting * unit)

    def _learned(self, rounds: int) -> Gaussian:
        # Poisson sampling hides a row, not the several rows that a unit may have.
        return Gaussian(
            self.training, self.in_round * rounds, 1.0 if self.together else self.sampling
        )


def settle(
    privacy: DifferentialPrivacy,
    model: Model,
    *,
    learned: int,
    measured: int,
    rounds: int,
    unit: float,
    is_measured: bool,
) -> Settled:
    """Count the rows with noise, and say how much noise the rounds need.

    Parameters
    ----------
    privacy
        The run's budget.
    model
        What learns.
    learned, measured
        How many rows are learned from, and held out.
    rounds
        How many rounds there will be.
    unit
        How many rows one unit of privacy can change.
    is_measured
        Whether each round's model is measured.
    """
    budget = privacy.epsilon, privacy.delta
    if privacy.unit == "client":
        return Settled(training=multiplier_for(*budget, times=rounds))
    if not isinstance(model, ClippingModel):
        raise PolicyViolation("this model cannot clip")
    counting = Gaussian(multiplier_for(*budget, times=1) * _FOR_COUNTS**-0.5)
    counts = np.array([learned, measured], dtype=np.float64)
    noisy = noised({"rows": counts}, sensitivity=unit, multiplier=counting.multiplier)["rows"]
    rows, testing = max(1, round(float(noisy[0]))), max(0, round(float(noisy[1])))
    steps = Steps.of(model.descent, rows)
    stepped, times = steps.in_round * rounds, rounds if is_measured else 0
    together = unit > 1
    if together:
        training = multiplier_for(*budget, times=stepped + times, beside=(counting,))
        measuring = training if times else 0.0
    else:
        # A row is learned from or measured on, never both: each side has the whole budget.
        training = multiplier_for(
            *budget, times=stepped, sampling=steps.sampling, beside=(counting,)
        )
        measuring = multiplier_for(*budget, times=times, beside=(counting,)) if times else 0.0
    return Settled(
        rows=rows,
        testing=testing,
        in_round=steps.in_round,
        sampling=steps.sampling,
        counting=counting.multiplier,
        training=training,
        measuring=measuring,
        together=together,
    )
