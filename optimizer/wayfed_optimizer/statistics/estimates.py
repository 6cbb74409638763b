"""Estimates: intervals that say how sure they are and where they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.relations import Relation


class Provenance(Enum):
    """Where an estimate comes from, the most trustworthy first."""

    EXACT = "exact"
    FOOTER = "footer"
    DATABASE = "database statistics"
    OBSERVED = "observed"
    HINT = "hint"
    DERIVED = "derived"
    DEFAULT = "default"


_TRUST = tuple(Provenance)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number of which the likely value and bounds are known.

    Parameters
    ----------
    low, likely, high
        Bounds and the value to plan with; low <= likely <= high.
    confidence
        Probability that the true value lies within the bounds, 0 to 1.
    provenance
        Where the numbers come from.
    """

    low: float
    likely: float
    high: float
    confidence: float = 0.9
    provenance: Provenance = Provenance.DERIVED

    @classmethod
    def exactly(cls, value: float, provenance: Provenance = Provenance.EXACT) -> Estimate:
        """Make the estimate of a value that is known.

        Examples
        --------
        >>> str(Estimate.exactly(1200))
        '1,200 (exact)'
        """
        return cls(value, value, value, 1.0, provenance)

    @classmethod
    def around(cls, value: float, provenance: Provenance, factor: float = 2.0) -> Estimate:
        """Make an estimate of a value that may be off by `factor` either way."""
        return cls(value / factor, value, value * factor, 0.9, provenance)

    def scaled(self, factor: float, *, spread: float = 1.0) -> Estimate:
        """Return the estimate times `factor`, which itself may be off by `spread` either way."""
        confidence = self.confidence if spread == 1.0 else self.confidence * 0.8
        source = Provenance.DERIVED if self.provenance is Provenance.EXACT else self.provenance
        return Estimate(
            self.low * factor / spread,
            self.likely * factor,
            self.high * factor * spread,
            confidence,
            source,
        )

    def times(self, other: Estimate) -> Estimate:
        """Return the product of two estimates, as trustworthy as the weaker one."""
        return Estimate(
            self.low * other.low,
            self.likely * other.likely,
            self.high * other.high,
            self.confidence * other.confidence,
            weaker(self.provenance, other.provenance),
        )

    def plus(self, other: Estimate) -> Estimate:
        """Return the sum of two estimates, as trustworthy as the weaker one."""
        return Estimate(
            self.low + other.low,
            self.likely + other.likely,
            self.high + other.high,
            min(self.confidence, other.confidence),
            weaker(self.provenance, other.provenance),
        )

    def at_most(self, bound: float) -> Estimate:
        """Return the estimate cut off at `bound`."""
        return Estimate(
            min(self.low, bound),
            min(self.likely, bound),
            min(self.high, bound),
            self.confidence,
            self.provenance,
        )

    def __str__(self) -> str:
        approximately = "" if self.low == self.high else "~"
        return f"{approximately}{self.likely:,.0f} ({self.provenance.value})"


def weaker(a: Provenance, b: Provenance) -> Provenance:
    """Return the less trustworthy of two provenances."""
    return max(a, b, key=_TRUST.index)


_NOTHING: Final[Mapping[object, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """What is known about the values of a column; None is unknown.

    Parameters
    ----------
    distinct
        Number of different values.
    null_fraction
        Part of the rows that is NULL, 0 to 1.
    low, high
        Least and greatest value, as Python has them.
    width
        Mean bytes a value; None where its type tells.
    common
        The most frequent values, and the part of the rows that each is, 0 to 1.
    histogram
        Bounds between which equal parts of the other rows lie, the least first; at least two.
    """

    distinct: float | None = None
    null_fraction: float | None = None
    low: object = None
    high: object = None
    width: float | None = None
    common: Mapping[object, float] = field(default_factory=lambda: _NOTHING)
    histogram: tuple[object, ...] = ()

    def with_distinct(self, distinct: float | None) -> ColumnStatistics:
        """Return the same with another number of different values."""
        return ColumnStatistics(
            distinct,
            self.null_fraction,
            self.low,
            self.high,
            self.width,
            self.common,
            self.histogram,
        )


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """What is known about a table without reading it.

    Parameters
    ----------
    rows
        How many there are.
    columns
        What is known about each.
    keys
        Sets of columns no two rows of which are equal, NULLs aside: a promise that the store
        keeps, not one that somebody made for it. Any number of rows may have a NULL in one of the
        columns, as unique indexes of SQL let them.
    trouble
        Why so little is known, where something went wrong; a sentence for people.
    """

    rows: Estimate
    columns: Mapping[str, ColumnStatistics] = field(default_factory=lambda: MappingProxyType({}))
    keys: tuple[frozenset[str], ...] = ()
    trouble: str | None = None

    @classmethod
    def unknown(cls, trouble: str | None = None) -> TableStatistics:
        """Return what is assumed of a table of which nothing is known."""
        return cls(Estimate(0, 100_000, 1e9, 0.5, Provenance.DEFAULT), trouble=trouble)


def nothing_observed(relation: Relation) -> float | None:
    """Know nothing of earlier runs."""
    return None


@dataclass(frozen=True, slots=True)
class Told:
    """What a store tells of one of its tables.

    Parameters
    ----------
    statistics
        What it knows; the same object as before where nothing of it has changed.
    version
        Something that changes when the table's rows may have changed; empty where nobody knows.
    """

    statistics: TableStatistics
    version: str = ""
