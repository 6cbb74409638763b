"""Rules that bring a limit and its sort down together: only the first rows in order go further."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Column, SortKey, WindowCall, columns_of, substitute, walk
from wayfed_optimizer.relations import (
    Join,
    JoinKind,
    Limit,
    Relation,
    Select,
    SetKind,
    SetOperation,
    Sort,
)
from wayfed_optimizer.rewrite.normalise.limits import most_rows
from wayfed_optimizer.rewrite.predicates import stays

if TYPE_CHECKING:
    from wayfed_optimizer.rewrite.engine import RewriteContext

_KEEPING: Final = frozenset({JoinKind.LEFT, JoinKind.RIGHT, JoinKind.ASOF})
"""Joins of which one side gives a row at least for each of its rows."""


def push_top_below_select(node: Limit, _: RewriteContext) -> Relation | None:
    """Take the first rows before what is computed of each, where they can then go further down.

    Elsewhere a select that leaves columns out is better done before the sort.
    """
    match node:
        case Limit(
            Sort(Select(SetOperation() | Join() as input, outputs), keys), int(count), offset
        ):
            if isinstance(input, Join) and input.kind not in _KEEPING:
                return None
            if any(isinstance(part, WindowCall) for o in outputs for part in walk(o.expression)):
                return None
            plain = {o.name: o.expression for o in outputs if isinstance(o.expression, Column)}
            if not all(columns_of(key.expression) <= plain.keys() for key in keys):
                return None
            below = tuple(
                SortKey(substitute(key.expression, plain), key.descending, key.nulls_first)
                for key in keys
            )
            return Select(Limit(Sort(input, below), count, offset), outputs)
    return None


def push_top_into_union(node: Limit, _: RewriteContext) -> Relation | None:
    """Take the first rows of both sides of a union of all rows, too."""
    match node:
        case Limit(Sort(SetOperation(SetKind.UNION, all=True) as union, keys), int(), _):
            both = union.with_inputs(lambda side: _first_of(side, keys, node))
            return None if both is union else Limit(Sort(both, keys), node.count, node.offset)
    return None


def push_limit_into_outer_join(node: Limit, _: RewriteContext) -> Relation | None:
    """Take the first rows of the side of which a join keeps every row, too.

    Each gives one row at least; an order, if there is one, is by columns of that side.
    """
    match node:
        case Limit(Join() as join, int(), _):
            after = _first_kept(join, (), node)
            return None if after is None else Limit(after, node.count, node.offset)
        case Limit(Sort(Join() as join, keys), int(), _):
            after = _first_kept(join, keys, node)
            return None if after is None else Limit(Sort(after, keys), node.count, node.offset)
    return None


def _first_kept(join: Join, keys: tuple[SortKey, ...], limit: Limit) -> Join | None:
    kept = join.right if join.kind is JoinKind.RIGHT else join.left
    if join.kind not in _KEEPING:
        return None
    if not all(columns_of(key.expression) <= set(kept.schema.names) for key in keys):
        return None
    first = _first_of(kept, keys, limit)
    if first is kept:
        return None
    sides = (join.left, first) if join.kind is JoinKind.RIGHT else (first, join.right)
    return Join(*sides, join.kind, join.on, join.predicate, join.asof)


def _first_of(rows: Relation, keys: tuple[SortKey, ...], limit: Limit) -> Relation:
    """Return as many of the first rows as a limit can come to; all, where they are few."""
    assert limit.count is not None  # noqa: S101  # what the rules above match
    most = limit.count + limit.offset
    if most_rows(rows) <= most or any(stays(key.expression) for key in keys):
        return rows
    return Limit(Sort(rows, keys) if keys else rows, most)
