"""Rules that turn subqueries into joins, which can be placed like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.expressions import Column, Named, Subquery, SubqueryKind, conjuncts
from wayfed_optimizer.relations import Filter, Join, JoinKind, Select
from wayfed_optimizer.rewrite.predicates import filtered, split

if TYPE_CHECKING:
    from wayfed_optimizer.expressions import Expression
    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.rewrite.engine import RewriteContext


def turn_subquery_into_semi_join(node: Filter, _: RewriteContext) -> Relation | None:
    """Keep rows whose column is in a subquery by a semi join with it."""
    subqueries, kept = split(conjuncts(node.predicate), _is_membership)
    after = node.input
    for part in subqueries:
        match part:
            case Subquery(relation=relation, arg=Column(name=name)):
                (field,) = relation.schema
                fresh = _fresh(field.name, after)
                value = Column(field.name, field.type, field.nullable)
                values = Select(relation, (Named(fresh, value),))
                after = Join(after, values, JoinKind.SEMI, ((name, fresh),))
    return filtered(after, kept) if subqueries else None


def _is_membership(part: Expression) -> bool:
    match part:
        case Subquery(SubqueryKind.IN, relation, Column() as arg):
            return arg.type == relation.schema.fields[0].type
    return False


def _fresh(name: str, beside: Relation) -> str:
    names = (name, *(f"{name}_{number}" for number in range(len(beside.schema) + 1)))
    return next(each for each in names if each not in beside.schema)
