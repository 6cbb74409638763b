"""Rules that remove sorts of whose order nothing is left above."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.expressions import Column, Literal
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    Relation,
    Select,
    SetOperation,
    Sort,
)

if TYPE_CHECKING:
    from wayfed_optimizer.expressions import SortKey
    from wayfed_optimizer.rewrite.engine import RewriteContext


def remove_sort_without_keys(node: Sort, context: RewriteContext) -> Relation | None:
    """Remove keys that order nothing: constants, what came before, and what that decides."""
    keys: tuple[SortKey, ...] = ()
    decided: frozenset[str] = frozenset()
    for key in node.keys:
        expression = key.expression
        if isinstance(expression, Literal):
            continue
        if isinstance(expression, Column) and expression.name in decided:
            continue
        if any(expression == earlier.expression for earlier in keys):
            continue
        keys = (*keys, key)
        if isinstance(expression, Column) and len(node.keys) > 1:
            known = context.dependencies.of(node.input)
            decided = known.determined_by(decided | {expression.name})
    if keys == node.keys:
        return None
    return Sort(node.input, keys) if keys else node.input


def remove_sort_below_sort(node: Sort, _: RewriteContext) -> Relation | None:
    """Remove the inner of two sorts."""
    return _unsorted_inputs(node)


def remove_sort_below_aggregate(node: Aggregate, _: RewriteContext) -> Relation | None:
    """Remove a sort of rows that are grouped."""
    return _unsorted_inputs(node)


def remove_sort_below_distinct(node: Distinct, _: RewriteContext) -> Relation | None:
    """Remove a sort below a distinct; with `on`, the order may be what picks the row."""
    return None if node.on else _unsorted_inputs(node)


def remove_sort_below_join(node: Join, _: RewriteContext) -> Relation | None:
    """Remove sorts of what is joined."""
    return _unsorted_inputs(node)


def remove_sort_below_set_operation(node: SetOperation, _: RewriteContext) -> Relation | None:
    """Remove sorts of the inputs of a set operation."""
    return _unsorted_inputs(node)


def _unsorted_inputs(node: Relation) -> Relation | None:
    after = node.with_inputs(_unsorted)
    return None if after is node else after


def _unsorted(relation: Relation) -> Relation:
    match relation:
        case Sort(input):
            return _unsorted(input)
        case Select() | Filter():
            return relation.with_inputs(_unsorted)
    return relation
