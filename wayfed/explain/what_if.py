"""What other plans would cost: the same plan, placed again where something is not to be had.

A fragment's rival is the best plan in which its heaviest work is done by another platform: the
platform is taken to refuse that work, and the optimizer to do its best with what is left.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import combinations
from math import inf, isclose
from typing import TYPE_CHECKING, Any, Final, cast

from wayfed.explain.model import RejectedView, RivalView
from wayfed.explain.numbers import in_bytes, in_rows, listing
from wayfed.explain.reasons import difference
from wayfed_optimizer.errors import PlanError, mask_secrets
from wayfed_optimizer.physical import Exchange
from wayfed_optimizer.relations import (
    Filter,
    Hint,
    Iterate,
    Join,
    Limit,
    MapBatches,
    Read,
    Relation,
    Select,
    walk_once,
)
from wayfed_optimizer.rewrite import ALTERNATIVES
from wayfed_optimizer.stages import place_rewritten
from wayfed_optimizer.statistics.estimates import nothing_observed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from wayfed_optimizer.capabilities import Capabilities
    from wayfed_optimizer.cost import Cost
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import Fragment, PhysicalPlan
    from wayfed_optimizer.platform import Platform
    from wayfed_optimizer.rewrite import Alternative
    from wayfed_optimizer.stages import Stages

    Refuses = Callable[[str, Relation], bool]
    """Says whether a platform is supposed to refuse a relation."""

_MOST_FRAGMENTS: Final = 4
"""Of so many, the costliest, rivals are looked for: each takes a search."""
_MOST_RELATIONS: Final = 240
"""In all these searches together."""
_MOST_RELATIONS_A_RULE: Final = 4
_IN_WORDS: Final = {
    "aggregate_before_join": "aggregating before the join",
    "associate_joins": "another order of the joins",
    "lower_semi_join": "keeping rows by a semi join before other joins",
    "look_up_after_top": "looking up what belongs to the first rows only",
    "range_left": "shipping the ends of keys, for the rows between them",
    "range_right": "shipping the ends of keys, for the rows between them",
    "reduce_left": "shipping keys, for the rows that match them",
    "reduce_right": "shipping keys, for the rows that match them",
}
_LIGHT: Final = (Read, Select, Limit, Hint, MapBatches, Iterate)


@dataclass(frozen=True, slots=True)
class Work:
    """Relations of one class over the same tables: equivalents of one another, mostly."""

    kind: type[Relation]
    tables: frozenset[str]

    def includes(self, relation: Relation) -> bool:
        """Say whether a relation is such work."""
        return type(relation) is self.kind and _tables(relation) == self.tables


@dataclass(frozen=True, slots=True)
class _Refusing:
    """Capabilities without some work; all else is as it is."""

    capabilities: Capabilities
    refuses: Callable[[Relation], bool]

    def refusal(self, relation: Relation) -> tuple[str, str] | None:
        if self.refuses(relation):
            return type(relation).__name__, "supposed to be done otherwise"
        return self.capabilities.refusal(relation)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.capabilities, name)


class _Supposed:
    """A platform that refuses some work, and is as far started as it was when planning began."""

    def __init__(
        self, platform: Platform, refuses: Callable[[Relation], bool], *, started: bool
    ) -> None:
        self._platform = platform
        self._started = started
        self.capabilities = _Refusing(platform.capabilities, refuses)

    def started(self) -> bool:
        return self._started

    def __getattr__(self, name: str) -> Any:
        return getattr(self._platform, name)


class _Recorded:
    """Alternative rules that keep what they gave, by the relation for which they gave it."""

    def __init__(self, rules: Iterable[Alternative]) -> None:
        self.given: dict[str, dict[Relation, Relation]] = {}
        self.rules = tuple(replace(rule, apply=partial(self._apply, rule)) for rule in rules)

    def group(self, relation: Relation) -> set[Relation]:
        """Return all that the rules gave for a relation, and for what they gave; and itself."""
        found, waiting = {relation}, [relation]
        while waiting:
            below = waiting.pop()
            new = {given[below] for given in self.given.values() if below in given} - found
            found |= new
            waiting += new
        return found

    def _apply(self, rule: Alternative, relation: Relation, around: Any) -> Relation | None:
        other: Relation | None = rule.apply(relation, around)
        if other is not None and other != relation:
            self.given.setdefault(rule.name, {})[relation] = other
        return other


def _nothing(platform: str, relation: Relation) -> bool:
    return False


class WhatIf:
    """The plans that a plan could have been.

    Parameters
    ----------
    stages, environment
        The plan, and what it was placed in, with what is known of its tables.
    """

    def __init__(self, stages: Stages, environment: Environment) -> None:
        self._stages = stages
        self._environment = environment
        self._plan = stages.physical
        self._impossible: list[RejectedView] = []
        self._pending = _not_started(stages.physical, environment)

    def rival(self, fragment: str) -> RivalView | None:
        """Return the next best plan for a fragment, where there is one."""
        found = self._rivals.get(fragment)
        return found[0] if found else None

    @cached_property
    def _rivals(self) -> Mapping[str, tuple[RivalView, PhysicalPlan]]:
        """The next best plan for each of the costliest fragments that has one, by its id."""
        found: dict[str, tuple[RivalView, PhysicalPlan]] = {}
        for fragment in self._costliest:
            if (work := self._heaviest(fragment)) is None:
                continue

            def refuses(
                name: str, relation: Relation, where: str = fragment.platform, work: Work = work
            ) -> bool:
                return name == where and work.includes(relation)

            if (other := self._placed(refuses=refuses)) is None:
                continue
            place = _place_of(work, other)
            if place is not None and place != fragment.platform:
                name = work.kind.__name__
                found[fragment.id] = (
                    RivalView(name, place, other.cost, self._difference(other)),
                    other,
                )
        return found

    @cached_property
    def _costliest(self) -> tuple[Fragment, ...]:
        """The fragments for which rivals are looked for."""
        size = sum(1 for _ in walk_once(self._root))
        most = max(1, min(_MOST_FRAGMENTS, _MOST_RELATIONS // size))
        return tuple(sorted(self._plan.fragments, key=lambda f: -f.cost.seconds)[:most])

    def is_sought(self, fragment: str) -> bool:
        """Say whether a rival of a fragment is looked for: it is of the costliest only."""
        return any(each.id == fragment for each in self._costliest)

    def rejected(self) -> tuple[RejectedView, ...]:
        """Return whole plans that were not chosen, each once, the cheapest first."""
        found: dict[object, RejectedView] = {_signature(self._plan): RejectedView("", None, "")}
        for text, other in self._others():
            told = RejectedView(text, other.cost, self._difference(other))
            found.setdefault(_signature(other), told)
        found.pop(_signature(self._plan))
        possible = sorted(found.values(), key=lambda each: _score(each.cost, self._by_bytes))
        return (*possible, *self._impossible)

    def _others(self) -> Iterator[tuple[str, PhysicalPlan]]:
        """Yield other plans, and how they differ: by a rule, by a placement."""
        yield from self._by_rules()
        for rival, other in self._rivals.values():
            yield f"the {rival.operator} on {rival.platform}", other
        self._impossible = []
        for name, platform in self._environment.platforms.items():
            if Filter not in platform.capabilities.relations:
                continue
            text = f"all that can be on {name}"
            try:
                yield text, self._place(Hint(self._root, name))
            except PlanError as error:
                self._impossible.append(RejectedView(text, None, mask_secrets(error.message)))

    def _by_rules(self) -> Iterator[tuple[str, PhysicalPlan]]:
        """Yield the plan without each alternative rule, and with it where it was not chosen."""
        recorded = _Recorded(ALTERNATIVES)
        self._place(self._root, rules=recorded.rules)
        for rule in ALTERNATIVES:
            given = recorded.given.get(rule.name, {})
            if not given:
                continue
            words = _IN_WORDS.get(rule.name, f"the rule '{rule.name}'")
            without = tuple(each for each in ALTERNATIVES if each is not rule)
            other = self._placed(rules=without)
            if other is not None and _signature(other) != _signature(self._plan):
                yield f"without {words}", other
                continue
            for written, member in [*given.items()][:_MOST_RELATIONS_A_RULE]:
                others = recorded.group(written) - {member}

                def refuses(_: str, relation: Relation, others: Any = others) -> bool:
                    return relation in others

                if (other := self._placed(refuses=refuses)) is not None:
                    yield f"with {words}", other

    @property
    def _by_bytes(self) -> bool:
        return self._environment.objective == "bytes"

    @property
    def _root(self) -> Relation:
        return self._stages.rewritten.relation

    def _placed(
        self, *, refuses: Refuses = _nothing, rules: Collection[Alternative] = ALTERNATIVES
    ) -> PhysicalPlan | None:
        with suppress(PlanError, RecursionError):
            return self._place(self._root, refuses=refuses, rules=rules)
        return None

    def _place(
        self,
        root: Relation,
        *,
        refuses: Refuses = _nothing,
        rules: Collection[Alternative] = ALTERNATIVES,
    ) -> PhysicalPlan:
        platforms = {
            name: cast(
                "Platform",
                _Supposed(
                    platform,
                    partial(refuses, name),
                    started=name not in self._pending and platform.started(),
                ),
            )
            for name, platform in self._environment.platforms.items()
        }
        return place_rewritten(
            self._stages.logical,
            replace(self._stages.rewritten, relation=root),
            # A run may have counted meanwhile: what is compared rests on the same estimates.
            replace(self._environment, platforms=platforms, observed=nothing_observed),
            self._environment.statistics,
            assumed=self._plan.estimates,
            rules=rules,
        ).physical

    def _heaviest(self, fragment: Fragment) -> Work | None:
        """Return the work of a fragment through which most rows go; a join, where there is one."""
        candidates = [r for r in walk_once(fragment.relation) if not isinstance(r, _LIGHT)]
        joins = [relation for relation in candidates if isinstance(relation, Join)]
        reads = (r for r in walk_once(fragment.relation) if isinstance(r, Read))
        heaviest = max(joins or candidates, key=self._rows_through, default=next(reads, None))
        if heaviest is None:
            return None
        return Work(type(heaviest), _tables_in(heaviest, self._plan))

    def _rows_through(self, relation: Relation) -> float:
        estimates = self._plan.estimates
        known = (estimates.get(each) for each in (relation, *relation.inputs))
        return sum(estimate.likely for estimate in known if estimate is not None)

    def _difference(self, other: PhysicalPlan) -> str:
        known = self._shipments(self._plan)
        new = [s for key, s in self._shipments(other).items() if key not in known]
        words = max(new, key=lambda shipment: shipment.bytes).text if new else None
        return difference(self._plan.cost, other.cost, by_bytes=self._by_bytes, shipment=words)

    def _shipments(self, plan: PhysicalPlan) -> dict[object, _Shipment]:
        """Return what moves in a plan, by what makes two of them the same."""
        found: dict[object, _Shipment] = {}
        for consumer in plan.fragments:
            for each in consumer.inputs.values():
                if isinstance(each, Exchange):
                    goes = f"move to {consumer.platform}"
                    self._ship(plan.fragment(each.fragment), plan, goes, found)
        self._ship(plan.result, plan, f"come from {plan.result.platform}", found)
        return found

    def _ship(
        self, producer: Fragment, plan: PhysicalPlan, goes: str, found: dict[object, _Shipment]
    ) -> None:
        # What a loop or a look-up calls its rows is nothing that people know.
        known = frozenset(self._environment.sources)
        tables = _tables_in(producer.relation, plan) & known
        key = (tables, producer.platform, goes, round(producer.rows.likely))
        found[key] = _Shipment.of(producer, tables or frozenset(["the first rows"]), goes)


@dataclass(frozen=True, slots=True)
class _Shipment:
    """Rows that go from one fragment to another, or to who asked for them."""

    tables: frozenset[str]
    rows: float
    bytes: float
    goes: str

    @classmethod
    def of(cls, fragment: Fragment, tables: frozenset[str], goes: str) -> _Shipment:
        rows = fragment.rows.likely
        return cls(tables, rows, rows * max(1.0, fragment.width), goes)

    @property
    def text(self) -> str:
        rows, tables = in_rows(round(self.rows)), listing(sorted(self.tables))
        return f"{rows} of {tables} ({in_bytes(self.bytes, 2)}) would {self.goes}"


def _place_of(work: Work, plan: PhysicalPlan) -> str | None:
    """Return where a plan does some work, nearest to its result.

    A rule may have moved it above other tables, or put other names in the place of its tables.
    """
    found = [
        (len(_tables_in(relation, plan) ^ work.tables), -position, fragment.platform)
        for position, fragment in enumerate(plan.fragments)
        for relation in walk_once(fragment.relation)
        if type(relation) is work.kind
    ]
    return min(found)[2] if found else None


def _signature(plan: PhysicalPlan) -> object:
    """Return what two plans share that are one, however they were found."""
    places = tuple((fragment.platform, fragment.rows.likely) for fragment in plan.fragments)
    return places, round(plan.cost.seconds, 9), round(plan.cost.moved)


def _score(cost: Cost | None, by_bytes: bool) -> float:  # a key of sorting
    if cost is None:
        return inf
    return cost.moved if by_bytes else cost.seconds


def _tables(relation: Relation) -> frozenset[str]:
    return frozenset(read.table for read in walk_once(relation) if isinstance(read, Read))


def _tables_in(relation: Relation, plan: PhysicalPlan) -> frozenset[str]:
    """Return the tables below a fragment's relation, those of the fragments that it reads too."""
    return frozenset(_expanded(relation, plan))


def _expanded(relation: Relation, plan: PhysicalPlan) -> Iterator[str]:
    fragments = {fragment.id: fragment for fragment in plan.fragments}
    for table in _tables(relation):
        if table in fragments:
            yield from _expanded(fragments[table].relation, plan)
        else:
            yield table


def _not_started(plan: PhysicalPlan, environment: Environment) -> frozenset[str]:
    """Return the platforms whose start the plan's cost includes: they may be running by now."""
    startups = {f.platform: environment.costs_of(f.platform).startup for f in plan.fragments}
    names = sorted(name for name, seconds in startups.items() if seconds)
    for size in range(len(names) + 1):
        for some in combinations(names, size):
            if isclose(sum(startups[name] for name in some), plan.cost.startup, abs_tol=1e-9):
                return frozenset(some)
    return frozenset()
