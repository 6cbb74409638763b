"""What a plan is placed in: the platforms and sources of a context, and what is to be short."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from wayfed_optimizer.statistics.estimates import nothing_observed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed_optimizer.cost import CostProfile
    from wayfed_optimizer.platform import Platform, Source
    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.statistics import TableStatistics


@dataclass(frozen=True, slots=True)
class Environment:
    """The platforms and sources there are, by name.

    Parameters
    ----------
    platforms
        By the names that `Dataset.on` takes.
    sources
        By the table names of the plan's reads.
    objective
        ``time`` for seconds of work, ``bytes`` for bytes moved.
    lines
        Where the user's program wrote loops, by their variables: for people.
    costs
        What was measured on this installation, by platform; the others have their own.
    statistics
        What is known of tables, by name; a source that is not in it is asked when it is needed.
    observed
        Gives the rows that a relation had in an earlier run over the same data.
    """

    platforms: Mapping[str, Platform]
    sources: Mapping[str, Source]
    objective: str = "time"
    lines: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    costs: Mapping[str, CostProfile] = field(default_factory=lambda: MappingProxyType({}))
    statistics: Mapping[str, TableStatistics] = field(default_factory=lambda: MappingProxyType({}))
    observed: Callable[[Relation], float | None] = nothing_observed

    def costs_of(self, platform: str) -> CostProfile:
        """Return what work costs on a platform."""
        return self.costs.get(platform) or self.platforms[platform].costs

    def statistics_of(self, table: str) -> TableStatistics:
        """Return what is known of a table without reading it."""
        known = self.statistics.get(table)
        return self.sources[table].statistics() if known is None else known
