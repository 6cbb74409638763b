"""Groups of equivalent relations, from which placement chooses.

A group is known by any of its members: relations are immutable and hash by structure, so members
share their subtrees and a dictionary is all the memo that is needed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.relations import Join, Read, Relation
from wayfed_optimizer.rewrite.alternatives import Surroundings
from wayfed_optimizer.rewrite.alternatives.orders import joins_of
from wayfed_optimizer.rewrite.engine import no_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed_optimizer.dependencies import Keys
    from wayfed_optimizer.platform import Source
    from wayfed_optimizer.statistics import Cardinalities

_GROUP_LIMIT: Final = 12
_MOST: Final = 2_000
_MOST_IN_LARGE: Final = 24
"""How many alternatives there are in all: those of what is higher in a plan come first."""


class Memo:
    """The alternatives of relations, explored when they are asked for.

    Parameters
    ----------
    alternatives_of
        The alternative rules: equivalents of a relation, not including itself.
    sources
        Where tables are.
    keys
        Gives the sets of columns of which a table has no two equal rows, NULLs aside.
    rows
        Estimates, for rules that go by sizes; all members of a group have those of the first.
    """

    def __init__(
        self,
        alternatives_of: Callable[[Relation, Surroundings], tuple[Relation, ...]],
        sources: Mapping[str, Source],
        keys: Keys = no_keys,
        rows: Cardinalities | None = None,
    ) -> None:
        self._alternatives_of = alternatives_of
        self._sources = sources
        self._rows = rows
        self._within: set[Relation] = set()
        self._around = Surroundings(self.stores_of, keys, rows, is_within=self._within.__contains__)
        self._groups: dict[Relation, tuple[Relation, ...]] = {}
        self._stores: dict[Relation, tuple[str, ...]] = {}
        self._left = _MOST

    def is_for(self, *, large: bool) -> None:
        """Say whether the plan is large: then only few alternatives are looked at."""
        self._around = replace(self._around, is_large=large)
        self._left = _MOST_IN_LARGE if large else _MOST

    def group(self, relation: Relation) -> tuple[Relation, ...]:
        """Return the relation and its equivalents, in a fixed order, at most a dozen."""
        known = self._groups.get(relation)
        if known is None:
            known = self._groups[relation] = self._explore(relation)
        return known

    def _explore(self, relation: Relation) -> tuple[Relation, ...]:
        if isinstance(relation, Join) and relation not in self._within:
            self._within |= joins_of(relation) - {relation}
        members = {relation: None}
        waiting = [relation] if self._left > 0 else []
        while waiting and len(members) < _GROUP_LIMIT:
            for other in self._alternatives_of(waiting.pop(0), self._around):
                if other not in members and len(members) < _GROUP_LIMIT:
                    members[other] = None
                    self._left -= 1
                    self._within |= joins_of(other)
                    waiting.append(other)
                    if self._rows is not None:
                        self._rows.assume(other, self._rows.rows(relation))
        return tuple(members)

    def stores_of(self, relation: Relation) -> tuple[str, ...]:
        """Return the stores below a relation; twice those that hold more than one of its tables."""
        known = self._stores.get(relation)
        if known is None:
            if isinstance(relation, Read):
                source = self._sources.get(relation.table)
                known = (source.channel.owner or "anywhere",) if source else ()
            else:
                found = sorted(s for below in relation.below for s in self.stores_of(below))
                known = tuple(s for i, s in enumerate(found) if i < 2 or found[i - 2] != s)
            self._stores[relation] = known
        return known
