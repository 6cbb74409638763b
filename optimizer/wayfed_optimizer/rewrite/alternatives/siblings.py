"""Relations of a tree of joins that others of their store reduce, wherever these are joined.

Keys are equal throughout a tree: where suppliers are of the nations that customers are of, and only
nations of one region are asked for, the store can give the suppliers of these to begin with. The
order of joins need not change for that, and what reduces them is joined where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Named, column
from wayfed_optimizer.relations import Join, JoinKind, Relation, Select, reads, walk_once
from wayfed_optimizer.relations.varying import varies
from wayfed_optimizer.types import is_float

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wayfed_optimizer.rewrite.alternatives.join_graph import JoinGraph, Shape
    from wayfed_optimizer.rewrite.alternatives.surroundings import Surroundings

_KEPT_AT_MOST: Final = 0.5
_FEWEST_SAVED: Final = 1_000.0
"""Rows that must stay in the store, at least: what reduces them is computed once more."""
_MOST_LEAVES: Final = 12
_MOST_SIBLINGS: Final = 4
"""Of how many relations, and by how many of the smallest others, a reduction is looked for."""


def reduced_leaves(
    shape: Shape, graph: JoinGraph, around: Surroundings
) -> dict[Relation, Relation]:
    """Return, for relations of a tree of joins, the rows that others of their store leave.

    What is left out would find nothing in the tree's joins. Relations are not reduced by what they
    are joined with in the store anyway, and only where that leaves half of the rows, at most.
    """
    siblings = _Siblings(graph, around)
    found: dict[Relation, Relation] = {}
    if len(graph.leaves) > _MOST_LEAVES:
        return found
    for block in _blocks(shape, siblings):
        home = siblings.home(block[0])
        others = [leaf for leaf in graph.leaves if siblings.home(leaf) == home]
        others = [leaf for leaf in others if leaf not in block]
        for leaf in block if home is not None and others else ():
            reduced = siblings.reduced(leaf, others) if leaf in graph.leaves else None
            if reduced is not None:
                found[leaf] = reduced
    return found


def _blocks(shape: Shape, siblings: _Siblings) -> list[list[Relation]]:
    """Return the leaves of a shape by the largest parts of it that are of one store each."""
    if not isinstance(shape, tuple):
        return [[shape]]
    left, right = (_blocks(part, siblings) for part in shape)
    if len(left) == len(right) == 1:
        home = siblings.home(left[0][0])
        if home is not None and home == siblings.home(right[0][0]):
            return [left[0] + right[0]]
    return left + right


@dataclass(frozen=True, slots=True)
class _Siblings:
    """Relations of a graph, and which of them are small enough to reduce others."""

    graph: JoinGraph
    around: Surroundings

    def home(self, leaf: Relation) -> str | None:
        """Return the one store that holds a relation; None for files, which any engine reads."""
        found = set(self.around.stores(leaf))
        return next(iter(found)) if len(found) == 1 and "anywhere" not in found else None

    def reduced(self, leaf: Relation, others: Iterable[Relation]) -> Relation | None:
        """Return the fewest rows of a relation that some of the others leave."""
        before = self.around.likely(leaf)
        if before is None or before < 2 * _FEWEST_SAVED:
            return None
        own = _tables(leaf)
        small = [each for each in others if self._is_within(each, _KEPT_AT_MOST * before)]
        small = [each for each in small if not _tables(each) <= own]
        small = sorted(small, key=lambda each: self.around.likely(each) or 0.0)[:_MOST_SIBLINGS]
        best: Relation | None = None
        most = min(_KEPT_AT_MOST * before, before - _FEWEST_SAVED)
        for name in leaf.schema.names if small else ():
            if is_float(leaf.schema.field(name).type):
                continue  # engines differ in what floats are equal
            for other in small:
                equal = sorted(self.graph.equal_to(name) & set(other.schema.names))
                rows = self._semi_join(leaf, name, other, equal[0], small) if equal else None
                after = None if rows is None else self.around.likely(rows)
                if after is not None and after <= most:
                    best, most = rows, _KEPT_AT_MOST * after  # larger ones must leave fewer yet
        return best

    def _is_within(self, leaf: Relation, most: float) -> bool:
        rows = self.around.likely(leaf)
        return rows is not None and rows <= most

    def _semi_join(
        self, leaf: Relation, name: str, other: Relation, by: str, small: Iterable[Relation]
    ) -> Relation | None:
        graph, unit = self.graph, self.graph.unit(other)
        largest = self.around.likely(other) or 0.0
        waiting = [e for e in small if e != other and self._is_within(e, largest)]
        while near := next((e for e in waiting if graph.connected(unit, graph.unit(e))), None):
            waiting.remove(near)
            unit = graph.join(unit, graph.unit(near))
        if any(map(varies, walk_once(unit.relation))):
            return None
        keys = Select(unit.relation, (Named(by, column(unit.relation.schema, by)),))
        return Join(leaf, keys, JoinKind.SEMI, ((name, by),))


def _tables(relation: Relation) -> frozenset[str]:
    return frozenset(read.table for read in reads(relation))
