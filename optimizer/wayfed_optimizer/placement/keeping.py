"""Parts that several inputs of a relation need: in which channels keeping them may pay.

A shared part may be computed by each that needs it, or once, and kept in a channel that each can
read. Both are tried, and each channel, at the lowest relation above all that need the part; there
its costs are added, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.placement.choices import Choice, Found, Offer, Share, undominated
from wayfed_optimizer.relations import Relation, reads, walk_once

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wayfed_optimizer.placement.arrivals import Arrivals
    from wayfed_optimizer.placement.setting import Around, Setting

_MOST_CHANNELS: Final = 6
"""In how many channels a shared part is tried: those in which it is there the soonest."""
_FEW_CHANNELS: Final = 2
"""The same in a large plan."""
_SMALL: Final = 4
"""A plan is small while its joins and unions, times the platforms, are not more: all is tried."""
_MOST_TRIALS: Final = 32
"""How often parts are kept in all: what is higher in a plan is tried first."""


class Keeping:
    """The parts that may be kept, and what having them in a channel costs.

    Parameters
    ----------
    setting
        What the placement goes by.
    choices_of
        Gives for each platform what may be the cheapest way to have the rows of a relation there.
    arrivals
        How rows leave.
    """

    def __init__(
        self,
        setting: Setting,
        choices_of: Callable[[Relation, Around], Found],
        arrivals: Arrivals,
    ) -> None:
        self._setting = setting
        self._platforms = setting.platforms
        self._loops = setting.loops
        self._prices = setting.prices
        self._shared = setting.shared
        self._choices_of = choices_of
        self._arrivals = arrivals
        self._shares: dict[tuple[Relation, Around], list[tuple[int, list[Offer]]]] = {}
        self._trials = 0
        self.tries_all = True

    def look_at(self, root: Relation) -> None:
        """Learn how large a plan is: in a small one, all combinations are tried."""
        meetings = sum(len(node.below) > 1 for node in walk_once(root))
        self.tries_all = meetings * len(self._platforms) <= _SMALL

    def parts(self, member: Relation) -> tuple[Relation, ...]:
        """Return the parts that are kept for several inputs, outside of loops."""
        return () if self._loops.is_in_one(member) else self._shared.of(member)

    def differs_from_itself(self, member: Relation) -> bool:
        """Say whether two inputs compute for themselves what may have other rows each time."""
        return self._shared.varies_unless_kept(member, self.parts(member))

    def may_pay(self, member: Relation, names: Sequence[str], found: Found, around: Around) -> bool:
        """Say whether an equivalent that shares a part may cost less than what is found already.

        It costs at least the part, once; what else is read; and handing out the part's keys, and
        what they bring.
        """
        parts = self.parts(member)
        if not parts or any(name not in found for name in names):
            return True
        if self._trials >= _MOST_TRIALS:
            return False
        prices, part = self._prices, parts[0]
        choices = self._choices_of(part, around).values()
        least = min(choice.score for own in choices for choice in own)
        for read in self._shared.reads_besides(member, part):
            seconds = min(prices.seconds(name, read) for name in self._platforms)
            least += prices.score(seconds, 0.0)
        least += 2 * prices.score(prices.least_fragment, 0.0)
        needed = self._needed(member)
        return any(
            all(c.score + prices.lacking(c.started & ~needed) > least for c in found[name])
            for name in names
        )

    def channels_to_try(self, part: Relation, around: Around) -> list[tuple[int, list[Offer]]]:
        """Return the channels in which to try to keep a part, and what having it there costs."""
        channels = self._in_channels(part, around)
        if not self.tries_all:
            channels = self._promising(part, around, channels)
        self._trials += len(channels)
        return channels

    def _promising(
        self, part: Relation, around: Around, channels: list[tuple[int, list[Offer]]]
    ) -> list[tuple[int, list[Offer]]]:
        """Return the channels to try in a large plan: none where it costs more than doing again."""
        tired = self._trials >= _MOST_TRIALS
        if not self._shared.is_stable(part):
            return channels[: 1 if tired else _FEW_CHANNELS]
        if tired:
            return []
        choices = self._choices_of(part, around).values()
        again = min(choice.score for own in choices for choice in own)
        return [each for each in channels[:_FEW_CHANNELS] if each[1][0].score < 2 * again]

    def _needed(self, relation: Relation) -> int:
        """Return the platforms that are the only ones to read some table."""
        needed = 0
        for read in reads(relation):
            if read.table not in self._shared:
                readers = self._setting.readers(read)
                needed |= self._prices.bits[readers[0]] if len(readers) == 1 else 0
        return needed

    def _in_channels(self, part: Relation, around: Around) -> list[tuple[int, list[Offer]]]:
        """Return the channels in which a part can be kept, and what having it there costs."""
        key = (part, around)
        known = self._shares.get(key)
        if known is None:
            known = self._shares[key] = self._find_channels(part, around)
        return known

    def _find_channels(self, part: Relation, around: Around) -> list[tuple[int, list[Offer]]]:
        leaving = self._arrivals.leaving(part, around)
        size = self._prices.size(part)
        reached: list[tuple[int, list[Offer]]] = []
        for number, channel in enumerate(self._setting.channels):
            offers: list[Offer] = []
            for producer, own in leaving:
                way = self._setting.movement.into(producer, channel, size)
                offers += self._arrivals.going(own, way) if way else ()
            if offers:
                reached.append((number, undominated(offers, self._prices.lacking)))
        found: list[tuple[int, list[Offer]]] = []
        for each in sorted(reached, key=lambda each: (each[1][0].score, each[0])):
            if not any(self._is_never_worse(other, each, size) for other in found):
                found.append(each)
        return found[:_MOST_CHANNELS]

    def _is_never_worse(
        self, one: tuple[int, list[Offer]], other: tuple[int, list[Offer]], size: float
    ) -> bool:
        """Say whether keeping rows in one channel costs no more, whoever reads them."""
        channel, instead = self._setting.channels[one[0]], self._setting.channels[other[0]]
        for platform in self._platforms.values():
            way = self._setting.movement.of_kept(instead, platform, size)
            if way is not None:
                found = self._setting.movement.of_kept(channel, platform, size)
                if found is None or found.seconds > way.seconds:
                    return False
        lacking = self._prices.lacking
        return all(
            any(a.score + lacking(a.started & ~b.started) <= b.score for a in one[1])
            for b in other[1]
        )


def with_share(choice: Choice, leaf: str, offer: Offer) -> Choice:
    """Return a choice with the costs of a shared part that it reads."""
    way = offer.arrival.way
    assert way is not None  # noqa: S101  # what is kept was moved to where it is
    return choice._replace(
        score=choice.score + offer.score,
        cpu=choice.cpu + offer.cpu,
        network=choice.network + offer.network,
        moved=choice.moved + offer.moved,
        started=choice.started | offer.started,
        shares=(*choice.shares, Share(leaf, offer.arrival.choice, way)),
    )
