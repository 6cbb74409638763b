"""What one placement goes by: platforms, tables, ways, prices, loops and shared parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from wayfed_optimizer.placement.movement import Movement
from wayfed_optimizer.placement.pricing import Prices
from wayfed_optimizer.placement.shared import SharedParts
from wayfed_optimizer.platform import ARROW_TABLE, JDBC_QUERY
from wayfed_optimizer.relations import Read, Relation, Values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.placement.loops import Loops
    from wayfed_optimizer.placement.memo import Memo
    from wayfed_optimizer.platform import Channel, Platform
    from wayfed_optimizer.statistics import Cardinalities
    from wayfed_optimizer.types import Schema


class Around(NamedTuple):
    """What is settled around a relation: its choices depend on nothing else above it.

    Attributes
    ----------
    forced
        The platform that a hint above asks for.
    kept
        In which channel each shared part is kept that is read below.
    """

    forced: str | None = None
    kept: tuple[tuple[str, int], ...] = ()

    def restricted(self, leaves: frozenset[str]) -> Around:
        """Return what of it is about some leaves."""
        return Around(self.forced, tuple([pair for pair in self.kept if pair[0] in leaves]))

    def keeping(self, leaf: str, channel: int) -> Around:
        """Return it with one more part that is kept."""
        return Around(self.forced, (*self.kept, (leaf, channel)))


NOTHING: Final = Around()


class Setting:
    """What one placement goes by.

    Parameters
    ----------
    environment
        The platforms and tables.
    rows
        Estimates.
    memo
        The equivalents of relations.
    loops
        Those of the plan.
    """

    def __init__(
        self, environment: Environment, rows: Cardinalities, memo: Memo, loops: Loops
    ) -> None:
        self.platforms = dict(environment.platforms)
        self.memo = memo
        self.loops = loops
        self.movement = Movement(self.platforms.values(), environment.costs)
        self.prices = Prices(environment, rows, self.channel_of)
        self.shared = SharedParts(rows, self._costs_nothing_twice)
        self.channels = _kept_channels(self.platforms.values())
        self._sources = environment.sources
        self._readers: dict[Channel, list[str]] = {}
        self._refused: dict[tuple[str, Schema], tuple[str, str] | None] = {}

    def channel_of(self, read: Read) -> Channel:
        """Return the channel in which a table lies; the rows of a loop are in memory."""
        return ARROW_TABLE if read.table in self.loops else self._sources[read.table].channel

    def readers(self, read: Read) -> list[str]:
        """Return the platforms that read a table where it lies."""
        channel = self.channel_of(read)
        known = self._readers.get(channel)
        if known is None:
            known = [name for name, each in self.platforms.items() if channel in each.accepts]
            self._readers[channel] = known
        return known

    def refused(self, name: str, rows: Relation) -> tuple[str, str] | None:
        """Return what a platform does not keep of rows from elsewhere, and why."""
        key = (name, rows.schema)
        try:
            return self._refused[key]
        except KeyError:
            found = self.platforms[name].capabilities.refused_rows(rows.schema)
            self._refused[key] = found
            return found

    def is_at_hand(self, relation: Relation) -> bool:
        """Say whether rows lie in memory, where they can be read again for nothing."""
        if isinstance(relation, Read):
            return self.channel_of(relation) == ARROW_TABLE
        return isinstance(relation, Values)

    def _costs_nothing_twice(self, read: Read) -> bool:
        """Say whether a table is where any engine reads it as often as it likes."""
        channel = self.channel_of(read)
        return channel.owner is None and channel.reusable


def _kept_channels(platforms: Iterable[Platform]) -> tuple[Channel, ...]:
    """Return the channels in which rows stay for several readers."""
    accepted = dict.fromkeys(channel for p in platforms for channel in p.accepts)
    accepted.pop(JDBC_QUERY, None)  # a query is computed again by each that reads it
    return tuple(dict.fromkeys([ARROW_TABLE, *(c for c in accepted if c.reusable)]))
