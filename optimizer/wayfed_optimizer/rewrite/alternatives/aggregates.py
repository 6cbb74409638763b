"""Aggregates before joins: fewer rows to move, and to join (Yan and Larson, VLDB 1995)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.dependencies import Dependencies
from wayfed_optimizer.expressions import Column, Named, columns_of, substitute
from wayfed_optimizer.relations import Aggregate, Relation
from wayfed_optimizer.rewrite.alternatives.join_graph import JoinGraph, Unit
from wayfed_optimizer.rewrite.alternatives.partial import combined, partial_of
from wayfed_optimizer.rewrite.engine import RewriteContext
from wayfed_optimizer.rewrite.prune import prune_columns

if TYPE_CHECKING:
    from wayfed_optimizer.rewrite.alternatives.partial import Partial
    from wayfed_optimizer.rewrite.alternatives.surroundings import Surroundings

_WORTHWHILE = 0.5
"""The groups must be fewer than this part of the rows."""


def aggregate_before_join(node: Aggregate, around: Surroundings) -> Relation | None:
    """Aggregate what one store has before it is joined with what others have.

    It is grouped by what the rest of the plan asks of it; what came of these groups is aggregated
    again after the join. Where each such group is one of the plan's, because what it is joined
    with has a key there, once is enough.
    """
    if not all(isinstance(key.expression, Column) for key in node.keys):
        return None
    if not around.knows(node):
        return None
    graph = JoinGraph.of(node.input, least=2)
    if graph is None or graph.attached:
        return None
    eager = _Eager(node, graph, around)
    return eager.relation()


class _Eager:
    """An aggregation of joins, and what of it can be done before them."""

    def __init__(self, node: Aggregate, graph: JoinGraph, around: Surroundings) -> None:
        self._node = node
        self._graph = graph
        self._around = around
        self._dependencies = Dependencies(around.keys)
        types = {f.name: f for f in node.input.schema}
        self._columns = {
            name: Column(graph.names[name], field.type, field.nullable)
            for name, field in types.items()
        }
        self._keys = tuple(
            Named(key.name, substitute(key.expression, self._columns)) for key in node.keys
        )

    def relation(self) -> Relation | None:
        """Return the same aggregation, parts of it first; None where that is impossible."""
        partials = self._partials()
        if partials is None:
            return None
        own = self._own(partials)
        leaves = self._graph.leaves
        first = self._graph.joined([self._graph.unit(leaf) for leaf in leaves if leaf in own])
        others = [self._graph.unit(leaf) for leaf in leaves if leaf not in own]
        if first is None or not others or self._graph.tells_zeros_apart(set(first.columns)):
            return None
        kept = self._kept(first, others)
        grouped = Aggregate(
            first.relation,
            tuple(Named(n, _column(first.relation, n)) for n in kept),
            tuple(part for partial in partials for part in partial.parts),
        )
        if not self._is_worthwhile(first.relation, grouped):
            return None
        unit = Unit(grouped, grouped, (), grouped.schema.names)
        joined = self._graph.joined([unit, *others])
        if joined is None:
            return None
        once = self._is_once(kept, others)
        whole = combined(self._node, self._keys, joined.relation, partials, once=once)
        return prune_columns(whole, RewriteContext())

    def _partials(self) -> tuple[Partial, ...] | None:
        taken = {name for leaf in self._graph.leaves for name in leaf.schema.names}

        def named(name: str) -> str:
            while name in taken:
                name = f"{name} of a part"
            taken.add(name)
            return name

        found = []
        for aggregate in self._node.aggregates:
            expression = substitute(aggregate.expression, self._columns)
            partial = partial_of(Named(aggregate.name, expression), named)
            if partial is None:
                return None
            found.append(partial)
        return tuple(found)

    def _own(self, partials: tuple[Partial, ...]) -> list[Relation]:
        """Return what is aggregated first: what lies where all that is aggregated lies."""
        asked = {
            name
            for partial in partials
            for part in partial.parts
            for name in columns_of(part.expression)
        }
        leaves = self._graph.leaves
        homes = {leaf: frozenset(self._around.stores(leaf)) for leaf in leaves}
        owners = {self._graph.owner(name) for name in asked}
        if not owners:
            sizes = {leaf: self._around.likely(leaf) or 0.0 for leaf in leaves}
            owners = {max(leaves, key=lambda leaf: sizes[leaf])}
        stores = frozenset().union(*(homes[owner] for owner in owners))
        return [leaf for leaf in leaves if homes[leaf] <= stores]

    def _kept(self, first: Unit, others: list[Unit]) -> tuple[str, ...]:
        """Return the columns that the rest of the plan asks of what is aggregated first."""
        graph, own = self._graph, set(first.columns)
        asked = {name for key in self._keys for name in columns_of(key.expression)} & own
        for predicate in graph.predicates:
            if not columns_of(predicate) <= own:
                asked |= columns_of(predicate) & own
        for unit in others:
            for name in unit.columns:
                equal = graph.equal_to(name) & own
                if equal and not equal & asked:
                    asked.add(min(equal, key=first.columns.index))
        return tuple(name for name in first.columns if name in asked)

    def _is_worthwhile(self, rows: Relation, groups: Aggregate) -> bool:
        if self._dependencies.of(rows).is_unique(key.name for key in groups.keys):
            return False
        before, after = self._around.likely(rows), self._around.likely(groups)
        return before is None or after is None or after < _WORTHWHILE * before

    def _is_once(self, kept: tuple[str, ...], others: list[Unit]) -> bool:
        """Say whether each group of the first aggregation is one of the plan's."""
        graph = self._graph
        second = graph.joined(others)
        if second is None or not self._keys:
            return False
        grouping = {
            same
            for key in self._keys
            for name in columns_of(key.expression)
            for same in graph.equal_to(name)
        }
        linked = {name for name in second.columns if graph.equal_to(name) & set(kept)}
        known = self._dependencies.of(second.relation)
        return grouping >= set(kept) and known.is_unique(linked, nulls_aside=True)


def _column(relation: Relation, name: str) -> Column:
    field = relation.schema.field(name)
    return Column(field.name, field.type, field.nullable)
