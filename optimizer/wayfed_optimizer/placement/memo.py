"""Groups of equivalent relations, from which placement chooses.

A group is known by any of its members: relations are immutable and hash by structure, so members
share their subtrees and a dictionary is all the memo that is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.relations import Read, Relation
from wayfed_optimizer.rewrite.engine import Keys, no_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed_optimizer.platform import Source
    from wayfed_optimizer.rewrite.alternatives.surroundings import Stores

_GROUP_LIMIT: Final = 12


class Memo:
    """The alternatives of relations, explored where they can matter.

    Parameters
    ----------
    alternatives_of
        The alternative rules: equivalents of a relation, not including itself, given functions
        that say which stores hold the tables below a relation, and which keys a table has.
    sources
        Where tables are: another order of joins matters to placement only where tables that share
        a store stand apart.
    keys
        Gives the sets of columns of which a table has no two equal rows, NULLs aside.
    """

    def __init__(
        self,
        alternatives_of: Callable[[Relation, Stores, Keys], tuple[Relation, ...]],
        sources: Mapping[str, Source],
        keys: Keys = no_keys,
    ) -> None:
        self._alternatives_of = alternatives_of
        self._sources = sources
        self._keys = keys
        self._groups: dict[Relation, tuple[Relation, ...]] = {}
        self._stores: dict[Relation, tuple[str, ...]] = {}

    def group(self, relation: Relation) -> tuple[Relation, ...]:
        """Return the relation and its equivalents, in a fixed order, at most a dozen."""
        known = self._groups.get(relation)
        if known is None:
            known = self._groups[relation] = self._explore(relation)
        return known

    def _explore(self, relation: Relation) -> tuple[Relation, ...]:
        if not self._worthwhile(relation):
            return (relation,)
        members = {relation: None}
        waiting = [relation]
        while waiting and len(members) < _GROUP_LIMIT:
            for alternative in self._alternatives_of(waiting.pop(0), self.stores_of, self._keys):
                if alternative not in members and len(members) < _GROUP_LIMIT:
                    members[alternative] = None
                    waiting.append(alternative)
        return tuple(members)

    def _worthwhile(self, relation: Relation) -> bool:
        stores = self.stores_of(relation)
        return len(set(stores)) > 1 and len(stores) > len(set(stores))

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
