"""What stands in a ledger: charges, budgets they are paid from, and runs that may be gone on with.

A budget pays as long as one of two ways of adding up allows it: the sum of epsilons and deltas, or
the composition of what the runs told (`wayfed.federated.privacy.composition`), to which a tenth of
the delta is granted besides. Each way is valid by itself, whatever is asked in view of what was
told; as who asks may choose between them on the way, their chances of failing add up.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed.federated.privacy.accounting import Gaussian
from wayfed.federated.privacy.composition import composed
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wayfed.federated.privacy.composition import Sides

KEPT: Final = "kept"
"""Beside a question: the name of a private run that may be gone on with after a crash."""

VERSION: Final = 2
_SUMS_ONLY: Final = 1
"""The version before: charges alone, of which only the sum is known."""
_ROUNDING: Final = 1 + 1e-12
_FOR_COMPOSITION: Final = 0.1
"""What composition is granted of the delta, beside what the sum is."""
_NAME: Final = re.compile(r"[\w.-]{0,100}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Charge:
    """What one run has cost one table.

    Parameters
    ----------
    table
        The table in the party's own store, whatever names it is published under.
    unit
        ``example`` or ``client``.
    epsilon, delta
        What was spent.
    at
        When, in UTC.
    run
        The run, as who asked calls it.
    key
        By which the party finds the run's charges.
    sides
        What the run tells; where it is not known, only epsilons add up.
    """

    table: str
    unit: str
    epsilon: float
    delta: float
    at: str = ""
    run: str = ""
    key: str = ""
    sides: Sides = ()

    def to_plain(self) -> dict[str, Any]:
        """Give plain values, fit for JSON."""
        return {
            "table": self.table,
            "unit": self.unit,
            "epsilon": self.epsilon,
            "delta": self.delta,
            "at": self.at,
            "run": self.run,
            "key": self.key,
            "sides": [[[g.multiplier, g.times, g.sampling] for g in side] for side in self.sides],
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Charge:
        """Read what `to_plain` wrote, or a person did.

        Raises
        ------
        TypeError, ValueError
            This is no charge.
        """
        sides = tuple(tuple(map(_gaussian, side)) for side in plain.get("sides", ()))
        charge = cls(**{**plain, "sides": sides})
        check_number(charge.epsilon)
        check_number(charge.delta)
        return charge


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run is that may be gone on with.

    Parameters
    ----------
    rounds
        How many rounds are paid for.
    settled
        With which noise, and of about how many rows: numbers by name.
    told
        How often it has told what: ``train``, ``evaluate``.
    run
        The run, as who asked calls it.
    begun
        How often it was begun: whoever began it before the last time tells nothing more.
    """

    rounds: int
    settled: Mapping[str, float]
    told: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    run: str = ""
    begun: int = 1

    @property
    def left(self) -> int:
        """How many rounds it may tell all of."""
        return self.rounds - max(self.told.values(), default=0)

    def to_plain(self) -> dict[str, Any]:
        """Give plain values, fit for JSON."""
        return {
            "rounds": self.rounds,
            "settled": dict(self.settled),
            "told": dict(self.told),
            "run": self.run,
            "begun": self.begun,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Standing:
        """Read what `to_plain` wrote.

        Raises
        ------
        TypeError, ValueError
            This is no standing.
        """
        standing = cls(**plain)
        for value in (
            standing.rounds,
            standing.begun,
            *standing.settled.values(),
            *standing.told.values(),
        ):
            check_number(value)
        return standing


@dataclass(frozen=True, slots=True)
class Book:
    """All that stands in a ledger.

    Parameters
    ----------
    charges
        The oldest first.
    runs
        Those that may be gone on with, by key.
    """

    charges: tuple[Charge, ...] = ()
    runs: Mapping[str, Standing] = field(default_factory=lambda: MappingProxyType({}))

    def has_paid(self, asked: Charge) -> bool:
        """Say whether a charge stands for a run that has told nothing, because it never began.

        Its key finds it as long as nothing is known of how far the run is, nor of a refusal that
        the run's rows had a part in; see `wayfed.federated.privacy.ledger.Ledger.close`.
        """
        return (
            bool(asked.key)
            and asked.key not in self.runs
            and any(
                (each.key, each.table, each.unit) == (asked.key, asked.table, asked.unit)
                and each.epsilon >= asked.epsilon
                and each.delta >= asked.delta
                for each in self.charges
            )
        )

    def closed(self, key: str) -> Book:
        """Return it with charges by which a run that never began is found no more."""
        charges = tuple(replace(each, key="") if each.key == key else each for each in self.charges)
        return replace(self, charges=charges)

    def to_text(self) -> str:
        """Give JSON with the seal: a line for each charge and run, as a person reads it."""
        plain = self._plain()
        charges = ",\n ".join(map(json.dumps, plain["charges"]))
        runs = ",\n ".join(
            f"{json.dumps(key)}: {json.dumps(r)}" for key, r in plain["runs"].items()
        )
        return (
            f'{{"version": {VERSION},\n"charges": [\n {charges}\n],\n"runs": {{\n {runs}\n}},\n'
            f'"seal": "{_seal_of(plain)}"}}\n'
        )

    @classmethod
    def from_plain(cls, plain: Any, *, sealed: bool = True) -> Book:
        """Read what `to_text` wrote, or the version before it.

        Raises
        ------
        TypeError, ValueError, KeyError, AttributeError
            This is no ledger; where it must be `sealed`, also where it is not.
        """
        version = plain["version"]
        if version not in (_SUMS_ONLY, VERSION):
            raise ValueError(f"it is of version {version}, and this is {VERSION}")
        runs = plain["runs"] if version == VERSION else {}
        book = cls(
            tuple(map(Charge.from_plain, plain["charges"])),
            {str(key): Standing.from_plain(each) for key, each in runs.items()},
        )
        if sealed and plain["seal"] != book._seal(version):
            raise ValueError("its seal does not fit its charges")
        return book

    def _plain(self) -> dict[str, Any]:
        return {
            "charges": [each.to_plain() for each in self.charges],
            "runs": {key: each.to_plain() for key, each in self.runs.items()},
        }

    def _seal(self, version: int) -> str:
        if version == VERSION:
            return _seal_of(self._plain())
        names = ("table", "unit", "epsilon", "delta", "at")
        return _seal_of([{name: getattr(each, name) for name in names} for each in self.charges])


@dataclass(frozen=True, slots=True)
class Spending:
    """A sum of charges."""

    epsilon: float = 0.0
    delta: float = 0.0


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent of each table, once and for all."""

    epsilon: float
    delta: float

    def has(self, charges: Sequence[Charge]) -> bool:
        """Say whether charges of one table are within it, by their sum or by composition.

        Examples
        --------
        >>> run = Charge("tx", "example", 1.0, 1e-6, sides=((Gaussian(multiplier=4.2),),))
        >>> Budget(4.0, 1e-5).has([run] * 6), Budget(4.0, 1e-5).has([run] * 60)
        (True, False)
        """
        spent = sum_of(charges)
        within = spent.epsilon <= self.epsilon * _ROUNDING and spent.delta <= self.delta * _ROUNDING
        return within or self.composed(charges) <= self.epsilon

    def composed(self, charges: Sequence[Charge]) -> float:
        """Return what charges of one table cost by composition; infinite where it says nothing.

        Those of which it is not known what was told add their epsilons and deltas.
        """
        unknown = sum_of(each for each in charges if not each.sides)
        if unknown.delta > self.delta * _ROUNDING:
            return math.inf
        known = (each.sides for each in charges if each.sides)
        return unknown.epsilon + composed(known, self.delta * _FOR_COMPOSITION)


UNLIMITED: Final = Budget(1e300, 1 - 2**-53)
"""A budget of numbers that nobody spends, in the ranges that a policy may name."""


def sum_of(charges: Iterable[Charge]) -> Spending:
    """Return the sum of charges."""
    listed = list(charges)
    return Spending(
        math.fsum(each.epsilon for each in listed), math.fsum(each.delta for each in listed)
    )


def of_table(charges: Iterable[Charge], table: str, unit: str) -> tuple[Charge, ...]:
    """Return the charges of a table."""
    return tuple(each for each in charges if (each.table, each.unit) == (table, unit))


def overdrawn(table: str, known: Sequence[Charge], asked: Sequence[Charge], budget: Budget) -> str:
    """Say that a budget has not enough left, and what to do."""
    spent, more = sum_of(known), sum_of(asked)
    together = budget.composed(known)
    besides = f" ({together:.3g} by composition)" if together < spent.epsilon else ""
    return (
        f"{table} has spent epsilon={spent.epsilon:g} of {budget.epsilon:g}{besides}, "
        f"delta={spent.delta:g} of {budget.delta:g}, and epsilon={more.epsilon:g}, "
        f"delta={more.delta:g} is asked; ask for less, or let the party raise its "
        "[policy.privacy] budget"
    )


def run_name(told: object) -> str:
    """Return a run's name as it arrived, which people read in a terminal.

    Raises
    ------
    InvalidOption
        It is none.
    """
    if isinstance(told, str) and _NAME.fullmatch(told):
        return told
    raise InvalidOption("a run's name is of letters, digits, '.', '-' and '_', 100 at most")


def check_number(value: object) -> None:
    """Raise unless something is a number that can have been spent."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{value!r} was never spent")


def _gaussian(plain: Sequence[float]) -> Gaussian:
    for value in plain:
        check_number(value)
    multiplier, times, sampling = plain
    if not (multiplier > 0 and 0 < sampling <= 1):
        raise ValueError(f"{plain} is no release")
    return Gaussian(multiplier, int(times), sampling)


def _seal_of(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
