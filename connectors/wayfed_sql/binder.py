"""Queries of SQL text to relations: clause by clause, in the order in which SQL means them."""

from __future__ import annotations

from functools import reduce
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlglot import expressions as exp

from wayfed_optimizer.coercion import common_type
from wayfed_optimizer.errors import InvalidSql, TableNotFound, TypeMismatch, Unsupported
from wayfed_optimizer.expressions import Column, Literal, Named, SortKey, cast_to
from wayfed_optimizer.relations import (
    Limit,
    Relation,
    Select,
    SetKind,
    SetOperation,
    Sort,
    Values,
)
from wayfed_optimizer.types import INT32, NULL, Field, Schema
from wayfed_sql.constants import whole_number
from wayfed_sql.expression_binder import ExpressionBinder
from wayfed_sql.from_clause import FromClause
from wayfed_sql.scope import Scope, same
from wayfed_sql.select_clause import SelectClause
from wayfed_sql.set_operations import put_together
from wayfed_sql.sql_nodes import position, refuse, require, unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


_SET_KINDS: Final[Mapping[type[exp.Expr], SetKind]] = MappingProxyType(
    {exp.Union: SetKind.UNION, exp.Intersect: SetKind.INTERSECT, exp.Except: SetKind.EXCEPT}
)
_TAIL: Final = ("order", "limit", "offset")


