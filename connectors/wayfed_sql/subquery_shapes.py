"""What can be told of a subquery by its looks: that it has one row, or what decides whether any."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wayfed_optimizer.expressions import columns_of, conjunction, conjuncts, may_raise, substitute
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    JoinKind,
    Limit,
    Relation,
    Select,
    Sort,
    expressions_of,
    walk_once,
)
from wayfed_sql.correlation import is_correlated
from wayfed_sql.dependence import column_of, is_unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.expressions import Expression


@dataclass(frozen=True, slots=True)
class Head:
    """A query of one row, or none: what it makes of the aggregates of all its input."""

    aggregate: Aggregate | None
    outputs: Mapping[str, Expression]
    condition: Expression | None = None


def head_of(relation: Relation) -> Head | None:
    """Return what a query computes of one row, if it is one that has no more."""
    match relation:
        case Aggregate(_, ()):
            return Head(relation, {n: column_of(relation, n) for n in relation.schema.names})
        case _ if is_unit(relation):
            return Head(None, {})
        case Limit(input, count, 0) if count != 0:
            return head_of(input)
        case Sort(input) | Distinct(input):
            return head_of(input)
        case Select(input, outputs):
            head = head_of(input)
            if head is None:
                return None
            made = {o.name: substitute(o.expression, head.outputs) for o in outputs}
            return replace(head, outputs=made)
        case Filter(input, predicate):
            head = head_of(input)
            if head is None:
                return None
            condition = substitute(predicate, head.outputs)
            if head.condition is not None:
                condition = conjunction((head.condition, condition))
            return replace(head, condition=condition)
    return None


def rows_only(relation: Relation) -> Relation:
    """Return a relation that has rows exactly where another has, and less to do."""
    match relation:
        case Select(input) | Sort(input) | Distinct(input):
            return rows_only(input)
        case Limit(input, count, 0) if count != 0:
            return rows_only(input)
        case Aggregate(input, [_, *_]):
            return rows_only(input)
    return relation


def is_restricted(relation: Relation) -> bool:
    """Say whether constants or other tables keep rows out of a relation, as far as it says."""
    match relation:
        case Filter(input, predicate):
            parts = conjuncts(predicate)
            return is_restricted(input) or any(len(columns_of(part)) == 1 for part in parts)
        case Join(left, right, JoinKind.INNER | JoinKind.CROSS):
            return is_restricted(left) or is_restricted(right)
        case Limit() | Join(kind=JoinKind.SEMI | JoinKind.ANTI):
            return True
        case Join(left) | Select(left) | Aggregate(left):
            return is_restricted(left)
    return False


def narrowed(relation: Relation, columns: frozenset[str]) -> Relation:
    """Return the side of joins that has some columns, and of the conditions those on it alone.

    Whatever values the columns have in the whole, they have there too.

    Examples
    --------
    >>> from wayfed_optimizer.expressions import call, literal
    >>> from wayfed_optimizer.relations import Read
    >>> from wayfed_optimizer.types import Schema
    >>> parts, stock = (Read(n, Schema.of(**{n: "int64"})) for n in ("part", "stock"))
    >>> pairs = Join(parts, stock, JoinKind.CROSS)
    >>> small, full = (call("less", column_of(pairs, n), literal(9)) for n in pairs.schema.names)
    >>> near = narrowed(Filter(pairs, call("and", small, full)), frozenset({"part"}))
    >>> near == Filter(parts, small)
    True
    """
    match relation:
        case Filter(input, predicate):
            found = narrowed(input, columns)
            own = [
                part
                for part in conjuncts(predicate)
                if columns_of(part) <= set(found.schema.names)
                and not may_raise(part)
                and not is_correlated(part)
            ]
            return Filter(found, conjunction(tuple(own))) if own else found
        case Join(left, right, JoinKind.INNER | JoinKind.CROSS):
            for side in (left, right):
                if columns <= set(side.schema.names):
                    return narrowed(side, columns)
    return relation


def fails(relation: Relation) -> bool:
    """Say whether computing a relation may end the query with an error."""
    return any(
        may_raise(expression) or is_correlated(expression)
        for each in walk_once(relation)
        for expression in expressions_of(each)
    )
