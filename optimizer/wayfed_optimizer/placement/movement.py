"""How rows get from one platform to another: the cheapest way through channels and conversions."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import lru_cache, reduce
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from wayfed_optimizer.cost import Cost
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE, Channel, Conversion
from wayfed_optimizer.relations import FirstMatches, Iterate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from wayfed_optimizer.cost import CostProfile
    from wayfed_optimizer.platform import Platform
    from wayfed_optimizer.relations import Relation

IN_PROCESS: Final = (
    Conversion(ARROW_STREAM, ARROW_TABLE, fixed=1e-5, per_byte=2e-10),
    Conversion(ARROW_TABLE, ARROW_STREAM, fixed=1e-6, per_byte=0.0),
)
"""Conversions that need no platform."""
_LOOPS: Final = (Iterate, FirstMatches)


class Way(NamedTuple):
    """A way for rows: the channel in which they leave, what happens to them, and its seconds."""

    channel: Channel
    conversions: tuple[Conversion, ...]
    seconds: float

    @property
    def cost(self) -> Cost:
        """What happens to them costs this."""
        return Cost(network=self.seconds)

    def then(self, other: Way) -> Way:
        """Return the way that goes on where this one ends."""
        return Way(self.channel, self.conversions + other.conversions, self.seconds + other.seconds)

    @property
    def stem(self) -> tuple[Channel, ...] | None:
        """The channels up to the first in which rows can be read again; None where none is."""
        stem: tuple[Channel, ...] = ()
        for channel in (self.channel, *(step.target for step in self.conversions)):
            stem = (*stem, channel)
            if channel.reusable:
                return stem
        return None


class _Route(NamedTuple):
    """A way, whatever is moved: what it costs once, and for each byte.

    It says its conversions by their numbers: routes outlive the platforms that they lead through.
    """

    channel: Channel
    end: Channel
    steps: tuple[int, ...]
    fixed: float
    per_byte: float

    def then(self, number: int, step: Conversion) -> _Route:
        """Return the route that goes on by one conversion."""
        return _Route(
            self.channel,
            step.target,
            (*self.steps, number),
            self.fixed + step.fixed,
            self.per_byte + step.per_byte,
        )

    def is_never_dearer_than(self, other: _Route) -> bool:
        return self.fixed <= other.fixed and self.per_byte <= other.per_byte


_Routes: TypeAlias = tuple[_Route, ...]
"""Those of which each is the cheapest for some size; the first found before its equals."""


class Movement:
    """The ways between platforms.

    Parameters
    ----------
    platforms
        Whose conversions there are.
    measured
        What was measured of platforms, by name; of the others their own constants hold.
    """

    def __init__(
        self,
        platforms: Iterable[Platform],
        measured: Mapping[str, CostProfile] = MappingProxyType({}),
    ) -> None:
        platforms = tuple(platforms)
        offered = [_priced(c, measured.get(p.name)) for p in platforms for c in p.conversions]
        self._conversions = (*IN_PROCESS, *offered)
        self._edges: dict[Channel, list[int]] = {}
        for number, conversion in enumerate(self._conversions):
            self._edges.setdefault(conversion.source, []).append(number)
        self._accepts = {p.name: tuple(p.accepts) for p in platforms}
        self._produces = {p.name: tuple(p.produces) for p in platforms}
        self._routes = _found_before(
            tuple([(c.source, c.target, c.fixed, c.per_byte) for c in self._conversions]),
            tuple(self._accepts.items()),
            tuple(self._produces.items()),
        )

    def cheapest(
        self, starts: Sequence[Channel], ends: Sequence[Channel], size: float
    ) -> Way | None:
        """Return the cheapest way for `size` bytes from any start to any end, if there is one.

        Among equals the earlier start wins, so that the choice does not depend on chance.
        """
        return self._cheapest(self._between(tuple(starts), tuple(ends)), size)

    def way(
        self,
        producer: Platform,
        consumer: Platform,
        reader: Relation,
        size: float,
        *,
        kept: bool = False,
        repeatable: bool = False,
    ) -> Way | None:
        """Return how `size` bytes come from a platform to one that computes `reader` of them.

        A loop has its rows in memory. What is `kept` goes through memory too, from where it can
        be read again and again; what is `repeatable` leaves its platform in such a form.
        """
        loops = isinstance(reader, _LOOPS)
        key = (producer.name, consumer.name, loops, kept, repeatable)
        routes = self._routes.get(key)
        if routes is None:
            routes = self._routes[key] = self._from_to(*key)
        return self._cheapest(routes, size)

    def into(self, producer: Platform, channel: Channel, size: float) -> Way | None:
        """Return how `size` bytes come from a platform into a channel, to be kept there."""
        key = (producer.name, "into", channel.name, channel.owner)
        routes = self._routes.get(key)
        if routes is None:
            routes = self._between(self._produces[producer.name], (channel,))
            self._routes[key] = routes
        return self._cheapest(routes, size)

    def of_kept(self, channel: Channel, consumer: Platform, size: float) -> Way | None:
        """Return how `size` bytes that are kept in a channel come to a platform."""
        key = (channel.name, channel.owner, "to", consumer.name)
        routes = self._routes.get(key)
        if routes is None:
            routes = self._routes[key] = self._between((channel,), self._accepts[consumer.name])
        return self._cheapest(routes, size)

    def _from_to(
        self, producer: str, consumer: str, loops: bool, kept: bool, repeatable: bool
    ) -> _Routes:
        ends = (ARROW_TABLE,) if loops else self._accepts[consumer]
        starts = self._produces[producer]
        if not kept and repeatable:
            starts = tuple(channel for channel in starts if channel.reusable)[:1]
        elif (kept or loops) and ARROW_STREAM in starts:
            # A stream that grows large is written to a file on its way; a table is in memory.
            starts = (ARROW_STREAM,)
        if not kept:
            return self._between(starts, ends)
        on = self._between((ARROW_TABLE,), ends)
        routes = [
            reduce(self._then, each.steps, there)
            for there in self._between(starts, (ARROW_TABLE,))
            for each in on
        ]
        return tuple(routes)

    def _between(self, starts: tuple[Channel, ...], ends: tuple[Channel, ...]) -> _Routes:
        key = (starts, ends)
        known = self._routes.get(key)
        if known is None:
            known = self._routes[key] = tuple(self._search(starts, ends))
        return known

    def _search(self, starts: Sequence[Channel], ends: Collection[Channel]) -> list[_Route]:
        """Go on from every channel by all routes to it of which none makes another needless."""
        best: dict[Channel, list[_Route]] = {}
        found: list[_Route] = []
        waiting = deque(_Route(start, start, (), 0.0, 0.0) for start in starts)
        while waiting:
            route = waiting.popleft()
            at = route.end
            others = found if at in ends else best.setdefault(at, [])
            if any(other.is_never_dearer_than(route) for other in others):
                continue
            others[:] = [each for each in others if not route.is_never_dearer_than(each)] + [route]
            if others is not found:
                waiting.extend(self._then(route, step) for step in self._edges.get(at, ()))
        return found

    def _then(self, route: _Route, step: int) -> _Route:
        return route.then(step, self._conversions[step])

    def _cheapest(self, routes: _Routes, size: float) -> Way | None:
        if not routes:
            return None
        best = routes[0]
        seconds = best.fixed + best.per_byte * size
        for route in routes[1:]:
            if (other := route.fixed + route.per_byte * size) < seconds:
                best, seconds = route, other
        steps = tuple([self._conversions[step] for step in best.steps])
        return Way(best.channel, steps, seconds)


@lru_cache(maxsize=32)
def _found_before(
    conversions: tuple[tuple[Channel, Channel, float, float], ...],
    accepts: tuple[tuple[str, tuple[Channel, ...]], ...],
    produces: tuple[tuple[str, tuple[Channel, ...]], ...],
) -> dict[tuple[object, ...], _Routes]:
    """Return the routes that were found among the same channels: one plan's are the next one's.

    Conversions are told apart by where they lead and what they cost; their functions may hold all
    that a context has open.
    """
    return {}


def _priced(conversion: Conversion, measured: CostProfile | None) -> Conversion:
    """Return a conversion at the cost that was measured of it."""
    if measured is None:
        return conversion
    form = conversion.target.name
    fixed = measured.rates.get(f"move.{form}")
    per_byte = measured.rates.get(f"move_byte.{form}")
    if fixed is None or per_byte is None:
        return conversion
    return replace(conversion, fixed=fixed, per_byte=per_byte)
