"""What parts of a plan take on each platform, found once for each relation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.cost import Work, held_bytes, spilling_seconds, work_of, work_of_leaving
from wayfed_optimizer.relations import Limit, Read, Relation, Sort, walk_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wayfed_optimizer.cost import CostProfile
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.platform import Channel
    from wayfed_optimizer.statistics import Cardinalities


class Prices:
    """The prices of work, of leaving and of starting, by the platforms' names.

    Parameters
    ----------
    environment
        Says what the platforms cost.
    rows
        Estimates.
    channel_of
        Gives the channel in which a table lies.
    """

    def __init__(
        self,
        environment: Environment,
        rows: Cardinalities,
        channel_of: Callable[[Read], Channel],
    ) -> None:
        self._rows = rows
        self._channel_of = channel_of
        self._profiles = {name: environment.costs_of(name) for name in environment.platforms}
        self._rates = {name: _Rates(profile) for name, profile in self._profiles.items()}
        self._by_bytes = environment.objective == "bytes"
        self.bits = {name: 1 << number for number, name in enumerate(environment.platforms)}
        self._startup = {
            self.bits[name]: 0.0 if platform.started() else self._profiles[name].startup
            for name, platform in environment.platforms.items()
        }
        self.least_fragment = min(p.per_fragment for p in self._profiles.values())
        self._starting: dict[int, float] = {}
        self._sizes: dict[Relation, float] = {}
        self._leaves: dict[Relation, Work] = {}
        self._asked: dict[Relation, tuple[Work, float, tuple[float, ...]]] = {}
        self._cut_short: frozenset[Relation] = frozenset()
        self.work: dict[Relation, Work] = {}
        self.held: dict[Relation, float] = {}

    def look_at(self, root: Relation) -> None:
        """Learn of a plan which of its sorts are cut short: these hold the first rows alone."""
        self._cut_short |= frozenset(_cut_short(root))

    def score(self, seconds: float, moved: float) -> float:
        """Return what the search compares."""
        # Seconds break ties between placements that move the same bytes.
        return moved + seconds * 1e-6 if self._by_bytes else seconds

    def starting(self, started: int) -> float:
        """Return the seconds of starting some platforms, those aside that run already."""
        known = self._starting.get(started)
        if known is None:
            seconds = (s for bit, s in self._startup.items() if bit & started)
            known = self._starting[started] = sum(seconds)
        return known

    def lacking(self, started: int) -> float:
        """Return the score of starting some platforms."""
        return 0.0 if self._by_bytes else self.starting(started)

    def size(self, relation: Relation) -> float:
        """Return the bytes of a relation's rows."""
        known = self._sizes.get(relation)
        if known is None:
            known = self._sizes[relation] = self._rows.bytes(relation)
        return known

    def seconds(self, platform: str, relation: Relation) -> float:
        """Return what a relation takes, without its inputs."""
        work, held, inputs = self._asked.get(relation) or self._look_at(relation)
        rates = self._rates[platform]
        seconds = 0.0
        for quantity, amount in work:
            seconds += amount * rates[quantity]
        profile = self._profiles[platform]
        if held > profile.memory:
            seconds += spilling_seconds(profile, held, inputs)
        return seconds

    def leaving(self, platform: str, relation: Relation) -> tuple[float, float]:
        """Return the seconds of a finished fragment, and those in which its rows leave."""
        work = self._leaves.get(relation)
        if work is None:
            rows = self._rows.rows(relation).likely
            work = self._leaves[relation] = work_of_leaving(relation, rows, self.size(relation))
        rates = self._rates[platform]
        seconds = 0.0
        for quantity, amount in work:
            seconds += amount * rates[quantity]
        return self._profiles[platform].per_fragment, seconds

    def _look_at(self, relation: Relation) -> tuple[Work, float, tuple[float, ...]]:
        """Return what a relation takes, the bytes that it holds, and those of its inputs."""
        below = relation.below
        cut = relation in self._cut_short
        work = self.work[relation] = work_of(
            relation,
            [self._rows.rows(each).likely for each in below],
            self._rows.rows(relation).likely,
            self.size(relation),
            lies_in=self._channel_of(relation).name if isinstance(relation, Read) else "",
            is_cut_short=cut,
        )
        sizes = tuple(map(self.size, below))
        held = 0.0 if cut else held_bytes(relation, sizes, self.size(relation))
        self.held[relation] = held
        asked = self._asked[relation] = work, held, sizes
        return asked


class _Rates(dict[str, float]):
    """A platform's rates; those that it does not tell are worked out once."""

    def __init__(self, profile: CostProfile) -> None:
        super().__init__(profile.rates)
        self._profile = profile

    def __missing__(self, quantity: str) -> float:
        rate = self[quantity] = self._profile.rate(quantity)
        return rate


def _cut_short(root: Relation) -> Iterator[Relation]:
    """Yield the sorts of which only the first rows are wanted: these alone are held."""
    for relation in walk_once(root):
        if isinstance(relation, Limit) and isinstance(relation.input, Sort):
            yield relation.input
