"""The choice of platforms: dynamic programming over the memo, keeping what may still be cheapest.

For each relation and each platform on which its rows could be, the search keeps the cheapest
choices, one for each set of platforms that has been started on the way. A choice is dropped when
another costs no more even after starting the platforms that it has and the first has not: whatever
comes above, the other can do as well. For costs that add up this loses nothing.

A part that several inputs of a relation need is a case for itself: it may be computed by each of
them, or once, and kept in a channel that each can read. The search tries both, and each channel,
at the lowest relation above all that need the part; there its costs are added, once.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from wayfed_optimizer.cost import Cost
from wayfed_optimizer.errors import PlatformNotFound, Unsupported
from wayfed_optimizer.placement.choices import (
    Arrival,
    Choice,
    Offer,
    Placed,
    Share,
    resolved,
    undominated,
)
from wayfed_optimizer.placement.loops import RUN_HERE, Loops
from wayfed_optimizer.placement.movement import Movement, Way
from wayfed_optimizer.placement.pricing import Prices
from wayfed_optimizer.placement.shared import SharedParts
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE, JDBC_QUERY
from wayfed_optimizer.relations import (
    Filter,
    FirstMatches,
    Hint,
    Iterate,
    Join,
    JoinKind,
    Limit,
    MapBatches,
    Read,
    Relation,
    Select,
    Sort,
    Values,
    reads,
    walk_once,
)
from wayfed_optimizer.rewrite.alternatives.filters import partly
from wayfed_optimizer.rewrite.alternatives.reductions import is_shipped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.placement.memo import Memo
    from wayfed_optimizer.platform import Channel, Platform
    from wayfed_optimizer.statistics import Cardinalities

_MOST_CHANNELS: Final = 6
"""In how many channels a shared part is tried: those in which it is there the soonest."""
_FEW_CHANNELS: Final = 2
"""The same in a large plan."""
_SMALL: Final = 4
"""A plan is small while its joins and unions, times the platforms, are not more: all is tried."""
_MOST_TRIALS: Final = 32
"""How often parts are kept in all: what is higher in a plan is tried first."""

_Found: TypeAlias = "dict[str, list[Choice]]"


class _Around(NamedTuple):
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

    def restricted(self, leaves: frozenset[str]) -> _Around:
        return _Around(self.forced, tuple([pair for pair in self.kept if pair[0] in leaves]))

    def keeping(self, leaf: str, channel: int) -> _Around:
        return _Around(self.forced, (*self.kept, (leaf, channel)))


class _Combined(NamedTuple):
    """Offers for all inputs of a relation, of which a choice can be made."""

    score: float
    started: int
    inputs: tuple[Offer, ...]


_NOTHING: Final = _Around()


class Search:
    """One placement: from relations to choices, remembering what was found."""

    def __init__(
        self, environment: Environment, rows: Cardinalities, memo: Memo, loops: Loops
    ) -> None:
        self._loops = loops
        self._platforms = dict(environment.platforms)
        self._sources = environment.sources
        self._memo = memo
        self._movement = Movement(self._platforms.values(), environment.costs)
        self._prices = Prices(environment, rows, self._channel_of)
        self._shared = SharedParts(rows, self._costs_nothing_twice)
        self._channels = _kept_channels(self._platforms.values())
        self._found: dict[tuple[Relation, _Around], _Found] = {}
        self._shares: dict[tuple[Relation, _Around], list[tuple[int, list[Offer]]]] = {}
        self._left: dict[tuple[Relation, _Around], list[tuple[Platform, list[Offer]]]] = {}
        self._alike = _alike(self._platforms.values())
        self._small = True
        self._trials = 0
        self._takes: dict[tuple[str, Relation], bool] = {}

    def place(self, root: Relation) -> Placed:
        """Choose the cheapest way to have the rows of `root` as an Arrow stream in this process.

        Raises
        ------
        Unsupported
            Where no platform can run some relation; with each platform's reason.
        PlatformNotFound
            Where a hint names a platform that is not there.
        """
        prices = self._prices
        prices.look_at(root)
        meetings = sum(len(node.below) > 1 for node in walk_once(root))
        self._small = meetings * len(self._platforms) <= _SMALL
        self._memo.is_for(large=not self._small)
        best: tuple[float, Offer] | None = None
        for name, choices in self._choices(root, _NOTHING).items():
            way = self._movement.cheapest(
                self._platforms[name].produces, (ARROW_STREAM,), prices.size(root)
            )
            for choice in choices if way else ():
                offer = self._moved(choice, way)
                score = offer.score + prices.score(prices.starting(offer.started), 0.0)
                if best is None or score < best[0]:
                    best = (score, offer)
        if best is None:
            raise Unsupported("this plan", reason="no platform's result can be read here")
        offer = best[1]
        chosen, way = offer.arrival.choice, offer.arrival.way
        assert way is not None  # noqa: S101  # offers were made of ways
        startup = prices.starting(offer.started)
        cost = Cost(startup, offer.cpu, offer.network, offer.moved)
        considered = self._considered()
        choice = resolved(chosen, self._shared)
        for whole, relation in self._shared.made_whole():
            considered[whole] = {**considered.get(relation, {}), **considered.get(whole, {})}
            if relation in prices.work:
                prices.work[whole], prices.held[whole] = (
                    prices.work[relation],
                    prices.held[relation],
                )
        return Placed(choice, way, cost, considered, self._loops, prices.held, prices.work)

    def _choices(self, relation: Relation, around: _Around) -> _Found:
        """Return for each platform what may be the cheapest way to have the rows there."""
        if around.kept:
            around = around.restricted(self._shared.leaves(relation))
        key = (relation, around)
        known = self._found.get(key)
        if known is None:
            known = self._found[key] = self._find(relation, around)
        return known

    def _find(self, relation: Relation, around: _Around) -> _Found:
        if isinstance(relation, Hint):
            if relation.platform is not None and relation.platform not in self._platforms:
                raise PlatformNotFound(relation.platform, self._platforms)
            forced = relation.platform or around.forced
            return self._choices(relation.input, around._replace(forced=forced))
        if isinstance(relation, Read):
            return self._reading(relation, around.forced)
        forced = around.forced
        names = [forced] if forced and self._is_forced(relation, forced) else [*self._platforms]
        found: _Found = {}
        reasons: dict[str, tuple[str, str]] = {}
        failure: Unsupported | None = None
        group = self._memo.group(relation)
        for other in group[1:]:
            self._loops.include(other)
        for member in (*group, *self._split(relation)):
            if member is not relation and self._differs_from_itself(member):
                continue
            able = self._able(member, names, reasons)
            if member is not relation and not self._may_pay(member, able, found, around):
                continue
            try:
                made = self._of_member(member, able, around) if able else {}
            except Unsupported as error:  # of one member; others may have other parts
                failure = failure or error
                continue
            for name, choices in made.items():
                found.setdefault(name, []).extend(choices)
        if not found:
            raise failure or self._nobody_runs(relation, names, reasons)
        lacking = self._prices.lacking
        return {name: undominated(found[name], lacking) for name in names if name in found}

    def _nobody_runs(
        self, relation: Relation, names: Sequence[str], reasons: dict[str, tuple[str, str]]
    ) -> Unsupported:
        for name in names:
            for each in relation.below:
                if name not in reasons and (refused := self._refused(name, each)):
                    reasons[name] = refused
        return _nobody_runs(relation, reasons)

    def _able(
        self, member: Relation, names: Sequence[str], reasons: dict[str, tuple[str, str]]
    ) -> list[str]:
        """Return the platforms that can run a relation; `reasons` are those of the others."""
        able: list[str] = []
        homes = _homes(member, self._memo)
        for name in names:
            if name in homes or not homes:
                refused = self._platforms[name].capabilities.refusal(member)
            else:
                refused = ("Join", "keys are looked up where the rows lie")
            if refused:
                reasons[name] = refused
            else:
                able.append(name)
        return able

    def _of_member(
        self,
        member: Relation,
        names: Sequence[str],
        around: _Around,
        settled: frozenset[Relation] = frozenset(),
    ) -> _Found:
        """Return what a member of a group costs on each platform of some that can run it.

        Shared parts that are `settled` are computed by each that needs them.
        """
        found: _Found = {}
        parts = self._kept_parts(member)
        if parts:
            parts = tuple(part for part in parts if part not in settled)
        for position, part in enumerate(parts):
            leaf, replaced = self._shared.replaced(member, part)
            others = settled.union(parts[:position])
            channels = self._kept_in_channels(part, around)
            if not self._small:
                channels = self._promising(part, around, channels)
            self._trials += len(channels)
            for channel, shares in channels:
                try:
                    below = self._of_member(replaced, names, around.keeping(leaf, channel), others)
                except Unsupported:  # what reads it is forced where this channel does not lead
                    continue
                for name, choices in below.items():
                    made = found.setdefault(name, [])
                    made += [_with(c, leaf, share) for c in choices for share in shares]
            if not self._shared.is_stable(part):
                break  # all others are kept besides it, where that pays
        if found and not (self._small and all(map(self._shared.is_stable, parts))):
            return found
        for name in names:
            choices = self._computing(member, name, around)
            if choices:
                found.setdefault(name, []).extend(choices)
        return found

    def _kept_parts(self, member: Relation) -> tuple[Relation, ...]:
        """Return the parts that are kept for several inputs, outside of loops."""
        return self._shared.of(member) if self._loops.innermost(member) is None else ()

    def _differs_from_itself(self, member: Relation) -> bool:
        """Say whether two inputs compute for themselves what may have other rows each time."""
        return self._shared.varies_unless_kept(member, self._kept_parts(member))

    def _promising(
        self, part: Relation, around: _Around, channels: list[tuple[int, list[Offer]]]
    ) -> list[tuple[int, list[Offer]]]:
        """Return the channels to try in a large plan: none where it costs more than doing again."""
        tired = self._trials >= _MOST_TRIALS
        if not self._shared.is_stable(part):
            return channels[: 1 if tired else _FEW_CHANNELS]
        if tired:
            return []
        choices = self._choices(part, around).values()
        again = min(choice.score for own in choices for choice in own)
        return [each for each in channels[:_FEW_CHANNELS] if each[1][0].score < 2 * again]

    def _may_pay(
        self, member: Relation, names: Sequence[str], found: _Found, around: _Around
    ) -> bool:
        """Say whether an equivalent that shares a part may cost less than what is found already.

        It costs at least the part, once; what else is read; and handing out the part's keys, and
        what they bring.
        """
        parts = self._kept_parts(member)
        if not parts or any(name not in found for name in names):
            return True
        if self._trials >= _MOST_TRIALS:
            return False
        prices, part = self._prices, parts[0]
        choices = self._choices(part, around).values()
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

    def _needed(self, relation: Relation) -> int:
        """Return the platforms that are the only ones to read some table."""
        needed = 0
        for read in reads(relation):
            if read.table not in self._shared:
                channel = self._channel_of(read)
                readers = [name for name, p in self._platforms.items() if channel in p.accepts]
                needed |= self._prices.bits[readers[0]] if len(readers) == 1 else 0
        return needed

    def _kept_in_channels(self, part: Relation, around: _Around) -> list[tuple[int, list[Offer]]]:
        """Return the channels in which a part can be kept, and what having it there costs."""
        key = (part, around)
        known = self._shares.get(key)
        if known is None:
            known = self._shares[key] = []
            choices = self._choices(part, around)
            size = self._prices.size(part)
            for number, channel in enumerate(self._channels):
                offers = []
                for name, own in choices.items():
                    produces = self._platforms[name].produces
                    way = self._movement.cheapest(produces, (channel,), size)
                    offers += [self._moved(choice, way) for choice in own if way]
                if offers:
                    known.append((number, undominated(offers, self._prices.lacking)))
            known.sort(key=lambda each: (each[1][0].score, each[0]))
            del known[_MOST_CHANNELS:]
        return known

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

    def _reading(self, read: Read, forced: str | None) -> _Found:
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
        found: _Found = {}
        reasons: dict[str, tuple[str, str]] = {}
        for name in readers:
            refused = self._platforms[name].capabilities.refusal(read) or self._refused(name, read)
            if refused:
                reasons[name] = refused
            else:
                found[name] = [self._computed(read, name, self._prices.seconds(name, read), ())]
        if not found:
            raise _nobody_runs(read, reasons)
        return found

    def _channel_of(self, read: Read) -> Channel:
        return ARROW_TABLE if read.table in self._loops else self._sources[read.table].channel

    def _computing(self, relation: Relation, name: str, around: _Around) -> list[Choice]:
        platform = self._platforms[name]
        offers: list[list[Offer]] = []
        for position, below in enumerate(relation.below):
            arriving = self._arriving(below, relation, platform, around, position)
            if not arriving:
                return []
            offers.append(arriving)
        seconds, bit = self._prices.seconds(name, relation), self._prices.bits[name]
        if len(offers) == 1:
            return [self._computed(relation, name, seconds, (offer,)) for offer in offers[0]]
        combined = [
            _Combined(sum([o.score for o in inputs]), _union(bit, inputs), inputs)
            for inputs in product(*offers)
        ]
        return [
            self._computed(relation, name, seconds, each.inputs)
            for each in undominated(combined, self._prices.lacking)
        ]

    def _computed(
        self, relation: Relation, name: str, seconds: float, inputs: tuple[Offer, ...]
    ) -> Choice:
        score, cpu, network, moved = self._prices.score(seconds, 0.0), seconds, 0.0, 0.0
        started = self._prices.bits[name]
        for offer in inputs:
            score += offer.score
            cpu += offer.cpu
            network += offer.network
            moved += offer.moved
            started |= offer.started
        arrivals = tuple([offer.arrival for offer in inputs])
        return Choice(relation, name, arrivals, seconds, score, cpu, network, moved, started)

    def _arriving(
        self,
        below: Relation,
        relation: Relation,
        platform: Platform,
        around: _Around,
        position: int,
    ) -> list[Offer]:
        """Return the ways in which an input's rows can come to a platform."""
        if isinstance(below, Read) and below.table in self._shared:
            return self._arriving_again(below, platform, around)
        name = platform.name
        taken = not self._refused(name, below)
        keeps_order = isinstance(relation, Select | Filter | Limit) and is_ordered(below)
        if self._loops or keeps_order or isinstance(relation, RUN_HERE):
            each = self._from_each(below, relation, platform, around, position, taken=taken)
            return undominated(each, self._prices.lacking)
        arriving = [
            Offer(*choice[4:9], Arrival(choice, None))
            for choice in self._choices(below, around).get(name, ())
            if not isinstance(choice.relation, RUN_HERE)
        ]
        if taken:
            size = self._prices.size(below)
            for producer, leaving in self._leaving(below, around):
                way = self._movement.way(producer, platform, relation, size)
                if way is not None:
                    arriving += [_by_way(offer, way, self._prices) for offer in leaving]
        return undominated(arriving, self._prices.lacking)

    def _leaving(self, below: Relation, around: _Around) -> list[tuple[Platform, list[Offer]]]:
        """Return what leaves the platforms, those together from which all ways are the same."""
        if around.kept:
            around = around.restricted(self._shared.leaves(below))
        key = (below, around)
        known = self._left.get(key)
        if known is None:
            groups: dict[int, tuple[Platform, list[Offer]]] = {}
            for name, choices in self._offered(below, around).items():
                group = groups.setdefault(self._alike[name], (self._platforms[name], []))
                group[1].extend([self._moved(choice, None) for choice in choices])
            lacking = self._prices.lacking
            known = [(producer, undominated(own, lacking)) for producer, own in groups.values()]
            self._left[key] = known
        return known

    def _offered(self, below: Relation, around: _Around) -> Mapping[str, Sequence[Choice]]:
        choices = self._choices(below, around)
        if around.forced is None:
            return choices
        return {**self._scanning(below, around.forced), **choices}

    def _from_each(
        self,
        below: Relation,
        relation: Relation,
        platform: Platform,
        around: _Around,
        position: int,
        *,
        taken: bool,
    ) -> Iterator[Offer]:
        """Yield how rows come from each platform, where loops or an order are to be heeded."""
        keeps_order = isinstance(relation, Select | Filter | Limit) and is_ordered(below)
        lasts = self._lasts(below, relation, position)
        times = self._loops.times(below) / self._loops.times(relation)
        size = self._prices.size(below)
        for name, choices in self._offered(below, around).items():
            same = name == platform.name
            way = None
            if (same or not keeps_order) and taken:
                producer = self._platforms[name]
                way = self._movement.way(producer, platform, relation, size, kept=lasts)
            for choice in choices:
                if same and self._is_together(choice.relation, relation, lasts=lasts):
                    yield Offer(*choice[4:9], Arrival(choice, None))
                elif way:
                    yield self._moved(choice, way, lasts=lasts, times=times)

    def _arriving_again(self, leaf: Read, platform: Platform, around: _Around) -> list[Offer]:
        """Return how rows that are kept come to a platform; what they are is paid for above."""
        channel = self._channels[dict(around.kept)[leaf.table]]
        way = self._movement.of_kept(channel, platform, self._prices.size(leaf))
        if way is None or self._refused(platform.name, leaf):
            return []
        score = self._prices.score(way.seconds, 0.0)
        nothing = Choice(leaf, platform.name, (), 0.0, 0.0, 0.0, 0.0, 0.0, 0)
        return [Offer(score, 0.0, way.seconds, 0.0, 0, Arrival(nothing, way))]

    def _refused(self, name: str, rows: Relation) -> tuple[str, str] | None:
        """Return what a platform does not keep of rows from elsewhere, and why."""
        key = (name, rows)
        if self._takes.get(key):
            return None
        refused = self._platforms[name].capabilities.refused_rows(rows.schema)
        self._takes[key] = not refused
        return refused

    def _lasts(self, below: Relation, relation: Relation, position: int) -> bool:
        """Say whether an input is computed outside of a loop that reads it in each iteration."""
        loops = self._loops
        if not loops:
            return False
        reader = loops.innermost(relation)
        if isinstance(relation, Iterate | FirstMatches) and position > 0:
            reader = relation.variable
        return loops.depth(loops.innermost(below)) < loops.depth(reader)

    def _is_together(self, below: Relation, relation: Relation, *, lasts: bool) -> bool:
        """Say whether two relations on one platform can be one fragment."""
        if isinstance(relation, RUN_HERE) or isinstance(below, RUN_HERE):
            return False
        if lasts and self._loops.looks_up(self._loops.innermost(relation)):
            return True
        return not lasts or self._is_at_hand(below)

    def _is_at_hand(self, relation: Relation) -> bool:
        """Say whether rows lie in memory, where they can be read again for nothing."""
        if isinstance(relation, Read):
            return self._channel_of(relation) == ARROW_TABLE
        return isinstance(relation, Values)

    def _costs_nothing_twice(self, read: Read) -> bool:
        """Say whether a table is where any engine reads it as often as it likes."""
        channel = self._channel_of(read)
        return channel.owner is None and channel.reusable

    def _scanning(self, relation: Relation, forced: str) -> Mapping[str, list[Choice]]:
        """Return how a store gives rows of its own to where the work above is forced.

        It leaves out rows and columns that nobody needs, as it does where nothing is forced.
        """
        below = relation
        while isinstance(below, Filter | Select) and len(below.below) == 1:
            below = below.input
        if not isinstance(below, Read) or below.table in self._shared:
            return {}
        owner = self._channel_of(below).owner
        if owner in (None, forced):
            return {}
        try:
            return self._choices(relation, _Around(owner))
        except Unsupported:
            return {}

    def _moved(
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

    def _considered(self) -> dict[Relation, dict[str, Cost]]:
        # A group's costs are those of each of its members, whichever of them was chosen.
        prices = self._prices
        considered: dict[Relation, dict[str, Cost]] = {}
        for (relation, _), by_platform in self._found.items():
            for name, choices in by_platform.items():
                cheapest = min(
                    choices, key=lambda c: c.score + prices.score(prices.starting(c.started), 0.0)
                )
                cost = Cost(
                    prices.starting(cheapest.started),
                    cheapest.cpu,
                    cheapest.network,
                    cheapest.moved,
                )
                for member in {relation, *(c.relation for c in choices)}:
                    considered.setdefault(member, {}).setdefault(name, cost)
        return considered


def is_ordered(relation: Relation) -> bool:
    """Say whether the rows of a relation come in an order that the plan asks for."""
    while isinstance(relation, Select | Filter | Limit | Hint):
        relation = relation.input
    return isinstance(relation, Sort)


def _kept_channels(platforms: Iterable[Platform]) -> tuple[Channel, ...]:
    """Return the channels in which rows stay for several readers."""
    accepted = dict.fromkeys(channel for p in platforms for channel in p.accepts)
    accepted.pop(JDBC_QUERY, None)  # a query is computed again by each that reads it
    return tuple(dict.fromkeys([ARROW_TABLE, *(c for c in accepted if c.reusable)]))


def _homes(relation: Relation, memo: Memo) -> Collection[str]:
    """Return the stores in which keys that were shipped there are looked up."""
    if isinstance(relation, Join) and relation.kind is JoinKind.SEMI and is_shipped(relation.right):
        return [store for store in memo.stores_of(relation.left) if store != "anywhere"]
    return ()


def _alike(platforms: Iterable[Platform]) -> dict[str, int]:
    """Return a number for each platform; those with one number give rows in the same channels."""
    numbers: dict[tuple[Channel, ...], int] = {}
    return {p.name: numbers.setdefault(tuple(p.produces), len(numbers)) for p in platforms}


def _union(started: int, inputs: tuple[Offer, ...]) -> int:
    for offer in inputs:
        started |= offer.started
    return started


def _by_way(offer: Offer, way: Way, prices: Prices) -> Offer:
    """Return the offer of rows that have left, and go a way."""
    score = offer.score + prices.score(way.seconds, 0.0)
    network = offer.network + way.seconds
    arrival = Arrival(offer.arrival.choice, way)
    return Offer(score, offer.cpu, network, offer.moved, offer.started, arrival)


def _with(choice: Choice, leaf: str, offer: Offer) -> Choice:
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


def _nobody_runs(relation: Relation, reasons: dict[str, tuple[str, str]]) -> Unsupported:
    if len(reasons) == 1:
        ((name, (what, why)),) = reasons.items()
        return Unsupported(what, name, why)
    told = "; ".join(f"{name}: {what} {why}" for name, (what, why) in reasons.items())
    return Unsupported(type(relation).__name__, reason=told or "no input can be brought there")
