"""Loops in a plan: which parts depend on which loop's rows, and how often each part is computed.

A part that reads the rows of no loop around it is computed once, wherever it stands in a body; one
that reads those of an outer loop only, once for each iteration of that loop.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import InvalidPlan
from wayfed_optimizer.relations import (
    Cache,
    FirstMatches,
    Iterate,
    Read,
    Relation,
    walk_once,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from wayfed_optimizer.statistics import Cardinalities, Estimate

RUN_HERE: Final = (Iterate, Cache, FirstMatches)
"""Relations that are run between engines, not by one: each is a fragment of its own."""

_LOOPS: Final = (Iterate, FirstMatches)
_NONE: Final[frozenset[str]] = frozenset()

_EXPECTED_ITERATIONS: Final = 10
"""How often a loop is taken to run where it may run more often; its end is not known before."""


class Loops:
    """The loops of a plan, by the variables that stand for their rows.

    Parameters
    ----------
    root
        The plan.
    tables
        The names of sources, which no variable may have.

    Raises
    ------
    InvalidPlan
        Where two loops have one variable, a variable is called like a source, or the rows of a
        loop are read outside of it.
    """

    def __init__(self, root: Relation, tables: Collection[str] = ()) -> None:
        self._by_variable: dict[str, Iterate | FirstMatches] = {}
        self._free: dict[Relation, frozenset[str]] = {}
        self._outwards: dict[str, tuple[str, ...]] = {}
        self._included: set[Relation] = set()
        for loop in walk_once(root):
            if not isinstance(loop, _LOOPS):
                continue
            if self._by_variable.setdefault(loop.variable, loop) != loop:
                raise InvalidPlan(f"two loops call their rows '{loop.variable}'")
            if loop.variable in tables:
                raise InvalidPlan(f"a loop calls its rows '{loop.variable}', as a table is called")
        if outside := self._free_in(root):
            names = ", ".join(f"'{name}'" for name in sorted(outside))
            raise InvalidPlan(f"the rows of the loop {names} are read outside of it")

    def __bool__(self) -> bool:
        return bool(self._by_variable)

    def __contains__(self, variable: object) -> bool:
        return variable in self._by_variable

    def include(self, alternative: Relation) -> None:
        """Take in what is looked up in an equivalent of a part of the plan."""
        waiting = [alternative]
        while waiting:
            relation = waiting.pop()
            if relation not in self._included:
                self._included.add(relation)
                waiting.extend(relation.below)
                if isinstance(relation, FirstMatches):
                    self._by_variable[relation.variable] = relation
                    self._outwards.clear()

    def looks_up(self, variable: str | None) -> bool:
        """Say whether a variable stands for rows that are looked up, once for each batch of them.

        Their stores are asked each time: what they hold is not brought out once and kept.
        """
        return isinstance(self._by_variable.get(variable or ""), FirstMatches)

    def rows(self, variable: str, estimates: Cardinalities) -> Estimate:
        """Return how many rows a variable stands for: at first, in a loop."""
        match self._by_variable[variable]:
            case Iterate(initial):
                return estimates.rows(initial)
            case FirstMatches(candidates, count=count):
                return estimates.rows(candidates).at_most(count)

    def is_in_one(self, relation: Relation) -> bool:
        """Say whether a relation depends on the rows of a loop around it."""
        return bool(self._free_in(relation))

    def innermost(self, relation: Relation) -> str | None:
        """Return the variable of the innermost loop on whose rows a relation depends, if any."""
        free = self._free_in(relation)
        if len(free) > 1:
            return max(free, key=self.depth)
        return next(iter(free), None)

    def depth(self, variable: str | None) -> int:
        """Return how many loops are around what depends on a variable: 1 for an outermost loop."""
        return 0 if variable is None else len(self._around(variable))

    def times(self, relation: Relation) -> float:
        """Return how often a relation is computed in a run, as far as that is known before."""
        variable = self.innermost(relation)
        if variable is None:
            return 1.0
        loops = (self._by_variable[name] for name in self._around(variable))
        return float(prod(map(_expected_iterations, loops)))

    def _around(self, variable: str) -> tuple[str, ...]:
        """Return a variable and those of the loops around its own, the innermost first."""
        known = self._outwards.get(variable)
        if known is None:
            outer = self.innermost(self._by_variable[variable])
            known = (variable,) if outer is None else (variable, *self._around(outer))
            self._outwards[variable] = known
        return known

    def _free_in(self, relation: Relation) -> frozenset[str]:
        if not self._by_variable:
            return _NONE
        known = self._free.get(relation)
        if known is None:
            known = self._free[relation] = self._find_free(relation)
        return known

    def _find_free(self, relation: Relation) -> frozenset[str]:
        if isinstance(relation, Read):
            named = relation.table in self._by_variable
            return frozenset((relation.table,)) if named else _NONE
        found = _NONE.union(*map(self._free_in, relation.below))
        if isinstance(relation, _LOOPS):
            return found - {relation.variable}
        return found


def _expected_iterations(loop: Iterate | FirstMatches) -> int:
    if isinstance(loop, FirstMatches):
        return 1
    return min(loop.max_iterations, _EXPECTED_ITERATIONS)
