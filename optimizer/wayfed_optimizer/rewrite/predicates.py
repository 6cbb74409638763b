"""What the rules ask about expressions: the parts of conditions, and what may be moved where."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from wayfed_optimizer.expressions import (
    Column,
    Expression,
    Literal,
    Opaque,
    Parameter,
    Subquery,
    WindowCall,
    conjunction,
    is_volatile,
    may_raise,
    walk,
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


@lru_cache(maxsize=8192)
def may_move(part: Expression) -> bool:
    """Say whether a condition may be evaluated on rows that the plan as written excludes."""
    return not may_raise(part) and not is_volatile(part)


@lru_cache(maxsize=8192)
def stays(expression: Expression) -> bool:
    """Say whether an expression must be evaluated once, where it stands."""
    return any(isinstance(node, Opaque | WindowCall | Subquery) for node in walk(expression)) or (
        is_volatile(expression)
    )


def is_trivial(expression: Expression) -> bool:
    """Say whether an expression costs nothing to evaluate twice."""
    return isinstance(expression, Column | Literal | Parameter)
