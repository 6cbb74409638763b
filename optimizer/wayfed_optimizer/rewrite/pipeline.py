"""The whole of rewriting: rules to a fixpoint, then conditions across keys, then columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Expression, Subquery, facts_of
from wayfed_optimizer.relations import Relation, transform
from wayfed_optimizer.rewrite.engine import Normaliser, RewriteContext, Rewritten, no_keys
from wayfed_optimizer.rewrite.inference import infer_filters
from wayfed_optimizer.rewrite.normalise import NORMALISING
from wayfed_optimizer.rewrite.prune import prune_columns

if TYPE_CHECKING:
    from wayfed_optimizer.dependencies import Keys
    from wayfed_optimizer.node import Node

_ROUNDS: Final = 3
"""Conditions may travel to and fro over several joins; what falls away may set other rules free."""


def rewrite(relation: Relation, keys: Keys = no_keys) -> Rewritten:
    """Return the plan as it will be placed, with the same rows and the same schema.

    Parameters
    ----------
    relation
        The plan as it is written.
    keys
        Gives the sets of columns of which a table has no two equal rows, NULLs aside.

    Examples
    --------
    >>> from wayfed_optimizer.expressions import Named, call, column, literal
    >>> from wayfed_optimizer.relations import Filter, Read, Select
    >>> from wayfed_optimizer.types import Schema
    >>> flights = Read("flights", Schema.of(origin="text", delay="int64", tail="text"))
    >>> delays = Select(flights, (Named("late", column(flights.schema, "delay")),))
    >>> plan = Filter(delays, call("greater", column(delays.schema, "late"), literal(15)))
    >>> rewritten = rewrite(plan)
    >>> [step.rule for step in rewritten.trace]
    ['push_filter_below_select', 'prune_columns']
    >>> rewritten.relation.input.input.schema.names
    ('delay',)
    """
    context = RewriteContext(keys)
    normaliser = Normaliser.of(NORMALISING, context)
    plan = normaliser.normalise(_with_subqueries_rewritten(relation, keys))
    for _ in range(_ROUNDS):
        inferred = infer_filters(plan, context)
        if inferred is plan:
            break
        plan = normaliser.normalise(inferred)
    for _ in range(_ROUNDS):
        pruned = prune_columns(plan, context)
        if pruned is plan:
            break
        plan = normaliser.normalise(pruned)
        if plan is pruned:
            break
    return Rewritten(plan, tuple(context.trace))


def _with_subqueries_rewritten(root: Relation, keys: Keys) -> Relation:
    def change(node: Node) -> Node:
        match node:
            case Relation():
                return node
            case Subquery(kind, relation, arg):
                return Subquery(kind, rewrite(relation, keys).relation, arg)
            case Expression() if not facts_of(node).fixed:
                return node
        return node.map_nodes(change)

    return transform(root, lambda relation: relation.map_nodes(change))
