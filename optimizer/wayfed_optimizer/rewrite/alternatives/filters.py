"""Filters of which a store can do a part: that part alone, and the rest above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.expressions import conjuncts
from wayfed_optimizer.rewrite.predicates import filtered, may_move, split

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed_optimizer.relations import Filter, Relation


def partly(rows: Filter, refusal: Callable[[Relation], object]) -> Relation | None:
    """Return a filter as two, of which a store does the lower one.

    Returns None where it refuses nothing, or every part. What may raise stays above: there it is
    evaluated on fewer rows, not on more.
    """
    parts = conjuncts(rows.predicate)
    if len(parts) < 2 or not refusal(rows):
        return None
    below, above = split(
        parts, lambda part: may_move(part) and not refusal(filtered(rows.input, [part]))
    )
    if not below:
        return None
    return filtered(filtered(rows.input, below), above)
