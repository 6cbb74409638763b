"""The choice of platforms: dynamic programming over the memo, keeping what may still be cheapest.

For each relation and each platform on which its rows could be, the search keeps the cheapest
choices, one for each set of platforms that has been started on the way. A choice is dropped when
another costs no more even after starting the platforms that it has and the first has not: whatever
comes above, the other can do as well. For costs that add up this loses nothing.

How rows come from one platform to another is in `arrivals`; what is computed once for several
readers, in `keeping`.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from wayfed_optimizer.cost import Cost
from wayfed_optimizer.errors import PlatformNotFound, Unsupported
from wayfed_optimizer.placement.arrivals import Arrivals
from wayfed_optimizer.placement.choices import Choice, Found, Offer, Placed, resolved, undominated
from wayfed_optimizer.placement.keeping import Keeping, with_share
from wayfed_optimizer.placement.loops import RUN_HERE, Loops
from wayfed_optimizer.placement.setting import NOTHING, Around, Setting
from wayfed_optimizer.platform import ARROW_STREAM
from wayfed_optimizer.relations import (
    Filter,
    Hint,
    Join,
    JoinKind,
    MapBatches,
    Read,
    Relation,
)
from wayfed_optimizer.rewrite.alternatives.filters import partly
from wayfed_optimizer.rewrite.alternatives.reductions import is_shipped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.placement.memo import Memo
    from wayfed_optimizer.statistics import Cardinalities


class _Combined(NamedTuple):
    """Offers for all inputs of a relation, of which a choice can be made."""

    score: float
    started: int
    inputs: tuple[Offer, ...]


class Search:
    """One placement: from relations to choices, remembering what was found."""

    def __init__(
        self, environment: Environment, rows: Cardinalities, memo: Memo, loops: Loops
    ) -> None:
        self._setting = setting = Setting(environment, rows, memo, loops)
        self._platforms = setting.platforms
        self._memo = memo
        self._loops = loops
        self._prices = setting.prices
        self._shared = setting.shared
        self._arrivals = Arrivals(setting, self._choices)
        self._keeping = Keeping(setting, self._choices, self._arrivals)
        self._found: dict[tuple[Relation, Around], Found] = {}

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
        self._keeping.look_at(root)
        self._memo.is_for(large=not self._keeping.tries_all)
        movement, size = self._setting.movement, prices.size(root)
        offers = [
            self._arrivals.moved(choice, way)
            for name, choices in self._choices(root, NOTHING).items()
            if (way := movement.cheapest(self._platforms[name].produces, (ARROW_STREAM,), size))
            for choice in choices
        ]
        if not offers:
            raise Unsupported("this plan", reason="no platform's result can be read here")
        offer = min(offers, key=self._whole_score)
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

    def _choices(self, relation: Relation, around: Around) -> Found:
        """Return for each platform what may be the cheapest way to have the rows there."""
        if around.kept:
            around = around.restricted(self._shared.leaves(relation))
        key = (relation, around)
        known = self._found.get(key)
        if known is None:
            known = self._found[key] = self._find(relation, around)
        return known

    def _find(self, relation: Relation, around: Around) -> Found:
        if isinstance(relation, Hint):
            if relation.platform is not None and relation.platform not in self._platforms:
                raise PlatformNotFound(relation.platform, self._platforms)
            forced = relation.platform or around.forced
            return self._choices(relation.input, around._replace(forced=forced))
        if isinstance(relation, Read):
            return self._reading(relation, around.forced)
        forced = around.forced
        names = [forced] if forced and self._is_forced(relation, forced) else [*self._platforms]
        found: Found = {}
        reasons: dict[str, tuple[str, str]] = {}
        failure: Unsupported | None = None
        group = self._memo.group(relation)
        for other in group[1:]:
            self._loops.include(other)
        for member in (*group, *self._split(relation)):
            if member is not relation and self._keeping.differs_from_itself(member):
                continue
            able = self._able(member, names, reasons)
            if member is not relation and not self._keeping.may_pay(member, able, found, around):
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
                if name not in reasons and (refused := self._setting.refused(name, each)):
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
        around: Around,
        settled: frozenset[Relation] = frozenset(),
    ) -> Found:
        """Return what a member of a group costs on each platform of some that can run it.

        Shared parts that are `settled` are computed by each that needs them.
        """
        found: Found = {}
        parts = self._keeping.parts(member)
        if parts:
            parts = tuple(part for part in parts if part not in settled)
        for position, part in enumerate(parts):
            leaf, replaced = self._shared.replaced(member, part)
            others = settled.union(parts[:position])
            for channel, shares in self._keeping.channels_to_try(part, around):
                try:
                    below = self._of_member(replaced, names, around.keeping(leaf, channel), others)
                except Unsupported:  # what reads it is forced where this channel does not lead
                    continue
                for name, choices in below.items():
                    made = found.setdefault(name, [])
                    made += [with_share(c, leaf, share) for c in choices for share in shares]
            if not self._shared.is_stable(part):
                break  # all others are kept besides it, where that pays
        if found and not (self._keeping.tries_all and all(map(self._shared.is_stable, parts))):
            return found
        for name, choices in self._computing(member, names, around):
            found.setdefault(name, []).extend(choices)
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

    def _reading(self, read: Read, forced: str | None) -> Found:
        readers = self._setting.readers(read)
        if forced in readers:
            readers = [forced]
        if not readers:
            raise Unsupported(
                f"reading {read.table} ({self._setting.channel_of(read)})",
                reason=f"none of {', '.join(self._platforms)} can",
                hint="install or configure an engine that reads it; see ctx.platforms()",
            )
        found: Found = {}
        reasons: dict[str, tuple[str, str]] = {}
        for name in readers:
            capabilities = self._platforms[name].capabilities
            refused = capabilities.refusal(read) or self._setting.refused(name, read)
            if refused:
                reasons[name] = refused
            else:
                found[name] = [self._computed(read, name, self._prices.seconds(name, read), ())]
        if not found:
            raise _nobody_runs(read, reasons)
        return found

    def _computing(
        self, relation: Relation, names: Sequence[str], around: Around
    ) -> Iterator[tuple[str, list[Choice]]]:
        """Yield what computing a relation costs on each platform where its inputs can be."""
        arriving = [
            self._arrivals.arriving(below, relation, names, around, position)
            for position, below in enumerate(relation.below)
        ]
        for name in names:
            offers = [each[name] for each in arriving]
            if all(offers):
                seconds = self._prices.seconds(name, relation)
                yield (
                    name,
                    [
                        self._computed(relation, name, seconds, inputs)
                        for inputs in self._combined(name, offers)
                    ],
                )

    def _combined(self, name: str, offers: Sequence[list[Offer]]) -> list[tuple[Offer, ...]]:
        """Return the combinations of offers for all inputs that may be cheapest."""
        if len(offers) == 1:
            return [(offer,) for offer in offers[0]]
        if all(len(each) == 1 for each in offers):
            return [tuple([each[0] for each in offers])]
        bit = self._prices.bits[name]
        combined = [
            _Combined(sum([o.score for o in inputs]), _union(bit, inputs), inputs)
            for inputs in product(*offers)
        ]
        return [each.inputs for each in undominated(combined, self._prices.lacking)]

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

    def _considered(self) -> dict[Relation, dict[str, Cost]]:
        # A group's costs are those of each of its members, whichever of them was chosen.
        considered: dict[Relation, dict[str, Cost]] = {}
        for (relation, _), by_platform in self._found.items():
            own = considered.setdefault(relation, {})
            for name, choices in by_platform.items():
                cheapest = choices[0] if len(choices) == 1 else min(choices, key=self._whole_score)
                startup = self._prices.starting(cheapest.started)
                cost = Cost(startup, cheapest.cpu, cheapest.network, cheapest.moved)
                own.setdefault(name, cost)
                for choice in choices:
                    if choice.relation is not relation:
                        considered.setdefault(choice.relation, {}).setdefault(name, cost)
        return considered

    def _whole_score(self, choice: Choice | Offer) -> float:
        """Return the score of all below and this, start-up too."""
        return choice.score + self._prices.score(self._prices.starting(choice.started), 0.0)


def _homes(relation: Relation, memo: Memo) -> Collection[str]:
    """Return the stores in which keys that were shipped there are looked up."""
    if isinstance(relation, Join) and relation.kind is JoinKind.SEMI and is_shipped(relation.right):
        return [store for store in memo.stores_of(relation.left) if store != "anywhere"]
    return ()


def _union(started: int, inputs: tuple[Offer, ...]) -> int:
    for offer in inputs:
        started |= offer.started
    return started


def _nobody_runs(relation: Relation, reasons: dict[str, tuple[str, str]]) -> Unsupported:
    if len(reasons) == 1:
        ((name, (what, why)),) = reasons.items()
        return Unsupported(what, name, why)
    told = "; ".join(f"{name}: {what} {why}" for name, (what, why) in reasons.items())
    return Unsupported(type(relation).__name__, reason=told or "no input can be brought there")
