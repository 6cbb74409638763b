"""Rules that bring filters to where rows come from.

A part of a condition that may raise never gets to rows that the plan as written keeps from it; the
relations below say for themselves whether all of their rows pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.expressions import (
    Column,
    Literal,
    WindowCall,
    columns_of,
    conjuncts,
    is_volatile,
    substitute,
)
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Explode,
    Filter,
    Relation,
    Sample,
    Select,
    SetKind,
    SetOperation,
    Sort,
    TimeWindow,
    Window,
)
from wayfed_optimizer.rewrite.predicates import filtered, may_move, split, stays

if TYPE_CHECKING:
    from collections.abc import Set

    from wayfed_optimizer.expressions import Expression
    from wayfed_optimizer.rewrite.engine import RewriteContext


def remove_true_filter(node: Filter, _: RewriteContext) -> Relation | None:
    """Remove a filter that is always true."""
    match node.predicate:
        case Literal(value=True):
            return node.input
    return None


def merge_filters(node: Filter, _: RewriteContext) -> Relation | None:
    """Make one filter of two; what may raise stays above what kept rows from it.

    A filter that only Python can evaluate comes after the others.
    """
    match node.input:
        case Filter(input, first):
            together, later = split(conjuncts(node.predicate), may_move)
            if not together:
                return None
            if is_volatile(first):
                return filtered(Filter(filtered(input, together), first), later)
            return filtered(filtered(input, (first, *together)), later)
    return None


def push_filter_below_select(node: Filter, _: RewriteContext) -> Relation | None:
    """Filter first, in terms of what the outputs of a select are made of.

    Not through outputs that must be computed once: Python functions, windows, subqueries.
    """
    match node.input:
        case Select(input, outputs):
            made = {output.name: output.expression for output in outputs}
            fixed = {name for name, expression in made.items() if stays(expression)}

            def passes(part: Expression) -> bool:
                return not is_volatile(part) and not columns_of(part) & fixed

            movable, kept = split(conjuncts(node.predicate), passes)
            if movable:
                below = filtered(input, (substitute(part, made) for part in movable))
                return filtered(Select(below, outputs), kept)
    return None


def push_filter_below_aggregate(node: Filter, _: RewriteContext) -> Relation | None:
    """Filter rows instead of groups where the condition is on grouping keys."""
    match node.input:
        case Aggregate(input, keys, aggregates) if keys:
            made = {key.name: key.expression for key in keys if not stays(key.expression)}
            movable, kept = split(conjuncts(node.predicate), lambda part: _is_on(part, made.keys()))
            if movable:
                below = filtered(input, (substitute(part, made) for part in movable))
                return filtered(Aggregate(below, keys, aggregates), kept)
    return None


def push_filter_below_window(node: Filter, _: RewriteContext) -> Relation | None:
    """Filter first where the condition is on what every window is partitioned by."""
    match node.input:
        case Window(input, outputs):
            shared = frozenset.intersection(*(_partitioned_by(o.expression) for o in outputs))
            movable, kept = split(conjuncts(node.predicate), lambda part: _is_on(part, shared))
            if movable:
                return filtered(Window(filtered(input, movable), outputs), kept)
    return None


def _partitioned_by(expression: Expression) -> frozenset[str]:
    if not isinstance(expression, WindowCall):
        return frozenset()
    return frozenset(key.name for key in expression.partition_by if isinstance(key, Column))


def push_filter_below_sort(node: Filter, _: RewriteContext) -> Relation | None:
    """Filter first, and sort fewer rows."""
    match node.input:
        case Sort(input, keys) if not is_volatile(node.predicate):
            return Sort(Filter(input, node.predicate), keys)
    return None


def push_filter_below_distinct(node: Filter, _: RewriteContext) -> Relation | None:
    """Filter first: equal rows pass or fail together."""
    match node.input:
        case Distinct(input, on):
            names = frozenset(on or input.schema.names)
            movable, kept = split(conjuncts(node.predicate), lambda part: _is_on(part, names))
            if movable:
                return filtered(Distinct(filtered(input, movable), on), kept)
    return None


def push_filter_into_set_operation(node: Filter, _: RewriteContext) -> Relation | None:
    """Filter both inputs instead of what they make together."""
    match node.input:
        case SetOperation(kind) as operation:
            through = _not_volatile if kind is SetKind.UNION else may_move
            movable, kept = split(conjuncts(node.predicate), through)
            if movable:
                return filtered(operation.with_inputs(lambda side: filtered(side, movable)), kept)
    return None


def push_filter_below_sample(node: Filter, _: RewriteContext) -> Relation | None:
    """Filter first: whether a row is sampled depends on its keys alone."""
    match node.input:
        case Sample(input):
            movable, kept = split(conjuncts(node.predicate), may_move)
            if movable:
                return filtered(node.input.with_inputs(lambda _: filtered(input, movable)), kept)
    return None


def push_filter_below_time_window(node: Filter, _: RewriteContext) -> Relation | None:
    """Filter first where the condition is not on the bounds of time windows."""
    match node.input:
        case TimeWindow(input):
            names = frozenset(input.schema.names)
            movable, kept = split(
                conjuncts(node.predicate), lambda part: _is_on(part, names) and may_move(part)
            )
            if movable:
                return filtered(node.input.with_inputs(lambda _: filtered(input, movable)), kept)
    return None


def push_filter_below_explode(node: Filter, _: RewriteContext) -> Relation | None:
    """Filter rows before their elements where the condition is not on these."""
    match node.input:
        case Explode(input, column):
            names = frozenset(input.schema.names) - {column}
            movable, kept = split(
                conjuncts(node.predicate), lambda part: _is_on(part, names) and may_move(part)
            )
            if movable:
                return filtered(node.input.with_inputs(lambda _: filtered(input, movable)), kept)
    return None


def _is_on(part: Expression, names: Set[str]) -> bool:
    """Say whether a part reads something, and only some of the columns called `names`."""
    columns = columns_of(part)
    return bool(columns) and columns <= names and not is_volatile(part)


def _not_volatile(part: Expression) -> bool:
    return not is_volatile(part)
