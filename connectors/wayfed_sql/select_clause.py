"""The clauses of one SELECT after FROM, in the order of their meaning.

WHERE, GROUP BY, HAVING, window functions, outputs, DISTINCT, ORDER BY, LIMIT. Expressions are
bound over the FROM clause first; what is grouped or windowed is then replaced by the column that
holds it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import expressions as exp

from wayfed_optimizer.errors import InvalidSql, TypeMismatch, Unsupported
from wayfed_optimizer.expressions import (
    Column,
    Expression,
    Literal,
    Named,
    SortKey,
    WindowCall,
    call,
    literal,
    walk,
)
from wayfed_optimizer.relations import (
    Distinct,
    Explode,
    Filter,
    Relation,
    Select,
    Sort,
    Window,
)
from wayfed_optimizer.types import INT32, NULL
from wayfed_sql.expression_binder import ExpressionBinder
from wayfed_sql.grouping import Groups, needs_groups
from wayfed_sql.nested import list_of
from wayfed_sql.sql_nodes import position, require, written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wayfed_optimizer.node import Node
    from wayfed_sql.binder import Binder
    from wayfed_sql.scope import Scope

_CLAUSES = (
    "expressions",
    "from_",
    "joins",
    "where",
    "group",
    "having",
    "windows",
    "qualify",
    "distinct",
    "order",
    "limit",
    "offset",
)


@dataclass(slots=True)
class _Output:
    name: str
    expression: Expression
    alias: str | None = None
    unnested: bool = False
    column: str | None = None

    @property
    def called(self) -> str | None:
        """The name by which ORDER BY knows it: its alias, or the column's that it is."""
        return self.alias or self.column


