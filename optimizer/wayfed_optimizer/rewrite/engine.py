"""Applies rules to a plan, inputs first, until none of them has anything left to say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from wayfed_optimizer.dependencies import Dependencies, Keys
from wayfed_optimizer.relations import Relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MOST_STEPS: Final = 20_000
"""Rules that undo each other would never end. A plan that is not quite normal is still right."""


@dataclass(frozen=True, slots=True)
class Step:
    """One firing of a rule, as explain shows it."""

    rule: str
    before: Relation
    after: Relation


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A plan after the rules, and what they did to it in order."""

    relation: Relation
    trace: tuple[Step, ...] = ()


def no_keys(table: str) -> tuple[frozenset[str], ...]:
    """Promise nothing of a table."""
    return ()


class RewriteContext:
    """What the rules of one rewriting share: the trace of what they did, and what tables promise.

    Parameters
    ----------
    keys
        Gives the sets of columns of which a table has no two equal rows, NULLs aside.

    Attributes
    ----------
    dependencies
        What follows from that for the relations of the plan.
    """

    def __init__(self, keys: Keys = no_keys) -> None:
        self.trace: list[Step] = []
        self.keys: Final = keys
        self.dependencies: Final = Dependencies(keys)

    def fired(self, rule: str, before: Relation, after: Relation) -> None:
        """Record a step."""
        self.trace.append(Step(rule, before, after))

    @property
    def exhausted(self) -> bool:
        """Whether the rules did more than any plan needs, and must come to an end."""
        return len(self.trace) >= _MOST_STEPS


Apply: TypeAlias = Callable[[Any, RewriteContext], Relation | None]
"""Takes a relation of the rule's class; gives a better one, or None where it has none."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A function, and the class of relations that it looks at."""

    on: type[Relation]
    apply: Apply

    @property
    def name(self) -> str:
        """The function's name, by which explain and the fixtures know it."""
        return self.apply.__name__


@dataclass(slots=True)
class Normaliser:
    """Rewrites plans by a set of rules; what is already normal is not looked at again."""

    rules: Mapping[type[Relation], tuple[Rule, ...]]
    context: RewriteContext
    _normal: dict[Relation, Relation] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Iterable[Rule], context: RewriteContext) -> Normaliser:
        """Make a normaliser; on each relation, rules are tried in the order given."""
        by_class: dict[type[Relation], tuple[Rule, ...]] = {}
        for rule in rules:
            by_class[rule.on] = (*by_class.get(rule.on, ()), rule)
        return cls(by_class, context)

    def normalise(self, relation: Relation) -> Relation:
        """Return the plan to which no rule applies; itself where none did."""
        found = self._normal.get(relation)
        if found is None:
            found = self._fixpoint(relation)
            self._normal[relation] = self._normal[found] = found
        return found

    def _fixpoint(self, relation: Relation) -> Relation:
        while True:
            # On the way down too: filters that meet before they move, move together.
            while (better := self._improved(relation)) is not None:
                relation = better
                if relation in self._normal:
                    return self._normal[relation]
            after = relation.with_inputs(self.normalise)
            if after is relation:
                return relation
            relation = after

    def _improved(self, relation: Relation) -> Relation | None:
        if self.context.exhausted:
            return None
        for rule in self.rules.get(type(relation), ()):
            after = rule.apply(relation, self.context)
            if after is not None and after is not relation:
                self.context.fired(rule.name, relation, after)
                return after
        return None
