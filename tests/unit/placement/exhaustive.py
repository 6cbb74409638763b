"""The cheapest of all assignments of platforms to the relations of a plan, found by pricing each.

It prices by the same model as the search and shares no step of it: what a relation takes on each
platform, and what each input costs between each two, are tables; an assignment costs what it picks
of them, and what the platforms that it uses take to start.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wayfed_optimizer.cost import (
    held_bytes,
    seconds_of,
    spilling_seconds,
    work_of,
    work_of_leaving,
)
from wayfed_optimizer.environment import Environment
from wayfed_optimizer.placement.movement import Movement
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE
from wayfed_optimizer.relations import Read, Relation
from wayfed_optimizer.statistics import Cardinalities

_NEVER = float("inf")


def cheapest_by_trying_all(root: Relation, environment: Environment) -> float:
    """Return the cost of the best of all assignments; infinity where none can run."""
    return _Tables(environment).priced(_copied(root)).cheapest()


def cheapest_with_a_part(root: Relation, part: Relation, environment: Environment) -> float:
    """Return the cost of the best way to compute a plan that reads one part several times.

    The part is computed by each that reads it, or once, in one of the channels that can be read
    again; it is one object wherever it stands in the plan.
    """
    platforms = environment.platforms.values()
    channels = {ARROW_TABLE, *(c for p in platforms for c in p.accepts if c.reusable)}
    kept = (_Tables(environment, {id(part): c}).priced(root).cheapest() for c in channels)
    return min(cheapest_by_trying_all(root, environment), *kept)


def _copied(node: Relation) -> Relation:
    """Return an equal plan in which no two relations are one object."""
    if isinstance(node, Read):
        return Read(node.table, node.schema)
    return node.with_inputs(_copied)


@dataclass
class _Tables:
    environment: Environment
    kept: dict[int, object] = field(default_factory=dict)
    own: dict[int, np.ndarray] = field(default_factory=dict)
    between: list[tuple[int, int, np.ndarray]] = field(default_factory=list)

    def __post_init__(self):
        sources = self.environment.sources
        self.rows = Cardinalities(lambda table: sources[table].statistics())
        self.platforms = [*self.environment.platforms.values()]
        self.movement = Movement(self.platforms)

    def priced(self, root):
        self._price(root)
        self.own[id(root)] += [self._leaving(root, p, (ARROW_STREAM,)) for p in self.platforms]
        return self

    def cheapest(self) -> float:
        """Price all assignments that can run at once: one column each."""
        able = [np.flatnonzero(np.isfinite(prices)) for prices in self.own.values()]
        if not all(map(len, able)):
            return _NEVER
        assigned = dict(zip(self.own, (a.ravel() for a in np.meshgrid(*able)), strict=True))
        total = sum(prices[assigned[node]] for node, prices in self.own.items())
        for below, above, prices in self.between:
            total = total + prices[assigned[below], assigned[above]]
        for number, platform in enumerate(self.platforms):
            used = np.any([chosen == number for chosen in assigned.values()], axis=0)
            total = total + used * (0.0 if platform.running else platform.costs.startup)
        return float(np.min(total))

    def _price(self, node):
        if id(node) in self.own:
            return
        self.own[id(node)] = np.array([self._seconds(node, p) for p in self.platforms])
        if id(node) in self.kept:
            ends = (self.kept[id(node)],)
            self.own[id(node)] += [self._leaving(node, p, ends) for p in self.platforms]
        for below in node.inputs:
            self._price(below)
            prices = [[self._moving(below, a, b) for b in self.platforms] for a in self.platforms]
            self.between.append((id(below), id(node), np.array(prices)))

    def _seconds(self, node, platform) -> float:
        if platform.capabilities.refusal(node):
            return _NEVER
        lies_in = ""
        if isinstance(node, Read):
            channel = self.environment.sources[node.table].channel
            lies_in = channel.name
            if channel not in platform.accepts:
                return _NEVER
        rows_in = [self.rows.rows(below).likely for below in node.inputs]
        size = self.rows.bytes(node)
        work = work_of(node, rows_in, self.rows.rows(node).likely, size, lies_in=lies_in)
        sizes = tuple(map(self.rows.bytes, node.inputs))
        held = held_bytes(node, sizes, size)
        return seconds_of(platform.costs, work) + spilling_seconds(platform.costs, held, sizes)

    def _moving(self, node, producer, consumer) -> float:
        if id(node) in self.kept:
            size = self.rows.bytes(node)
            way = self.movement.cheapest((self.kept[id(node)],), consumer.accepts, size)
            return _NEVER if way is None else way.seconds
        if producer is consumer:
            return 0.0
        return self._leaving(node, producer, consumer.accepts)

    def _leaving(self, node, platform, ends) -> float:
        size = self.rows.bytes(node)
        way = self.movement.cheapest(platform.produces, ends, size)
        if way is None:
            return _NEVER
        out = work_of_leaving(node, self.rows.rows(node).likely, size)
        return platform.costs.per_fragment + seconds_of(platform.costs, out) + way.seconds