class SelectClause:
    """Binds one SELECT over the scope of its FROM clause."""

    def __init__(self, binder: Binder, node: exp.Select, scope: Scope) -> None:
        require(node, *_CLAUSES)
        self._binder = binder
        self._node = node
        self._scope = scope
        named = {w.this.name.lower(): w for w in node.args.get("windows") or ()}
        self._expressions = ExpressionBinder(scope, binder.query, named)

    def bind(self) -> Relation:
        """Return the relation that the SELECT means."""
        outputs = self._outputs()
        relation = self._where(self._scope.relation)
        having = self._condition("having")
        qualify = self._condition("qualify")
        keys = self._order_keys(outputs)
        roots = [o.expression for o in outputs] + [k.expression for k in keys]
        roots += [each for each in (having, qualify) if each is not None]
        group = self._node.args.get("group")
        if group is not None or having is not None or any(needs_groups(root) for root in roots):
            relation, change = self._group(relation, group, outputs, roots)
            outputs = [replace(o, expression=change(o.expression)) for o in outputs]
            keys = [_with_expression(key, change(key.expression)) for key in keys]
            having = change(having) if having is not None else None
            qualify = change(qualify) if qualify is not None else None
        if having is not None:
            relation = Filter(relation, having)
        relation, outputs, keys, qualify = _windowed(relation, outputs, keys, qualify)
        if qualify is not None:
            relation = Filter(relation, qualify)
        return self._finish(relation, outputs, keys)

    def _where(self, relation: Relation) -> Relation:
        where = self._node.args.get("where")
        if where is None:
            return relation
        condition = self._expressions.bind(where.this)
        if needs_groups(condition):
            raise InvalidSql("WHERE looks at single rows", hint="HAVING looks at groups")
        if any(isinstance(each, WindowCall) for each in walk(condition)):
            raise InvalidSql("WHERE comes before windows", hint="QUALIFY comes after them")
        return Filter(relation, condition)

    def _outputs(self) -> list[_Output]:
        found: list[_Output] = []
        for node in self._node.expressions:
            if isinstance(node, exp.Star):
                found.extend(self._star(node, None))
            elif isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
                found.extend(self._star(node.this, node.table))
            elif (listed := list_of(node)) is not None:
                alias = node.alias or None
                bound = self._expressions.bind(listed)
                found.append(_Output(alias or "unnest", bound, alias, unnested=True))
            elif isinstance(node, exp.Alias):
                alias = node.alias
                found.append(_Output(alias, self._expressions.bind(node.this), alias))
                self._expressions.aliases.setdefault(alias.lower(), found[-1].expression)
            else:
                column = str(node.name) if isinstance(node, exp.Column) else None
                bound = self._expressions.bind(node)
                found.append(_Output(_name_of(node), bound, column=column))
        taken: set[str] = set()
        for output in found:
            output.name = _unused(output.name, taken)
            taken.add(output.name)
        return found

    def _star(self, star: exp.Star, table: str | None) -> list[_Output]:
        require(star, "except_", "replace")
        excluded = {column.name.lower() for column in star.args.get("except_") or ()}
        replaced = {a.alias.lower(): a.this for a in star.args.get("replace") or ()}
        columns = self._scope.star(table, where=lambda: position(star))
        if unknown := (excluded | set(replaced)) - {c.name.lower() for c in columns}:
            raise InvalidSql(
                f"* has no column '{min(unknown)}'", available=[c.name for c in columns]
            )
        return [
            _Output(
                column.name,
                self._expressions.bind(replaced[column.name.lower()])
                if column.name.lower() in replaced
                else column.value,
            )
            for column in columns
            if column.name.lower() not in excluded
        ]

    def _condition(self, clause: str) -> Expression | None:
        node = self._node.args.get(clause)
        return None if node is None else self._expressions.bind(node.this)

    def _order_keys(self, outputs: list[_Output]) -> list[SortKey]:
        order = self._node.args.get("order")
        keys: list[SortKey] = []
        for node in order.expressions if order else ():
            flags = bool(node.args.get("desc")), bool(node.args.get("nulls_first"))
            is_all = isinstance(node.this, exp.Var) and node.this.name.upper() == "ALL"
            if is_all or isinstance(node.this, exp.Star):
                keys.extend(SortKey(output.expression, *flags) for output in outputs)
            else:
                keys.append(SortKey(self._output_or_expression(node.this, outputs), *flags))
        return keys

    def _output_or_expression(self, node: exp.Expr, outputs: Sequence[_Output]) -> Expression:
        """Return what ORDER BY means: an output by number or alias, or else an expression."""
        from wayfed_sql.binder import ordinal

        index = ordinal(node, len(outputs))
        if index is not None:
            return outputs[index].expression
        if isinstance(node, exp.Column) and not node.table:
            named = [o for o in outputs if o.called and o.called.lower() == node.name.lower()]
            found = [o for o in named if o.alias] or named
            if len({o.expression for o in found}) == 1 or (found and found[0].alias):
                return found[0].expression
        return self._expressions.bind(node)

    def _group(
        self,
        relation: Relation,
        group: exp.Group | None,
        outputs: Sequence[_Output],
        roots: Sequence[Expression],
    ) -> tuple[Relation, Callable[[Expression], Expression]]:
        """Return the groups, and what replaces what they hold in an expression."""
        groups = Groups.of(
            group, [o.expression for o in outputs], lambda node: self._group_key(node, outputs)
        )
        for root in roots:
            groups.add(root)
        grouped = groups.over(relation)
        return grouped, groups.seen_by(grouped)

    def _group_key(self, node: exp.Expr, outputs: Sequence[_Output]) -> Expression:
        """Return what GROUP BY means: an output by number, a column, or an alias."""
        from wayfed_sql.binder import ordinal

        index = ordinal(node, len(outputs))
        return self._expressions.bind(node) if index is None else outputs[index].expression

    def _finish(self, relation: Relation, outputs: list[_Output], keys: list[SortKey]) -> Relation:
        from wayfed_sql.binder import limited

        distinct = self._node.args.get("distinct")
        if distinct is not None and distinct.args.get("on"):
            return self._distinct_on(relation, outputs, keys, distinct)
        by_output = {o.expression: o.name for o in reversed(outputs)}
        hidden: dict[Expression, str] = {}
        taken = {o.name for o in outputs}
        for key in keys:
            if key.expression not in by_output and key.expression not in hidden:
                name = _unused(f"order {len(hidden) + 1}", taken)
                hidden[key.expression] = name
        if hidden and distinct is not None:
            raise InvalidSql(f"with DISTINCT, ORDER BY {next(iter(hidden))} must be an output")
        named = [Named(o.name, _typed(o.expression)) for o in outputs]
        result: Relation = Select(
            relation, (*named, *(Named(name, _typed(e)) for e, name in hidden.items()))
        )
        result = _unnested(result, outputs)
        if distinct is not None:
            result = Distinct(result)
        if keys:
            names = {**hidden, **by_output}
            result = Sort(
                result,
                tuple(
                    _with_expression(key, _column(result, names[key.expression])) for key in keys
                ),
            )
        result = limited(result, self._node)
        if hidden:
            kept = tuple(Named(o.name, _column(result, o.name)) for o in outputs)
            result = Select(result, kept)
        return result

    def _distinct_on(
        self,
        relation: Relation,
        outputs: list[_Output],
        keys: list[SortKey],
        distinct: exp.Expr,
    ) -> Relation:
        """Keep the first row, in the order of ORDER BY, for each value of some expressions."""
        from wayfed_sql.binder import limited

        if any(output.unnested for output in outputs):
            raise Unsupported("UNNEST with DISTINCT ON", hint="unnest the list behind FROM")
        on = distinct.args["on"]
        chosen = [self._output_or_expression(node, outputs) for node in on.expressions]
        names = {o.expression: o.name for o in reversed(outputs)}
        taken = {o.name for o in outputs}
        for each in (*chosen, *(key.expression for key in keys)):
            names.setdefault(each, _unused(f"key {len(names)}", taken))
        every = {**{o.name: o.expression for o in outputs}, **{n: e for e, n in names.items()}}
        result: Relation = Select(
            relation, tuple(Named(name, _typed(each)) for name, each in every.items())
        )
        order = tuple(_with_expression(key, _column(result, names[key.expression])) for key in keys)
        partition = tuple(_column(result, names[each]) for each in chosen)
        if order:
            number = _unused("row number", set(every))
            result = Window(
                result, (Named(number, WindowCall("row_number", (), partition, order)),)
            )
            result = Filter(result, call("equal", _column(result, number), literal(1)))
            result = Sort(result, order)
        else:
            result = Distinct(result, tuple(column.name for column in partition))
        result = limited(result, self._node)
        if len(result.schema) == len(outputs):
            return result
        return Select(result, tuple(Named(o.name, _column(result, o.name)) for o in outputs))