class Binder:
    """Binds queries.

    Parameters
    ----------
    resolve
        Returns the table that has a name; raises TableNotFound.
    common
        The queries of WITH clauses around, by name.
    """

    def __init__(
        self,
        resolve: Callable[[str], Relation],
        common: Mapping[str, Relation] = MappingProxyType({}),
    ) -> None:
        self._resolve = resolve
        self._common = common

    def query(self, node: exp.Expr, outer: Scope | None = None) -> Relation:
        """Return the relation that a query means.

        Raises
        ------
        PlanError
            Names that are not there, types that do not fit, what plans cannot say.
        """
        node = unwrapped(node)
        if with_ := node.args.get("with_"):
            return self._with(with_, outer).query(_without(node, "with_"), outer)
        if isinstance(node, exp.Select):
            return SelectClause(self, node, FromClause(self, outer).bind(node)).bind()
        if type(node) in _SET_KINDS:
            return self._set_operation(node, outer)
        if isinstance(node, exp.Subquery):
            return self._parenthesised(node, outer)
        if isinstance(node, exp.Values):
            return self._tail(self.values(node, outer), node)
        raise refuse(node)

    def table(self, node: exp.Table) -> Relation:
        """Return the relation that a table's name means."""
        require(node, "this", "db", "catalog", "alias", "joins")
        if not isinstance(node.this, exp.Identifier):
            raise refuse(node.this, hint="ctx.read() the source and register() it")
        if not node.args.get("db"):
            for name, relation in self._common.items():
                if same(name, node.name):
                    return relation
        parts = (node.args.get("catalog"), node.args.get("db"), node.this)
        written = ".".join(part.name for part in parts if part)
        try:
            return self._resolve(written)
        except TableNotFound as error:
            available = (*self._common, *error.available)
            raise TableNotFound(written, available, where=position(node.this)) from error

    def values(self, node: exp.Values, outer: Scope | None) -> Relation:
        """Return the rows of a VALUES list: columns col0, col1 …, each of one type."""
        nothing = Scope(Values(Schema(()), ((),)), (), outer)
        binder = ExpressionBinder(nothing, self.query)
        rows = [
            [binder.bind(value) for value in getattr(row, "expressions", ()) or (row,)]
            for row in node.expressions
        ]
        width = len(rows[0])
        if any(len(row) != width for row in rows):
            raise InvalidSql("the rows of VALUES have different lengths", where=position(node))
        found = [common_type([row[i].type for row in rows]) for i in range(width)]
        if None in found:
            raise TypeMismatch(f"no type holds all values of column {found.index(None) + 1}")
        kinds = [INT32 if kind in (NULL, None) else kind for kind in found]
        names = [f"col{i}" for i in range(width)]
        cast = [
            [cast_to(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in rows
        ]
        constants = [tuple(v for v in row if isinstance(v, Literal)) for row in cast]
        if all(len(row) == width for row in constants):
            return Values(Schema(map(Field, names, kinds)), tuple(constants))
        selects: list[Relation] = [
            Select(nothing.relation, tuple(map(Named, names, row))) for row in cast
        ]
        return reduce(lambda a, b: SetOperation(SetKind.UNION, a, b, all=True), selects)

    def _with(self, with_: exp.Expr, outer: Scope | None) -> Binder:
        if with_.args.get("recursive"):
            raise Unsupported("RECURSIVE in WITH", hint="Dataset.iterate() says loops")
        binder = self
        for each in with_.expressions:
            require(each, "this", "alias", "materialized")
            alias = each.args["alias"]
            relation = renamed(binder.query(each.this, outer), alias.args.get("columns") or ())
            binder = Binder(self._resolve, {**binder._common, alias.name: relation})
        return binder

    def _parenthesised(self, node: exp.Expr, outer: Scope | None) -> Relation:
        require(node, "this", *_TAIL)
        return self._tail(self.query(node.this, outer), node)

    def _set_operation(self, node: exp.Expr, outer: Scope | None) -> Relation:
        require(node, "this", "expression", "distinct", "by_name", *_TAIL)
        operation = put_together(
            _SET_KINDS[type(node)],
            self.query(node.this, outer),
            self.query(node.expression, outer),
            every=not node.args.get("distinct"),
            by_name=bool(node.args.get("by_name")),
        )
        return self._tail(operation, node)

    def _tail(self, relation: Relation, node: exp.Expr) -> Relation:
        """Add ORDER BY and LIMIT to a query that is not one SELECT."""
        if order := node.args.get("order"):
            keys = tuple(self._output_key(key, relation) for key in order.expressions)
            relation = Sort(relation, keys)
        return limited(relation, node)

    def _output_key(self, node: exp.Expr, relation: Relation) -> SortKey:
        key = node.this
        flags = bool(node.args.get("desc")), bool(node.args.get("nulls_first"))
        if (index := ordinal(key, len(relation.schema))) is not None:
            field = relation.schema.fields[index]
            return SortKey(Column(field.name, field.type, field.nullable), *flags)
        scope = Scope.of_table(relation, "", ())
        return SortKey(ExpressionBinder(scope, self.query).bind(key), *flags)


def ordinal(node: exp.Expr, count: int) -> int | None:
    """Return the index of the output that a bare whole number stands for, if it is one."""
    if not isinstance(node, exp.Literal) or node.args.get("is_string"):
        return None
    if not node.name.isdigit():
        return None
    if not 1 <= int(node.name) <= count:
        raise InvalidSql(f"there is no output {node.name}: the query has {count}")
    return int(node.name) - 1


def limited(relation: Relation, node: exp.Expr) -> Relation:
    """Return a relation with the LIMIT and OFFSET of a query."""
    limit, offset = node.args.get("limit"), node.args.get("offset")
    if limit is None and offset is None:
        return relation
    count = None
    if isinstance(limit, exp.Fetch):
        require(limit, "direction", "count", "limit_options")
        options = limit.args.get("limit_options")
        if options is not None and (options.args.get("percent") or options.args.get("with_ties")):
            raise refuse(limit)
        count = _whole(limit.args.get("count"), "LIMIT")
    elif limit is not None:
        require(limit, "expression")
        count = _whole(limit.expression, "LIMIT")
    return Limit(relation, count, (_whole(offset.expression, "OFFSET") or 0) if offset else 0)


def _whole(node: exp.Expr | None, of: str) -> int | None:
    nothing = Scope(Values(Schema(()), ((),)), ())
    return whole_number(node, ExpressionBinder(nothing, _no_query).bind, of=of)


def _no_query(node: exp.Expr, _: Scope) -> Relation:
    raise refuse(node)


def renamed(relation: Relation, columns: Sequence[exp.Expr]) -> Relation:
    """Return a relation with the names that an alias gives to its first columns."""
    if not columns:
        return relation
    if len(columns) > len(relation.schema):
        raise InvalidSql(f"{len(columns)} names for {len(relation.schema)} columns")
    names = [column.name for column in columns]
    names += relation.schema.names[len(names) :]
    outputs = (
        Named(name, Column(f.name, f.type, f.nullable))
        for name, f in zip(names, relation.schema, strict=True)
    )
    return Select(relation, tuple(outputs))


def _without(node: exp.Expr, key: str) -> exp.Expr:
    copy = node.copy()
    copy.set(key, None)
    return copy
