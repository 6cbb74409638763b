"""What may fail is computed where the plan says, and a text stays short however deep the plan."""

from __future__ import annotations

from decimal import Decimal as Number
from typing import Any

import duckdb
import pytest

from tests.unit.sql.small_tables import T_ROWS, TABLES, T, U, V, col, joined, select, sql
from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import (
    Cast,
    Expression,
    Named,
    Subquery,
    SubqueryKind,
    call,
    case,
    column,
    literal,
)
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.relations import Aggregate, Filter, JoinKind, Read, Relation, Select
from wayfed_optimizer.types import FLOAT64, INT64, Schema
from wayfed_sql import DUCKDB, FLINK, POSTGRESQL, SPARK, SQLITE, Dialect, to_sql


def test_what_may_fail_is_not_evaluated_on_rows_that_are_excluded(engine, tables):
    kinds = engine.dialect.types
    if "cast text to int" in engine.dialect.without:
        pytest.skip(engine.dialect.without["cast text to int"])
    tables(
        f"CREATE TABLE t (id {kinds['int64']}, kind {kinds['text']}, amount {kinds['text']})",
        "INSERT INTO t SELECT i, CASE WHEN i < 9 THEN 'n' ELSE 'x' END, "
        "CASE WHEN i < 9 THEN '5' ELSE 'abc' END FROM generate_series(1, 10000) AS g(i)",
        f"CREATE TABLE u (u_id {kinds['int64']}, name {kinds['text']})",
        "INSERT INTO u SELECT i, 'u' FROM generate_series(1, 8) AS g(i)",
    )
    texts = Read("t", Schema.of(id="int64", kind="text", amount="text"))
    numbers = Filter(texts, call("equal", col(texts, "kind"), literal("n")))

    def large(relation: Relation) -> Relation:
        return Filter(relation, call("greater", Cast(col(relation, "amount"), INT64), literal(3)))

    def count(relation: Relation) -> list[tuple[Any, ...]]:
        return engine.rows(Aggregate(relation, (), (Named("n", call("count")),)))

    assert count(large(numbers)) == [(8,)]
    assert count(large(joined(left=texts))) == [(8,)]
    assert count(large(joined(JoinKind.RIGHT, left=texts))) == [(8,)]
    assert count(large(joined(JoinKind.SEMI, left=texts))) == [(8,)]


def test_a_subquery_is_written_once_beside_what_may_fail(rows):
    known = Filter(T, call("greater", col(T, "id"), literal(0)))
    there = Filter(known, Subquery(SubqueryKind.EXISTS, U))
    checked = Filter(there, call("greater", Cast(col(T, "amount"), INT64), literal(10)))
    assert rows(select(checked, "id")) == [(2,), (3,)]
    assert sql(checked).count("EXISTS") == 1
    assert sql(checked).count("t.id > 0") == 2


def test_arithmetic_that_cannot_overflow_needs_no_guard():
    kept = Filter(V, call("is_not_null", col(V, "v_id")))
    small = Filter(kept, call("greater", call("add", col(V, "rate"), literal(1)), literal(3)))
    assert sql(small) == (
        "SELECT v_id, rate FROM v WHERE v_id IS NOT NULL AND CAST(rate AS BIGINT) + 1 > 3"
    )
    assert "TYPEOF" not in sql(small, SQLITE)


def test_the_text_of_many_conditions_that_may_fail_grows_with_their_number():
    def filtered(count: int) -> Relation:
        relation: Relation = T
        for number in range(count):
            total = call("add", column(relation.schema, "id"), literal(number))
            relation = Filter(relation, call("greater", total, literal(-number)))
        return relation

    assert len(to_sql(filtered(40), DUCKDB, TABLES)) < 5 * len(to_sql(filtered(10), DUCKDB, TABLES))


@pytest.mark.parametrize(
    "dialect", [DUCKDB, POSTGRESQL, SPARK, SQLITE, FLINK], ids=lambda dialect: dialect.name
)
def test_the_text_of_nested_functions_grows_with_their_number(dialect: Dialect) -> None:
    nested: Expression = column(T.schema, "amount")
    for _ in range(20):
        nested = call("sqrt", call("add", nested, literal(1.0)))
    plan: Relation = Select(T, (Named("x", nested),))
    plan = Filter(plan, call("greater", column(plan.schema, "x"), literal(0.0)))

    assert len(to_sql(plan, dialect, TABLES)) < 10_000


def test_what_may_fail_in_a_branch_is_not_computed_below_it() -> None:
    nested: Expression = Cast(Cast(column(T.schema, "kind"), INT64), FLOAT64)
    for _ in range(12):
        nested = call("sqrt", nested)
    guarded = case(((call("equal", column(T.schema, "id"), literal(1)), nested),), literal(0.0))

    with pytest.raises(Unsupported, match="as deep as this"):
        to_sql(Select(T, (Named("x", guarded),)), DUCKDB, TABLES)


def test_layers_give_what_the_expression_gives() -> None:
    nested: Expression = column(T.schema, "amount")
    for _ in range(12):
        nested = call("power", call("add", nested, literal(2.0)), literal(0.5))
    plan = Filter(T, call("greater", nested, literal(2.0)))

    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS SELECT * FROM (VALUES {T_ROWS}) t(id, kind, amount)")
        rows = connection.execute(to_sql(plan, DUCKDB, TABLES)).fetchall()

    def expected(amount: float) -> float:
        for _ in range(12):
            amount = (amount + 2.0) ** 0.5
        return amount

    assert sorted(row[2] for row in rows) == [a for a in (10, 20, 30, 40) if expected(a) > 2.0]


def test_decimals_are_computed_in_64_bits_where_those_are_known_to_do():
    prices = Read("p", Schema.of(price="decimal(15,2)", discount="decimal(15,2)"))
    paid = call(
        "multiply",
        col(prices, "price"),
        call("subtract", literal(Number(1)), col(prices, "discount")),
    )
    total = Aggregate(prices, (), (Named("total", call("sum", paid)),))
    bounds = {"price": (Number("901.00"), Number("104949.50")), "discount": (Number(0), Number(1))}

    known = to_sql(total, DUCKDB, {"p": TableReference(("p",), bounds=bounds)})
    unknown = to_sql(total, DUCKDB, {"p": TableReference(("p",))})

    assert "SUM(price * (1 - discount))" in known
    assert "SUM(CAST(price AS DECIMAL(19, 2)) * (1 - discount))" in unknown
