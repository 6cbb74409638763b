"""Rules for limits: fewer of them, and further down. A limit stays directly above its sort."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from wayfed_optimizer.expressions import WindowCall, walk
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Filter,
    Hint,
    Limit,
    Relation,
    Sample,
    Select,
    SetKind,
    SetOperation,
    Sort,
    Window,
)

if TYPE_CHECKING:
    from wayfed_optimizer.rewrite.engine import RewriteContext


def remove_limit(node: Limit, _: RewriteContext) -> Relation | None:
    """Remove a limit that its input never reaches."""
    if node.offset == 0 and (node.count is None or most_rows(node.input) <= node.count):
        return node.input
    return None


def merge_limits(node: Limit, _: RewriteContext) -> Relation | None:
    """Make one limit of two."""
    match node.input:
        case Limit(input, count, offset):
            left = math.inf if count is None else max(0, count - node.offset)
            most = min(left, math.inf if node.count is None else node.count)
            return Limit(input, None if most == math.inf else int(most), offset + node.offset)
    return None


def push_limit_below_select(node: Limit, _: RewriteContext) -> Relation | None:
    """Limit first: there is less to compute, and a sort may be next."""
    match node.input:
        case Select(input, outputs) if not any(
            isinstance(part, WindowCall) for o in outputs for part in walk(o.expression)
        ):
            return Select(Limit(input, node.count, node.offset), outputs)
    return None


def push_limit_into_union(node: Limit, _: RewriteContext) -> Relation | None:
    """Limit both sides of a union of all rows, too."""
    match node.input:
        case SetOperation(SetKind.UNION, all=True) if node.count is not None:
            most = node.count + node.offset
            union = node.input.with_inputs(
                lambda side: side if most_rows(side) <= most else Limit(side, most)
            )
            return None if union is node.input else Limit(union, node.count, node.offset)
    return None


def most_rows(relation: Relation) -> float:
    """Return a number of rows that a relation cannot exceed whatever its tables hold."""
    match relation:
        case Limit(input, count):
            return min(math.inf if count is None else count, most_rows(input))
        case Aggregate(_, ()):
            return 1
        case SetOperation(SetKind.UNION, left, right):
            return most_rows(left) + most_rows(right)
        case SetOperation(_, left):
            return most_rows(left)
        case (
            Aggregate(input)
            | Distinct(input)
            | Filter(input)
            | Hint(input)
            | Sample(input)
            | Select(input)
            | Sort(input)
            | Window(input)
        ):
            return most_rows(input)
    return math.inf
