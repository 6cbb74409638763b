"""Rules that make outer joins inner ones where the rows that only they keep are left out above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Column, Named, null_with, rejects_null
from wayfed_optimizer.relations import Filter, Join, JoinKind, Relation, Select

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.rewrite.engine import RewriteContext

_NARROWER: Final[Mapping[tuple[JoinKind, bool, bool], JoinKind]] = {
    (JoinKind.LEFT, False, True): JoinKind.INNER,
    (JoinKind.LEFT, True, True): JoinKind.INNER,
    (JoinKind.RIGHT, True, False): JoinKind.INNER,
    (JoinKind.RIGHT, True, True): JoinKind.INNER,
    (JoinKind.FULL, True, False): JoinKind.LEFT,
    (JoinKind.FULL, False, True): JoinKind.RIGHT,
    (JoinKind.FULL, True, True): JoinKind.INNER,
}
"""By kind, and whether rows are left out that have only NULLs of the left, and of the right."""

_OUTER: Final = frozenset(kind for kind, _, _ in _NARROWER)

_DROPS_LEFT: Final = frozenset({JoinKind.INNER, JoinKind.SEMI, JoinKind.RIGHT})
"""Joins in which a left row whose key is NULL is as good as absent."""
_DROPS_RIGHT: Final = frozenset({JoinKind.INNER, JoinKind.SEMI, JoinKind.LEFT, JoinKind.ANTI})


def narrow_join_below_filter(node: Filter, _: RewriteContext) -> Relation | None:
    """Make an outer join inner, or less outer, where the filter wants no NULLs of its making."""
    if not isinstance(node.input, Join | Select):
        return None
    below = _narrowed(node.input, rejects_null(node.predicate))
    return None if below is None else _with_schema_of(node, Filter(below, node.predicate))


def narrow_join_below_join(node: Join, _: RewriteContext) -> Relation | None:
    """Make an outer join inner, or less outer, where another joins by a column of its NULLs."""
    left = right = None
    if node.kind in _DROPS_LEFT:
        left = _narrowed(node.left, frozenset(a for a, _ in node.on))
    if node.kind in _DROPS_RIGHT:
        right = _narrowed(node.right, frozenset(b for _, b in node.on))
    if left is None and right is None:
        return None
    sides = left or node.left, right or node.right
    return _with_schema_of(node, Join(*sides, node.kind, node.on, node.predicate, node.asof))


def _narrowed(relation: Relation, wanted: frozenset[str]) -> Relation | None:
    """Return a relation without rows that have NULL in a column of `wanted`, as far as joins go."""
    if not wanted:
        return None
    match relation:
        case Join(left, right, kind, on, predicate, None) if kind in _OUTER:
            none_left = bool(wanted & set(left.schema.names))
            none_right = bool(wanted & set(right.schema.names))
            narrower = _NARROWER.get((kind, none_left, none_right))
            if narrower is None:
                return None
            if narrower is JoinKind.INNER and not on and predicate is None:
                narrower = JoinKind.CROSS
            return Join(left, right, narrower, on, predicate)
        case Filter(input, predicate):
            below = _narrowed(input, wanted)
            return None if below is None else Filter(below, predicate)
        case Select(input, outputs):
            asked = (null_with(o.expression) for o in outputs if o.name in wanted)
            below = _narrowed(input, frozenset().union(*asked))
            return None if below is None else Select(below, outputs)
    return None


def _with_schema_of(before: Relation, after: Relation) -> Relation:
    """Return a relation whose columns may be NULL where they might before, as plans above say."""
    if after.schema == before.schema:
        return after
    return Select(
        after, tuple(Named(f.name, Column(f.name, f.type, f.nullable)) for f in before.schema)
    )
