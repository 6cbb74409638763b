"""FROM: tables, subqueries and joins to one relation and the names that lead to its columns."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlglot import expressions as exp

from wayfed_optimizer.errors import InvalidSql, Unsupported
from wayfed_optimizer.expressions import (
    Call,
    Column,
    Expression,
    call,
    columns_of,
    conjunction,
    conjuncts,
)
from wayfed_optimizer.relations import Filter, Join, JoinKind, Values
from wayfed_optimizer.types import Schema, is_numeric
from wayfed_sql.correlation import Lateral, free_references
from wayfed_sql.expression_binder import ExpressionBinder
from wayfed_sql.nested import TRUE, is_true, is_unnest, unnest
from wayfed_sql.scope import Scope, Visible, same
from wayfed_sql.sql_nodes import position, refuse, require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wayfed_sql.binder import Binder

_SIDES: Final[Mapping[str, JoinKind]] = MappingProxyType(
    {
        "": JoinKind.INNER,
        "INNER": JoinKind.INNER,
        "LEFT": JoinKind.LEFT,
        "RIGHT": JoinKind.RIGHT,
        "FULL": JoinKind.FULL,
        "SEMI": JoinKind.SEMI,
        "ANTI": JoinKind.ANTI,
        "CROSS": JoinKind.CROSS,
    }
)


class FromClause:
    """Binds the FROM clause of one SELECT.

    Parameters
    ----------
    binder
        Binds the subqueries in it, and knows the tables.
    outer
        The scope of the query around, if there is one.
    """

    def __init__(self, binder: Binder, outer: Scope | None) -> None:
        self._binder = binder
        self._outer = outer
        self._depth = 0 if outer is None else outer.depth + 1

    def bind(self, select: exp.Select) -> Scope:
        """Return the scope that the other clauses of a SELECT see."""
        source = select.args.get("from_")
        if source is None:
            return Scope(Values(Schema(()), ((),)), (), self._outer)
        groups = [self._source(source.this, ())]
        for join in select.args.get("joins") or ():
            if is_unnest(join.this):
                groups = [self._unnested(self._product(groups), join)]
            elif _is_comma(join):
                right = self._source(join.this, _names(groups), self._before(groups))
                if self._is_lateral(right):
                    groups = [self._paired(self._product(groups), right, JoinKind.INNER, ())]
                else:
                    groups.append(right)
            else:
                groups = self._join(groups, join, _names(groups))
        return self._product(groups)

    def _before(self, groups: Sequence[Scope]) -> Scope:
        """Return what a subquery in FROM sees: the tables before it, then the queries around."""
        columns = tuple(column for scope in groups for column in scope.columns)
        return Scope(groups[-1].relation, columns, self._outer, beside=True)

    def _is_lateral(self, scope: Scope) -> bool:
        return any(each.depth == self._depth for each in free_references(scope.relation))

    def _product(self, groups: Sequence[Scope]) -> Scope:
        scope = groups[0]
        for other in groups[1:]:
            scope = self._paired(scope, other, JoinKind.CROSS, ())
        return replace(scope, outer=self._outer)

    def _unnested(self, scope: Scope, join: exp.Join) -> Scope:
        """Return rows with the elements of a list of their own; LEFT keeps those without any."""
        require(join, "this", "side", "kind", "on")
        kind = self._kind(join)
        on = join.args.get("on")
        if kind not in (JoinKind.INNER, JoinKind.LEFT, JoinKind.CROSS) or not is_true(on or TRUE):
            raise refuse(join, hint="CROSS JOIN UNNEST(…), or LEFT JOIN UNNEST(…) ON TRUE")
        bind = ExpressionBinder(scope, self._binder.query).bind
        return unnest(scope, join.this, bind, keep_empty=kind is JoinKind.LEFT)

    def _source(self, node: exp.Expr, taken: Sequence[str], before: Scope | None = None) -> Scope:
        outer = before or self._outer
        if isinstance(node, exp.Paren | exp.Subquery) and _is_joined(node.this):
            scope = self._source(node.this, taken)
            if node.alias:
                require(node.args["alias"], "this")
                scope = scope.called(node.alias)
            return self._joined(scope, node, taken)
        if isinstance(node, exp.Lateral):
            require(node, "this", "alias")
            if not isinstance(node.this, exp.Subquery):
                raise refuse(node, hint="LATERAL stands before a subquery")
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Values):
            require(node, "this", "alias", "joins")
            relation, alias = self._binder.values(node.this, outer), node.alias or "values"
        elif isinstance(node, exp.Table):
            relation, alias = self._binder.table(node), node.alias or node.name
        elif isinstance(node, exp.Subquery | exp.Lateral):
            require(node, "this", "alias", "joins")
            relation, alias = self._binder.query(node.this, outer), node.alias or "subquery"
        elif is_unnest(node):
            one_row = Scope(Values(Schema(()), ((),)), (), self._outer)
            bind = ExpressionBinder(one_row, self._binder.query).bind
            made = unnest(one_row, node, bind, keep_empty=False)
            return self._joined(made, node, taken)
        elif isinstance(node, exp.Values):
            relation, alias = self._binder.values(node, outer), node.alias or "values"
        else:
            raise refuse(node)
        from wayfed_sql.binder import renamed

        table_alias = node.args.get("alias")
        relation = renamed(relation, table_alias.args.get("columns") or () if table_alias else ())
        return self._joined(Scope.of_table(relation, alias, taken), node, taken)

    def _joined(self, scope: Scope, node: exp.Expr, taken: Sequence[str]) -> Scope:
        """Return a table with the joins that stand within its parentheses."""
        for join in node.args.get("joins") or ():
            (scope,) = self._join([scope], join, (*taken, *scope.relation.schema.names))
        return scope

    def _join(self, groups: Sequence[Scope], join: exp.Join, taken: Sequence[str]) -> list[Scope]:
        """Join a table to the last of several groups, or to all where it looks at all."""
        require(join, "this", "side", "kind", "method", "on", "using")
        right = self._source(join.this, taken, self._before(groups))
        if self._is_lateral(right):
            if self._kind(join) not in (JoinKind.INNER, JoinKind.CROSS, JoinKind.LEFT):
                raise Unsupported(
                    f"{self._kind(join).value.upper()} JOIN of a lateral subquery",
                    hint="JOIN or LEFT JOIN",
                    where=position(join),
                )
            return [self._with(self._product(groups), right, join)]
        return [*groups[:-1], self._with(groups[-1], right, join)]

    def _with(self, left: Scope, right: Scope, join: exp.Join) -> Scope:
        if clash := {t.lower() for t in left.tables} & {t.lower() for t in right.tables}:
            raise InvalidSql(
                f"two tables are called '{min(clash)}'", hint="give one of them an alias"
            )
        method = str(join.args.get("method") or "").upper()
        if method == "ASOF":
            if self._is_lateral(right):
                raise Unsupported("ASOF JOIN of a lateral subquery", where=position(join))
            return self._asof(left, right, join)
        kind = self._kind(join)
        using = [identifier.name for identifier in join.args.get("using") or ()]
        if method == "NATURAL":
            using = _shared_names(left, right)
        elif method:
            raise Unsupported(f"{method} JOIN")
        if using:
            return self._using(left, right, kind, using, join)
        on = join.args.get("on")
        if on is None or kind is JoinKind.CROSS:
            return self._paired(left, right, JoinKind.CROSS, ())
        both = Scope(left.relation, (*left.columns, *right.columns), self._outer)
        condition = ExpressionBinder(both, self._binder.query).bind(on)
        return self._paired(left, right, kind, conjuncts(condition))

    def _kind(self, join: exp.Join) -> JoinKind:
        side = str(join.args.get("side") or "").upper()
        kind = str(join.args.get("kind") or "").upper()
        found = _SIDES.get(kind if kind in ("SEMI", "ANTI", "CROSS") else side)
        if found is None or kind not in ("", "INNER", "OUTER", "SEMI", "ANTI", "CROSS"):
            raise Unsupported(f"{side} {kind} JOIN".strip())
        return found

    def _paired(
        self, left: Scope, right: Scope, kind: JoinKind, conditions: Sequence[Expression]
    ) -> Scope:
        """Return two scopes joined; equalities between columns of both become keys."""
        pairs: list[tuple[str, str]] = []
        rest: list[Expression] = []
        for condition in conditions:
            pair = _key_pair(condition, left, right)
            if pair is None:
                rest.append(condition)
            else:
                pairs.append(pair)
        if self._is_lateral(right):
            return self._beside(left, right, kind, conditions)
        predicate = conjunction(tuple(rest)) if rest else None
        relation = Join(left.relation, right.relation, kind, tuple(pairs), predicate)
        if kind in (JoinKind.SEMI, JoinKind.ANTI):
            return left.over(relation)
        return Scope(relation, (*left.columns, *right.columns)).over(relation)

    def _beside(
        self, left: Scope, right: Scope, kind: JoinKind, conditions: Sequence[Expression]
    ) -> Scope:
        """Return a scope with what a lateral subquery has for each of its rows."""
        kind = JoinKind.INNER if kind is JoinKind.CROSS else kind
        predicate = conjunction(tuple(conditions)) if conditions else None
        relation = Lateral(left.relation, right.relation, kind, predicate, self._depth)
        return Scope(relation, (*left.columns, *right.columns)).over(relation)

    def _using(
        self, left: Scope, right: Scope, kind: JoinKind, names: Sequence[str], join: exp.Join
    ) -> Scope:
        def where() -> str:
            return position(join)

        conditions = []
        for name in names:
            a = left.find(name, None, quoted=False, where=where)
            b = right.find(name, None, quoted=False, where=where)
            conditions.append(call("equal", a, b))
        scope = self._paired(left, right, kind, conditions)
        if kind in (JoinKind.SEMI, JoinKind.ANTI):
            return scope
        mine, theirs = scope.columns[: len(left.columns)], scope.columns[len(left.columns) :]
        merged = {name.lower(): _only(name, theirs) for name in names}
        columns: list[Visible] = []
        for column in mine:
            other = None if column.hidden else merged.get(column.name.lower())
            if other is not None:
                columns.append(Visible("", column.name, _merged(kind, column, other)))
            columns.append(column if other is None else replace(column, hidden=True))
        hidden = merged.values()
        columns += [replace(c, hidden=True) if c in hidden else c for c in theirs]
        return replace(scope, columns=tuple(columns))

    def _asof(self, left: Scope, right: Scope, join: exp.Join) -> Scope:
        both = Scope(left.relation, (*left.columns, *right.columns), self._outer)
        on = join.args.get("on")
        if on is None:
            raise Unsupported("ASOF JOIN with USING", hint="write its condition with ON")
        pairs: list[tuple[str, str]] = []
        time: tuple[str, str] | None = None
        for condition in conjuncts(ExpressionBinder(both, self._binder.query).bind(on)):
            pair = _key_pair(condition, left, right)
            bound = _time_pair(condition, left, right)
            if pair is not None:
                pairs.append(pair)
            elif bound is not None and time is None:
                time = bound
            else:
                raise Unsupported(f"ASOF JOIN ON {condition}")
        if time is None:
            raise Unsupported("ASOF JOIN without left.time >= right.time")
        side = str(join.args.get("side") or "").upper()
        if side not in ("", "LEFT"):
            raise Unsupported(f"ASOF {side} JOIN")
        relation: Join | Filter = Join(
            left.relation, right.relation, JoinKind.ASOF, tuple(pairs), None, time
        )
        if not side:
            matched = relation.schema[time[1]]
            column = Column(matched.name, matched.type, matched.nullable)
            relation = Filter(relation, call("is_not_null", column))
        return Scope(relation, (*left.columns, *right.columns)).over(relation)


def _is_joined(node: exp.Expr) -> bool:
    """Say whether what stands in parentheses is a table, or tables joined, and not a query."""
    if isinstance(node, exp.Table | exp.Paren):
        return True
    return isinstance(node, exp.Subquery | exp.Values) and bool(
        node.alias or node.args.get("joins")
    )


def _only(name: str, columns: Sequence[Visible]) -> Visible:
    return next(c for c in columns if same(name, c.name) and not c.hidden)


def _is_comma(join: exp.Join) -> bool:
    return not any(join.args.get(key) for key in ("side", "kind", "method", "on", "using"))


def _names(groups: Sequence[Scope]) -> list[str]:
    return [name for scope in groups for name in scope.relation.schema.names]


def _shared_names(left: Scope, right: Scope) -> list[str]:
    theirs = [c.name for c in right.columns if not c.hidden]
    return [c.name for c in left.columns if not c.hidden and c.name in theirs]


def _key_pair(condition: Expression, left: Scope, right: Scope) -> tuple[str, str] | None:
    if not isinstance(condition, Call) or condition.function != "equal":
        return None
    return _columns_of_sides(condition.args, left, right)


def _time_pair(condition: Expression, left: Scope, right: Scope) -> tuple[str, str] | None:
    match condition:
        case Call("greater_equal", (a, b)) | Call("less_equal", (b, a)):
            ordered = (a, b)
        case _:
            return None
    found = _columns_of_sides(ordered, left, right)
    return found if found and found[0] in columns_of(ordered[0]) else None


def _columns_of_sides(
    args: Sequence[Expression], left: Scope, right: Scope
) -> tuple[str, str] | None:
    a, b = args
    if not isinstance(a, Column) or not isinstance(b, Column):
        return None
    if a.type != b.type and not (is_numeric(a.type) and is_numeric(b.type)):
        return None
    if a.name in left.relation.schema and b.name in right.relation.schema:
        return a.name, b.name
    if b.name in left.relation.schema and a.name in right.relation.schema:
        return b.name, a.name
    return None


def _merged(kind: JoinKind, mine: Visible, theirs: Visible) -> Expression:
    match kind:
        case JoinKind.RIGHT:
            return theirs.value
        case JoinKind.FULL:
            return call("coalesce", mine.value, theirs.value)
    return mine.value
