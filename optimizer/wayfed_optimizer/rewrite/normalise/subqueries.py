"""Rules that turn subqueries into joins, which can be placed like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.expressions import Call, Column, Named, Subquery, SubqueryKind, conjuncts
from wayfed_optimizer.relations import Filter, Join, JoinKind, Select
from wayfed_optimizer.rewrite.predicates import filtered, split, stays

if TYPE_CHECKING:
    from wayfed_optimizer.expressions import Expression
    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.rewrite.engine import RewriteContext


def turn_subquery_into_semi_join(node: Filter, _: RewriteContext) -> Relation | None:
    """Keep rows whose column is in a subquery by a semi join with it."""
    if not stays(node.predicate):  # it has no subquery
        return None
    subqueries, kept = split(conjuncts(node.predicate), _is_membership)
    after = node.input
    for part in subqueries:
        after = _joined(after, part, JoinKind.SEMI)
    return filtered(after, kept) if subqueries else None


def turn_subquery_into_anti_join(node: Filter, context: RewriteContext) -> Relation | None:
    """Keep rows whose column is not in a subquery by an anti join, where neither has a NULL.

    With a NULL on either side it is unknown whether a value is in it, and an anti join would keep
    the row.
    """
    if not stays(node.predicate):
        return None
    known = context.dependencies

    def is_absence(part: Expression) -> bool:
        match part:
            case Call("not", (Subquery(relation=relation, arg=Column(name=name)) as inner,)):
                values = frozenset(relation.schema.names)
                never_null = values <= known.of(relation).filled
                return _is_membership(inner) and never_null and name in known.of(node.input).filled
        return False

    subqueries, kept = split(conjuncts(node.predicate), is_absence)
    after = node.input
    for part in subqueries:
        if isinstance(part, Call):
            after = _joined(after, part.args[0], JoinKind.ANTI)
    return filtered(after, kept) if subqueries else None


def _joined(rows: Relation, part: Expression, kind: JoinKind) -> Relation:
    match part:
        case Subquery(relation=relation, arg=Column(name=name)):
            (field,) = relation.schema
            fresh = _fresh(field.name, rows)
            value = Column(field.name, field.type, field.nullable)
            return Join(rows, Select(relation, (Named(fresh, value),)), kind, ((name, fresh),))
    return rows


def _is_membership(part: Expression) -> bool:
    match part:
        case Subquery(SubqueryKind.IN, relation, Column() as arg):
            return arg.type == relation.schema.fields[0].type
    return False


def _fresh(name: str, beside: Relation) -> str:
    names = (name, *(f"{name}_{number}" for number in range(len(beside.schema) + 1)))
    return next(each for each in names if each not in beside.schema)
