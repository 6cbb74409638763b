"""The least number of rows of a group: what keeps an aggregate from being the value of one row.

A policy lets a column pass through aggregates only. An aggregate of one row is that row's value,
and so is one in which all other rows are made to count nothing. So a party lets pass what is
computed from such columns alone, of rows that no join has repeated, in groups of enough rows; it
adds the last to the plan itself, as a HAVING.

Two aggregates whose rows differ by one still tell of that one; only noise hides it (``wf.dp``).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from wayfed.federated.privacy.reach import reach
from wayfed_optimizer.expressions import (
    Call,
    Named,
    Subquery,
    call,
    column,
    columns_of,
    literal,
    walk,
)
from wayfed_optimizer.lineage import Use, lineage
from wayfed_optimizer.relations import Aggregate, Filter, Relation, Select, transform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wayfed.federated.parties.policy import Policy
    from wayfed.federated.privacy.reach import Keys
    from wayfed_optimizer.expressions import Expression
    from wayfed_optimizer.lineage import Origin


def aggregate_of(plan: Relation) -> Aggregate:
    """Return what statistics of a plan's result are to a policy: an aggregate of each column."""
    counts = (
        Named(field.name, Call("count", (column(plan.schema, field.name),)))
        for field in plan.schema
    )
    return Aggregate(plan, (), tuple(counts))


def with_least_groups(
    plan: Relation, policy: Policy, keys: Keys
) -> tuple[Relation, tuple[str, ...]]:
    """Return a plan without the groups that are too small, and what of it no group size mends.

    Parameters
    ----------
    plan
        The plan, over published tables.
    policy
        The party's rules.
    keys
        Columns by which a table's rows are known to differ.
    """
    violations: dict[str, None] = {}

    def guarded(relation: Relation) -> Relation:
        if not isinstance(relation, Aggregate):
            return relation
        counted: dict[Expression, None] = {}
        below = lineage(relation.input).values
        for each in _aggregates(relation):
            origins = _origins(each, below)
            closed = [o for o, use in origins.items() if use is Use.VALUE and policy.is_closed(o)]
            if not closed:
                continue
            violations.update(dict.fromkeys(_faults(relation, origins, closed, policy, keys)))
            counted |= dict.fromkeys(each.args)
        return _having(relation, tuple(counted), policy.smallest_group) if counted else relation

    return transform(plan, guarded), tuple(violations)


def _aggregates(relation: Aggregate) -> Iterator[Call]:
    for named in relation.aggregates:
        if isinstance(named.expression, Call):  # it always is; the type does not say so
            yield named.expression


def _origins(
    expression: Expression, below: Mapping[str, Mapping[Origin, Use]]
) -> dict[Origin, Use]:
    computed = [below[name] for name in sorted(columns_of(expression))]
    for part in walk(expression):
        if isinstance(part, Subquery):
            computed += lineage(part.relation).values.values()
    found: dict[Origin, Use] = {}
    for origins in computed:
        for origin, use in origins.items():
            if found.get(origin) is not Use.VALUE:
                found[origin] = use
    return found


def _faults(
    relation: Aggregate,
    origins: Mapping[Origin, Use],
    closed: list[Origin],
    policy: Policy,
    keys: Keys,
) -> Iterator[str]:
    others = sorted(o.column for o in origins if not policy.is_closed(o))
    names = ", ".join(f"'{o.column}'" for o in sorted(closed))
    if others:
        yield (
            f"column {names} is 'aggregate_only', and the plan computes with it and "
            f"'{others[0]}' before it aggregates; group by '{others[0]}' instead"
        )
    reached = reach(relation.input, keys)
    if any(reached.get(origin.table, math.inf) > 1 for origin in closed):
        yield (
            f"column {names} is 'aggregate_only', and the plan may repeat its rows before it "
            "aggregates them; aggregate before the join, or join on a key that the party declares"
        )


def _having(relation: Aggregate, counted: tuple[Expression, ...], least: int) -> Relation:
    names = _free_names(relation, len(counted))
    counts = tuple(
        Named(name, Call("count", (each,))) for name, each in zip(names, counted, strict=True)
    )
    whole: Relation = Aggregate(relation.input, relation.keys, (*relation.aggregates, *counts))
    for name in names:
        enough = call("greater_equal", column(whole.schema, name), literal(least))
        whole = Filter(whole, enough)
    kept = (Named(field.name, column(whole.schema, field.name)) for field in relation.schema)
    return Select(whole, tuple(kept))


def _free_names(relation: Relation, number: int) -> list[str]:
    taken = relation.schema
    names: list[str] = []
    candidate = 0
    while len(names) < number:
        if (name := f"rows_{candidate}") not in taken:
            names.append(name)
        candidate += 1
    return names
