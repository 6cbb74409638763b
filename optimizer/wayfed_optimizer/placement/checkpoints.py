"""Where a plan stops to count: the inputs of joins that decide how a dear one is best fetched.

Rows that come from another platform are counted as they come. An input that an engine computes
itself, in one piece of work with the join, is counted by nobody: where its size is a guess, and the
other input is dear, it becomes a fragment of its own, which ends before the other is read. A hash
join has to hold one of its inputs anyway, so that little is lost; what is, is in the plan's cost.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.cost import Cost, seconds_of, work_of_leaving
from wayfed_optimizer.placement.movement import Movement
from wayfed_optimizer.platform import ARROW_STREAM
from wayfed_optimizer.relations import Join, Read, Select, Values

if TYPE_CHECKING:
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.placement.choices import Arrival, Choice, Placed
    from wayfed_optimizer.statistics import Cardinalities, Estimate

_PART: Final = 1 / 3
"""What counting an input may cost, as a part of what fetching the other one does: of what there is
to be gained.
"""

_PART_OF_ALL: Final = 0.02
"""What all counting may cost, as a part of the plan."""

_SURE: Final = 3.0
"""An estimate whose bounds are at most so many times apart is taken for a fact."""


def with_checkpoints(placed: Placed, environment: Environment, rows: Cardinalities) -> Placed:
    """Return a placed plan in which inputs that decide are fragments of their own."""
    return _Checking(placed, environment, rows).plan()


class _Checking:
    def __init__(self, placed: Placed, environment: Environment, rows: Cardinalities) -> None:
        self._placed = placed
        self._environment = environment
        self._rows = rows
        self._done: dict[int, Choice] = {}
        self._local: dict[int, bool] = {}
        self._added = Cost()

    def plan(self) -> Placed:
        choice = self._visit(self._placed.choice)
        if choice is self._placed.choice:
            return self._placed
        return replace(self._placed, choice=choice, cost=self._placed.cost + self._added)

    def _visit(self, choice: Choice) -> Choice:
        known = self._done.get(id(choice))
        if known is None:
            known = self._done[id(choice)] = self._checked(choice)
        return known

    def _checked(self, choice: Choice) -> Choice:
        inputs = choice.inputs
        if self._may_be_elsewhere(choice):
            first, second = inputs[:2]
            inputs = (self._arriving(first, second), self._arriving(second, first), *inputs[2:])
        visited = tuple(
            arrival
            if (below := self._visit(arrival.choice)) is arrival.choice
            else arrival._replace(choice=below)
            for arrival in inputs
        )
        if all(new is old for new, old in zip(visited, choice.inputs, strict=True)):
            return choice
        return choice._replace(inputs=visited)

    def _may_be_elsewhere(self, choice: Choice) -> bool:
        return (
            isinstance(choice.relation, Join)
            and len(self._placed.considered.get(choice.relation, ())) > 1
            and self._placed.loops.innermost(choice.relation) is None
        )

    def _arriving(self, arrival: Arrival, other: Arrival) -> Arrival:
        """Return how an input arrives: as a fragment of its own, if that is worth it."""
        choice = arrival.choice
        if (
            arrival.way is not None
            or not self._is_local(choice)
            or (other.way is None and self._is_local(other.choice))
            or _is_plain(choice)
            or _is_sure(self._rows.rows(choice.relation))
        ):
            return arrival
        platform = self._environment.platforms[choice.platform]
        starts = tuple(channel for channel in platform.produces if channel == ARROW_STREAM)
        way = self._movement.cheapest(starts, platform.accepts, self._rows.bytes(choice.relation))
        if way is None:
            return arrival
        price = self._leaving(choice) + way.cost
        dear = other.choice.cost + (self._leaving(other.choice) if other.way else Cost())
        added = self._added + price
        if (
            price.seconds > _PART * dear.seconds
            or added.seconds > _PART_OF_ALL * self._placed.cost.seconds
        ):
            return arrival
        self._added = added
        return arrival._replace(way=way)

    def _leaving(self, choice: Choice) -> Cost:
        """Return what handing rows out takes."""
        costs = self._environment.costs_of(choice.platform)
        rows, size = self._rows.rows(choice.relation), self._rows.bytes(choice.relation)
        work = work_of_leaving(choice.relation, rows.likely, size)
        return Cost(cpu=costs.per_fragment, network=seconds_of(costs, work))

    @cached_property
    def _movement(self) -> Movement:
        # Few plans have an input that is worth it.
        return Movement(self._environment.platforms.values(), self._environment.costs)

    def _is_local(self, choice: Choice) -> bool:
        """Say whether nothing comes from elsewhere, up to here."""
        known = self._local.get(id(choice))
        if known is None:
            known = self._local[id(choice)] = all(
                a.way is None and self._is_local(a.choice) for a in choice.inputs
            )
        return known


def _is_plain(choice: Choice) -> bool:
    """Say whether the rows are those of a table, all of them."""
    while isinstance(choice.relation, Select):
        choice = choice.inputs[0].choice
    return isinstance(choice.relation, Read | Values)


def _is_sure(rows: Estimate) -> bool:
    return rows.high <= _SURE * max(1.0, rows.low)
