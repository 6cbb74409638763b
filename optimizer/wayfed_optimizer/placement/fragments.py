"""From a placed plan to fragments: cut it where rows change platforms."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from wayfed_optimizer.cost import Cost, seconds_of, spilled_bytes, work_of_leaving
from wayfed_optimizer.errors import PlanError
from wayfed_optimizer.expressions import Literal, Named
from wayfed_optimizer.physical import (
    Alternative,
    Exchange,
    Fragment,
    LoopInput,
    PhysicalPlan,
    SourceInput,
)
from wayfed_optimizer.placement.movement import Movement, Way
from wayfed_optimizer.placement.shared import with_columns
from wayfed_optimizer.relations import Read, Relation, Select
from wayfed_optimizer.types import BOOL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from wayfed_optimizer.cost import Work
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import Input
    from wayfed_optimizer.placement.choices import Arrival, Choice, Placed
    from wayfed_optimizer.platform import Channel
    from wayfed_optimizer.statistics import Cardinalities


def cut(
    placed: Placed, environment: Environment, rows: Cardinalities, taken: Collection[str] = ()
) -> PhysicalPlan:
    """Return the fragments of a placed plan, each after those it reads.

    A part of the plan that several fragments read is one fragment, in a channel that can be read
    more than once. None is called as a source is, or has a name that is `taken`.
    """
    cutter = _Cutter(placed, environment, rows, taken)
    cutter.fragment(placed.choice, placed.way.channel)
    return PhysicalPlan(tuple(cutter.fragments), placed.cost, rows.known())


class _Cutter:
    def __init__(
        self,
        placed: Placed,
        environment: Environment,
        rows: Cardinalities,
        taken: Collection[str],
    ) -> None:
        self._loops = placed.loops
        self._placed = placed
        self._environment = environment
        self._rows = rows
        self._movement = Movement(environment.platforms.values(), environment.costs)
        crossings = tuple(_crossings(placed.choice))
        self._readers = Counter(map(_key, crossings))
        self._stems: dict[tuple[Relation, str], set[tuple[Channel, ...] | None]] = {}
        for arrival in crossings:
            assert arrival.way is not None  # noqa: S101  # crossings have ways
            self._stems.setdefault(_key(arrival), set()).add(arrival.way.stem)
        self._kept = {_key(arrival) for arrival in crossings if arrival.kept}
        self._made: dict[tuple[Relation, str], Fragment] = {}
        self._inlined: dict[int, tuple[Relation, dict[str, Input]]] = {}
        self._seconds: dict[int, float] = {}
        self._bytes: dict[int, float] = {}
        self._ids = (
            name
            for number in count(1)
            if (name := f"f{number}") not in environment.sources and name not in taken
        )
        self.fragments: list[Fragment] = []

    def fragment(self, choice: Choice, output: Channel) -> Fragment:
        """Return the fragment that ends with a choice, making it and those below it first."""
        key = (choice.relation, choice.platform)
        made = self._made.get(key)
        if made is None:
            inputs: dict[str, Input] = {}
            relation = _with_a_column(self._inline(choice, inputs))
            costs = self._environment.costs_of(choice.platform)
            leaving = self._leaving(choice)
            made = self._made[key] = Fragment(
                id=next(self._ids),
                platform=choice.platform,
                relation=relation,
                inputs=inputs,
                output=output,
                rows=self._rows.rows(choice.relation),
                width=self._rows.width(choice.relation),
                cost=Cost(
                    cpu=max(0.0, self._own_seconds(choice)) + costs.per_fragment,
                    network=seconds_of(costs, leaving),
                ),
                total=self._placed.considered[choice.relation][choice.platform],
                alternatives=self._alternatives(choice),
                inside=self._loops.innermost(choice.relation),
                computes=choice.relation,
                held=self._held(choice),
                work=self._work(choice, (("fragment", 1.0), *leaving)),
            )
            self._rows.assume(relation, made.rows)
            self.fragments.append(made)
        return made

    def _inline(self, choice: Choice, inputs: dict[str, Input]) -> Relation:
        """Return a choice's relation with what other platforms compute replaced by reads."""
        known = self._inlined.get(id(choice))
        if known is None:
            own: dict[str, Input] = {}
            known = self._inlined[id(choice)] = (self._replaced(choice, own), own)
        inputs.update(known[1])
        return known[0]

    def _replaced(self, choice: Choice, inputs: dict[str, Input]) -> Relation:
        relation = choice.relation
        if isinstance(relation, Read):
            table = relation.table
            inputs[table] = LoopInput(table) if table in self._loops else SourceInput(table)
            return relation
        below = iter(choice.inputs)

        def replace(relation: Relation) -> Relation:
            arrival = next(below)
            if arrival.way is None:
                return self._inline(arrival.choice, inputs)
            found = self._exchange(arrival, arrival.way, choice, inputs)
            narrowed = with_columns(found, relation.schema)
            self._rows.assume(narrowed, self._rows.rows(found))
            return narrowed

        inlined = relation.with_below(replace)
        self._rows.assume(inlined, self._rows.rows(relation))
        return inlined

    def _exchange(
        self, arrival: Arrival, way: Way, consumer: Choice, inputs: dict[str, Input]
    ) -> Relation:
        chosen = arrival.choice
        kept = _key(arrival) in self._kept
        if kept or not self._may_be_read_again(arrival):
            way = self._repeatable_way(chosen, consumer, kept=kept)
        elif self._readers[_key(arrival)] > 1:
            kept = bool(way.conversions)
        producer = self.fragment(chosen, way.channel)
        inputs[producer.id] = Exchange(producer.id, way.conversions, way.cost, kept)
        read = Read(producer.id, producer.relation.schema)
        self._rows.assume(read, producer.rows)
        if read.schema.names == chosen.relation.schema.names:
            return read
        counted = Select(read, ())
        self._rows.assume(counted, producer.rows)
        return counted

    def _may_be_read_again(self, arrival: Arrival) -> bool:
        """Say whether all that read a fragment do so from one form that can be read again."""
        stems = self._stems[_key(arrival)]
        return self._readers[_key(arrival)] == 1 or (len(stems) == 1 and None not in stems)

    def _repeatable_way(self, chosen: Choice, consumer: Choice, *, kept: bool) -> Way:
        producer, reader = (self._environment.platforms[c.platform] for c in (chosen, consumer))
        size = self._rows.bytes(chosen.relation)
        way = self._movement.way(
            producer, reader, consumer.relation, size, kept=kept, repeatable=True
        )
        if way is None:
            raise PlanError(f"{chosen.platform} cannot give the same rows twice")
        return way

    def _own_seconds(self, choice: Choice) -> float:
        """Return the work from `choice` down to where rows come from other platforms."""
        known = self._seconds.get(id(choice))
        if known is None:
            together = (a.choice for a in choice.inputs if a.way is None)
            known = choice.seconds + sum(map(self._own_seconds, together))
            self._seconds[id(choice)] = known
        return known

    def _leaving(self, choice: Choice) -> Work:
        relation = choice.relation
        return work_of_leaving(
            relation, self._rows.rows(relation).likely, self._rows.bytes(relation)
        )

    def _work(self, top: Choice, leaving: Work) -> Mapping[str, float]:
        """Return what a fragment takes: from its top down to where rows come from."""
        total = dict(leaving)
        waiting, seen = [top], {id(top)}
        while waiting:
            choice = waiting.pop()
            work = (*self._placed.work.get(choice.relation, ()), *self._spilling(choice))
            for quantity, amount in work:
                total[quantity] = total.get(quantity, 0.0) + amount
            for arrival in choice.inputs:
                if arrival.way is None and id(arrival.choice) not in seen:
                    seen.add(id(arrival.choice))
                    waiting.append(arrival.choice)
        return total

    def _spilling(self, choice: Choice) -> Work:
        profile = self._environment.costs_of(choice.platform)
        held = self._placed.held.get(choice.relation, 0.0)
        if held <= profile.memory:
            return ()
        sizes = [self._rows.bytes(below) for below in choice.relation.below]
        return (("spill", spilled_bytes(profile, held, sizes)),)

    def _held(self, choice: Choice) -> float:
        """Return the most that an operator holds from `choice` down to where rows come from."""
        known = self._bytes.get(id(choice))
        if known is None:
            below = (self._held(a.choice) for a in choice.inputs if a.way is None)
            known = max(self._placed.held.get(choice.relation, 0.0), *below, 0.0)
            self._bytes[id(choice)] = known
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


def _with_a_column(relation: Relation) -> Relation:
    """Return a relation that engines can hand over: none has tables without columns."""
    if relation.schema.names:
        return relation
    return Select(relation, (Named("row", Literal(True, BOOL)),))


def _crossings(root: Choice) -> Iterator[Arrival]:
    """Yield what comes to each fragment from another one: a part that two share brings it twice."""
    tops = [root]
    known: set[int] = set()
    while tops:
        top = tops.pop()
        if id(top) in known:
            continue
        known.add(id(top))
        within, waiting = {id(top)}, [top]
        while waiting:
            for arrival in waiting.pop().inputs:
                if arrival.way is not None:
                    yield arrival
                    tops.append(arrival.choice)
                elif id(arrival.choice) not in within:
                    within.add(id(arrival.choice))
                    waiting.append(arrival.choice)


def _key(arrival: Arrival) -> tuple[Relation, str]:
    return arrival.choice.relation, arrival.choice.platform
