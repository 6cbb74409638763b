"""How rows get from one platform to another: the cheapest way through channels and conversions."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.cost import Cost
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE, Channel, Conversion
from wayfed_optimizer.relations import Iterate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wayfed_optimizer.platform import Platform
    from wayfed_optimizer.relations import Relation

IN_PROCESS: Final = (
    Conversion(ARROW_STREAM, ARROW_TABLE, fixed=1e-5, per_byte=2e-10),
    Conversion(ARROW_TABLE, ARROW_STREAM, fixed=1e-6, per_byte=0.0),
)
"""Conversions that need no platform."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way for rows: the channel in which they leave, what happens to them, and its cost."""

    channel: Channel
    conversions: tuple[Conversion, ...]
    cost: Cost


class Movement:
    """The ways between platforms; `conversions` are all that the platforms offer."""

    def __init__(self, platforms: Iterable[Platform]) -> None:
        offered = [conversion for platform in platforms for conversion in platform.conversions]
        self._edges: dict[Channel, list[Conversion]] = {}
        for conversion in (*IN_PROCESS, *offered):
            self._edges.setdefault(conversion.source, []).append(conversion)
        self._found: dict[tuple[object, ...], Way | None] = {}

    def cheapest(
        self, starts: Sequence[Channel], ends: Sequence[Channel], size: float
    ) -> Way | None:
        """Return the cheapest way for `size` bytes from any start to any end, if there is one.

        Among equals the earlier start wins, so that the choice does not depend on chance.
        """
        # Which way is cheapest changes slowly with the size: one search for each power of four.
        key = (tuple(starts), tuple(ends), int(size).bit_length() // 2)
        if key not in self._found:
            self._found[key] = self._search(starts, frozenset(ends), size)
        found = self._found[key]
        return found and Way(found.channel, found.conversions, _cost_of(found.conversions, size))

    def way(
        self,
        producer: Platform,
        consumer: Platform,
        reader: Relation,
        size: float,
        *,
        kept: bool,
        repeatable: bool = False,
    ) -> Way | None:
        """Return how `size` bytes come from a platform to one that computes `reader` of them.

        A loop has its rows in memory. What is `kept` goes through memory too, from where it can
        be read again and again; what is `repeatable` leaves its platform in such a form.
        """
        ends = (ARROW_TABLE,) if isinstance(reader, Iterate) else consumer.accepts
        starts = producer.produces
        if not kept and repeatable:
            starts = tuple(channel for channel in starts if channel.reusable)[:1]
        elif (kept or isinstance(reader, Iterate)) and ARROW_STREAM in starts:
            # A stream that grows large is written to a file on its way; a table is in memory.
            starts = (ARROW_STREAM,)
        if not kept:
            return self.cheapest(starts, ends, size)
        there = self.cheapest(starts, (ARROW_TABLE,), size)
        on = self.cheapest((ARROW_TABLE,), ends, size)
        if there is None or on is None:
            return None
        return Way(there.channel, there.conversions + on.conversions, there.cost + on.cost)

    def _search(
        self, starts: Sequence[Channel], ends: frozenset[Channel], size: float
    ) -> Way | None:
        order = count()
        queue: list[tuple[float, int, Channel, Channel, tuple[Conversion, ...]]] = [
            (0.0, next(order), start, start, ()) for start in starts
        ]
        done: set[Channel] = set()
        while queue:
            seconds, _, start, at, steps = heapq.heappop(queue)
            if at in ends:
                return Way(start, steps, _cost_of(steps, size))
            if at in done:
                continue
            done.add(at)
            for step in self._edges.get(at, ()):
                total = seconds + step.cost(size).seconds
                heapq.heappush(queue, (total, next(order), start, step.target, (*steps, step)))
        return None


def _cost_of(steps: tuple[Conversion, ...], size: float) -> Cost:
    total = Cost()
    for step in steps:
        total += Cost(network=step.cost(size).seconds)
    return total
