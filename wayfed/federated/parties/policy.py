"""What a party's policy says of a plan, decided from the plan's lineage before a row is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Opaque, walk
from wayfed_optimizer.lineage import Lineage, Origin, Use, lineage
from wayfed_optimizer.relations import MapBatches, expressions_of, walk_once

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wayfed.federated.parties.question import Question
    from wayfed.federated.privacy.account import PrivacyPolicy
    from wayfed_optimizer.relations import Relation


class Purpose(StrEnum):
    """What is to be made of a plan's rows; a session has one."""

    LOOK = "look"
    LEARN = "learn"
    COUNT = "count"
    DESCRIBE = "describe"


class Role(Enum):
    """What a column may be used for."""

    FEATURE = "feature"
    LABEL = "label"
    JOIN_KEY = "join_key"
    AGGREGATE_ONLY = "aggregate_only"
    NEVER = "never"


_ALLOWED: Final[Mapping[Role, frozenset[Use]]] = {
    Role.FEATURE: frozenset(Use),
    Role.LABEL: frozenset({Use.VALUE, Use.AGGREGATED, Use.CONTROL}),
    Role.JOIN_KEY: frozenset({Use.JOIN_KEY, Use.VALUE}),
    Role.AGGREGATE_ONLY: frozenset({Use.AGGREGATED}),
    Role.NEVER: frozenset(),
}
_REMEDIES: Final[Mapping[Role, str]] = {
    Role.FEATURE: "leave it out",
    Role.LABEL: "take it as the label only",
    Role.JOIN_KEY: "join it with another join_key, or group by it, only",
    Role.AGGREGATE_ONLY: "aggregate it first: group_by('…').agg({column}=wf.mean('{column}'))",
    Role.NEVER: "leave it out of the plan",
}
LARGEST_MATRIX: Final = 1 << 30
"""What `Policy.max_matrix` is where nobody says it: eight gibibytes."""
# What a result column is when it comes from several: the strictest decides.
_STRICTEST: Final = (Role.LABEL, Role.JOIN_KEY, Role.FEATURE)


