"""Semi joins above joins, as semi joins of the one input whose columns they compare.

A semi join keeps or drops a row by some of its columns, as a filter does, and goes down as one
does. What it costs there is another matter: it may look at more rows, or save work on most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Column, columns_of
from wayfed_optimizer.relations import Join, JoinKind, Relation, Select
from wayfed_optimizer.rewrite.predicates import may_move

if TYPE_CHECKING:
    from wayfed_optimizer.rewrite.alternatives.surroundings import Surroundings

_KINDS: Final = frozenset({JoinKind.SEMI, JoinKind.ANTI})
_OF_LEFT: Final = frozenset(JoinKind) - {JoinKind.RIGHT, JoinKind.FULL}
"""Joins of which each row has the values of one left row."""
_OF_RIGHT: Final = frozenset({JoinKind.INNER, JoinKind.CROSS, JoinKind.RIGHT})
_LEFT_AT_MOST: Final = 0.5
"""The part of the rows that the semi join may leave, for its being early to be worth a look."""


def lower_semi_join(join: Join, around: Surroundings) -> Relation | None:
    """Join(a, b) ⋉ c as Join(a ⋉ c, b), where only columns of a are compared with c."""
    if join.kind not in _KINDS or not join.on:
        return None
    if join.predicate is not None and not may_move(join.predicate):
        return None
    before, after = around.likely(join.left), around.likely(join)
    if before is None or after is None or after > _LEFT_AT_MOST * before:
        return None
    lowered = _into(join.left, join)
    return None if lowered == join else lowered


def _into(rows: Relation, semi: Join) -> Relation:
    """Return the rows that a semi join keeps; it stands as low as it can."""
    compared = {name for name, _ in semi.on}
    if semi.predicate is not None:
        compared |= columns_of(semi.predicate) - set(semi.right.schema.names)
    match rows:
        case Join(left, right, kind, on, predicate, asof):
            if kind in _OF_LEFT and compared <= set(left.schema.names):
                return Join(_into(left, semi), right, kind, on, predicate, asof)
            if kind in _OF_RIGHT and compared <= set(right.schema.names):
                return Join(left, _into(right, semi), kind, on, predicate)
        case Select(Join() | Select() as below, outputs) if semi.predicate is None:
            names = {
                output.name: output.expression.name
                for output in outputs
                if isinstance(output.expression, Column)
            }
            clash = set(below.schema.names) & set(semi.right.schema.names)
            if compared <= names.keys() and not clash:
                on = tuple((names[name], other) for name, other in semi.on)
                lowered = _into(below, Join(below, semi.right, semi.kind, on))
                return Select(lowered, outputs)
    return Join(rows, semi.right, semi.kind, semi.on, semi.predicate)
