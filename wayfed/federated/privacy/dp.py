"""What a run may reveal: `dp` says it, as a specification that every party can check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wayfed_optimizer.errors import InvalidOption
from wayfed_optimizer.types import check_option

UNITS: Final = ("example", "client")


@dataclass(frozen=True, slots=True)
class DifferentialPrivacy:
    """A privacy budget of a run; see `dp`."""

    epsilon: float
    delta: float
    clip: float
    unit: str


def dp(*, epsilon: float, delta: float, clip: float, unit: str = "example") -> DifferentialPrivacy:
    """Ask for differential privacy (Dwork & Roth, 2014) in training.

    Parameters
    ----------
    epsilon, delta
        The budget of the whole run: above 0, and between 0 and 1.
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
    for name, value, fits in (
        ("epsilon", epsilon, epsilon > 0),
        ("delta", delta, 0 < delta < 1),
        ("clip", clip, clip > 0),
    ):
        if not fits:
            raise InvalidOption(
                f"{name}={value!r} gives no privacy",
                hint="epsilon and clip are above 0, delta lies between 0 and 1",
            )
    return DifferentialPrivacy(epsilon, delta, clip, check_option(unit, UNITS, name="unit"))
