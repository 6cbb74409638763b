"""What a party keeps of privacy: a budget, the ledger that is charged, and the plan's reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wayfed.federated.privacy.dp import DifferentialPrivacy


@dataclass(frozen=True, slots=True)
class Account:
    """Pays for the runs over one plan.

    Parameters
    ----------
    reach
        For each table of the plan: how many rows of its result one row of the table can change.
    """

    reach: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def rows_of_a_unit(self) -> float:
        """The most rows of the result that one row of any table can change."""
        return max(self.reach.values(), default=1.0)

    def refusals(self, privacy: DifferentialPrivacy) -> Iterator[str]:
        """Yield what keeps a run from being paid for."""
        return iter(())

    def charge(self, privacy: DifferentialPrivacy) -> None:
        """Pay for a run."""
