"""Another order of joins: the tables of each store are joined there before their rows move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.expressions import Named, column
from wayfed_optimizer.relations import Join, JoinKind, Relation, Select
from wayfed_optimizer.rewrite.alternatives.join_graph import JoinGraph, Unit
from wayfed_optimizer.rewrite.alternatives.orders import ordered
from wayfed_optimizer.rewrite.engine import RewriteContext
from wayfed_optimizer.rewrite.prune import prune_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wayfed_optimizer.rewrite.alternatives.surroundings import Stores, Surroundings


def associate_joins(relation: Join, around: Surroundings) -> Relation | None:
    """Join(Join(a, b), c) as Join(Join(a, c), b), where a and c lie in one store and b does not.

    So for any number of inner and left joins: what one store can join on its own comes first, and
    a select on top restores the names and their order. A plan in this order has no alternative.
    """
    if around.is_within(relation):
        return None
    stores = around.stores(relation)
    if relation.kind not in (JoinKind.INNER, JoinKind.LEFT) or not 1 < len(set(stores)) < len(
        stores
    ):
        return None
    graph = JoinGraph.of(relation)
    if graph is None:
        return None
    grouped = _grouped(graph, around)
    if grouped is None or grouped.shape == graph.shape:
        return None
    outputs = tuple(
        Named(name, column(grouped.relation.schema, graph.names[name]))
        for name in relation.schema.names
    )
    return prune_columns(Select(grouped.relation, outputs), RewriteContext())


def _grouped(graph: JoinGraph, around: Surroundings) -> Unit | None:
    """Return the joins of a graph in order of stores; None where that needs a cross product."""
    homes = {leaf: _home(leaf, around.stores) for leaf in (*graph.leaves, *graph.attached)}
    waiting = list(graph.attached)
    units: list[Unit] = []
    for home in dict.fromkeys(homes[leaf] for leaf in graph.leaves):
        own = [graph.unit(leaf) for leaf in graph.leaves if homes[leaf] == home]
        for block in own if home is None else _components(own, graph, around):
            unit, arrived = block, True
            while arrived and home is not None:
                arrived = False
                for leaf in waiting:
                    if homes[leaf] == home and graph.can_attach(leaf, unit):
                        unit, arrived = graph.attach(leaf, unit), True
                        waiting.remove(leaf)
                        break
            units.append(unit)
    first = {leaf: position for position, leaf in enumerate(graph.leaves)}
    units.sort(key=lambda unit: min(first[leaf] for leaf in unit.leaves if leaf in first))
    whole = _joined(units, graph, around)
    for leaf in waiting if whole is not None else ():
        whole = graph.attach(leaf, whole) if whole is not None else None
    return whole


def _home(leaf: Relation, stores: Stores) -> str | None:
    found = set(stores(leaf))
    return next(iter(found)) if len(found) == 1 else None


def _components(units: Iterable[Unit], graph: JoinGraph, around: Surroundings) -> list[Unit]:
    """Join what has keys in common, as far as it has, what gives the fewest rows first."""
    blocks: list[Unit] = []
    waiting = list(units)
    while waiting:
        together = [waiting.pop(0)]
        block = together[0]
        while near := next((u for u in waiting if graph.connected(block, u)), None):
            waiting.remove(near)
            together.append(near)
            block = graph.join(block, near)
        if around.rows is not None and len(together) > 2:
            block = ordered(together, graph, around.rows) or block
        blocks.append(block)
    return blocks


def _joined(units: Sequence[Unit], graph: JoinGraph, around: Surroundings) -> Unit | None:
    blocks = _components(units, graph, around)
    return blocks[0] if len(blocks) == 1 else None
