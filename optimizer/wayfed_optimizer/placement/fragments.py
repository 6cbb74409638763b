"""From a placed plan to fragments: cut it where rows change platforms."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from wayfed_optimizer.cost import Cost
from wayfed_optimizer.errors import PlanError
from wayfed_optimizer.physical import (
    Alternative,
    Exchange,
    Fragment,
    PhysicalPlan,
    SourceInput,
)
from wayfed_optimizer.placement.movement import Movement, Way
from wayfed_optimizer.relations import Read, Relation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.placement.search import Choice, Placed
    from wayfed_optimizer.platform import Channel
    from wayfed_optimizer.statistics import Cardinalities


def cut(placed: Placed, environment: Environment, rows: Cardinalities) -> PhysicalPlan:
    """Return the fragments of a placed plan, each after those it reads.

    A part of the plan that several fragments read is one fragment, in a channel that can be read
    more than once.
    """
    cutter = _Cutter(placed, environment, rows)
    cutter.fragment(placed.choice, placed.way.channel)
    return PhysicalPlan(tuple(cutter.fragments), placed.cost, rows.known())


class _Cutter:
    def __init__(self, placed: Placed, environment: Environment, rows: Cardinalities) -> None:
        self._placed = placed
        self._environment = environment
        self._rows = rows
        self._movement = Movement(environment.platforms.values())
        self._readers = Counter(_crossings(placed.choice))
        self._made: dict[tuple[Relation, str], Fragment] = {}
        self._inlined: dict[int, tuple[Relation, dict[str, SourceInput | Exchange]]] = {}
        self._seconds: dict[int, float] = {}
        self._ids = (
            name for number in count(1) if (name := f"f{number}") not in environment.sources
        )
        self.fragments: list[Fragment] = []

    def fragment(self, choice: Choice, output: Channel) -> Fragment:
        """Return the fragment that ends with a choice, making it and those below it first."""
        key = (choice.relation, choice.platform)
        made = self._made.get(key)
        if made is None:
            inputs: dict[str, SourceInput | Exchange] = {}
            relation = self._inline(choice, inputs)
            made = self._made[key] = Fragment(
                id=next(self._ids),
                platform=choice.platform,
                relation=relation,
                inputs=inputs,
                output=output,
                rows=self._rows.rows(choice.relation),
                width=self._rows.width(choice.relation),
                cost=Cost(cpu=max(0.0, self._own_seconds(choice))),
                total=self._placed.considered[choice.relation][choice.platform],
                alternatives=self._alternatives(choice),
            )
            self._rows.assume(relation, made.rows)
            self.fragments.append(made)
        return made

    def _inline(self, choice: Choice, inputs: dict[str, SourceInput | Exchange]) -> Relation:
        """Return a choice's relation with what other platforms compute replaced by reads."""
        known = self._inlined.get(id(choice))
        if known is None:
            own: dict[str, SourceInput | Exchange] = {}
            known = self._inlined[id(choice)] = (self._replaced(choice, own), own)
        inputs.update(known[1])
        return known[0]

    def _replaced(self, choice: Choice, inputs: dict[str, SourceInput | Exchange]) -> Relation:
        relation = choice.relation
        if isinstance(relation, Read):
            inputs[relation.table] = SourceInput(relation.table)
            return relation
        below = iter(choice.inputs)

        def replace(relation: Relation) -> Relation:
            chosen, way = next(below)
            if way is None:
                return self._inline(chosen, inputs)
            return self._exchange(chosen, way, choice.platform, inputs)

        inlined = relation.with_below(replace)
        self._rows.assume(inlined, self._rows.rows(relation))
        return inlined

    def _exchange(
        self, chosen: Choice, way: Way, consumer: str, inputs: dict[str, SourceInput | Exchange]
    ) -> Read:
        if self._readers[chosen.relation, chosen.platform] > 1:
            way = self._repeatable_way(chosen, consumer)
        producer = self.fragment(chosen, way.channel)
        inputs[producer.id] = Exchange(producer.id, way.conversions, way.cost)
        read = Read(producer.id, producer.relation.schema)
        self._rows.assume(read, producer.rows)
        return read

    def _repeatable_way(self, chosen: Choice, consumer: str) -> Way:
        platforms = self._environment.platforms
        starts = [c for c in platforms[chosen.platform].produces if c.reusable][:1]
        size = self._rows.bytes(chosen.relation)
        way = self._movement.cheapest(starts, platforms[consumer].accepts, size)
        if way is None:
            raise PlanError(f"{chosen.platform} cannot give the same rows twice")
        return way

    def _own_seconds(self, choice: Choice) -> float:
        """Return the work from `choice` down to where rows come from other platforms."""
        known = self._seconds.get(id(choice))
        if known is None:
            known = choice.cost.cpu - sum(below.cost.cpu for below, _ in choice.inputs)
            known += sum(self._own_seconds(below) for below, way in choice.inputs if way is None)
            self._seconds[id(choice)] = known
        return known

    def _alternatives(self, choice: Choice) -> tuple[Alternative, ...]:
        found: list[Alternative] = []
        costs = self._placed.considered[choice.relation]
        for name, platform in self._environment.platforms.items():
            if name == choice.platform:
                continue
            if name in costs:
                found.append(Alternative(name, costs[name], "costs more"))
            elif refused := platform.capabilities.refusal(choice.relation):
                found.append(Alternative(name, None, f"{refused[0]}: {refused[1]}"))
            else:
                found.append(Alternative(name, None, "its input cannot be had there"))
        return tuple(found)


def _crossings(root: Choice) -> Iterator[tuple[Relation, str]]:
    """Yield what crosses from one platform to another, once for each choice that it reaches."""
    seen = {id(root)}
    waiting = [root]
    while waiting:
        for below, way in waiting.pop().inputs:
            if way is not None:
                yield below.relation, below.platform
            if id(below) not in seen:
                seen.add(id(below))
                waiting.append(below)
