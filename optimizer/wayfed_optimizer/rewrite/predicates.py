"""What the rules ask about expressions: the parts of conditions, and what may be moved where."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from wayfed_optimizer.expressions import (
    Column,
    Expression,
    Literal,
    Parameter,
    conjunction,
    facts_of,
)
from wayfed_optimizer.relations import Filter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wayfed_optimizer.relations import Relation

Parts: TypeAlias = tuple[Expression, ...]


def filtered(relation: Relation, parts: Iterable[Expression]) -> Relation:
    """Return the rows of `relation` for which all `parts` are true."""
    parts = tuple(parts)
    return Filter(relation, conjunction(parts)) if parts else relation


def split(parts: Iterable[Expression], chosen: Callable[[Expression], bool]) -> tuple[Parts, Parts]:
    """Return the parts of a condition that are chosen, and the others."""
    taken: list[Expression] = []
    others: list[Expression] = []
    for part in parts:
        (taken if chosen(part) else others).append(part)
    return tuple(taken), tuple(others)


def may_move(part: Expression) -> bool:
    """Say whether a condition may be evaluated on rows that the plan as written excludes."""
    facts = facts_of(part)
    return not facts.raises and not facts.volatile


def stays(expression: Expression) -> bool:
    """Say whether an expression must be evaluated once, where it stands."""
    return facts_of(expression).fixed


def is_trivial(expression: Expression) -> bool:
    """Say whether an expression costs nothing to evaluate twice."""
    return isinstance(expression, Column | Literal | Parameter)
