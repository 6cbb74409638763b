"""What a party keeps of privacy for one plan: budget, ledger, how far a row reaches."""

from __future__ import annotations

import logging
import math
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed.federated.privacy.accounting import Gaussian, multiplier_for
from wayfed.federated.privacy.charges import Budget, Charge, Standing, of_table, overdrawn
from wayfed.federated.privacy.ledger import Ledger
from wayfed_optimizer.errors import PolicyViolation, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from wayfed.federated.privacy.composition import Sides
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
    plan
        By which a plan is known again.
    """

    reach: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    policy: PrivacyPolicy | None = None
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    plan: str = ""

    @property
    def rows_of_a_unit(self) -> float:
        """The most rows of the result that one row of any table can change."""
        together: dict[str, float] = {}
        for table, rows in self._counted.items():
            source = self._source(table)
            together[source] = together.get(source, 0.0) + rows
        return max(together.values(), default=1.0)

    def refusals(self, privacy: DifferentialPrivacy, key: str | None = None) -> Iterator[str]:
        """Yield what keeps a run from being paid for, as sentences with the remedy.

        Parameters
        ----------
        privacy
            What is asked for.
        key
            Of a run that may be gone on with; where it stands in the ledger, it is paid for.
        """
        if self.policy is None and key is not None:
            yield (
                "it keeps no ledger, in which a private run with checkpoint= is written down; "
                "[policy.privacy] at the party, or leave checkpoint out"
            )
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
                        "compute in float64 what may fail otherwise (try_cast in place of cast), "
                        "or the party may say that it hides nobody: [policy.privacy] public = "
                        f'["{table}"]'
                    )
        if self.policy is not None:
            yield from self._unpaid(self.policy, privacy, key)

    def charge(self, privacy: DifferentialPrivacy, *, key: str, run: str = "") -> None:
        """Pay for a run, for good; on the disk when it returns.

        What a run of this key has paid and never begun with pays for it; see `Ledger.charge`.

        Parameters
        ----------
        privacy
            What is asked for.
        key
            By which the run is found again.
        run
            The run, as who asks calls it.

        Raises
        ------
        PolicyViolation
            Nothing was paid, and nothing may be told.
        """
        if refused := tuple(self.refusals(privacy, key if self.policy else None)):
            raise PolicyViolation("; ".join(refused))
        if self.policy is None:
            return
        charges = [
            self._charge_of(source, privacy, key, run)
            for source in dict.fromkeys(map(self._source, self._counted))
        ]
        try:
            with _usable():
                Ledger(self.policy.ledger).charge(charges, self.policy.budget)
        except PolicyViolation as error:
            if error.message == _UNUSABLE:
                raise
            # Somebody else was quicker; which table, the first look at the next run says.
            raise PolicyViolation(
                "the budget of a table was spent by another run", hint="ask again for what is left"
            ) from error

    def settle(
        self,
        key: str,
        sides: Sides,
        *,
        epsilon: float = 0.0,
        standing: Standing | None = None,
        before: Standing | None = None,
    ) -> bool:
        """Write down what a run tells; see `wayfed.federated.privacy.ledger.Ledger.settle`.

        Raises
        ------
        PolicyViolation
            It cannot be paid for, and nothing may be told.
        """
        if self.policy is None:
            return True
        try:
            with _usable():
                return Ledger(self.policy.ledger).settle(
                    key,
                    sides,
                    self.policy.budget,
                    epsilon=epsilon,
                    standing=standing,
                    before=before,
                )
        except PolicyViolation as error:
            # Who asks knows a table by its published name, and is not told where it is.
            told = error.message
            for table in self._counted:
                told = told.replace(self._source(table), f"table '{table}'")
            raise PolicyViolation(told, hint=error.hint) from None

    def close(self, key: str) -> None:
        """Let what was charged for a run pay for nothing more than why it never began."""
        if self.policy is not None:
            with _usable():
                Ledger(self.policy.ledger).close(key)

    def standing(self, key: str) -> Standing | None:
        """Return how far a run is; None where nothing is known of it."""
        if self.policy is None:
            return None
        with _usable():
            return Ledger(self.policy.ledger).standing(key)

    def note(self, key: str, kind: str, begun: int) -> None:
        """Write down that a run tells something once more; on the disk when it returns.

        Raises
        ------
        PolicyViolation
            It is not paid for, or cannot be written down; it must not be told.
        """
        if self.policy is not None:
            with _usable():
                Ledger(self.policy.ledger).note(key, kind, begun)

    def _unpaid(
        self, policy: PrivacyPolicy, privacy: DifferentialPrivacy, key: str | None
    ) -> Iterator[str]:
        try:
            book = Ledger(policy.ledger).read()
        except SourceError as error:
            _LOG.error("%s; %s", error.message, error.hint)
            yield _UNUSABLE
            return
        if key in book.runs:
            return
        for table in self._counted:
            asked = self._charge_of(self._source(table), privacy, key or "")
            known = of_table(book.charges, asked.table, asked.unit)
            if not book.has_paid(asked) and not policy.budget.has((*known, asked)):
                yield overdrawn(f"table '{table}'", known, [asked], policy.budget)

    def _charge_of(
        self, source: str, privacy: DifferentialPrivacy, key: str = "", run: str = ""
    ) -> Charge:
        """Return a charge that says nothing of the rows, so that a refusal says nothing of them.

        What the run tells depends on how many rows there are; until that is paid for and settled,
        one Gaussian mechanism stands for it that costs the same.
        """
        alike = Gaussian(multiplier_for(privacy.epsilon, privacy.delta, times=1))
        return Charge(
            source,
            privacy.unit,
            privacy.epsilon,
            privacy.delta,
            run=run,
            key=key,
            sides=((alike,),),
        )

    @property
    def _counted(self) -> Mapping[str, float]:
        public = self.policy.public if self.policy is not None else ()
        return {table: rows for table, rows in self.reach.items() if table not in public}

    def _source(self, table: str) -> str:
        return self.sources.get(table, table)


@contextmanager
def _usable() -> Iterator[None]:
    """Say of a ledger that cannot be used no more than that; the log says which, and why."""
    try:
        yield
    except SourceError as error:
        _LOG.error("%s; %s", error.message, error.hint)
        raise PolicyViolation(
            _UNUSABLE,
            hint="a run with checkpoint= can be resumed then, and does not pay again for what it "
            "has not told",
        ) from error
