"""The rows of a query that values of its correlated subqueries are joined to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.coercion import is_ordered
from wayfed_optimizer.expressions import (
    Call,
    Case,
    Column,
    Expression,
    Literal,
    Named,
    call,
    case,
    columns_of,
    literal,
    may_raise,
    substitute,
)
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    JoinKind,
    Relation,
    Select,
)
from wayfed_optimizer.types import BOOL
from wayfed_sql.correlation import (
    Correlated,
    Form,
    Outer,
    Reference,
    changed,
    is_correlated,
    references_in,
    replaced,
)
from wayfed_sql.dependence import (
    Dependent,
    Keyed,
    Pulling,
    Pushing,
    column_of,
    filtered,
    is_certain,
    joined,
    over_nothing,
    plain,
    renamed,
    same,
)
from wayfed_sql.expression_printer import has_one_row
from wayfed_sql.subquery_shapes import (
    Head,
    fails,
    head_of,
    is_restricted,
    narrowed,
    rows_only,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from wayfed_optimizer.node import Node
    from wayfed_sql.unnesting import Unnesting

_EXTREMES: Final = {
    "less": "max",
    "less_equal": "max",
    "greater": "min",
    "greater_equal": "min",
}
"""What decides a comparison with any of several values: x < ANY of them where x < the greatest."""


class QueryRows:
    """The rows of a query, to which columns are joined that its expressions need."""

    def __init__(self, unnesting: Unnesting, relation: Relation) -> None:
        self.relation = relation
        self._unnesting = unnesting
        self._names = unnesting.names
        self._guards: tuple[Expression, ...] = ()
        self._values: dict[tuple[Correlated, tuple[Expression, ...]], Expression] = {}

    def value(self, expression: Expression) -> Expression:
        """Return an expression over the rows, with columns in place of correlated subqueries."""
        return changed(expression, self._change)

    def _change(self, node: Node) -> Node:
        if isinstance(node, Relation):
            return node
        if isinstance(node, Case) and is_correlated(node):
            return self._case(node)
        node = node.map_nodes(self._change)
        if not isinstance(node, Correlated):
            return node
        if not fails(node.relation):
            return self._known_value(node, ())
        return self._known_value(node, self._guards)

    def _known_value(self, node: Correlated, guards: tuple[Expression, ...]) -> Expression:
        if (node, guards) not in self._values:
            self._guards, before = guards, self._guards
            self._values[node, guards] = self._found(node)
            self._guards = before
        return self._values[node, guards]

    def _case(self, node: Case) -> Expression:
        """Change the branches, and compute for each only what belongs to rows that come to it."""
        before = self._guards
        branches = []
        for condition, value in node.branches:
            test = self.value(condition)
            reached = self._guards
            self._guards = (*reached, test)
            branches.append((test, self.value(value)))
            self._guards = (*reached, call("not", call("coalesce", test, literal(False))))
        otherwise = self.value(node.otherwise)
        self._guards = before
        return Case(tuple(branches), otherwise)

    @property
    def _reached(self) -> Relation:
        """The rows that come to what is computed."""
        relation = self.relation
        for guard in self._guards:
            relation = Filter(relation, guard)
        return relation

    def _found(self, node: Correlated) -> Expression:
        match node.form:
            case Form.VALUE:
                return self._single(node)
            case Form.EXISTS:
                return self._exists(node)
            case Form.ANY:
                return self._any(node)

    def keep(self, part: Expression) -> bool:
        """Keep the rows for which a condition holds by a semi or anti join, if one can say it."""
        negated = isinstance(part, Call) and part.function == "not"
        found = part.args[0] if isinstance(part, Call) and negated else part
        if not isinstance(found, Correlated) or not found.references:
            return False
        if found.form is Form.VALUE:
            return False
        if found.form is Form.EXISTS:
            if head_of(found.relation) is not None:
                return False
            found = replace(found, relation=rows_only(found.relation))
        args = tuple(map(self.value, found.args))
        again = {name: self._names.fresh(name) for name in found.relation.schema.names}
        below = self.dependent(found.relation, _known(found), again)
        conditions = below.conditions
        if args:
            columns = [column_of(below.relation, name) for name in again.values()]
            test = comparison(found.comparison, args, columns)
            if negated and test.nullable:
                test = call("coalesce", test, literal(True))
            conditions = (*conditions, test)
        kind = JoinKind.ANTI if negated else JoinKind.SEMI
        self.relation = joined(self.relation, below.relation, kind, conditions)
        return True

    def dependent(
        self, relation: Relation, values: Mapping[Reference, Expression], names: Mapping[str, str]
    ) -> Dependent:
        """Return the rows of a subquery beside these, and the conditions for who belongs to whom.

        Its columns get new names, by `names`; those that no name is given for get one of their own.
        """
        found = self._pulling(values).pull(relation)
        if found is None:
            pushing, values = self._pushing(values)
            found = Dependent(
                pushing.push(relation),
                tuple(
                    same(value, column_of(pushing.domain, pushing.known[reference].name))
                    for reference, value in values.items()
                ),
            )
            again = {n: names.get(n, n) for n in found.relation.schema.names}
            return Dependent(self._visited(renamed(found.relation, again)), found.conditions)
        again = {n: names.get(n) or self._names.fresh(n) for n in found.relation.schema.names}
        theirs = renamed(found.relation, again)
        moved = {old: column_of(theirs, new) for old, new in again.items()}
        conditions = tuple(replaced(substitute(each, moved), values) for each in found.conditions)
        return Dependent(self._visited(theirs), conditions)

    def _keyed(
        self, relation: Relation, values: Mapping[Reference, Expression], *, pulled: bool = True
    ) -> tuple[Keyed, Callable[[Expression], Expression]]:
        """Return the rows of a subquery with keys, and what their references are among them."""
        found = self._pulling(values).keyed(relation) if pulled or not values else None
        guarded = found is not None and self._guards and any(map(may_raise, found.conditions))
        if found is not None and not guarded:
            conditions = tuple(replaced(each, values) for each in found.conditions)
            return replace(found, conditions=conditions, pulled=True), lambda each: each
        pushing, values = self._pushing(values)
        conditions = tuple(
            same(value, pushing.known[reference]) for reference, value in values.items()
        )
        return Keyed(pushing.push(relation), conditions, pushing.keys), pushing.replaced

    def _pulling(self, values: Mapping[Reference, Expression]) -> Pulling:
        return Pulling(values.keys(), self._names, self._unnesting.flat)

    def _pushing(
        self, values: Mapping[Reference, Expression]
    ) -> tuple[Pushing, Mapping[Reference, Column]]:
        """Make each value a column, and their different values the domain."""
        added: dict[Expression, Named] = {}
        columns: dict[Reference, Column] = {}
        for reference, value in values.items():
            if isinstance(value, Column):
                columns[reference] = value
            else:
                named = added.setdefault(value, Named(self._names.fresh("outer"), value))
                columns[reference] = Column(named.name, value.type, value.nullable)
        if added:
            own = plain(self.relation, self.relation.schema.names)
            self.relation = Select(self.relation, (*own, *added.values()))
        again = {column.name: self._names.fresh(column.name) for column in columns.values()}
        chosen = Select(self._reached, plain(self.relation, again))
        domain = Distinct(renamed(chosen, again))
        known = {ref: column_of(domain, again[column.name]) for ref, column in columns.items()}
        return Pushing(domain, known, self._names, self._unnesting.flat), columns

    def _visited(self, relation: Relation) -> Relation:
        return self._unnesting.visit(relation)

    def _join(self, relation: Relation, conditions: Iterable[Expression]) -> None:
        """Join rows of which each of these has one at most."""
        conditions = tuple(conditions)
        kind = JoinKind.LEFT if conditions else JoinKind.CROSS
        self.relation = joined(self.relation, self._visited(relation), kind, conditions)

    def _single(self, node: Correlated) -> Expression:
        """Return the value of the one row of a subquery, NULL where it has none."""
        known = _known(node)
        head = head_of(node.relation)
        if head is not None:
            (value,) = head.outputs.values()
            if head.condition is not None:
                value = case(((head.condition, value),))
            return self._computed(head, value, known)
        (output,) = node.relation.schema
        found, _ = self._keyed(node.relation, known)
        value_name = self._names.fresh(output.name)
        value = column_of(found.relation, output.name)
        keys = plain(found.relation, found.keys)
        if has_one_row(node.relation):
            self._join(Select(found.relation, (*keys, Named(value_name, value))), found.conditions)
            return column_of(self.relation, value_name)
        count = self._names.fresh("rows")
        some = call("min" if is_ordered(value.type) else "any_value", value)
        grouped = Aggregate(
            found.relation, keys, (Named(value_name, some), Named(count, call("count")))
        )
        self._join(grouped, found.conditions)
        return call(
            "single_value", column_of(self.relation, value_name), column_of(self.relation, count)
        )

    def _exists(self, node: Correlated) -> Expression:
        """Return whether a subquery has rows, as a value."""
        known = _known(node)
        head = head_of(node.relation)
        if head is not None:
            condition = head.condition
            if condition is None:
                return literal(True)
            return self._computed(head, call("coalesce", condition, literal(False)), known)
        found, _ = self._keyed(rows_only(node.relation), known)
        count = self._names.fresh("rows")
        keys = plain(found.relation, found.keys)
        self._join(
            Aggregate(found.relation, keys, (Named(count, call("count")),)), found.conditions
        )
        rows = call("coalesce", column_of(self.relation, count), literal(0))
        return call("greater", rows, literal(0))

    def _any(self, node: Correlated) -> Expression:
        """Return whether a comparison holds for any row of a subquery, in three-valued logic."""
        columns = [column_of(node.relation, name) for name in node.relation.schema.names]
        known = dict(_known(node))
        (arg, *others) = node.args
        if node.comparison in _EXTREMES and not others and is_ordered(columns[0].type):
            return self._beyond(node, arg, columns[0], known)
        compared: list[Expression] = []
        for index, each in enumerate(node.args):
            own = Reference(-1 - index, each)
            known[own] = each
            compared.append(Outer(own))
        test = comparison(node.comparison, compared, columns)
        counts = (
            Named("true", call("count_if", test)),
            Named("unknown", call("count_if", call("is_null", test))),
        )
        found = self._aggregated(node.relation, counts, known)
        return case(
            (
                (call("greater", found["true"], literal(0)), literal(True)),
                (call("greater", found["unknown"], literal(0)), Literal(None, BOOL)),
            ),
            literal(False),
        )

    def _beyond(
        self,
        node: Correlated,
        arg: Expression,
        column: Column,
        known: Mapping[Reference, Expression],
    ) -> Expression:
        """Return whether a value is above, or below, any of the rows of a subquery."""
        aggregates = (
            Named("extreme", call(_EXTREMES[node.comparison], column)),
            Named("rows", call("count")),
            Named("values", call("count", column)),
        )
        found = self._aggregated(node.relation, aggregates, known)
        nulls = call("greater", found["rows"], found["values"])
        return case(
            (
                (call(node.comparison, arg, found["extreme"]), literal(True)),
                (call("equal", found["rows"], literal(0)), literal(False)),
                (call("or", call("is_null", arg), nulls), Literal(None, BOOL)),
            ),
            literal(False),
        )

    def _aggregated(
        self,
        relation: Relation,
        aggregates: tuple[Named, ...],
        known: Mapping[Reference, Expression],
    ) -> dict[str, Expression]:
        """Aggregate the rows that a subquery has for each row; return the values by name."""
        free = any(each in known for a in aggregates for each in references_in(a.expression))
        certain = all(is_certain(a.expression) for a in aggregates)
        found, change = self._keyed(relation, known, pulled=not free)
        if found.pulled and (not certain or is_restricted(self.relation)):
            found = self._reduced(found, exactly=not certain)
        fresh = {a.name: self._names.fresh(a.name) for a in aggregates}
        grouped = Aggregate(
            found.relation,
            plain(found.relation, found.keys),
            tuple(Named(fresh[a.name], change(a.expression)) for a in aggregates),
        )
        self._join(grouped, found.conditions)
        return {
            a.name: over_nothing(a.expression, column_of(self.relation, fresh[a.name]))
            for a in aggregates
        }

    def _reduced(self, found: Keyed, *, exactly: bool) -> Keyed:
        """Leave out rows of a subquery that belong to no row here.

        Where it need not be all of them, the one table here that decides most is asked, and not
        all that it is joined with.
        """
        pairs: list[tuple[str, Named]] = []
        others: list[Expression] = []
        for condition in found.conditions:
            match condition:
                case Call("equal", (outer, Column(key))) if key in found.keys:
                    pairs.append((key, Named(self._names.fresh(key), outer)))
                case _:
                    others.append(condition)
        outputs = tuple(named for _, named in pairs)
        rows = filtered(self._reached, tuple(others))
        if not exactly:
            used = frozenset[str]().union(*(columns_of(named.expression) for named in outputs))
            near = narrowed(rows, used)
            rows = near if is_restricted(near) else rows
        mine = Select(rows, outputs)
        on = tuple((key, named.name) for key, named in pairs)
        return replace(found, relation=Join(found.relation, mine, JoinKind.SEMI, on))

    def _computed(
        self, head: Head, value: Expression, known: Mapping[Reference, Expression]
    ) -> Expression:
        """Return what a subquery of one row makes of its aggregates."""
        found: dict[str, Expression] = {}
        if head.aggregate is not None:
            found = self._aggregated(head.aggregate.input, head.aggregate.aggregates, known)
        return self.value(replaced(substitute(value, found), known))


def comparison(name: str, args: Sequence[Expression], columns: Sequence[Expression]) -> Expression:
    """Return the comparison of rows, in three-valued logic."""
    tests = [call(name, a, b) for a, b in zip(args, columns, strict=True)]
    if len(tests) == 1:
        return tests[0]
    return call("or" if name == "not_equal" else "and", *tests)


def _known(node: Correlated) -> dict[Reference, Expression]:
    return dict(zip(node.references, node.values, strict=True))