def _windowed(
    relation: Relation,
    outputs: list[_Output],
    keys: list[SortKey],
    qualify: Expression | None,
) -> tuple[Relation, list[_Output], list[SortKey], Expression | None]:
    """Compute window functions first, and replace them by the columns that hold them."""
    roots = [o.expression for o in outputs] + [k.expression for k in keys]
    roots += [qualify] if qualify is not None else []
    found: dict[Expression, str] = {}
    for root in roots:
        for each in walk(root):
            if isinstance(each, WindowCall):
                if any(isinstance(inner, WindowCall) for arg in each.args for inner in walk(arg)):
                    raise InvalidSql(f"{each} holds another window function")
                found.setdefault(
                    each, _unused(f"window {len(found) + 1}", set(relation.schema.names))
                )
    if not found:
        return relation, outputs, keys, qualify
    window = Window(relation, tuple(Named(name, each) for each, name in found.items()))

    def change(node: Node) -> Node:
        if isinstance(node, Expression) and node in found:
            return _column(window, found[node])
        return node.map_nodes(change) if not isinstance(node, Relation) else node

    def changed(expression: Expression) -> Expression:
        result = change(expression)
        if not isinstance(result, Expression):
            raise TypeMismatch(f"{expression} is no expression")
        return result

    return (
        window,
        [replace(o, expression=changed(o.expression)) for o in outputs],
        [_with_expression(key, changed(key.expression)) for key in keys],
        changed(qualify) if qualify is not None else None,
    )


def _unnested(relation: Relation, outputs: Sequence[_Output]) -> Relation:
    """Return a row for each element of the list that an output of UNNEST holds."""
    names = [output.name for output in outputs if output.unnested]
    if len(names) > 1:
        raise Unsupported("several UNNESTs in one SELECT", hint="unnest one list behind FROM")
    return Explode(relation, names[0]) if names else relation


def _with_expression(key: SortKey, expression: Expression) -> SortKey:
    return SortKey(expression, key.descending, key.nulls_first)


def _column(relation: Relation, name: str) -> Column:
    found = relation.schema[name]
    return Column(found.name, found.type, found.nullable)


def _typed(expression: Expression) -> Expression:
    """Return an output; a bare NULL, which has no type, is an int32."""
    return Literal(None, INT32) if expression.type == NULL else expression


def _unused(name: str, taken: set[str]) -> str:
    wanted, number = name, 1
    while wanted in taken:
        number += 1
        wanted = f"{name}_{number}"
    return wanted


def _name_of(node: exp.Expr) -> str:
    """Return the name of an output without an alias: a column's own, or the expression's text."""
    if isinstance(node, exp.Column):
        return str(node.name)
    return written(node, functions="lower")