@dataclass(frozen=True, slots=True)
class Policy:
    """A party's rules.

    Parameters
    ----------
    min_rows
        The least number of training rows with which it takes part.
    columns
        What its columns may be used for, by published name. Where there are any, a column that is
        not among them is for nothing; where there are none, every column is a feature.
    models, strategies
        Names of those that may be trained; None allows all that are installed. A strategy works
        elsewhere: that it is the one that was named cannot be seen from here.
    max_rounds
        The most rounds of a run.
    opaque
        Names of the installed Python functions that plans may call.
    privacy
        What may be spent of its tables' privacy.
    secure_aggregation
        Whether its updates leave it under masks only.
    min_group
        The least number of rows of a group in which an ``aggregate_only`` column is aggregated;
        `min_rows` by default, and at least 2.
    max_matrix
        The most numbers that the matrix of a run's features may be, rows times columns: who asks
        says of how many categories a column is, each of which becomes a column.
    """

    min_rows: int = 1
    columns: Mapping[str, Role] = field(default_factory=lambda: MappingProxyType({}))
    models: tuple[str, ...] | None = None
    strategies: tuple[str, ...] | None = None
    max_rounds: int | None = None
    opaque: tuple[str, ...] = ()
    privacy: PrivacyPolicy | None = None
    min_group: int | None = None
    secure_aggregation: bool = False
    max_matrix: int = LARGEST_MATRIX

    @property
    def smallest_group(self) -> int:
        """The least number of rows of a group in which an ``aggregate_only`` column may be."""
        return max(2, self.min_rows) if self.min_group is None else self.min_group

    def is_closed(self, origin: Origin) -> bool:
        """Say whether only aggregates of a column may be told."""
        return self.role(origin.column) is Role.AGGREGATE_ONLY

    def least_rows(self, plan: Relation) -> Mapping[str, int]:
        """Return for each column of a plan's result of how many rows a statistic must be."""
        return {
            name: self.smallest_group if any(map(self.is_closed, origins)) else self.min_rows
            for name, origins in lineage(plan).values.items()
        }

    def role(self, column: str) -> Role:
        """Return what a column may be used for."""
        if not self.columns:
            return Role.FEATURE
        return self.columns.get(column, Role.NEVER)

    def in_words(self) -> tuple[str, ...]:
        """Say what it asks besides its least number of rows.

        Examples
        --------
        >>> Policy(10, {"iban": Role.NEVER, "age": Role.FEATURE}, max_rounds=5).in_words()
        ('feature: age', 'never: iban, all others', 'max_rounds=5')
        """
        by_role: dict[str, list[str]] = {}
        for column, role in sorted(self.columns.items()):
            by_role.setdefault(role.value, []).append(column)
        if self.columns:
            by_role.setdefault(Role.NEVER.value, []).append("all others")
        said = [f"{role}: {', '.join(names)}" for role, names in sorted(by_role.items())]
        for option in ("models", "strategies"):
            if (allowed := getattr(self, option)) is not None:
                said.append(f"{option}: {', '.join(allowed) or 'none'}")
        for option in ("max_rounds", "min_group"):
            if (limit := getattr(self, option)) is not None:
                said.append(f"{option}={limit}")
        if self.max_matrix != LARGEST_MATRIX:
            said.append(f"max_matrix={self.max_matrix}")
        if self.opaque:
            said.append(f"opaque: {', '.join(self.opaque)}")
        if self.secure_aggregation:
            said.append("requires secure_aggregation=True")
        if self.privacy is not None:
            budget = self.privacy.budget
            asks = "requires privacy" if self.privacy.required else "grants privacy"
            said.append(f"{asks}, epsilon={budget.epsilon:g} and delta={budget.delta:g} a table")
        return tuple(said)

    def refusals(self, question: Question) -> Iterator[str]:
        """Yield each rule that a run would break, as one sentence with the remedy."""
        name, strategy = question.model.name, question.strategy
        if self.models is not None and name not in self.models:
            yield f"model '{name}' is not among its policy's models; {_one_of(self.models)}"
        if self.strategies is not None and strategy not in self.strategies:
            allowed = _one_of(self.strategies)
            yield f"strategy '{strategy}' is not among its policy's strategies; {allowed}"
        if self.max_rounds is not None and question.rounds > self.max_rounds:
            yield (
                f"{question.rounds} rounds are more than its max_rounds={self.max_rounds}; "
                f"rounds={self.max_rounds}"
            )
        if self.secure_aggregation and not question.secure_aggregation:
            yield "its updates are summed in secret only; secure_aggregation=True"
        if self.privacy is not None and self.privacy.required and question.privacy is None:
            yield (
                "its policy requires privacy; "
                f"privacy=wf.dp(epsilon=…, delta=…, clip=…, unit='{self.privacy.unit}')"
            )

    def violations(self, plan: Relation) -> tuple[str, ...]:
        """Return each rule that a plan would break, as one sentence with the remedy."""
        traced = lineage(plan)
        return (
            *(
                self._sentence(origin.column, use)
                for origin, uses in sorted(traced.uses.items())
                for use in sorted(uses | self._steers(origin, traced), key=lambda use: use.name)
                if use not in _ALLOWED[self.role(origin.column)]
            ),
            *(
                f"function '{name}' is not among its policy's opaque functions; "
                f"{_one_of(self.opaque)}"
                for name in opaque_functions(plan)
                if name not in self.opaque
            ),
        )

    def undescribed(self, plan: Relation) -> Mapping[str, str]:
        """Return the columns of a plan's result of which nothing may be told, with the rule."""
        return {
            name: self._sentence(origin.column, Use.AGGREGATED)
            for name, origins in lineage(plan).values.items()
            for origin in sorted(origins, reverse=True)  # the first of them is told
            if Use.AGGREGATED not in _ALLOWED[self.role(origin.column)]
        }

    def _steers(self, origin: Origin, traced: Lineage) -> set[Use]:
        """Return CONTROL where a join by a column is a filter, by values of another role."""
        role = self.role(origin.column)
        others = traced.partners.get(origin, ())
        is_filtered = any(self.role(each.column) is not role for each in others)
        return {Use.CONTROL} if role is Role.JOIN_KEY and is_filtered else set()

    def result_roles(self, plan: Relation) -> Mapping[str, Role]:
        """Return for each column of a plan's result what it may be used for in training."""
        traced: Lineage = lineage(plan)
        return {name: self._strictest(origins) for name, origins in traced.values.items()}

    def _strictest(self, origins: Mapping[Origin, Use]) -> Role:
        roles = {
            self.role(origin.column)
            for origin, use in origins.items()
            if use is Use.VALUE or self.role(origin.column) is Role.LABEL
        }
        return next((role for role in _STRICTEST if role in roles), Role.FEATURE)

    def _sentence(self, column: str, use: Use) -> str:
        role = self.role(column)
        listed = "is" if column in self.columns else "is not listed, so it is"
        remedy = _REMEDIES[role].format(column=column)
        return (
            f"column '{column}' {listed} '{role.value}', and the plan uses it {use.value}; {remedy}"
        )


def opaque_functions(plan: Relation) -> tuple[str, ...]:
    """Return the names of the Python functions that a plan calls, those of subqueries too."""
    found: dict[str, None] = {}
    for relation in walk_once(plan):
        if isinstance(relation, MapBatches):
            found[str(relation.function)] = None
        for expression in expressions_of(relation):
            for part in walk(expression):
                if isinstance(part, Opaque):
                    found[str(part.function)] = None
    return tuple(found)


def _one_of(names: tuple[str, ...]) -> str:
    return f"one of {', '.join(names)}" if names else "it allows none"
