"""The rows of a subquery for every row of the query around at once, in two ways.

`Pulling` takes the conditions that hold outer references up to where the subquery is joined to the
query around: nothing is computed for rows that have no part in it. Where it cannot, `Pushing` takes
the *domain* down: the different values that the references have, carried along by every relation,
so that each of its rows says for which values it is. Both are of T. Neumann and A. Kemper,
"Unnesting Arbitrary Queries", BTW 2015.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import (
    Call,
    Column,
    Expression,
    Literal,
    Named,
    SortKey,
    WindowCall,
    call,
    columns_of,
    conjunction,
    conjuncts,
    literal,
    may_raise,
    substitute,
)
from wayfed_optimizer.functions import Nulls
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Explode,
    Filter,
    Join,
    JoinKind,
    Limit,
    Relation,
    Select,
    SetOperation,
    Sort,
    Values,
    Window,
    expressions_of,
)
from wayfed_optimizer.types import INT64, Decimal, Field
from wayfed_sql.correlation import (
    Lateral,
    Reference,
    free_references,
    is_correlated,
    references_in,
    replaced,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Set

_CERTAIN_DIGITS: Final = 28
"""Decimals of so many digits cannot overflow a sum of less than ten thousand million rows."""


class Names:
    """Gives names to columns that no other column has."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def fresh(self, wanted: str) -> str:
        """Return a name like `wanted`."""
        name, number = f"{wanted} 1", 1
        while name in self._taken:
            number += 1
            name = f"{wanted} {number}"
        self._taken.add(name)
        return name


@dataclass(frozen=True, slots=True)
class Dependent:
    """Rows of a subquery, and the conditions for those that belong to a row of the query around."""

    relation: Relation
    conditions: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Keyed(Dependent):
    """Rows with the columns whose values say to which rows of the query around they belong.

    `pulled` rows are there whether or not a row around has their values.
    """

    keys: tuple[str, ...] = ()
    pulled: bool = False


