"""The order of joins by their sizes: all bushy trees of a dozen relations, greedily beyond.

Dynamic programming over connected subgraphs and their complements (Moerkotte and Neumann, "Analysis
of two existing and one new dynamic programming algorithm", VLDB 2006), and greedy operator ordering
(Fegaras, "A new heuristic for optimizing large queries", DEXA 1998). What is made smallest is the
sum of the rows that the joins give. Sets of relations are the bits of an integer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from wayfed_optimizer.expressions import Named, column
from wayfed_optimizer.relations import Filter, Join, JoinKind, Relation, Select
from wayfed_optimizer.rewrite.alternatives.join_graph import JoinGraph, Shape, Unit
from wayfed_optimizer.rewrite.alternatives.siblings import reduced_leaves
from wayfed_optimizer.rewrite.engine import RewriteContext
from wayfed_optimizer.rewrite.prune import prune_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wayfed_optimizer.rewrite.alternatives.surroundings import Surroundings
    from wayfed_optimizer.statistics import Cardinalities

_MOST_RELATIONS: Final = 12
_FEWEST_SAVED: Final = 10_000.0
"""Rows by which another order must be better: planning it takes time, too."""
_MOST_PAIRS: Final = 3_000
"""Stars and cliques have many more pairs than chains: they are ordered greedily earlier."""


def order_joins(relation: Join, around: Surroundings) -> Relation | None:
    """Join a tree of inner joins in the order that gives the fewest rows on the way.

    What lies in one store, but is joined elsewhere, is reduced there by others, where that pays.
    """
    if relation.kind not in (JoinKind.INNER, JoinKind.LEFT) or around.rows is None:
        return None
    if around.is_within(relation):
        return None
    graph = JoinGraph.of(relation)
    if graph is None or len(graph.leaves) < 3:
        return None
    shape = _fewest_rows(graph, around.rows) or graph.shape
    reduced = reduced_leaves(shape, graph, around)
    if shape == graph.shape and not reduced:
        return None
    whole = graph.built(shape, reduced)
    outputs = tuple(
        Named(name, column(whole.relation.schema, graph.names[name]))
        for name in relation.schema.names
    )
    return prune_columns(Select(whole.relation, outputs), RewriteContext())


def _fewest_rows(graph: JoinGraph, rows: Cardinalities) -> Shape | None:
    """Return the order that gives the fewest rows; None where the written one is as good."""
    units = [graph.unit(leaf) for leaf in graph.leaves]
    sizes = _Sizes(units, graph, rows)
    plan = _planned(len(units), sizes)
    if plan is None or _written(graph, sizes) - plan.cost < _FEWEST_SAVED:
        return None
    whole = _built(plan, units, graph)
    for leaf in graph.attached:
        if not graph.can_attach(leaf, whole):
            return None
        whole = graph.attach(leaf, whole)
    return whole.shape


def joins_of(root: Relation) -> set[Relation]:
    """Return the joins of a tree of joins, each of whose orders are parts of the tree's."""
    found: set[Relation] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Join) and node.kind in (JoinKind.INNER, JoinKind.LEFT):
            found.add(node)
        elif not isinstance(node, Select | Filter):
            continue
        waiting += node.inputs
    return found


def ordered(units: Sequence[Unit], graph: JoinGraph, rows: Cardinalities) -> Unit | None:
    """Join units in the order that gives the fewest rows; None where a key is missing."""
    if len(units) == 1:
        return units[0]
    plan = _planned(len(units), _Sizes(units, graph, rows))
    return None if plan is None else _built(plan, units, graph)


def _planned(count: int, sizes: _Sizes) -> _Tree | None:
    best = _best(count, sizes) if count <= _MOST_RELATIONS else None
    return best or _greedy(count, sizes)


def _written(graph: JoinGraph, sizes: _Sizes) -> float:
    """Return the rows that the inner joins give in the order in which they are written."""
    bits = {leaf: 1 << number for number, leaf in enumerate(graph.leaves)}

    def visit(shape: Shape) -> tuple[int, float]:
        if not isinstance(shape, tuple):
            return bits.get(shape, 0), 0.0
        (left, cost), (right, more) = map(visit, shape)
        both = left | right
        return both, cost + more + (sizes.rows(both) if left and right else 0.0)

    return visit(graph.shape)[1]


class _Tree(NamedTuple):
    """Relations joined: which, how many rows came of all its joins, and of which two parts."""

    members: int
    cost: float
    left: _Tree | None = None
    right: _Tree | None = None


