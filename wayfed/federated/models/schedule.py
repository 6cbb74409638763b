"""How long a step is in which round: a few scalars, of which every party makes the same rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from wayfed.federated.models.spec import Scalar, check_positive, check_whole
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["exponential", "step", "cosine"]
Rate: TypeAlias = "float | tuple[Scalar, ...]"
"""A learning rate as it travels: a number, or a schedule's kind, first rate and options."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A learning rate that depends on the number of the round, and on nothing else.

    Parameters
    ----------
    kind
        How it falls.
    first
        The rate of the first round.
    factor
        What the rate is multiplied by, above 0 and up to 1.
    every
        After how many rounds it is.
    rounds
        After how many rounds `last` is reached, and kept.
    last
        The least rate.
    """

    kind: Kind
    first: float
    factor: float | None = None
    every: int | None = None
    rounds: int | None = None
    last: float | None = None

    def __post_init__(self) -> None:
        takes = _takes(self.kind)
        check_positive(first=self.first)
        for option in _CHECKS:
            given = getattr(self, option)
            if option in takes and given is None:
                raise InvalidOption(f"schedule('{self.kind}', …) needs {option}=")
            if option not in takes and given is not None:
                raise InvalidOption(
                    f"schedule('{self.kind}', …) takes no {option}=", available=takes
                )
            if given is not None:
                _CHECKS[option](given)
        if self.last is not None and self.last > self.first:
            raise InvalidOption(f"last={self.last!r} is above the first rate, {self.first!r}")

    def at(self, number: int) -> float:
        """Return the rate of a round; they are numbered from 1 up.

        Examples
        --------
        >>> halved = Schedule("step", 0.4, factor=0.5, every=2)
        >>> [halved.at(number) for number in (1, 2, 3, 4, 5)]
        [0.4, 0.4, 0.2, 0.2, 0.1]
        """
        return _KINDS[self.kind][1](self, max(0, number - 1))

    def to_parameter(self) -> tuple[Scalar, ...]:
        """Give it as scalars, fit for a model's specification."""
        return (self.kind, self.first, *(getattr(self, name) for name in _takes(self.kind)))

    @classmethod
    def from_parameter(cls, plain: tuple[Any, ...]) -> Schedule:
        """Read what `to_parameter` wrote, trusting nothing."""
        if not plain or not isinstance(plain[0], str):
            raise InvalidOption(f"learning_rate={str(plain)[:200]} is no number, nor a schedule")
        takes = _takes(plain[0])
        if len(plain) != len(takes) + 2:
            raise InvalidOption(f"a schedule '{plain[0]}' is of {len(takes) + 2} values")
        return cls(plain[0], plain[1], **dict(zip(takes, plain[2:], strict=True)))  # type: ignore[arg-type]  # it checks what came


def as_rate(given: float | Schedule) -> Rate:
    """Return a learning rate as it travels."""
    return given.to_parameter() if isinstance(given, Schedule) else given


def rate_in(rate: Rate, number: int) -> float:
    """Return the learning rate of a round."""
    return Schedule.from_parameter(rate).at(number) if isinstance(rate, tuple) else rate


def _takes(kind: object) -> tuple[str, ...]:
    if not isinstance(kind, str) or kind not in _KINDS:
        raise InvalidOption.unknown(str(kind)[:50], _KINDS, of="schedule")
    return _KINDS[kind][0]


def _check_factor(factor: float) -> None:
    check_positive(factor=factor)
    if factor > 1:
        raise InvalidOption(f"factor={factor!r} would let the rate grow; it is at most 1")


def _check_last(last: float) -> None:
    if last != 0:
        check_positive(last=last)


_CHECKS: Final[dict[str, Callable[[Any], None]]] = {
    "factor": _check_factor,
    "every": lambda every: check_whole(every=every),
    "rounds": lambda rounds: check_whole(rounds=rounds),
    "last": _check_last,
}


def _cosine(schedule: Schedule, behind: int) -> float:
    rounds, last = schedule.rounds or 1, schedule.last or 0.0
    if behind >= rounds:
        return last
    return last + (schedule.first - last) * (1.0 + math.cos(math.pi * behind / rounds)) / 2.0


_KINDS: Final[dict[str, tuple[tuple[str, ...], Callable[[Schedule, int], float]]]] = {
    "exponential": (
        ("factor",),
        lambda schedule, behind: schedule.first * float(schedule.factor or 1.0) ** behind,
    ),
    "step": (
        ("factor", "every"),
        lambda schedule, behind: (
            schedule.first * float(schedule.factor or 1.0) ** (behind // (schedule.every or 1))
        ),
    ),
    "cosine": (("rounds", "last"), _cosine),
}
