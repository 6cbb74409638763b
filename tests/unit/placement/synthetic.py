"""Platforms and sources that exist only on paper, to place plans on."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from types import MappingProxyType

import pytest

from wayfed_optimizer.capabilities import Capabilities
from wayfed_optimizer.cost import (
    Cost,
    CostProfile,
    held_bytes,
    seconds_of,
    spilling_seconds,
    work_of,
    work_of_leaving,
)
from wayfed_optimizer.environment import Environment
from wayfed_optimizer.functions import FUNCTIONS
from wayfed_optimizer.placement.movement import Movement
from wayfed_optimizer.platform import (
    ARROW_STREAM,
    ARROW_TABLE,
    Channel,
    Compiled,
    Conversion,
    Snapshot,
    tables_of,
)
from wayfed_optimizer.relations import RELATIONS, Read, Relation
from wayfed_optimizer.statistics import Cardinalities, Estimate, TableStatistics
from wayfed_optimizer.types import Schema


@dataclass
class PaperPlatform:
    name: str
    costs: CostProfile = field(default_factory=CostProfile)
    relations: frozenset[type[Relation]] = frozenset(RELATIONS)
    running: bool = False
    ingests: bool = True

    @cached_property
    def capabilities(self) -> Capabilities:
        return Capabilities(relations=self.relations, functions=frozenset(FUNCTIONS))

    @property
    def accepts(self) -> tuple[Channel, ...]:
        return (tables_of(self.name),)

    @property
    def produces(self) -> tuple[Channel, ...]:
        return (ARROW_STREAM, ARROW_TABLE)

    @property
    def conversions(self) -> tuple[Conversion, ...]:
        own = tables_of(self.name)
        if not self.ingests:
            return ()
        return (Conversion(ARROW_STREAM, own, 1e-3, 2e-9, by=self.name),)

    def started(self) -> bool:
        return self.running

    def compile(self, fragment, sources):
        return Compiled(str(fragment.relation))


@dataclass
class PaperSource:
    schema: Schema
    store: str
    rows: float

    @property
    def channel(self) -> Channel:
        return tables_of(self.store)

    bounded = True
    description = "on paper"

    def statistics(self) -> TableStatistics:
        return TableStatistics(Estimate.exactly(self.rows))

    def snapshot(self) -> Snapshot:
        return Snapshot("1")


def environment(platforms, tables, objective="time") -> Environment:
    """Make an environment of tables: name -> (store, rows), each with columns name_id, name_x."""
    sources = {
        name: PaperSource(Schema.of(**{f"{name}_id": "int64", f"{name}_x": "float64"}), store, rows)
        for name, (store, rows) in tables.items()
    }
    return Environment({p.name: p for p in platforms}, sources, objective)


def read(environment: Environment, table: str) -> Read:
    return Read(table, environment.sources[table].schema)


def cardinalities(environment: Environment) -> Cardinalities:
    return Cardinalities(lambda table: environment.sources[table].statistics())


def cheapest_by_trying_all(root: Relation, environment: Environment) -> float:
    """Return the cost of the best of all assignments of platforms, each worked out by itself."""
    rows = cardinalities(environment)
    platforms = environment.platforms
    movement = Movement(platforms.values())
    nodes: list[Relation] = []

    def collect(node: Relation) -> None:
        for below in node.inputs:
            collect(below)
        nodes.append(node)

    collect(root)
    best = float("inf")
    for names in product(platforms, repeat=len(nodes)):
        best = min(
            best,
            _cost_of(
                dict(zip(map(id, nodes), names, strict=True)), root, environment, rows, movement
            ),
        )
    return best


def cheapest_with_a_part(root: Relation, part: Relation, environment: Environment) -> float:
    """Return the cost of the best way to compute a plan that reads one part several times.

    The part is computed by each that reads it, or once, in one of the channels that can be read
    again; it is one object wherever it stands in the plan.
    """
    rows = cardinalities(environment)
    platforms = environment.platforms
    movement = Movement(platforms.values())
    channels = {ARROW_TABLE, *(c for p in platforms.values() for c in p.accepts if c.reusable)}
    nodes: dict[int, Relation] = {}

    def collect(node: Relation) -> None:
        for below in node.inputs:
            collect(below)
        nodes[id(node)] = node

    collect(root)
    best = cheapest_by_trying_all(_copied(root), environment)
    for names in product(platforms, repeat=len(nodes)):
        assigned = dict(zip(nodes, names, strict=True))
        for channel in channels:
            cost = _cost_of(assigned, root, environment, rows, movement, kept={id(part): channel})
            best = min(best, cost)
    return best


def _copied(node: Relation) -> Relation:
    """Return an equal plan in which no two relations are one object."""
    if isinstance(node, Read):
        return Read(node.table, node.schema)
    return node.with_inputs(_copied)


def _cost_of(assigned, root, environment, rows, movement, *, kept=MappingProxyType({})) -> float:
    platforms = environment.platforms
    used: set[str] = set()
    paid: set[int] = set()

    def leaving(node, size, ends) -> float | None:
        platform = platforms[assigned[id(node)]]
        way = movement.cheapest(platform.produces, ends, size)
        if way is None:
            return None
        out = work_of_leaving(node, rows.rows(node).likely, size)
        return platform.costs.per_fragment + seconds_of(platform.costs, out) + way.cost.seconds

    def cost(node) -> float:
        platform = platforms[assigned[id(node)]]
        used.add(platform.name)
        if platform.capabilities.refusal(node):
            return float("inf")
        if (
            isinstance(node, Read)
            and environment.sources[node.table].channel not in platform.accepts
        ):
            return float("inf")
        rows_in = [rows.rows(below).likely for below in node.inputs]
        lies_in = environment.sources[node.table].channel.name if isinstance(node, Read) else ""
        total = seconds_of(
            platform.costs,
            work_of(node, rows_in, rows.rows(node).likely, rows.bytes(node), lies_in=lies_in),
        )
        sizes = tuple(map(rows.bytes, node.inputs))
        held = held_bytes(node, sizes, rows.bytes(node))
        total += spilling_seconds(platform.costs, held, sizes)
        for below in node.inputs:
            if id(below) in kept:
                size = rows.bytes(below)
                way = movement.cheapest((kept[id(below)],), platform.accepts, size)
                if id(below) not in paid:
                    paid.add(id(below))
                    there = leaving(below, size, (kept[id(below)],))
                    total += cost(below) + (float("inf") if there is None else there)
                total += float("inf") if way is None else way.seconds
                continue
            total += cost(below)
            if assigned[id(below)] != platform.name:
                moved = leaving(below, rows.bytes(below), platform.accepts)
                total += float("inf") if moved is None else moved
        return total

    total = cost(root)
    out = leaving(root, rows.bytes(root), (ARROW_STREAM,))
    startup = sum(
        Cost(platforms[n].costs.startup).startup for n in used if not platforms[n].running
    )
    return total + (float("inf") if out is None else out) + startup


def seeds(few: int, many: int) -> list[object]:
    """Seeds for random plans: a few at all times, many where there is time."""
    return [
        *range(few),
        *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(few, many)),
    ]
