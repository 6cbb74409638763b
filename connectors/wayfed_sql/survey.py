"""What a statement must know of the whole plan before it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wayfed_optimizer.expressions import Subquery, facts_of, walk
from wayfed_optimizer.relations import (
    Aggregate,
    Filter,
    Read,
    Relation,
    Select,
    Values,
    expressions_of,
)
from wayfed_sql.overflow import may_fail

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Survey:
    """How a plan uses its parts.

    Parameters
    ----------
    uses
        How often each subplan is used.
    qualified
        Whether columns need their table's name: they do where a statement reads more than one
        table, or where an output has the name of another column of its input.
    """

    uses: Mapping[Relation, int]
    qualified: bool

    def shares(self, relation: Relation) -> bool:
        """Say whether a subplan is better written once, with a name, than at each place."""
        return self.uses.get(relation, 0) > 1 and not _only_scans(relation)


def survey(root: Relation) -> Survey:
    """Look through a plan, its subqueries included."""
    uses: dict[Relation, int] = {}
    reads, shadowed = 0, False

    def visit(relation: Relation) -> None:
        nonlocal reads, shadowed
        if isinstance(relation, Read | Values):
            reads += 1
            return
        uses[relation] = uses.get(relation, 0) + 1
        if uses[relation] > 1:
            reads += 1
            return
        shadowed = shadowed or _shadows(relation)
        for expression in expressions_of(relation):
            for node in walk(expression):
                if isinstance(node, Subquery):
                    visit(node.relation)
        for each in relation.inputs:
            visit(each)

    visit(root)
    return Survey(uses, reads > 1 or shadowed)


def _only_scans(relation: Relation) -> bool:
    """Say whether a relation is columns and rows of one table: an engine would keep more than it.

    What is read twice is read where it is needed, with the conditions of each place; what a
    statement has in common is computed once, for all that any place needs.
    """
    while isinstance(relation, Filter | Select):
        found = expressions_of(relation)
        if any(may_fail(each) or facts_of(each).fixed for each in found):
            return False
        relation = relation.input
    return isinstance(relation, Read)


def _shadows(relation: Relation) -> bool:
    match relation:
        case Select(input, outputs):
            return any(not o.is_plain and o.name in input.schema for o in outputs)
        case Aggregate(input, keys, aggregates):
            return any(not o.is_plain and o.name in input.schema for o in (*keys, *aggregates))
    return False
