"""The choice of platforms: dynamic programming over the memo, keeping what may still be cheapest.

For each relation and each platform on which its rows could be, the search keeps the cheapest
choices, one for each set of platforms that has been started on the way. A choice is dropped when
another costs no more even after starting the platforms that it has and the first has not: whatever
comes above, the other can do as well. For costs that add up this loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from wayfed_optimizer.cost import (
    Cost,
    Work,
    held_bytes,
    seconds_of,
    spilling_seconds,
    work_of,
    work_of_leaving,
)
from wayfed_optimizer.errors import PlatformNotFound, Unsupported
from wayfed_optimizer.placement.loops import RUN_HERE, Loops
from wayfed_optimizer.placement.movement import Movement, Way
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE
from wayfed_optimizer.relations import (
    Filter,
    Hint,
    Iterate,
    Limit,
    MapBatches,
    Read,
    Relation,
    Select,
    Sort,
    Values,
    walk_once,
)
from wayfed_optimizer.rewrite.alternatives.filters import partly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.placement.memo import Memo
    from wayfed_optimizer.platform import Channel, Platform
    from wayfed_optimizer.statistics import Cardinalities


class Arrival(NamedTuple):
    """An input of a choice, and how its rows come to where they are read.

    Attributes
    ----------
    choice
        What gives them.
    way
        How they come; None where they are there already.
    kept
        Whether they are read more often than computed: those that a loop's body needs of outside.
    times
        How often they are computed, for each time that what reads them is.
    """

    choice: Choice
    way: Way | None
    kept: bool = False
    times: float = 1.0


@dataclass(frozen=True, slots=True)
class Choice:
    """Rows of a relation, on a platform, as part of a fragment that may still grow.

    Parameters
    ----------
    relation
        The member of the group that was chosen.
    platform
        Where it is computed.
    inputs
        The choices below, and how their rows come here.
    cost
        Of everything below and this, start-up aside.
    started
        The platforms that all this needs.
    """

    relation: Relation
    platform: str
    inputs: tuple[Arrival, ...]
    cost: Cost
    started: frozenset[str]


@dataclass(frozen=True, slots=True)
class Placed:
    """A placed plan: the chosen tree, how its rows leave, and what the other choices would cost.

    Parameters
    ----------
    choice
        The root of the chosen tree.
    way
        How the result becomes an Arrow stream.
    cost
        Of everything, start-up included.
    considered
        For each relation at the root of a fragment, the cheapest cost by platform.
    loops
        The loops in it.
    held
        The bytes that each relation holds at once, wherever it is computed.
    work
        What each relation takes, wherever it is computed.
    """

    choice: Choice
    way: Way
    cost: Cost
    considered: dict[Relation, dict[str, Cost]]
    loops: Loops
    held: Mapping[Relation, float]
    work: Mapping[Relation, Work]


class Search:
    """One placement: from relations to choices, remembering what was found."""

    def __init__(
        self, environment: Environment, rows: Cardinalities, memo: Memo, loops: Loops
    ) -> None:
        self._loops = loops
        self._platforms = dict(environment.platforms)
        self._sources = environment.sources
        self._costs = {name: environment.costs_of(name) for name in self._platforms}
        self._by_bytes = environment.objective == "bytes"
        self._rows = rows
        self._memo = memo
        self._movement = Movement(self._platforms.values())
        self._startup = {
            name: 0.0 if platform.started() else environment.costs_of(name).startup
            for name, platform in self._platforms.items()
        }
        self._found: dict[tuple[Relation, str | None], dict[str, list[Choice]]] = {}
        self._held: dict[Relation, tuple[float, tuple[float, ...]]] = {}
        self._taken: dict[Relation, Work] = {}
        self._leaves: dict[Relation, Work] = {}
        self._cut_short: frozenset[Relation] = frozenset()

    def place(self, root: Relation) -> Placed:
        """Choose the cheapest way to have the rows of `root` as an Arrow stream in this process.

        Raises
        ------
        Unsupported
            Where no platform can run some relation; with each platform's reason.
        PlatformNotFound
            Where a hint names a platform that is not there.
        """
        best: tuple[float, Cost, Choice, Way] | None = None
        self._cut_short = frozenset(_cut_short(root))
        self._held.update(dict.fromkeys(self._cut_short, (0.0, ())))
        size = self._rows.bytes(root)
        for name, choices in self._choices(root, None).items():
            way = self._movement.cheapest(self._platforms[name].produces, (ARROW_STREAM,), size)
            for choice in choices if way else ():
                cost = self._leaving(choice, way, size) + self._starting(choice.started)
                if best is None or self._score(cost) < best[0]:
                    best = (self._score(cost), cost, choice, way)  # type: ignore[assignment]  # way is not None in the loop
        if best is None:
            raise Unsupported("this plan", reason="no platform's result can be read here")
        _, cost, choice, way = best
        held = {relation: held for relation, (held, _) in self._held.items()}
        return Placed(choice, way, cost, self._considered(), self._loops, held, self._taken)

    def _choices(self, relation: Relation, forced: str | None) -> dict[str, list[Choice]]:
        """Return for each platform what may be the cheapest way to have the rows there."""
        key = (relation, forced)
        known = self._found.get(key)
        if known is None:
            known = self._found[key] = self._find(relation, forced)
        return known

    def _find(self, relation: Relation, forced: str | None) -> dict[str, list[Choice]]:
        if isinstance(relation, Hint):
            if relation.platform is not None and relation.platform not in self._platforms:
                raise PlatformNotFound(relation.platform, self._platforms)
            return self._choices(relation.input, relation.platform or forced)
        if isinstance(relation, Read):
            return self._reading(relation, forced)
        found: dict[str, list[Choice]] = {}
        reasons: dict[str, tuple[str, str]] = {}
        names = [forced] if forced and self._is_forced(relation, forced) else [*self._platforms]
        members = (*self._memo.group(relation), *self._split(relation))
        for name in names:
            platform = self._platforms[name]
            candidates: list[Choice] = []
            for member in members:
                refused = platform.capabilities.refusal(member)
                if refused:
                    reasons[name] = refused
                    continue
                candidates += self._computing(member, platform, forced)
            if candidates:
                found[name] = self._without_dominated(candidates)
            elif name not in reasons:
                refusals = (platform.capabilities.refused_rows(r.schema) for r in relation.below)
                reasons.update((name, refused) for refused in refusals if refused)
        if not found:
            raise _nobody_runs(relation, reasons)
        return found

    def _is_forced(self, relation: Relation, forced: str) -> bool:
        """Say whether a hint is for a relation itself, or only for what lies below it.

        What engines do not run themselves is forced on none of them.
        """
        if isinstance(relation, MapBatches):
            return MapBatches in self._platforms[forced].capabilities.relations
        return not isinstance(relation, RUN_HERE)

    def _split(self, relation: Relation) -> Iterator[Relation]:
        """Yield a filter as two, for each store that can do a part of it where its rows lie."""
        if not isinstance(relation, Filter):
            return
        for name in sorted(self._platforms.keys() & self._memo.stores_of(relation)):
            capabilities = self._platforms[name].capabilities
            if two := partly(relation, capabilities.refusal):
                yield two

    def _reading(self, read: Read, forced: str | None) -> dict[str, list[Choice]]:
        channel = self._channel_of(read)
        readers = [n for n, p in self._platforms.items() if channel in p.accepts]
        if forced in readers:
            readers = [forced]
        if not readers:
            raise Unsupported(
                f"reading {read.table} ({channel})",
                reason=f"none of {', '.join(self._platforms)} can",
                hint="install or configure an engine that reads it; see ctx.platforms()",
            )
        found: dict[str, list[Choice]] = {}
        reasons: dict[str, tuple[str, str]] = {}
        for name in readers:
            platform = self._platforms[name]
            capabilities = platform.capabilities
            refused = capabilities.refusal(read) or capabilities.refused_rows(read.schema)
            if refused:
                reasons[name] = refused
            else:
                cost = Cost(cpu=self._work(platform, read))
                found[name] = [Choice(read, name, (), cost, frozenset((name,)))]
        if not found:
            raise _nobody_runs(read, reasons)
        return found

    def _channel_of(self, read: Read) -> Channel:
        return ARROW_TABLE if read.table in self._loops else self._sources[read.table].channel

    def _computing(
        self, relation: Relation, platform: Platform, forced: str | None
    ) -> Iterable[Choice]:
        work = Cost(cpu=self._work(platform, relation))
        offers = [
            self._arriving(below, relation, platform, forced, position)
            for position, below in enumerate(relation.below)
        ]
        for inputs in product(*offers):
            cost, started = work, frozenset((platform.name,))
            for arrival, its_cost in inputs:
                cost, started = cost + its_cost, started | arrival.choice.started
            arrivals = tuple(arrival for arrival, _ in inputs)
            yield Choice(relation, platform.name, arrivals, cost, started)

    def _arriving(
        self,
        below: Relation,
        relation: Relation,
        platform: Platform,
        forced: str | None,
        position: int,
    ) -> Sequence[tuple[Arrival, Cost]]:
        """Return the ways in which an input's rows can come to a platform."""
        keeps_order = isinstance(relation, Select | Filter | Limit) and is_ordered(below)
        kept = self._is_kept(below, relation, position)
        times = self._loops.times(below) / self._loops.times(relation)
        size = self._rows.bytes(below)
        arriving: list[tuple[Arrival, Cost]] = []
        offers = {**self._scanning(below, forced), **self._choices(below, forced)}
        for name, choices in offers.items():
            producer = self._platforms[name]
            same = name == platform.name
            way = None
            if (same or not keeps_order) and not platform.capabilities.refused_rows(below.schema):
                way = self._movement.way(producer, platform, relation, size, kept=kept)
            for choice in choices:
                if same and self._is_together(choice.relation, relation, kept=kept):
                    arriving.append((Arrival(choice, None), choice.cost))
                elif way:
                    cost = self._leaving(choice, way, size).times(times)
                    arriving.append((Arrival(choice, way, kept, times), cost))
        return self._cheapest_arrivals(arriving)

    def _is_kept(self, below: Relation, relation: Relation, position: int) -> bool:
        """Say whether an input is computed outside of a loop that reads it in each iteration."""
        loops = self._loops
        reader = loops.innermost(relation)
        if isinstance(relation, Iterate) and position > 0:
            reader = relation.variable
        return loops.depth(loops.innermost(below)) < loops.depth(reader)

    def _is_together(self, below: Relation, relation: Relation, *, kept: bool) -> bool:
        """Say whether two relations on one platform can be one fragment."""
        if isinstance(relation, RUN_HERE) or isinstance(below, RUN_HERE):
            return False
        return not kept or self._is_at_hand(below)

    def _is_at_hand(self, relation: Relation) -> bool:
        """Say whether rows lie in memory, where they can be read again for nothing."""
        if isinstance(relation, Read):
            return self._channel_of(relation) == ARROW_TABLE
        return isinstance(relation, Values)

    def _scanning(self, relation: Relation, forced: str | None) -> dict[str, list[Choice]]:
        """Return how a store gives rows of its own to where the work above is forced.

        It leaves out rows and columns that nobody needs, as it does where nothing is forced.
        """
        below = relation
        while isinstance(below, Filter | Select) and len(below.below) == 1:
            below = below.input
        if forced is None or not isinstance(below, Read):
            return {}
        owner = self._channel_of(below).owner
        if owner in (None, forced):
            return {}
        try:
            return self._choices(relation, owner)
        except Unsupported:
            return {}

    def _cheapest_arrivals(
        self, arriving: list[tuple[Arrival, Cost]]
    ) -> list[tuple[Arrival, Cost]]:
        kept: list[tuple[Arrival, Cost]] = []
        for candidate in sorted(arriving, key=lambda each: self._score(each[1])):
            started, cost = candidate[0].choice.started, candidate[1]
            if not any(
                self._dominates(its_cost, arrival.choice.started, cost, started)
                for arrival, its_cost in kept
            ):
                kept.append(candidate)
        return kept

    def _without_dominated(self, choices: list[Choice]) -> list[Choice]:
        kept: list[Choice] = []
        for choice in sorted(choices, key=lambda c: self._score(c.cost)):
            if not any(
                self._dominates(k.cost, k.started, choice.cost, choice.started) for k in kept
            ):
                kept.append(choice)
        return kept

    def _dominates(
        self, cost: Cost, started: frozenset[str], other: Cost, other_started: frozenset[str]
    ) -> bool:
        lacking = sum(self._startup[name] for name in started - other_started)
        return self._score(cost) + (0.0 if self._by_bytes else lacking) <= self._score(other)

    def _leaving(self, choice: Choice, way: Way | None, size: float) -> Cost:
        """Return the cost of a finished fragment whose rows go a way."""
        costs = self._costs[choice.platform]
        work = self._leaves.get(choice.relation)
        if work is None:
            rows = self._rows.rows(choice.relation).likely
            work = self._leaves[choice.relation] = work_of_leaving(choice.relation, rows, size)
        out = Cost(cpu=costs.per_fragment, network=seconds_of(costs, work), moved=size)
        return choice.cost + out + (way.cost if way else Cost())

    def _work(self, platform: Platform, relation: Relation) -> float:
        work = self._taken.get(relation)
        if work is None:
            work = self._taken[relation] = self._work_of(relation)
        costs = self._costs[platform.name]
        held, sizes = self._holding(relation)
        return seconds_of(costs, work) + spilling_seconds(costs, held, sizes)

    def _work_of(self, relation: Relation) -> Work:
        return work_of(
            relation,
            [self._rows.rows(below).likely for below in relation.below],
            self._rows.rows(relation).likely,
            self._rows.bytes(relation),
            lies_in=self._channel_of(relation).name if isinstance(relation, Read) else "",
            is_cut_short=relation in self._cut_short,
        )

    def _holding(self, relation: Relation) -> tuple[float, tuple[float, ...]]:
        """Return the bytes that an operator holds at once, and those of its inputs."""
        known = self._held.get(relation)
        if known is None:
            sizes = tuple(map(self._rows.bytes, relation.below))
            known = held_bytes(relation, sizes, self._rows.bytes(relation)), sizes
            self._held[relation] = known
        return known

    def _starting(self, names: frozenset[str]) -> Cost:
        return Cost(startup=sum(self._startup[name] for name in names))

    def _score(self, cost: Cost) -> float:
        # Seconds break ties between placements that move the same bytes.
        return cost.moved + cost.seconds * 1e-6 if self._by_bytes else cost.seconds

    def _considered(self) -> dict[Relation, dict[str, Cost]]:
        # A group's costs are those of each of its members, whichever of them was chosen.
        considered: dict[Relation, dict[str, Cost]] = {}
        for (relation, _), by_platform in self._found.items():
            for name, choices in by_platform.items():
                cheapest = min(
                    (c.cost + self._starting(c.started) for c in choices), key=self._score
                )
                for member in {relation, *(c.relation for c in choices)}:
                    considered.setdefault(member, {}).setdefault(name, cheapest)
        return considered


def _cut_short(root: Relation) -> Iterator[Relation]:
    """Yield the sorts of which only the first rows are wanted: these alone are held."""
    for relation in walk_once(root):
        if isinstance(relation, Limit) and isinstance(relation.input, Sort):
            yield relation.input


def is_ordered(relation: Relation) -> bool:
    """Say whether the rows of a relation come in an order that the plan asks for."""
    while isinstance(relation, Select | Filter | Limit | Hint):
        relation = relation.input
    return isinstance(relation, Sort)


def _nobody_runs(relation: Relation, reasons: dict[str, tuple[str, str]]) -> Unsupported:
    if len(reasons) == 1:
        ((name, (what, why)),) = reasons.items()
        return Unsupported(what, name, why)
    told = "; ".join(f"{name}: {what} {why}" for name, (what, why) in reasons.items())
    return Unsupported(type(relation).__name__, reason=told or "no input can be brought there")
