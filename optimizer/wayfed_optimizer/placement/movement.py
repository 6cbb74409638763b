"""How rows get from one platform to another: the cheapest way through channels and conversions."""

from __future__ import annotations

import heapq
from dataclasses import replace
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from wayfed_optimizer.cost import Cost
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE, Channel, Conversion
from wayfed_optimizer.relations import FirstMatches, Iterate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wayfed_optimizer.cost import CostProfile
    from wayfed_optimizer.platform import Platform
    from wayfed_optimizer.relations import Relation

IN_PROCESS: Final = (
    Conversion(ARROW_STREAM, ARROW_TABLE, fixed=1e-5, per_byte=2e-10),
    Conversion(ARROW_TABLE, ARROW_STREAM, fixed=1e-6, per_byte=0.0),
)
"""Conversions that need no platform."""


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
    """What is cheapest for sizes of one order, and what that costs."""

    channel: Channel
    conversions: tuple[Conversion, ...]
    fixed: float
    per_byte: float

    def way(self, size: float) -> Way:
        return Way(self.channel, self.conversions, self.fixed + self.per_byte * size)


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
        offered = (_priced(c, measured.get(p.name)) for p in platforms for c in p.conversions)
        self._edges: dict[Channel, list[Conversion]] = {}
        for conversion in (*IN_PROCESS, *offered):
            self._edges.setdefault(conversion.source, []).append(conversion)
        self._accepts = {p.name: tuple(p.accepts) for p in platforms}
        self._produces = {p.name: tuple(p.produces) for p in platforms}
        self._routes: dict[tuple[object, ...], _Route | None] = {}

    def cheapest(
        self, starts: Sequence[Channel], ends: Sequence[Channel], size: float
    ) -> Way | None:
        """Return the cheapest way for `size` bytes from any start to any end, if there is one.

        Among equals the earlier start wins, so that the choice does not depend on chance.
        """
        order = _order_of(size)
        key = (tuple(starts), tuple(ends), order)
        if key not in self._routes:
            self._routes[key] = self._search(starts, frozenset(ends), 4.0**order)
        route = self._routes[key]
        return None if route is None else route.way(size)

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
        loops = isinstance(reader, Iterate | FirstMatches)
        key = (producer.name, consumer.name, loops, kept, repeatable, _order_of(size))
        if key not in self._routes:
            self._routes[key] = self._between(
                producer.name, consumer.name, size, loops=loops, kept=kept, repeatable=repeatable
            )
        route = self._routes[key]
        return None if route is None else route.way(size)

    def _between(
        self,
        producer: str,
        consumer: str,
        size: float,
        *,
        loops: bool,
        kept: bool,
        repeatable: bool,
    ) -> _Route | None:
        ends = (ARROW_TABLE,) if loops else self._accepts[consumer]
        starts = self._produces[producer]
        if not kept and repeatable:
            starts = tuple(channel for channel in starts if channel.reusable)[:1]
        elif (kept or loops) and ARROW_STREAM in starts:
            # A stream that grows large is written to a file on its way; a table is in memory.
            starts = (ARROW_STREAM,)
        at = 4.0 ** _order_of(size)
        if not kept:
            return self._search(starts, frozenset(ends), at)
        there = self._search(starts, frozenset((ARROW_TABLE,)), at)
        on = self._search((ARROW_TABLE,), frozenset(ends), at)
        if there is None or on is None:
            return None
        return _route(there.channel, there.conversions + on.conversions)

    def of_kept(self, channel: Channel, consumer: Platform, size: float) -> Way | None:
        """Return how `size` bytes that are kept in a channel come to a platform."""
        key = (channel.name, channel.owner, consumer.name, _order_of(size))
        if key not in self._routes:
            ends = frozenset(self._accepts[consumer.name])
            self._routes[key] = self._search((channel,), ends, 4.0 ** _order_of(size))
        route = self._routes[key]
        return None if route is None else route.way(size)

    def _search(
        self, starts: Sequence[Channel], ends: frozenset[Channel], size: float
    ) -> _Route | None:
        order = count()
        queue: list[tuple[float, int, Channel, Channel, tuple[Conversion, ...]]] = [
            (0.0, next(order), start, start, ()) for start in starts
        ]
        done: set[Channel] = set()
        while queue:
            seconds, _, start, at, steps = heapq.heappop(queue)
            if at in ends:
                return _route(start, steps)
            if at in done:
                continue
            done.add(at)
            for step in self._edges.get(at, ()):
                total = seconds + step.cost(size).seconds
                heapq.heappush(queue, (total, next(order), start, step.target, (*steps, step)))
        return None


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


def _order_of(size: float) -> int:
    # Which way is cheapest changes slowly with the size: one search for each power of four.
    return int(size).bit_length() // 2


def _route(channel: Channel, steps: tuple[Conversion, ...]) -> _Route:
    fixed = sum(step.fixed for step in steps)
    return _Route(channel, steps, fixed, sum(step.per_byte for step in steps))
