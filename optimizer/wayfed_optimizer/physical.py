"""Physical plans: fragments, each for one platform, and the exchanges between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from wayfed_optimizer.cost import Cost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.platform import Channel, Conversion
    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.statistics.estimates import Estimate


@dataclass(frozen=True, slots=True)
class SourceInput:
    """A fragment's input that its platform reads from the source itself."""

    table: str


@dataclass(frozen=True, slots=True)
class LoopInput:
    """A fragment's input that is the current rows of a loop around it, in memory."""

    variable: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A fragment's input that another fragment computes, and the conversions it goes through.

    It is `kept` where it is read more often than it is computed: a loop reads it anew in each
    iteration, in the last form on its way that can be read again.
    """

    fragment: str
    conversions: tuple[Conversion, ...] = ()
    cost: Cost = field(default_factory=Cost)
    kept: bool = False


Input: TypeAlias = SourceInput | LoopInput | Exchange


@dataclass(frozen=True, slots=True)
class Alternative:
    """Where a fragment could have run instead, and what that would cost."""

    platform: str
    cost: Cost | None
    reason: str


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of a plan that one platform runs as one piece of work.

    Parameters
    ----------
    id
        Unique in its plan; the name under which consumers read it.
    platform
        Name of the platform.
    relation
        What to compute. Its reads name sources, or other fragments by their ids.
    inputs
        For each table name that `relation` reads, where the rows come from.
    output
        The channel in which the rows leave.
    rows, width
        Estimated rows, and bytes a row, of the result.
    cost
        Estimated cost of this fragment alone, its exchanges aside.
    total
        Estimated cost of it and all that it needs, start-up included; what those of the
        alternatives compare with.
    alternatives
        Where it could have run instead.
    inside
        The variable of the loop in each of whose iterations it runs; None outside of loops.
    held
        Estimated bytes that the largest of its hash tables and sorts holds.
    computes
        What its rows are in terms of the plan's tables: `relation`, with no fragments in it.
    work
        Estimated amounts of the quantities on which its seconds depend.
    """

    id: str
    platform: str
    relation: Relation
    inputs: Mapping[str, Input]
    output: Channel
    rows: Estimate
    width: float
    cost: Cost
    total: Cost = field(default_factory=Cost)
    alternatives: tuple[Alternative, ...] = ()
    inside: str | None = None
    held: float = 0.0
    computes: Relation | None = None
    work: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class PhysicalPlan:
    """Fragments in an order in which each comes after those it reads; the last one is the result.

    Parameters
    ----------
    fragments
        At least one.
    cost
        Estimated cost of everything, start-up and exchanges included.
    estimates
        Estimated rows of every relation in the fragments.
    """

    fragments: tuple[Fragment, ...]
    cost: Cost
    estimates: Mapping[Relation, Estimate] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def result(self) -> Fragment:
        """The fragment whose rows are the plan's."""
        return self.fragments[-1]

    def fragment(self, name: str) -> Fragment:
        """Return the fragment with an id; a KeyError means that the plan is broken."""
        return next(f for f in self.fragments if f.id == name)

    def consumers(self, name: str) -> tuple[Fragment, ...]:
        """Return the fragments that read the one called `name`."""
        return tuple(
            f
            for f in self.fragments
            if any(isinstance(i, Exchange) and i.fragment == name for i in f.inputs.values())
        )
