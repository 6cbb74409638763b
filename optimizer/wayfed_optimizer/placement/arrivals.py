"""How rows leave a platform and arrive at another, or stay: what the inputs of a choice cost."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.placement.choices import Arrival, Choice, Offer, undominated
from wayfed_optimizer.placement.loops import RUN_HERE
from wayfed_optimizer.placement.setting import Around
from wayfed_optimizer.placement.shared import is_ordered
from wayfed_optimizer.relations import (
    Filter,
    FirstMatches,
    Iterate,
    Limit,
    Read,
    Relation,
    Select,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from wayfed_optimizer.placement.choices import Found
    from wayfed_optimizer.placement.movement import Way
    from wayfed_optimizer.placement.setting import Setting
    from wayfed_optimizer.platform import Channel, Platform


_KEEP_ORDER: Final = (Select, Filter, Limit)
_LOOPS: Final = (Iterate, FirstMatches)


class Arrivals:
    """The ways in which the rows of a relation come to where they are read.

    Parameters
    ----------
    setting
        What the placement goes by.
    choices_of
        Gives for each platform what may be the cheapest way to have the rows of a relation there.
    """

    def __init__(self, setting: Setting, choices_of: Callable[[Relation, Around], Found]) -> None:
        self._setting = setting
        self._platforms = setting.platforms
        self._loops = setting.loops
        self._movement = setting.movement
        self._prices = setting.prices
        self._shared = setting.shared
        self._choices_of = choices_of
        self._alike = _alike(self._platforms.values())
        self._left: dict[tuple[Relation, Around], list[tuple[Platform, list[Offer]]]] = {}

    def arriving(
        self,
        below: Relation,
        relation: Relation,
        names: Sequence[str],
        around: Around,
        position: int,
    ) -> dict[str, list[Offer]]:
        """Return the ways in which an input's rows can come to each of some platforms."""
        if isinstance(below, Read) and below.table in self._shared:
            return {name: self._arriving_again(below, name, around) for name in names}
        lacking = self._prices.lacking
        keeps_order = isinstance(relation, _KEEP_ORDER) and is_ordered(below)
        if keeps_order or isinstance(relation, RUN_HERE) or self._loops.is_in_one(relation):
            return {
                name: undominated(
                    [*self._from_each(below, relation, name, around, position)], lacking
                )
                for name in names
            }
        found: dict[str, list[Offer]] = {}
        choices = self._choices_of(below, around)
        leaving = self.leaving(below, around)
        size = self._prices.size(below)
        for name in names:
            here = [c for c in choices.get(name, ()) if not isinstance(c.relation, RUN_HERE)]
            arriving = [Offer(*choice[4:9], Arrival(choice, None)) for choice in here]
            # Whatever is dearer than this is dominated, wherever it starts.
            most = min([c.score + lacking(c.started) for c in here], default=inf)
            if not self._setting.refused(name, below):
                platform = self._platforms[name]
                for producer, offers in leaving:
                    if offers[0].score > most:
                        continue
                    way = self._movement.way(producer, platform, relation, size)
                    if way is not None:
                        arriving += self.going(offers, way, most)
            found[name] = undominated(arriving, lacking)
        return found

    def going(self, offers: Sequence[Offer], way: Way, most: float = inf) -> list[Offer]:
        """Return the offers of rows that have left and go a way, those of `most` score at most."""
        seconds = way.seconds
        more = self._prices.score(seconds, 0.0)
        return [
            Offer(score + more, cpu, network + seconds, moved, started, Arrival(left.choice, way))
            for score, cpu, network, moved, started, left in offers
            if score + more <= most
        ]

    def leaving(self, below: Relation, around: Around) -> list[tuple[Platform, list[Offer]]]:
        """Return what leaves the platforms, those together from which all ways are the same."""
        if around.kept:
            around = around.restricted(self._shared.leaves(below))
        key = (below, around)
        known = self._left.get(key)
        if known is None:
            groups: dict[int, tuple[Platform, list[Offer]]] = {}
            for name, choices in self._offered(below, around).items():
                group = groups.setdefault(self._alike[name], (self._platforms[name], []))
                group[1].extend([self.moved(choice, None) for choice in choices])
            lacking = self._prices.lacking
            known = [(producer, undominated(own, lacking)) for producer, own in groups.values()]
            self._left[key] = known
        return known

    def _offered(self, below: Relation, around: Around) -> Mapping[str, Sequence[Choice]]:
        choices = self._choices_of(below, around)
        if around.forced is None:
            return choices
        return {**self._scanning(below, around.forced), **choices}

    def _from_each(
        self, below: Relation, relation: Relation, to: str, around: Around, position: int
    ) -> Iterator[Offer]:
        """Yield how rows come from each platform, where loops or an order are to be heeded."""
        keeps_order = isinstance(relation, _KEEP_ORDER) and is_ordered(below)
        taken = not self._setting.refused(to, below)
        lasts, times = self._over_time(below, relation, position)
        size = self._prices.size(below)
        for name, choices in self._offered(below, around).items():
            same = name == to
            way = None
            if (same or not keeps_order) and taken:
                producer, platform = self._platforms[name], self._platforms[to]
                way = self._movement.way(producer, platform, relation, size, kept=lasts)
            for choice in choices:
                if same and self._is_together(choice.relation, relation, lasts=lasts):
                    yield Offer(*choice[4:9], Arrival(choice, None))
                elif way:
                    yield self.moved(choice, way, lasts=lasts, times=times)

    def _arriving_again(self, leaf: Read, name: str, around: Around) -> list[Offer]:
        """Return how rows that are kept come to a platform; what they are is paid for above."""
        channel = self._setting.channels[dict(around.kept)[leaf.table]]
        way = self._movement.of_kept(channel, self._platforms[name], self._prices.size(leaf))
        if way is None or self._setting.refused(name, leaf):
            return []
        score = self._prices.score(way.seconds, 0.0)
        nothing = Choice(leaf, name, (), 0.0, 0.0, 0.0, 0.0, 0.0, 0)
        return [Offer(score, 0.0, way.seconds, 0.0, 0, Arrival(nothing, way))]

    def _scanning(self, relation: Relation, forced: str) -> Mapping[str, list[Choice]]:
        """Return how a store gives rows of its own to where the work above is forced.

        It leaves out rows and columns that nobody needs, as it does where nothing is forced.
        """
        below = relation
        while isinstance(below, (Filter, Select)) and len(below.below) == 1:
            below = below.input
        if not isinstance(below, Read) or below.table in self._shared:
            return {}
        owner = self._setting.channel_of(below).owner
        if owner in (None, forced):
            return {}
        try:
            return self._choices_of(relation, Around(owner))
        except Unsupported:
            return {}

    def moved(
        self, choice: Choice, way: Way | None, *, lasts: bool = False, times: float = 1.0
    ) -> Offer:
        """Return the offer of a finished fragment whose rows go a way."""
        prices = self._prices
        fixed, out = prices.leaving(choice.platform, choice.relation)
        moved = prices.size(choice.relation)
        cpu, network = fixed, out + (way.seconds if way else 0.0)
        score = choice.score + prices.score(cpu + network, moved)
        arrival = Arrival(choice, way, lasts, times)
        cpu, network, moved = choice.cpu + cpu, choice.network + network, choice.moved + moved
        if times != 1.0:
            score, cpu, network, moved = (each * times for each in (score, cpu, network, moved))
        return Offer(score, cpu, network, moved, choice.started, arrival)

    def _over_time(self, below: Relation, relation: Relation, position: int) -> tuple[bool, float]:
        """Say whether an input is computed outside of a loop that reads it in each iteration.

        Return also how often it is computed for each time that what reads it is.
        """
        loops = self._loops
        variable, reader = loops.innermost(below), loops.innermost(relation)
        times = loops.times(below) / loops.times(relation) if variable != reader else 1.0
        if isinstance(relation, _LOOPS) and position > 0:
            reader = relation.variable
        return variable != reader and loops.depth(variable) < loops.depth(reader), times

    def _is_together(self, below: Relation, relation: Relation, *, lasts: bool) -> bool:
        """Say whether two relations on one platform can be one fragment."""
        if isinstance(relation, RUN_HERE) or isinstance(below, RUN_HERE):
            return False
        if lasts and self._loops.looks_up(self._loops.innermost(relation)):
            return True
        return not lasts or self._setting.is_at_hand(below)


def _alike(platforms: Iterable[Platform]) -> dict[str, int]:
    """Return a number for each platform; those with one number give rows in the same channels."""
    numbers: dict[tuple[Channel, ...], int] = {}
    return {p.name: numbers.setdefault(tuple(p.produces), len(numbers)) for p in platforms}