class Pulling:
    """Takes the conditions on outer references out of a subquery.

    Parameters
    ----------
    references
        The references to take out; others are constants here.
    names
        Gives names to columns that are passed up.
    flatten
        Makes a lateral join an ordinary one.
    """

    def __init__(
        self,
        references: Set[Reference],
        names: Names,
        flatten: Callable[[Lateral], Relation],
    ) -> None:
        self._references = references
        self._names = names
        self._flatten = flatten

    def pull(self, relation: Relation) -> Dependent | None:
        """Return the rows without the conditions, which are over their columns; None if it can't.

        The rows have the columns of `relation`, and more where a condition needs them.
        """
        if not depends(relation, self._references):
            return Dependent(relation)
        match relation:
            case Filter(input, predicate):
                return self._filter(self.pull(input), predicate)
            case Select(input, outputs):
                return self._select(self.pull(input), outputs)
            case Join():
                return self._join(relation)
            case Sort(input):
                return self.pull(input)
            case Lateral():
                return self.pull(self._flatten(relation))
        return self._keyed(relation)

    def keyed(self, relation: Relation) -> Keyed | None:
        """Return the rows with a column for each condition, all of which are equalities with it."""
        below = self.pull(relation)
        return None if below is None else self._with_keys(below, relation.schema.names)

    def _filter(self, below: Dependent | None, predicate: Expression) -> Dependent | None:
        if below is None:
            return None
        mine, others = self._divided(conjuncts(predicate))
        if any(map(is_correlated, mine)) or (below.conditions and any(map(may_raise, others))):
            return None
        return Dependent(filtered(below.relation, others), (*below.conditions, *mine))

    def _select(self, below: Dependent | None, outputs: tuple[Named, ...]) -> Dependent | None:
        if below is None or any(self._concerns(o.expression) for o in outputs):
            return None
        if below.conditions and any(may_raise(o.expression) for o in outputs):
            return None
        passed = {o.expression.name: o for o in outputs if isinstance(o.expression, Column)}
        added: dict[str, Named] = {}
        for name in sorted(_columns_of_all(below.conditions)):
            if name not in passed:
                column = column_of(below.relation, name)
                passed[name] = added[name] = Named(self._names.fresh(name), column)
        renamed = {name: _column_named(output) for name, output in passed.items()}
        return Dependent(
            Select(below.relation, (*outputs, *added.values())),
            tuple(substitute(each, renamed) for each in below.conditions),
        )

    def _join(self, join: Join) -> Dependent | None:
        inner = join.kind in (JoinKind.INNER, JoinKind.CROSS)
        if not inner and join.kind in (JoinKind.RIGHT, JoinKind.FULL):
            return None
        left, right = self.pull(join.left), self.pull(join.right)
        parts = conjuncts(join.predicate) if join.predicate is not None else ()
        mine, others = self._divided(parts)
        if left is None or right is None or any(map(is_correlated, mine)):
            return None
        if not inner and (mine or right.conditions):
            return None
        conditions = (*left.conditions, *right.conditions, *mine)
        if any(map(may_raise, others)):
            return None
        rest = conjunction(others) if others else None
        joined = replace(join, left=left.relation, right=right.relation, predicate=rest)
        return Dependent(joined, conditions)

    def _keyed(self, relation: Relation) -> Dependent | None:
        """Pull conditions through what looks at many rows: by their keys it looks at each alone."""
        expressions = expressions_of(relation)
        if any(map(self._concerns, expressions)) or not all(map(is_certain, expressions)):
            return None
        match relation:
            case Aggregate(input, [_, *_]) | Window(input) | Distinct(input):
                below = self.keyed(input)
                if below is None:
                    return None
                carried = carry(relation, below.relation, below.keys, lambda each: each)
                return Dependent(carried, below.conditions)
            case Limit(Sort(input, order)):
                return self._limited(self.keyed(input), order, relation)
            case Limit(input):
                return self._limited(self.keyed(input), (), relation)
        return None

    def _limited(
        self, below: Keyed | None, order: tuple[SortKey, ...], limit: Limit
    ) -> Dependent | None:
        if below is None or any(self._concerns(key.expression) for key in order):
            return None
        number = self._names.fresh("row")
        rows = numbered(below.relation, below.keys, order, number)
        return Dependent(first_rows(rows, number, limit), below.conditions)

    def _with_keys(self, below: Dependent, kept: tuple[str, ...]) -> Keyed | None:
        keys: dict[Expression, Named] = {}
        conditions: list[Expression] = []
        for condition in below.conditions:
            if not columns_of(condition):
                conditions.append(condition)
                continue
            sides = self._sides(condition)
            if sides is None:
                return None
            outer, inner = sides
            key = keys.setdefault(inner, Named(self._names.fresh("key"), inner))
            conditions.append(Call("equal", (outer, _column_named(key))))
        outputs = tuple(Named(name, column_of(below.relation, name)) for name in kept)
        relation = Select(below.relation, (*outputs, *keys.values()))
        return Keyed(relation, tuple(conditions), tuple(key.name for key in keys.values()))

    def _sides(self, condition: Expression) -> tuple[Expression, Expression] | None:
        """Return the outer and the inner side of an equality between them."""
        match condition:
            case Call("equal", (a, b)):
                for outer, inner in ((a, b), (b, a)):
                    if not columns_of(outer) and not self._concerns(inner):
                        return outer, inner
        return None

    def _divided(
        self, parts: Iterable[Expression]
    ) -> tuple[tuple[Expression, ...], tuple[Expression, ...]]:
        """Return the parts that hold the references, and the others."""
        parts = tuple(parts)
        mine = tuple(part for part in parts if self._concerns(part))
        return mine, tuple(part for part in parts if part not in mine)

    def _concerns(self, expression: Expression) -> bool:
        return any(each in self._references for each in references_in(expression))


