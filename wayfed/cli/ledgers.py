"""``wayfed party ledger``: what a party has spent of its tables' privacy, shown and sealed."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wayfed.display import Listing
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wayfed.federated.privacy.charges import Book, Budget, Charge, Standing
    from wayfed.federated.privacy.ledger import Ledger


@dataclass(frozen=True, slots=True)
class _Table:
    """What was spent of a table."""

    table: str
    unit: str
    runs: int
    epsilon: str
    delta: str
    composed: str
    left: str


@dataclass(frozen=True, slots=True)
class _Charge:
    """By which run it was spent."""

    at: str
    run: str
    table: str
    unit: str
    epsilon: float
    delta: float
    rounds: str


def show_ledger(file: Path | None, config: Path | None) -> None:
    """Show what was spent of each table, what is left of the budget, and by which runs."""
    ledger, budget = _ledger(file, config)
    _show(ledger.read(), budget, f" in {ledger.path}")


def seal_ledger(file: Path | None, config: Path | None) -> None:
    """Seal a ledger as it stands."""
    ledger, _ = _ledger(file, config)
    book = ledger.seal()
    sys.stdout.write(f"{ledger.path} is sealed, with {len(book.charges):,} charges\n")


def show_unsealed(file: Path | None, config: Path | None) -> None:
    """Show what would be sealed."""
    ledger, budget = _ledger(file, config)
    _show(ledger.unsealed(), budget, f" in {ledger.path}")


def _ledger(file: Path | None, config: Path | None) -> tuple[Ledger, Budget | None]:
    """Return a ledger, and the budget where a party.toml says it."""
    from wayfed.federated.parties.files import privacy_of
    from wayfed.federated.privacy.ledger import Ledger

    if file is not None and config is None:
        if file.suffix != ".toml":
            return Ledger(file), None
        file, config = None, file
    policy = privacy_of(config or "party.toml")
    if policy is None:
        raise InvalidOption(
            f"{config or 'party.toml'} has no [policy.privacy], which names a ledger",
            hint="[policy.privacy] with epsilon, delta and ledger is what a party spends and where "
            "it writes that down; wayfed party ledger show FILE shows another one",
        )
    return Ledger(file or policy.ledger), policy.budget


def _show(book: Book, budget: Budget | None, place: str) -> None:
    charges = [_charge(each, book.runs.get(each.key)) for each in book.charges]
    sys.stdout.write(f"{Listing('table', _tables(book, budget), of=place)!r}\n")
    sys.stdout.write(f"{Listing('charge', charges)!r}\n")


def _tables(book: Book, budget: Budget | None) -> Iterator[_Table]:
    from wayfed.federated.privacy.charges import of_table, sum_of

    for table, unit in sorted({(each.table, each.unit) for each in book.charges}):
        charges = of_table(book.charges, table, unit)
        spent = sum_of(charges)
        if budget is None:
            epsilon, delta = f"{spent.epsilon:g}", f"{spent.delta:g}"
            yield _Table(table, unit, len(charges), epsilon, delta, "", "")
            continue
        composed = budget.composed(charges)
        summed = spent.epsilon if spent.delta <= budget.delta else budget.epsilon
        yield _Table(
            table,
            unit,
            len(charges),
            f"{spent.epsilon:g} of {budget.epsilon:g}",
            f"{spent.delta:g} of {budget.delta:g}",
            f"{composed:.4g}",
            f"{max(0.0, budget.epsilon - min(summed, composed)):.4g}",
        )


def _charge(charge: Charge, standing: Standing | None) -> _Charge:
    rounds = "" if standing is None else f"{standing.rounds - standing.left} of {standing.rounds}"
    return _Charge(
        charge.at[:19],
        charge.run,
        charge.table,
        charge.unit,
        round(charge.epsilon, 4),
        charge.delta,
        rounds,
    )
