"""Rules that remove what makes rows distinct that already are, or are made so above."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.relations import Distinct, Relation, SetOperation

if TYPE_CHECKING:
    from wayfed_optimizer.rewrite.engine import RewriteContext


def remove_distinct(node: Distinct, context: RewriteContext) -> Relation | None:
    """Remove what makes rows distinct that already are: those of groups, and those with a key."""
    known = context.dependencies.of(node.input)
    return node.input if known.is_unique(node.on or node.input.schema.names) else None


def remove_distinct_below(node: SetOperation, _: RewriteContext) -> Relation | None:
    """Remove what makes the inputs distinct where the operation itself does."""
    if node.all:
        return None
    after = node.with_inputs(
        lambda side: side.input if isinstance(side, Distinct) and not side.on else side
    )
    return None if after is node else after
