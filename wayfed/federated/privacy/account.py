"""What a party keeps of privacy for one plan: budget, ledger, how far a row reaches."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed.federated.privacy.ledger import Budget, Charge, Ledger, Spending, overdrawn
from wayfed_optimizer.errors import PolicyViolation, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from wayfed.federated.privacy.dp import DifferentialPrivacy, Unit

_LOG: Final = logging.getLogger("wayfed.party")
_UNUSABLE: Final = (
    "its privacy ledger cannot be used, so that nothing is told; the party's log says how to "
    "repair it"
)


@dataclass(frozen=True, slots=True)
class PrivacyPolicy:
    """``[policy.privacy]``: what a party spends of its tables' privacy, and on what.

    Parameters
    ----------
    budget
        What may be spent of each table, once and for all.
    ledger
        The file in which it is written down.
    unit
        Whose presence is hidden: ``example``, a row of a table, or ``client``, the whole party.
    required
        Whether the party answers only what is asked under privacy.
    public
        Tables that hide nobody.
    """

    budget: Budget
    ledger: Path
    unit: Unit = "example"
    required: bool = True
    public: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """Pays for the runs over one plan.

    Parameters
    ----------
    reach
        For each table of the plan: how many rows of its result one row of the table can change.
    policy
        The budget; None where the party keeps none.
    sources
        What each table is in the party's own store: what two published names share is spent once.
    """

    reach: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    policy: PrivacyPolicy | None = None
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def rows_of_a_unit(self) -> float:
        """The most rows of the result that one row of any table can change."""
        together: dict[str, float] = {}
        for table, rows in self._counted.items():
            source = self._source(table)
            together[source] = together.get(source, 0.0) + rows
        return max(together.values(), default=1.0)

    def refusals(self, privacy: DifferentialPrivacy) -> Iterator[str]:
        """Yield what keeps a run from being paid for, as sentences with the remedy."""
        if self.policy is not None and self.policy.unit != privacy.unit:
            yield (
                f"its policy hides each {self.policy.unit}, and unit='{privacy.unit}' is asked; "
                f"privacy=wf.dp(…, unit='{self.policy.unit}')"
            )
            return
        if privacy.unit == "example":
            for table, rows in self._counted.items():
                if math.isinf(rows):
                    yield (
                        f"a row of '{table}' may change any number of rows of the plan's result, "
                        "so that no noise hides it; group by a key that its rows are joined on, "
                        "or the party may say that it hides nobody: [policy.privacy] public = "
                        f'["{table}"]'
                    )
        if self.policy is None:
            return
        try:
            for table in self._counted:
                source = self._source(table)
                spent = Ledger(self.policy.ledger).spent(source, privacy.unit)
                asked = Spending(privacy.epsilon, privacy.delta)
                if not self.policy.budget.has(spent, asked):
                    yield overdrawn(f"table '{table}'", spent, asked, self.policy.budget)
        except SourceError as error:
            _LOG.error("%s; %s", error.message, error.hint)
            yield _UNUSABLE

    def charge(self, privacy: DifferentialPrivacy) -> None:
        """Pay for a run, for good; on the disk when it returns.

        Raises
        ------
        PolicyViolation
            Nothing was paid, and nothing may be told.
        """
        if refused := tuple(self.refusals(privacy)):
            raise PolicyViolation("; ".join(refused))
        if self.policy is None:
            return
        charges = [
            Charge(source, privacy.unit, privacy.epsilon, privacy.delta)
            for source in dict.fromkeys(map(self._source, self._counted))
        ]
        try:
            Ledger(self.policy.ledger).charge(charges, self.policy.budget)
        except SourceError as error:
            _LOG.error("%s; %s", error.message, error.hint)
            raise PolicyViolation(_UNUSABLE) from error
        except PolicyViolation as error:
            # Somebody else was quicker; which table, the first look at the next run says.
            raise PolicyViolation(
                "the budget of a table was spent by another run", hint="ask again for what is left"
            ) from error

    @property
    def _counted(self) -> Mapping[str, float]:
        public = self.policy.public if self.policy is not None else ()
        return {table: rows for table, rows in self.reach.items() if table not in public}

    def _source(self, table: str) -> str:
        return self.sources.get(table, table)