class Pushing:
    """Carries a domain through a subquery: its rows for each row of the domain.

    Parameters
    ----------
    domain
        The different values of the references, each row once.
    known
        The column of the domain that holds the value of a reference.
    names
        Gives names to columns.
    flatten
        Makes a lateral join an ordinary one.
    """

    def __init__(
        self,
        domain: Relation,
        known: Mapping[Reference, Column],
        names: Names,
        flatten: Callable[[Lateral], Relation],
    ) -> None:
        self.domain = domain
        self.known = known
        self._names = names
        self._flatten = flatten

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns of the domain."""
        return self.domain.schema.names

    def push(self, relation: Relation) -> Relation:
        """Return the rows of a relation with the columns of the domain that they belong to."""
        if not depends(relation, self.known.keys()):
            return self.domain if is_unit(relation) else self._crossed(relation)
        match relation:
            case Filter(input, predicate):
                return Filter(self.push(input), self.replaced(predicate))
            case Select(input, outputs):
                below = self.push(input)
                return Select(below, (*plain(below, self.keys), *self._named(outputs)))
            case Join():
                return self._join(relation)
            case Aggregate(_, ()):
                return self._aggregate(relation)
            case SetOperation():
                return relation.with_inputs(self._side)
            case Explode():
                return relation.with_inputs(self.push)
            case Sort(input):
                return self.push(input)
            case Lateral():
                return self.push(self._flatten(relation))
            case Aggregate(input) | Window(input) | Distinct(input):
                return carry(relation, self.push(input), self.keys, self.replaced)
            case Limit(input):
                number = self._names.fresh("row")
                return first_rows(self._numbered(input, number), number, relation)
        raise Unsupported(f"{type(relation).__name__} in a correlated subquery")

    def replaced(self, expression: Expression) -> Expression:
        """Return an expression with columns of the domain in place of the references."""
        return replaced(expression, self.known)

    def _numbered(self, relation: Relation, number: str) -> Relation:
        """Return the rows of a relation with their numbers, in its order."""
        match relation:
            case Sort(input, order):
                keys = tuple(replace(k, expression=self.replaced(k.expression)) for k in order)
                return numbered(self.push(input), self.keys, keys, number)
            case Select(Sort() as input, outputs):
                below = self._numbered(input, number)
                return Select(below, (*plain(below, (*self.keys, number)), *self._named(outputs)))
        return numbered(self.push(relation), self.keys, (), number)

    def _crossed(self, relation: Relation) -> Relation:
        return Join(self.domain, relation, JoinKind.CROSS)

    def _named(self, outputs: tuple[Named, ...]) -> tuple[Named, ...]:
        return tuple(Named(o.name, self.replaced(o.expression)) for o in outputs)

    def _side(self, relation: Relation) -> Relation:
        pushed = self.push(relation)
        return Select(pushed, plain(pushed, (*self.keys, *relation.schema.names)))

    def _aggregate(self, aggregate: Aggregate) -> Relation:
        """Aggregate for each row of the domain, over nothing too."""
        below = self.push(aggregate.input)
        grouped: Relation = Aggregate(
            below, plain(below, self.keys), self._named(aggregate.aggregates)
        )
        again = {name: self._names.fresh(name) for name in self.keys}
        grouped = renamed(grouped, again)
        every = joined(
            self.domain,
            grouped,
            JoinKind.LEFT,
            tuple(
                same(column_of(self.domain, name), column_of(grouped, other))
                for name, other in again.items()
            ),
        )
        values = tuple(
            Named(each.name, over_nothing(each.expression, column_of(every, each.name)))
            for each in aggregate.aggregates
        )
        return Select(every, (*plain(every, self.keys), *values))

    def _join(self, join: Join) -> Relation:
        left_only = not depends(join.right, self.known.keys())
        right_only = not depends(join.left, self.known.keys())
        on_right = join.kind is JoinKind.RIGHT or (
            join.kind in (JoinKind.INNER, JoinKind.CROSS) and right_only and not left_only
        )
        predicate = None if join.predicate is None else self.replaced(join.predicate)
        kind = JoinKind.INNER if join.kind is JoinKind.CROSS and predicate else join.kind
        if join.kind is not JoinKind.FULL:
            if on_right and right_only:
                return replace(join, right=self.push(join.right), predicate=predicate, kind=kind)
            if not on_right and left_only:
                return replace(join, left=self.push(join.left), predicate=predicate, kind=kind)
        return self._both(join, predicate, on_right=on_right)

    def _both(self, join: Join, predicate: Expression | None, *, on_right: bool) -> Relation:
        """Push the domain into both sides, and join what belongs to the same row of it."""
        if join.kind is JoinKind.ASOF:
            raise Unsupported("an ASOF JOIN with a correlated subquery")
        again = {name: self._names.fresh(name) for name in self.keys}
        other = Pushing(
            renamed(self.domain, again),
            {
                reference: replace(column, name=again[column.name])
                for reference, column in self.known.items()
            },
            self._names,
            self._flatten,
        )
        left = (other if on_right else self).push(join.left)
        right = (self if on_right else other).push(join.right)
        mine, theirs = (right, left) if on_right else (left, right)
        conditions = [
            same(column_of(mine, name), column_of(theirs, copy)) for name, copy in again.items()
        ]
        if predicate is not None:
            conditions.append(predicate)
        kind = JoinKind.INNER if join.kind is JoinKind.CROSS else join.kind
        result = joined(left, right, kind, tuple(conditions), join.on)
        outputs = plain(result, join.schema.names)
        if join.kind is not JoinKind.FULL:
            return Select(result, (*plain(result, self.keys), *outputs))
        found = (
            Named(name, call("coalesce", column_of(result, name), column_of(result, copy)))
            for name, copy in again.items()
        )
        return Select(result, (*found, *outputs))


def depends(relation: Relation, references: Set[Reference]) -> bool:
    """Say whether some of the references are free in a relation."""
    return any(each in references for each in free_references(relation))


def is_unit(relation: Relation) -> bool:
    """Say whether a relation is the one row without columns of a SELECT without FROM."""
    return isinstance(relation, Values) and relation.rows == ((),)


def is_certain(expression: Expression) -> bool:
    """Say whether an expression may be evaluated for values that no row around has."""
    match expression:
        case Call("sum", (arg,)) if isinstance(arg.type, Decimal):
            return arg.type.precision <= _CERTAIN_DIGITS and not may_raise(arg)
    return not may_raise(expression)


def carry(
    relation: Relation,
    below: Relation,
    keys: tuple[str, ...],
    change: Callable[[Expression], Expression],
) -> Relation:
    """Return what looks at many rows so that it looks at those of each value of `keys` apart.

    Parameters
    ----------
    relation
        An aggregate by keys, a window or a distinct.
    below
        Its input, with the columns that `keys` names.
    keys
        The columns to carry.
    change
        Changes its expressions for the new input.
    """

    def named(outputs: tuple[Named, ...]) -> tuple[Named, ...]:
        return tuple(Named(o.name, change(o.expression)) for o in outputs)

    match relation:
        case Aggregate(_, grouping, aggregates):
            return Aggregate(below, (*plain(below, keys), *named(grouping)), named(aggregates))
        case Window(_, outputs):
            by = tuple(column_of(below, key) for key in keys)
            return Window(below, tuple(_partitioned(each, by) for each in named(outputs)))
        case Distinct(input, on) if not on:
            return Distinct(Select(below, plain(below, (*keys, *input.schema.names))))
        case Distinct(_, on):
            return Distinct(below, (*keys, *on))
    raise Unsupported(f"{type(relation).__name__} in a correlated subquery")


def _partitioned(output: Named, by: tuple[Expression, ...]) -> Named:
    found = output.expression
    assert isinstance(found, WindowCall)  # noqa: S101  # what a window's outputs are
    return Named(output.name, replace(found, partition_by=(*by, *found.partition_by)))


def numbered(
    relation: Relation, keys: tuple[str, ...], order: tuple[SortKey, ...], name: str
) -> Relation:
    """Return the rows with a column that counts them, for each value of `keys` apart."""
    by = tuple(column_of(relation, key) for key in keys)
    return Window(relation, (Named(name, WindowCall("row_number", (), by, order)),))


def first_rows(rows: Relation, number: str, limit: Limit) -> Relation:
    """Return the numbered rows that a limit keeps, without their numbers."""
    position = column_of(rows, number)
    parts = []
    if limit.offset:
        parts.append(call("greater", position, literal(limit.offset)))
    if limit.count is not None:
        parts.append(call("less_equal", position, literal(limit.offset + limit.count)))
    kept = tuple(name for name in rows.schema.names if name != number)
    return Select(filtered(rows, tuple(parts)), plain(rows, kept))


def over_nothing(aggregate: Expression, column: Expression) -> Expression:
    """Return a column with an aggregate's value over no rows where the column is NULL."""
    if not isinstance(aggregate, Call) or aggregate.row.nulls is not Nulls.NEVER:
        return column
    if aggregate.type != INT64:
        raise Unsupported(f"{aggregate.function} in a correlated subquery")
    return call("coalesce", column, Literal(0, INT64))


