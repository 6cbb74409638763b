"""Rules that bring conditions into joins, and out of joins to the inputs they speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Call, Column, columns_of, conjunction, conjuncts
from wayfed_optimizer.relations import Filter, Join, JoinKind
from wayfed_optimizer.rewrite.predicates import filtered, may_move, split

if TYPE_CHECKING:
    from wayfed_optimizer.expressions import Expression
    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.rewrite.engine import RewriteContext
    from wayfed_optimizer.rewrite.predicates import Parts

_FILTERS_LEFT: Final = frozenset(JoinKind) - {JoinKind.RIGHT, JoinKind.FULL}
"""Joins of which each row has the values of one left row, so that a filter may ask that one."""
_FILTERS_RIGHT: Final = frozenset({JoinKind.INNER, JoinKind.CROSS, JoinKind.RIGHT})
_CONDITION_LEFT: Final = frozenset({JoinKind.INNER, JoinKind.SEMI, JoinKind.RIGHT})
"""Joins in which a left row that fails the join's own condition is as good as absent."""
_CONDITION_RIGHT: Final = frozenset({JoinKind.INNER, JoinKind.SEMI, JoinKind.LEFT, JoinKind.ANTI})


def push_filter_into_join(node: Filter, _: RewriteContext) -> Relation | None:
    """Filter a side of a join by what is asked of it alone, unless the join fills it with NULLs."""
    match node.input:
        case Join(left, right, kind) as join:
            to_left, rest = _side(conjuncts(node.predicate), left, kind in _FILTERS_LEFT)
            to_right, kept = _side(rest, right, kind in _FILTERS_RIGHT)
            if to_left or to_right:
                sides = filtered(left, to_left), filtered(right, to_right)
                return filtered(Join(*sides, kind, join.on, join.predicate, join.asof), kept)
    return None


def turn_filter_into_join_key(node: Filter, _: RewriteContext) -> Relation | None:
    """Make an equality of both sides' columns above an inner or cross join one of its keys."""
    match node.input:
        case Join(left, right, JoinKind.INNER | JoinKind.CROSS, on, predicate):
            taken, kept = split(
                conjuncts(node.predicate), lambda part: _key(part, left, right) is not None
            )
            if taken:
                keys = tuple(key for part in taken if (key := _key(part, left, right)))
                return filtered(
                    Join(left, right, JoinKind.INNER, _added(on, keys), predicate), kept
                )
    return None


def push_join_predicate(node: Join, _: RewriteContext) -> Relation | None:
    """Make parts of a join's condition keys, or filters of the side that they speak of alone."""
    left, right, kind = node.left, node.right, node.kind
    if node.predicate is None or kind is JoinKind.ASOF:
        return None
    equal, rest = split(conjuncts(node.predicate), lambda part: _key(part, left, right) is not None)
    keys = tuple(key for part in equal if (key := _key(part, left, right)))
    to_left, rest = _side(rest, left, kind in _CONDITION_LEFT)
    to_right, rest = _side(rest, right, kind in _CONDITION_RIGHT)
    if not (keys or to_left or to_right):
        return None
    return Join(
        filtered(left, to_left),
        filtered(right, to_right),
        kind,
        _added(node.on, keys),
        conjunction(rest) if rest else None,
    )


def _side(parts: Parts, side: Relation, allowed: bool) -> tuple[Parts, Parts]:
    """Return the parts of a condition that may go to a side, and the others."""
    if not allowed:
        return (), parts
    names = frozenset(side.schema.names)

    def goes(part: Expression) -> bool:
        columns = columns_of(part)
        return bool(columns) and columns <= names and may_move(part)

    return split(parts, goes)


def _key(part: Expression, left: Relation, right: Relation) -> tuple[str, str] | None:
    match part:
        case Call("equal", (Column(a, kind), Column(b, other))) if kind == other:
            if a in left.schema and b in right.schema:
                return a, b
            if b in left.schema and a in right.schema:
                return b, a
    return None


def _added(
    on: tuple[tuple[str, str], ...], keys: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys((*on, *keys)))
