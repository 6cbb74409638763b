"""Rules that remove sorts of whose order nothing is left above."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.expressions import Literal
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
    from wayfed_optimizer.rewrite.engine import RewriteContext


def remove_sort_without_keys(node: Sort, _: RewriteContext) -> Relation | None:
    """Remove keys that order nothing: constants, and what came before."""
    keys = tuple(
        key
        for position, key in enumerate(node.keys)
        if not isinstance(key.expression, Literal)
        and all(key.expression != earlier.expression for earlier in node.keys[:position])
    )
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
