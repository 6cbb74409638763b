"""Parts that several relations of a plan read, and plans in which these read a table instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Named, column
from wayfed_optimizer.placement.loops import RUN_HERE
from wayfed_optimizer.relations import (
    Filter,
    Hint,
    Limit,
    Read,
    Relation,
    Select,
    Sort,
    Values,
    everything_below,
    reads,
    walk_once,
)
from wayfed_optimizer.relations.varying import varies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wayfed_optimizer.statistics import Cardinalities
    from wayfed_optimizer.types import Schema

_MOST_PARTS: Final = 2
"""Of how many parts at one place all combinations are tried: the largest."""
_KEEP_ORDER: Final = (Select, Filter, Limit, Hint)


class SharedParts:
    """Finds the parts that are read more than once, at the lowest relation above all that read.

    A part that is computed once is a table to those that read it: a leaf with a name of its own.

    Parameters
    ----------
    rows
        Estimates; a plan with leaves has those of the plan without.
    is_at_hand
        Says of which tables reading them twice costs nothing more than reading them once.
    """

    def __init__(self, rows: Cardinalities, is_at_hand: Callable[[Read], bool]) -> None:
        self._rows = rows
        self._is_at_hand = is_at_hand
        self._found: dict[Relation, tuple[Relation, ...]] = {}
        self._names: dict[Relation, str] = {}
        self._parts: dict[str, Relation] = {}
        self._leaves: dict[Relation, frozenset[str]] = {}
        self._stable: dict[Relation, bool] = {}
        self._whole: dict[Relation, Relation] = {}

    def __contains__(self, leaf: str) -> bool:
        return leaf in self._parts

    def leaves(self, relation: Relation) -> frozenset[str]:
        """Return the names of the shared parts that a relation reads as tables."""
        if not self._parts:
            return frozenset()
        known = self._leaves.get(relation)
        if known is None:
            if isinstance(relation, Read):
                known = frozenset((relation.table,)) & self._parts.keys()
            else:
                known = frozenset().union(*map(self.leaves, relation.below))
            self._leaves[relation] = known
        return known

    def all_leaves(self, relation: Relation) -> frozenset[str]:
        """Return the leaves of a relation, and those of the parts that these stand for."""
        found = self.leaves(relation)
        within = (self.all_leaves(self._parts[leaf]) for leaf in found)
        return found.union(*within) if found else found

    def of(self, relation: Relation) -> tuple[Relation, ...]:
        """Return the parts of which two of a relation's inputs are computed, the largest first."""
        if len(relation.below) < 2:
            return ()
        known = self._found.get(relation)
        if known is None:
            found = [part for part in self._frontier(relation) if self._may_be_kept(part, relation)]
            if found and _runs_here(relation):
                found = []  # what a loop reads of outside is kept already, loop by loop
            found.sort(key=self._rows.bytes, reverse=True)
            known = self._found[relation] = tuple(found[:_MOST_PARTS])
        return known

    def replaced(self, relation: Relation, part: Relation) -> tuple[str, Relation]:
        """Return a relation that reads a leaf for one of its parts, and the leaf's name."""
        name = self._names.get(part)
        if name is None:
            name = self._names[part] = f"part {len(self._names) + 1} of several readers"
            self._parts[name] = part
        leaf = Read(name, part.schema)
        self._rows.stands_for(leaf, part)
        done: dict[Relation, Relation] = {part: leaf}

        def visit(node: Relation) -> Relation:
            found = done.get(node)
            if found is None:
                found = node
                if part in everything_below(node):
                    found = node.with_below(visit)
                    self._rows.stands_for(found, node)
                done[node] = found
            return found

        return name, visit(relation)

    def count(self, relation: Relation) -> int:
        """Return how many relations are below one."""
        return len(everything_below(relation))

    def reads_besides(self, relation: Relation, part: Relation) -> Iterator[Read]:
        """Yield the tables that a relation reads where it does not read a part."""
        inside = everything_below(part)
        for read in reads(relation):
            if read.table not in self._parts and read != part and read not in inside:
                yield read

    def whole(self, relation: Relation) -> Relation:
        """Return a relation that reads no leaves, but computes what they stand for."""
        if not self.leaves(relation):
            return relation
        known = self._whole.get(relation)
        if known is None:
            if isinstance(relation, Read):
                known = with_columns(self.whole(self._parts[relation.table]), relation.schema)
            else:
                known = relation.with_below(self.whole)
            self._rows.stands_for(known, relation)
            self._whole[relation] = known
        return known

    def made_whole(self) -> Iterator[tuple[Relation, Relation]]:
        """Yield the relations without leaves that were made, and those with leaves."""
        for relation, whole in self._whole.items():
            yield whole, relation

    def is_stable(self, part: Relation) -> bool:
        """Say whether computing a part twice gives the same rows twice."""
        known = self._stable.get(part)
        if known is None:
            known = not varies(part) and all(map(self.is_stable, part.below))
            self._stable[part] = known
        return known

    def varies_unless_kept(self, relation: Relation, kept: tuple[Relation, ...]) -> bool:
        """Say whether inputs have something in common, besides what is kept, that is not stable."""
        if len(relation.below) < 2:
            return False
        common = (part for part in self._frontier(relation) if part not in kept)
        return not all(map(self.is_stable, common))

    def _frontier(self, relation: Relation) -> Iterator[Relation]:
        """Yield what several inputs have in common, without what is below that."""
        several: set[Relation] = set()
        seen: frozenset[Relation] = frozenset()
        for below in relation.below:
            own = everything_below(below) | {below}
            if not seen.isdisjoint(own):
                several |= seen & own
            seen |= own
        if not several:
            return
        met: set[Relation] = set()
        waiting = list(reversed(relation.below))
        while waiting:
            node = waiting.pop()
            if node in met:
                continue
            met.add(node)
            if node in several:
                yield node
            else:
                waiting.extend(reversed(node.below))

    def _may_be_kept(self, part: Relation, above: Relation) -> bool:
        match part:
            case Read():
                return part.table not in self._parts and not self._is_at_hand(part)
            case Values() | Hint():
                return False
        if not part.schema.names or any(not read.is_bounded for read in reads(part)):
            return False
        return not (is_ordered(part) and self._cuts(above, part))

    def _cuts(self, above: Relation, part: Relation) -> bool:
        """Say whether the first rows of a part are wanted somewhere, in its order."""
        for node in walk_once(above):
            if isinstance(node, Limit) and part in everything_below(node):
                below: Relation = node
                while isinstance(below, _KEEP_ORDER):
                    below = below.input
                    if below == part:
                        return True
        return False


def _runs_here(relation: Relation) -> bool:
    """Say whether something of a relation is run between engines, not by one."""
    return any(isinstance(node, RUN_HERE) for node in (relation, *everything_below(relation)))


def with_columns(rows: Relation, schema: Schema) -> Relation:
    """Return rows with some of their columns."""
    if rows.schema.names == schema.names:
        return rows
    return Select(rows, tuple(Named(name, column(rows.schema, name)) for name in schema.names))


def is_ordered(relation: Relation) -> bool:
    """Say whether the rows of a relation come in an order that the plan asks for."""
    while isinstance(relation, _KEEP_ORDER):
        relation = relation.input
    return isinstance(relation, Sort)
