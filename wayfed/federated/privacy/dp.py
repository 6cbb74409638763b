"""What a run may reveal: `dp` says it, as a specification that every party can check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal

from wayfed_optimizer.errors import InvalidOption
from wayfed_optimizer.types import check_option

Unit = Literal["example", "client"]

UNITS: Final = ("example", "client")

# What a noise of 64-bit numbers can keep to, and its accountant can tell from nothing.
_RANGES: Final = {"epsilon": (1e-4, 1e6), "delta": (1e-12, 0.1), "clip": (1e-9, 1e9)}


@dataclass(frozen=True, slots=True)
class DifferentialPrivacy:
    """A privacy budget of a run; see `dp`."""

    epsilon: float
    delta: float
    clip: float
    unit: Unit

    def to_dict(self) -> dict[str, object]:
        """Give plain values, fit for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: object) -> DifferentialPrivacy:
        """Read what `to_dict` wrote, trusting nothing."""
        if not isinstance(plain, Mapping) or plain.keys() != {"epsilon", "delta", "clip", "unit"}:
            raise InvalidOption("privacy= has an epsilon, a delta, a clip and a unit")
        return dp(**plain)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has cost one party, as `FederatedRun.privacy_spent` tells it.

    Parameters
    ----------
    epsilon, delta
        What the accountant says of all that the party told, and was charged for.
    unit
        Whose presence it hides: ``example`` or ``client``.
    multiplier
        The standard deviation of training's noise over its sensitivity.
    sampling
        The probability with which a row was drawn for a step.
    steps
        Steps of all rounds.
    """

    epsilon: float
    delta: float
    unit: Unit
    multiplier: float
    sampling: float = 1.0
    steps: int = 1


def dp(*, epsilon: float, delta: float, clip: float, unit: str = "example") -> DifferentialPrivacy:
    """Ask for differential privacy (Dwork & Roth, 2014) in training.

    With ``unit="example"`` each party cuts and blurs what it learns from its rows by itself, so
    that nobody else has to be trusted with it. With ``unit="client"`` the coordinator cuts and
    blurs what the parties send: it sees every party's update, and whoever gets the model cannot
    tell whether a party took part. docs/privacy.md says what is protected from whom.

    Parameters
    ----------
    epsilon, delta
        The budget of the whole run, for each party. A row may be added or removed. An epsilon
        beyond 10 promises little; delta is to be well below one over the number of rows.
    clip
        The greatest L2 norm that one unit may give to an update.
    unit
        Whose presence stays hidden: ``example``, a row, or ``client``, a whole party.

    Raises
    ------
    InvalidOption
        Where a number is out of its range.

    Examples
    --------
    >>> dp(epsilon=2.0, delta=1e-5, clip=1.0)
    DifferentialPrivacy(epsilon=2.0, delta=1e-05, clip=1.0, unit='example')
    """
    for name, value in (("epsilon", epsilon), ("delta", delta), ("clip", clip)):
        least, most = _RANGES[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and least <= value <= most):
            raise InvalidOption(
                f"{name}={value!r} gives no privacy",
                hint=f"{name} lies between {least:g} and {most:g}",
            )
    match check_option(unit, UNITS, name="unit"):
        case "client":
            return DifferentialPrivacy(float(epsilon), float(delta), float(clip), "client")
        case _:
            return DifferentialPrivacy(float(epsilon), float(delta), float(clip), "example")
