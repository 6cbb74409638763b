"""Takes correlated subqueries and lateral joins out of a plan: joins say the same.

A subquery's rows are computed for all rows of the query around at once (`dependence`), and joined
to them: by a semi or anti join where a condition asks whether there are any, else by a left join
with the value that the expression needs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import (
    Expression,
    Literal,
    Named,
    SortKey,
    columns_of,
    conjunction,
    conjuncts,
    substitute,
    walk,
)
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    JoinKind,
    Relation,
    Select,
    SetKind,
    SetOperation,
    Sort,
    Window,
    expressions_of,
)
from wayfed_sql.correlation import (
    Correlated,
    Lateral,
    free_references,
    is_correlated,
    replaced,
)
from wayfed_sql.dependence import (
    Names,
    column_of,
    filtered,
    joined,
    plain,
    renamed,
    same,
)
from wayfed_sql.query_rows import QueryRows
from wayfed_sql.subquery_shapes import (
    head_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wayfed_optimizer.types import Schema


def unnested(root: Relation) -> Relation:
    """Return the plan with joins in place of correlated subqueries and lateral joins.

    Examples
    --------
    >>> from wayfed_optimizer.relations import Read
    >>> from wayfed_optimizer.types import Schema
    >>> from wayfed_sql import parse_query
    >>> tables = {"t": Read("t", Schema.of(a="int64")), "u": Read("u", Schema.of(x="int64"))}
    >>> text = "SELECT a FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE x = a)"
    >>> plan = parse_query(text, tables.__getitem__)  # calls it on what it has bound
    >>> plan.input.kind.value, plan.input.on
    ('anti', (('a', 'x 1'),))
    """
    every = list(_everything(root))
    if not any(isinstance(r, Lateral) or any(map(is_correlated, expressions_of(r))) for r in every):
        return root
    return Unnesting(Names(name for each in every for name in each.schema.names)).visit(root)


def _everything(root: Relation) -> Iterator[Relation]:
    """Yield all relations of a plan, those of correlated subqueries too."""
    seen: set[Relation] = set()
    pending = [root]
    while pending:
        relation = pending.pop()
        if relation in seen:
            continue
        seen.add(relation)
        yield relation
        pending.extend(relation.below)
        for expression in expressions_of(relation):
            pending.extend(each.relation for each in _subqueries(expression))


def _subqueries(expression: Expression) -> Iterator[Correlated]:
    return (each for each in walk(expression) if isinstance(each, Correlated))


class Unnesting:
    """One plan in the works: the names it has, and what is done."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._done: dict[Relation, Relation] = {}

    def visit(self, relation: Relation) -> Relation:
        """Return a relation, in which no outer reference is free, without what depends on rows."""
        found = self._done.get(relation)
        if found is None:
            found = self._changed(relation)
            self._done[relation] = self._done[found] = found
        return found

    def _changed(self, relation: Relation) -> Relation:
        if isinstance(relation, Lateral):
            return self.visit(self.flat(replace(relation, left=self.visit(relation.left))))
        relation = relation.with_below(self.visit)
        if not any(map(is_correlated, expressions_of(relation))):
            return relation
        match relation:
            case Filter():
                return self._filter(relation)
            case Join():
                return self._join(relation)
        return self._other(relation)

    def _other(self, relation: Relation) -> Relation:
        """Compute what the expressions of a relation with one input need beside that input."""
        rows = QueryRows(self, relation.inputs[0])
        match relation:
            case Select(_, outputs):
                named = tuple(Named(o.name, rows.value(o.expression)) for o in outputs)
                return Select(rows.relation, named)
            case Aggregate(_, keys, aggregates):
                groups = tuple(Named(k.name, rows.value(k.expression)) for k in keys)
                found = tuple(Named(a.name, rows.value(a.expression)) for a in aggregates)
                return Aggregate(rows.relation, groups, found)
            case Window(_, outputs):
                named = tuple(Named(o.name, rows.value(o.expression)) for o in outputs)
                return cut(Window(rows.relation, named), relation.schema)
            case Sort(_, order):
                made = tuple(
                    Named(self.names.fresh("order"), rows.value(key.expression)) for key in order
                )
                own = plain(rows.relation, relation.schema.names)
                keyed = Select(rows.relation, (*own, *made))
                by = tuple(
                    SortKey(column_of(keyed, named.name), key.descending, key.nulls_first)
                    for named, key in zip(made, order, strict=True)
                )
                return cut(Sort(keyed, by), relation.schema)
        raise Unsupported(f"a correlated subquery in {type(relation).__name__}")

    def _filter(self, node: Filter) -> Relation:
        parts = conjuncts(node.predicate)
        # What needs no other table comes first, and keeps the domain of the others small.
        below = filtered(node.input, tuple(part for part in parts if not is_correlated(part)))
        rows = QueryRows(self, below)
        rest = [part for part in parts if is_correlated(part) and not rows.keep(part)]
        conditions = tuple(rows.value(part) for part in rest)
        return cut(filtered(rows.relation, conditions), node.schema)

    def _join(self, join: Join) -> Relation:
        assert join.predicate is not None  # noqa: S101  # it holds the subquery
        if join.kind is JoinKind.RIGHT:
            turned = Join(
                join.right,
                join.left,
                JoinKind.LEFT,
                tuple((b, a) for a, b in join.on),
                join.predicate,
            )
            return cut(self.visit(turned), join.schema)
        parts = conjuncts(join.predicate)
        plain_parts = tuple(part for part in parts if not is_correlated(part))
        others = tuple(part for part in parts if is_correlated(part))
        if join.kind in (JoinKind.INNER, JoinKind.CROSS):
            pairs = joined(join.left, join.right, JoinKind.INNER, plain_parts, join.on)
            return self.visit(Filter(pairs, conjunction(others)))
        left, right = join.left, join.right
        used = frozenset[str]().union(*map(columns_of, others))
        if used <= frozenset(left.schema.names) and used:
            rows = QueryRows(self, left)
            conditions = tuple(map(rows.value, others))
            left = rows.relation
        elif used <= frozenset(right.schema.names):
            rows = QueryRows(self, right)
            conditions = tuple(map(rows.value, others))
            right = rows.relation
        elif join.kind is JoinKind.FULL:
            return self._full(join)
        else:
            right, conditions = self._paired(left, right, others)
        both = (*plain_parts, *conditions)
        return cut(joined(left, right, join.kind, both, join.on), join.schema)

    def _paired(
        self, left: Relation, right: Relation, parts: tuple[Expression, ...]
    ) -> tuple[Relation, tuple[Expression, ...]]:
        """Return the right rows for each value that `parts` read of the left, and the conditions.

        A left row then meets the right rows that are there for its own values, each once.
        """
        used = frozenset[str]().union(*map(columns_of, parts))
        again = {n: self.names.fresh(n) for n in left.schema.names if n in used}
        domain = Distinct(renamed(Select(left, plain(left, again)), again))
        copies = {name: column_of(domain, copy) for name, copy in again.items()}
        rows = QueryRows(self, Join(domain, right, JoinKind.CROSS))
        found = tuple(rows.value(substitute(part, copies)) for part in parts)
        own = tuple(same(column_of(left, name), copy) for name, copy in copies.items())
        return rows.relation, (*own, *found)

    def _full(self, join: Join) -> Relation:
        """Return a full join as the left join, and the right rows that no left row meets."""
        kept = self.visit(replace(join, kind=JoinKind.LEFT))
        on = tuple((b, a) for a, b in join.on)
        others = self.visit(Join(join.right, join.left, JoinKind.ANTI, on, join.predicate))
        padding = tuple(Named(f.name, Literal(None, f.type)) for f in join.left.schema)
        padded = Select(others, (*padding, *plain(others, join.right.schema.names)))
        return SetOperation(SetKind.UNION, kept, padded, all=True)

    def flat(self, lateral: Lateral) -> Relation:
        """Return a lateral join as an ordinary one; outer references of others stay in it."""
        left, right = lateral.left, lateral.right
        references = tuple(
            dict.fromkeys(each for each in free_references(right) if each.depth == lateral.depth)
        )
        if not references:
            return joined(left, right, lateral.kind, _parts(lateral.predicate))
        values = {each: each.value for each in references}
        head = head_of(right)
        if head is not None and head.aggregate is None and head.condition is None:
            # SELECT without FROM: columns of the left row itself.
            made = tuple(
                Named(name, replaced(expression, values))
                for name, expression in head.outputs.items()
            )
            if lateral.predicate is None or lateral.kind is not JoinKind.LEFT:
                rows: Relation = Select(left, (*plain(left, left.schema.names), *made))
                return filtered(rows, _parts(lateral.predicate))
        beside = QueryRows(self, left)
        found = beside.dependent(right, values, {name: name for name in right.schema.names})
        conditions = (*found.conditions, *_parts(lateral.predicate))
        result = joined(beside.relation, found.relation, lateral.kind, conditions)
        return cut(result, lateral.schema)


def cut(relation: Relation, schema: Schema) -> Relation:
    """Return a relation with the columns of a schema only, in its order."""
    if relation.schema.names == schema.names:
        return relation
    return Select(relation, plain(relation, schema.names))


def _parts(predicate: Expression | None) -> tuple[Expression, ...]:
    return () if predicate is None else conjuncts(predicate)
