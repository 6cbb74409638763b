"""Three small tables, and plans over them in few words."""

from __future__ import annotations

from wayfed_optimizer.expressions import Column, Expression, Named, call, column, literal
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.relations import Aggregate, Filter, Join, JoinKind, Read, Relation, Select
from wayfed_optimizer.types import Schema
from wayfed_sql import DUCKDB, Dialect, to_sql

T = Read("t", Schema.of(id="int64", kind="text", amount="float64"))
U = Read("u", Schema.of(u_id="int64", name="text"))
V = Read("v", Schema.of(v_id="int64", rate="int32"))
TABLES = {name: TableReference((name,)) for name in ("t", "u", "v")}

T_ROWS = "(1, 'a', 10.0), (2, 'b', 20.0), (3, 'a', 30.0), (NULL, 'c', 40.0), (5, NULL, NULL)"
U_ROWS = "(1, 'one'), (3, 'three'), (3, 'drei'), (4, 'four'), (NULL, 'none')"
V_ROWS = "(1, 7), (2, 8)"


def col(relation: Relation, name: str) -> Column:
    return column(relation.schema, name)


def select(relation: Relation, *names: str, **outputs: Expression) -> Select:
    plain = [Named(name, col(relation, name)) for name in names]
    return Select(relation, (*plain, *(Named(n, e) for n, e in outputs.items())))


def above(relation: Relation, name: str, value: object) -> Filter:
    return Filter(relation, call("greater", col(relation, name), literal(value)))


def joined(kind: JoinKind = JoinKind.INNER, left: Relation = T, right: Relation = U) -> Join:
    return Join(left, right, kind, ((left.schema.names[0], right.schema.names[0]),))


def grouped(relation: Relation, by: str, **aggregates: Expression) -> Aggregate:
    named = tuple(Named(name, each) for name, each in aggregates.items())
    return Aggregate(relation, (Named(by, col(relation, by)),), named)


def sql(relation: Relation, dialect: Dialect = DUCKDB) -> str:
    return to_sql(relation, dialect, TABLES)