def filtered(relation: Relation, parts: tuple[Expression, ...]) -> Relation:
    """Return the rows for which all parts are true."""
    return Filter(relation, conjunction(parts)) if parts else relation


def plain(relation: Relation, names: Iterable[str]) -> tuple[Named, ...]:
    """Return columns of a relation as outputs under their own names."""
    return tuple(Named(name, column_of(relation, name)) for name in names)


def renamed(relation: Relation, names: Mapping[str, str]) -> Relation:
    """Return a relation with other names for some columns."""
    return Select(
        relation,
        tuple(
            Named(names.get(f.name, f.name), Column(f.name, f.type, f.nullable))
            for f in relation.schema
        ),
    )


def column_of(relation: Relation, name: str) -> Column:
    """Return the expression for a column of a relation."""
    return _column(relation.schema[name])


def _column(field: Field) -> Column:
    return Column(field.name, field.type, field.nullable)


def _column_named(output: Named) -> Column:
    return Column(output.name, output.expression.type, output.expression.nullable)


def _columns_of_all(expressions: Iterable[Expression]) -> frozenset[str]:
    return frozenset().union(*map(columns_of, expressions))


def same(a: Expression, b: Expression) -> Expression:
    """Return the condition that two values are the same, NULL being one of them."""
    if a.nullable:
        return call("not", call("is_distinct", a, b))
    return call("equal", a, b)


def joined(
    left: Relation,
    right: Relation,
    kind: JoinKind,
    conditions: Iterable[Expression],
    on: tuple[tuple[str, str], ...] = (),
) -> Relation:
    """Return a join; equalities between a column of each side become keys."""
    pairs = list(on)
    rest: list[Expression] = []
    for condition in conditions:
        match condition:
            case Call("equal", (Column(a, one), Column(b, other))) if one == other:
                if a in left.schema and b in right.schema:
                    pairs.append((a, b))
                    continue
                if b in left.schema and a in right.schema:
                    pairs.append((b, a))
                    continue
        rest.append(condition)
    if not pairs and not rest and kind is JoinKind.INNER:
        kind = JoinKind.CROSS
    return Join(
        left, right, kind, tuple(dict.fromkeys(pairs)), conjunction(tuple(rest)) if rest else None
    )
