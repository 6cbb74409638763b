"""Rows that are kept by what groups of the same table tell: the groups are joined instead.

"The total of each order whose total is above 300" is written as orders joined with their items, of
which those are kept whose order is in a subquery that groups all items. The groups have what is
asked of the items, or can have it: the items need not be read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from wayfed_optimizer.expressions import Column, Expression, Named, columns_of, substitute
from wayfed_optimizer.relations import (
    Aggregate,
    Filter,
    Join,
    JoinKind,
    Relation,
    Select,
    walk_once,
)
from wayfed_optimizer.relations.varying import varies
from wayfed_optimizer.rewrite.alternatives.join_graph import JoinGraph
from wayfed_optimizer.rewrite.alternatives.partial import Partial, combined, partial_of
from wayfed_optimizer.types import is_float

if TYPE_CHECKING:
    from wayfed_optimizer.rewrite.engine import RewriteContext

_PART: Final = " of a group"


class _Groups(NamedTuple):
    """One column of groups, of those that pass conditions.

    Attributes
    ----------
    made
        The groups, by one column of what they are made of.
    conditions
        On columns of the groups.
    """

    made: Aggregate
    conditions: tuple[Expression, ...]

    @property
    def key(self) -> str:
        """The column by which rows are grouped."""
        (named,) = self.made.keys
        assert isinstance(named.expression, Column)  # noqa: S101  # as they were found
        return named.expression.name


def reuse_groups(node: Aggregate, _: RewriteContext) -> Relation | None:
    """Join groups that a semi join asks for, instead of the rows that they were made of."""
    semi_joins: list[Join] = []
    rows = node.input
    while isinstance(rows, Join) and rows.kind is JoinKind.SEMI:
        semi_joins.append(rows)
        rows = rows.left
    if not semi_joins or not all(isinstance(key.expression, Column) for key in node.keys):
        return None
    graph: JoinGraph | None = None
    for semi in semi_joins:
        groups = _groups_of(semi)
        if groups is None:
            continue
        graph = graph or JoinGraph.of(rows, least=2)
        if graph is None or graph.attached:
            return None
        others = [other for other in semi_joins if other is not semi]
        found = _joined(node, semi, groups, others, graph)
        if found is not None:
            return found
    return None


def _groups_of(semi: Join) -> _Groups | None:
    """Return the groups whose key a semi join asks for, where it asks for nothing else."""
    if semi.predicate is not None or len(semi.on) != 1:
        return None
    name, below = semi.on[0][1], semi.right
    conditions: list[Expression] = []
    while not isinstance(below, Aggregate):
        match below:
            case Select(input, outputs) if not conditions:
                chosen = next(o.expression for o in outputs if o.name == name)
                if not isinstance(chosen, Column):
                    return None
                name, below = chosen.name, input
            case Filter(input, predicate):
                conditions.append(predicate)
                below = input
            case _:
                return None
    if len(below.keys) != 1 or below.keys[0].name != name:
        return None
    if not isinstance(below.keys[0].expression, Column) or is_float(below.schema.field(name).type):
        return None
    return _Groups(below, tuple(reversed(conditions)))


def _joined(
    node: Aggregate, semi: Join, groups: _Groups, others: list[Join], graph: JoinGraph
) -> Relation | None:
    grouped, key = groups.made.input, groups.key
    if grouped not in graph.leaves or any(map(varies, walk_once(grouped))):
        return None
    if key not in graph.equal_to(graph.names[semi.on[0][0]]):
        return None
    own = set(grouped.schema.names)
    columns = {
        f.name: Column(graph.names[f.name], f.type, f.nullable)
        for f in node.input.schema
        if f.name in graph.names
    }
    keys = tuple(Named(k.name, substitute(k.expression, columns)) for k in node.keys)
    asked = {name for k in keys for name in columns_of(k.expression)}
    asked |= {name for part in graph.predicates for name in columns_of(part)}
    asked |= {name for name in own if graph.key_class(name) is not None}
    asked |= {graph.names[name] for other in others for name, _ in other.on}
    if asked & own != {key} or any(other.predicate is not None for other in others):
        return None
    partials = _partials(node, columns, own, graph)
    if partials is None:
        return None
    whole = graph.built(graph.shape, {grouped: _of_groups(groups, partials)}).relation
    for other in reversed(others):
        if set(whole.schema.names) & set(other.right.schema.names):
            return None
        on = tuple((graph.names[name], its) for name, its in other.on)
        whole = Join(whole, other.right, JoinKind.SEMI, on)
    return combined(node, keys, whole, partials)


def _partials(
    node: Aggregate, columns: dict[str, Column], own: set[str], graph: JoinGraph
) -> tuple[Partial, ...] | None:
    """Return the aggregates in two steps, of which the first is over the rows of groups."""
    taken = {name for leaf in graph.leaves for name in leaf.schema.names}

    def named(name: str) -> str:
        while name in taken:
            name += _PART
        taken.add(name)
        return name

    found = []
    for aggregate in node.aggregates:
        expression = substitute(aggregate.expression, columns)
        partial = partial_of(Named(aggregate.name, expression), named)
        if partial is None or not columns_of(expression) <= own:
            return None
        found.append(partial)
    return tuple(found)


def _of_groups(groups: _Groups, partials: tuple[Partial, ...]) -> Relation:
    """Return the groups that pass, with what is asked of their rows; their key has its own name."""
    made = groups.made
    there: dict[Expression, Named] = {a.expression: a for a in made.aggregates}
    taken = set(made.schema.names)
    outputs = [Named(groups.key, _column(made, made.keys[0].name))]
    more: list[Named] = []
    for part in (part for partial in partials for part in partial.parts):
        known = there.get(part.expression)
        if known is None:
            name = part.name
            while name in taken:
                name += _PART
            taken.add(name)
            known = there[part.expression] = Named(name, part.expression)
            more.append(known)
        value = Column(known.name, known.expression.type, known.expression.nullable)
        outputs.append(Named(part.name, value))
    rows: Relation = Aggregate(made.input, made.keys, (*made.aggregates, *more))
    for condition in groups.conditions:
        rows = Filter(rows, condition)
    return Select(rows, tuple(outputs))


def _column(relation: Relation, name: str) -> Column:
    field = relation.schema.field(name)
    return Column(field.name, field.type, field.nullable)
