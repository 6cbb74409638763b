"""Rules that remove what makes rows distinct that already are, or are made so above."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Filter,
    Limit,
    Relation,
    Sample,
    SetOperation,
    Sort,
)

if TYPE_CHECKING:
    from wayfed_optimizer.rewrite.engine import RewriteContext


def remove_distinct(node: Distinct, _: RewriteContext) -> Relation | None:
    """Remove what makes rows distinct that already are."""
    return node.input if not node.on and _is_distinct(node.input) else None


def remove_distinct_below(node: SetOperation, _: RewriteContext) -> Relation | None:
    """Remove what makes the inputs distinct where the operation itself does."""
    if node.all:
        return None
    after = node.with_inputs(
        lambda side: side.input if isinstance(side, Distinct) and not side.on else side
    )
    return None if after is node else after


def _is_distinct(relation: Relation) -> bool:
    match relation:
        case Aggregate():
            return True
        case Distinct(_, on):
            return not on
        case SetOperation(all=all):
            return not all
        case Filter(input) | Sort(input) | Limit(input) | Sample(input):
            return _is_distinct(input)
    return False