class _Sizes:
    """How many rows any set of units gives, and which are neighbours."""

    def __init__(self, units: Sequence[Unit], graph: JoinGraph, rows: Cardinalities) -> None:
        self._rows = [max(1.0, rows.rows(unit.relation).likely) for unit in units]
        self._classes: list[list[tuple[float, int]]] = []
        by_class: dict[int, list[tuple[float, int]]] = {}
        for number, unit in enumerate(units):
            for name in unit.columns:
                key = graph.key_class(name)
                if key is None:
                    continue
                known = rows.column(unit.relation, name).distinct or self._rows[number]
                distinct = max(1.0, min(known, self._rows[number]))
                by_class.setdefault(key, []).append((distinct, 1 << number))
        self._classes = [sorted(members) for members in by_class.values() if len(members) > 1]
        self.neighbours = [0] * len(units)
        for members in self._classes:
            all_of_them = 0
            for _, bit in members:
                all_of_them |= bit
            for _, bit in members:
                self.neighbours[bit.bit_length() - 1] |= all_of_them & ~bit
        self._known: dict[int, float] = {}

    def rows(self, members: int) -> float:
        """Return the rows of some units joined; each class of equal keys holds them together.

        Of the values of a key, the side with the fewest has all: the others each find a part.
        """
        known = self._known.get(members)
        if known is None:
            known = 1.0
            for number, rows in enumerate(self._rows):
                if members >> number & 1:
                    known *= rows
            for keys in self._classes:
                first = True
                for distinct, bit in keys:
                    if bit & members:
                        known /= 1.0 if first else distinct
                        first = False
            known = self._known[members] = max(1.0, known)
        return known

    def around(self, members: int) -> int:
        """Return the neighbours of a set."""
        found = 0
        for number, neighbours in enumerate(self.neighbours):
            if members >> number & 1:
                found |= neighbours
        return found & ~members


def _best(count: int, sizes: _Sizes) -> _Tree | None:
    """Return the cheapest of all trees; None where there is none, or there are too many."""
    best = {1 << number: _Tree(1 << number, 0.0) for number in range(count)}
    for pairs, (one, other) in enumerate(_pairs(count, sizes)):
        if pairs >= _MOST_PAIRS:
            return None
        members = one | other
        left, right = best[one], best[other]
        cost = left.cost + right.cost + sizes.rows(members)
        known = best.get(members)
        if known is None or cost < known.cost:
            if one & -one > other & -other:
                left, right = right, left
            best[members] = _Tree(members, cost, left, right)
    return best.get((1 << count) - 1)


def _pairs(count: int, sizes: _Sizes) -> Iterator[tuple[int, int]]:
    """Yield each pair of connected sets that are neighbours, after the pairs within them."""
    for number in range(count - 1, -1, -1):
        for one in _grown(1 << number, (2 << number) - 1, sizes):
            lowest = (one & -one).bit_length() - 1
            excluded = ((2 << lowest) - 1) | one
            near = sizes.around(one) & ~excluded
            for start in range(count - 1, -1, -1):
                if near >> start & 1:
                    below = near & ((2 << start) - 1)
                    for other in _grown(1 << start, excluded | below, sizes):
                        yield one, other


def _grown(members: int, excluded: int, sizes: _Sizes) -> Iterator[int]:
    """Yield a connected set, and those that it grows to without what is excluded."""
    yield members
    near = sizes.around(members) & ~excluded
    part = near & -near
    while part:
        yield from _grown(members | part, excluded | near, sizes)
        part = (part - near) & near


def _greedy(count: int, sizes: _Sizes) -> _Tree | None:
    """Join again and again those two that give the fewest rows."""
    trees = [_Tree(1 << number, 0.0) for number in range(count)]
    while len(trees) > 1:
        found = [
            (sizes.rows(left.members | right.members), place, other)
            for place, left in enumerate(trees)
            if (near := sizes.around(left.members))
            for other, right in enumerate(trees[place + 1 :], place + 1)
            if near & right.members
        ]
        if not found:
            return None
        rows, place, other = min(found)
        left, right = trees[place], trees.pop(other)
        members, cost = left.members | right.members, left.cost + right.cost + rows
        trees[place] = _Tree(members, cost, left, right)
    return trees[0]


def _built(plan: _Tree, units: Sequence[Unit], graph: JoinGraph) -> Unit:
    if plan.left is None or plan.right is None:
        return units[plan.members.bit_length() - 1]
    join: Callable[[Unit, Unit], Unit] = graph.join
    return join(_built(plan.left, units, graph), _built(plan.right, units, graph))
