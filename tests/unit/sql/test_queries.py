"""Plans become one statement with as few SELECTs as their meaning allows, on every engine."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from decimal import Decimal as Number
from typing import Any

import duckdb
import pytest

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import (
    Cast,
    Column,
    Expression,
    Frame,
    Literal,
    Named,
    SortKey,
    Subquery,
    SubqueryKind,
    WindowCall,
    call,
    case,
    column,
    in_list,
    literal,
)
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.relations import (
    Aggregate,
    Cache,
    Distinct,
    Filter,
    Hint,
    Join,
    JoinKind,
    Limit,
    Read,
    Relation,
    Sample,
    Select,
    SetKind,
    SetOperation,
    Sort,
    Window,
)
from wayfed_optimizer.types import FLOAT64, INT64, TEXT, Schema
from wayfed_sql import DUCKDB, FLINK, POSTGRESQL, SPARK, SQLITE, Dialect, to_sql

T = Read("t", Schema.of(id="int64", kind="text", amount="float64"))
U = Read("u", Schema.of(u_id="int64", name="text"))
V = Read("v", Schema.of(v_id="int64", rate="int32"))
TABLES = {name: TableReference((name,)) for name in ("t", "u", "v")}

T_ROWS = "(1, 'a', 10.0), (2, 'b', 20.0), (3, 'a', 30.0), (NULL, 'c', 40.0), (5, NULL, NULL)"
U_ROWS = "(1, 'one'), (3, 'three'), (3, 'drei'), (4, 'four'), (NULL, 'none')"
V_ROWS = "(1, 7), (2, 8)"


@pytest.fixture
def rows(engine: Any, tables: Any) -> Any:
    """Run a plan over three small tables; the rows in an order of their own."""
    kinds = {k: engine.dialect.types[k] for k in ("int64", "int32", "text", "float64")}
    tables(
        f"CREATE TABLE t (id {kinds['int64']}, kind {kinds['text']}, amount {kinds['float64']})",
        f"CREATE TABLE u (u_id {kinds['int64']}, name {kinds['text']})",
        f"CREATE TABLE v (v_id {kinds['int64']}, rate {kinds['int32']})",
        f"INSERT INTO t VALUES {T_ROWS}",
        f"INSERT INTO u VALUES {U_ROWS}",
        f"INSERT INTO v VALUES {V_ROWS}",
    )

    def run(relation: Relation) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = engine.rows(relation)
        return sorted(found, key=lambda row: [(v is None, str(v)) for v in row])

    return run


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


def test_filter_join_aggregate_sort_and_limit_are_one_select():
    both = joined(left=above(T, "amount", 5.0))
    totals = grouped(both, "name", n=call("count"), total=call("sum", col(both, "amount")))
    many = above(totals, "n", 0)
    top = Limit(Sort(many, (SortKey(col(many, "total"), descending=True),)), 3, 1)
    assert sql(top) == (
        "SELECT u.name, COUNT(*) AS n, SUM(t.amount) AS total FROM t JOIN u ON t.id = u.u_id "
        "WHERE t.amount > 5.0 GROUP BY u.name HAVING COUNT(*) > 0 "
        "ORDER BY total DESC NULLS LAST LIMIT 3 OFFSET 1"
    )


def test_one_table_needs_no_qualifiers_until_an_output_shadows_a_column():
    assert sql(above(T, "amount", 1.5)) == "SELECT id, kind, amount FROM t WHERE amount > 1.5"
    shadowing = select(T, amount=call("negate", col(T, "amount")))
    ordered = Sort(shadowing, (SortKey(col(shadowing, "amount")),))
    assert sql(ordered) == ("SELECT -t.amount AS amount FROM t ORDER BY amount NULLS LAST")


def test_names_are_quoted_where_they_must_be():
    odd = Read(
        "t", Schema.of(**{"select": "int64", "Mixed": "int64", 'a"b': "int64", "x y": "int64"})
    )
    table = {"t": TableReference(("main", "My Table"))}
    assert to_sql(odd, DUCKDB, table) == (
        'SELECT "select", "Mixed", "a""b", "x y" FROM main."My Table"'
    )
    assert to_sql(odd, SPARK, table) == (
        'SELECT `select`, `Mixed`, `a"b`, `x y` FROM main.`My Table`'
    )


def test_a_table_may_be_a_query():
    table = {"t": TableReference(query="SELECT * FROM read_parquet('t.parquet')")}
    assert to_sql(T, DUCKDB, table) == (
        "SELECT id, kind, amount FROM (SELECT * FROM read_parquet('t.parquet')) AS t"
    )


def test_computed_columns_are_written_where_they_are_used(rows):
    doubled = select(T, "id", double=call("multiply", col(T, "amount"), literal(2.0)))
    large = above(doubled, "double", 50.0)
    assert sql(large) == "SELECT id, amount * 2.0 AS double FROM t WHERE amount * 2.0 > 50.0"
    assert rows(large) == [(3, 60.0), (None, 80.0)]


def test_a_long_expression_is_not_written_twice():
    named = select(T, long=call("concat", *[col(T, "kind")] * 12))
    twice = select(named, a=col(named, "long"), b=call("upper", col(named, "long")))
    assert sql(twice).count(" || ") == 11


def test_a_filter_over_a_window_looks_at_its_result(rows):
    number = WindowCall("row_number", (), (col(T, "kind"),), (SortKey(col(T, "amount")),))
    numbered = Window(T, (Named("n", number),))
    first = Filter(numbered, call("equal", col(numbered, "n"), literal(1)))
    assert rows(select(first, "kind", "amount")) == [
        ("a", 10.0),
        ("b", 20.0),
        ("c", 40.0),
        (None, None),
    ]


def test_a_window_is_computed_after_the_filter_below_it(rows):
    kept = above(T, "amount", 15.0)
    running = WindowCall(
        "sum", (col(kept, "amount"),), (), (SortKey(col(kept, "amount")),), Frame("rows", -1, 0)
    )
    window = Window(kept, (Named("s", running),))
    assert rows(select(window, "amount", "s")) == [(20.0, 20.0), (30.0, 50.0), (40.0, 70.0)]


def test_what_is_done_after_a_limit_is_done_to_its_rows(rows):
    two = Limit(Sort(T, (SortKey(col(T, "amount")),)), 2)
    assert rows(above(two, "amount", 15.0)) == [(2, "b", 20.0)]
    counted = Aggregate(two, (), (Named("n", call("count")),))
    assert rows(counted) == [(2,)]
    assert rows(Limit(Limit(Sort(T, (SortKey(col(T, "amount")),)), 4), 9, 3)) == [(None, "c", 40.0)]
    assert len(rows(Limit(T, None, 2))) == 3


def test_an_aggregate_over_an_aggregate_is_a_derived_table(rows):
    per_kind = grouped(T, "kind", n=call("count"))
    most = Aggregate(per_kind, (), (Named("most", call("max", col(per_kind, "n"))),))
    assert rows(most) == [(2,)]


def test_a_group_of_constants_is_a_group(rows):
    constant = Aggregate(
        above(T, "amount", 99.0),
        (Named("k", literal("x")), Named("one", literal(1))),
        (Named("n", call("count")),),
    )
    assert rows(constant) == []
    some = Aggregate(T, (Named("k", literal("x")),), (Named("n", call("count")),))
    assert rows(some) == [("x", 5)]


def test_one_group_of_everything_is_one_row(rows):
    counted = Aggregate(T, (), (Named("n", call("count")),))
    assert rows(select(counted, one=literal(1))) == [(1,)]
    assert rows(select(Aggregate(T, (), ()), one=literal(1))) == [(1,)]
    assert rows(Filter(T, Subquery(SubqueryKind.EXISTS, Aggregate(T, (), ())))) == rows(T)


def test_expressions_over_aggregates_stay_in_their_select(rows):
    totals = grouped(T, "kind", n=call("count"), s=call("sum", col(T, "amount")))
    ratio = select(totals, "kind", mean=call("divide", col(totals, "s"), col(totals, "n")))
    assert sql(ratio) == (
        "SELECT kind, SUM(amount) / NULLIF(CAST(COUNT(*) AS DOUBLE), 0) AS mean "
        "FROM t GROUP BY kind"
    )
    assert rows(ratio) == [("a", 20.0), ("b", 20.0), ("c", 40.0), (None, None)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (JoinKind.INNER, [(1, "one"), (3, "drei"), (3, "three")]),
        (
            JoinKind.LEFT,
            [(1, "one"), (2, None), (3, "drei"), (3, "three"), (5, None), (None, None)],
        ),
        (
            JoinKind.RIGHT,
            [(1, "one"), (3, "drei"), (3, "three"), (None, "four"), (None, "none")],
        ),
        (
            JoinKind.FULL,
            [
                (1, "one"),
                (2, None),
                (3, "drei"),
                (3, "three"),
                (5, None),
                (None, "four"),
                (None, "none"),
                (None, None),
            ],
        ),
    ],
)
def test_a_join_has_the_rows_of_its_kind(rows, kind, expected):
    assert rows(select(joined(kind), "id", "name")) == expected


def test_a_semi_join_keeps_rows_once_and_an_anti_join_keeps_nulls(rows):
    assert rows(select(joined(JoinKind.SEMI), "id")) == [(1,), (3,)]
    assert rows(select(joined(JoinKind.ANTI), "id")) == [(2,), (5,), (None,)]
    assert sql(select(joined(JoinKind.SEMI), "id"), POSTGRESQL) == (
        "SELECT t.id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE t.id = u.u_id)"
    )
    assert sql(select(joined(JoinKind.ANTI), "id")) == (
        "SELECT t.id FROM t ANTI JOIN u ON t.id = u.u_id"
    )


def test_a_cross_join_pairs_everything(rows):
    assert len(rows(Join(T, V, JoinKind.CROSS))) == 10


def test_a_condition_on_the_padded_side_of_a_join_is_part_of_the_pairing(rows):
    right = Filter(U, call("not_equal", col(U, "name"), literal("three")))
    left_join = joined(JoinKind.LEFT, right=right)
    assert sql(select(left_join, "id", "name")) == (
        "SELECT t.id, u.name FROM t LEFT JOIN u ON t.id = u.u_id AND u.name <> 'three'"
    )
    assert (3, "drei") in rows(select(left_join, "id", "name"))
    assert (2, None) in rows(select(left_join, "id", "name"))
    kept = above(T, "amount", 15.0)
    assert rows(select(joined(JoinKind.LEFT, left=kept), "id", "name")) == [
        (2, None),
        (3, "drei"),
        (3, "three"),
        (None, None),
    ]
    assert rows(select(joined(JoinKind.RIGHT, left=kept), "id", "name")) == [
        (3, "drei"),
        (3, "three"),
        (None, "four"),
        (None, "none"),
        (None, "one"),
    ]
    full = joined(JoinKind.FULL, left=kept, right=right)
    assert (None, "one") in rows(select(full, "id", "name"))
    assert (2, None) in rows(select(full, "id", "name"))


def test_a_constant_of_the_padded_side_is_null_where_nothing_matches(rows):
    marked = select(U, "u_id", found=literal(1))
    assert rows(select(joined(JoinKind.LEFT, right=marked), "id", "found")) == [
        (1, 1),
        (2, None),
        (3, 1),
        (3, 1),
        (5, None),
        (None, None),
    ]


def test_a_filter_above_an_outer_join_looks_at_its_rows(rows):
    outer = joined(JoinKind.LEFT)
    missing = Filter(outer, call("is_null", col(outer, "name")))
    assert rows(select(missing, "id")) == [(2,), (5,), (None,)]


def test_joins_of_joins_keep_their_shape(rows):
    inner = joined(left=U, right=V)
    bushy = Join(T, inner, JoinKind.LEFT, (("id", "u_id"),))
    assert sql(select(bushy, "id", "rate")) == (
        "SELECT t.id, v.rate FROM t LEFT JOIN (u JOIN v ON u.u_id = v.v_id) ON t.id = u.u_id"
    )
    assert rows(select(bushy, "id", "rate")) == [
        (1, 7),
        (2, None),
        (3, None),
        (5, None),
        (None, None),
    ]


@pytest.mark.parametrize("kind", [JoinKind.RIGHT, JoinKind.FULL])
def test_a_join_that_never_matches_is_padded_by_the_next_one(rows, kind):
    nothing = Join(T, U, JoinKind.INNER, (), literal(False))
    padded = Join(nothing, V, kind, (("id", "v_id"),))
    assert rows(select(padded, "rate")) == rows(select(V, "rate"))
    assert {id for id, _ in rows(select(padded, "id", "rate"))} == {None}


def test_a_table_joined_with_itself_has_two_names(rows):
    other = Select(T, (Named("other", col(T, "id")), Named("k", col(T, "kind"))))
    pairs = Join(
        T,
        other,
        JoinKind.INNER,
        (("kind", "k"),),
        call("less", col(T, "id"), Column("other", INT64)),
    )
    assert sql(select(pairs, "id", "other")) == (
        "SELECT t.id, t_2.id AS other FROM t JOIN t AS t_2 ON t.kind = t_2.kind AND t.id < t_2.id"
    )
    assert rows(select(pairs, "id", "other")) == [(1, 3)]


def test_a_join_over_an_aggregate_reads_a_derived_table(rows):
    names = grouped(U, "u_id", n=call("count"))
    assert rows(select(joined(right=names), "id", "n")) == [(1, 1), (3, 2)]


def test_what_is_used_twice_is_computed_once(rows):
    large = grouped(above(T, "amount", 5.0), "kind", n=call("count"))
    other = Select(large, (Named("k", col(large, "kind")), Named("m", col(large, "n"))))
    twice = Join(large, other, JoinKind.INNER, (("kind", "k"),))
    assert sql(twice).startswith("WITH common AS (SELECT ")
    assert sql(twice).count("amount > 5.0") == 1
    assert rows(twice) == [("a", 2, "a", 2), ("b", 1, "b", 1), ("c", 1, "c", 1)]


def test_distinct_rows_and_one_row_for_each_value(rows):
    assert rows(Distinct(select(T, "kind"))) == [("a",), ("b",), ("c",), (None,)]
    one = Distinct(T, ("kind",))
    assert {row[1] for row in rows(one)} == {"a", "b", "c", None}
    assert len(rows(one)) == 4
    upper = select(Distinct(select(T, "kind")), k=call("upper", Column("kind", TEXT)))
    assert rows(upper) == [("A",), ("B",), ("C",), (None,)]


def test_one_row_for_each_value_can_be_sorted_otherwise(engine, rows):
    del rows
    one = Distinct(select(T, "kind"), ("kind",))
    ordered = Sort(one, (SortKey(col(one, "kind"), descending=True),))
    assert engine.rows(ordered) == [("c",), ("b",), ("a",), (None,)]
    numbered = Distinct(T, ("kind",))
    by_amount = Sort(numbered, (SortKey(col(T, "amount")),))
    amounts = [row[2] for row in engine.rows(by_amount)]
    assert amounts in ([10.0, 20.0, 40.0, None], [20.0, 30.0, 40.0, None])


def test_a_case_of_nothing_but_null_has_its_type(rows):
    nothing = case(((call("is_null", col(T, "kind")), Literal(None, INT64)),), None)
    assert rows(Filter(T, call("less", col(T, "id"), nothing))) == []


def test_a_sort_says_where_nulls_go(engine, rows):
    del rows
    for descending, nulls_first, expected in [
        (False, False, [10.0, 20.0, 30.0, 40.0, None]),
        (True, False, [40.0, 30.0, 20.0, 10.0, None]),
        (False, True, [None, 10.0, 20.0, 30.0, 40.0]),
    ]:
        key = SortKey(col(T, "amount"), descending, nulls_first)
        assert [row[2] for row in engine.rows(Sort(T, (key,)))] == expected


def test_a_sort_by_what_is_no_output_keeps_its_order(engine, rows):
    del rows
    ordered = Sort(T, (SortKey(call("negate", col(T, "amount"))), SortKey(literal(1))))
    assert [row[0] for row in engine.rows(select(ordered, "id"))] == [None, 3, 2, 1, 5]
    distinct = Distinct(select(T, "kind"))
    by_length = Sort(distinct, (SortKey(call("length", col(distinct, "kind"))),))
    assert engine.rows(by_length)[-1] == (None,)


def test_set_operations_take_null_for_a_value(rows):
    left, right = select(T, k=col(T, "id")), select(U, k=col(U, "u_id"))

    def of(kind: SetKind, *, all: bool = False) -> list[tuple[Any, ...]]:
        return rows(SetOperation(kind, left, right, all))

    assert of(SetKind.UNION) == [(1,), (2,), (3,), (4,), (5,), (None,)]
    assert len(of(SetKind.UNION, all=True)) == 10
    assert of(SetKind.INTERSECT) == [(1,), (3,), (None,)]
    assert of(SetKind.EXCEPT) == [(2,), (5,)]


def test_set_operations_nest_as_the_plan_does(engine, rows):
    a, b, c = (select(r, k=col(r, r.schema.names[0])) for r in (T, U, V))
    union = SetOperation(SetKind.UNION, b, c, all=True)
    assert rows(SetOperation(SetKind.EXCEPT, a, union)) == [(5,)]
    assert rows(SetOperation(SetKind.INTERSECT, union, a)) == [(1,), (2,), (3,), (None,)]
    chain = SetOperation(SetKind.UNION, SetOperation(SetKind.UNION, a, b, all=True), c, all=True)
    assert sql(chain) == (
        "SELECT t.id AS k FROM t UNION ALL SELECT u.u_id AS k FROM u "
        "UNION ALL SELECT v.v_id AS k FROM v"
    )
    top = Limit(Sort(chain, (SortKey(col(chain, "k"), descending=True),)), 2)
    assert engine.rows(top) == [(5,), (4,)]
    cut = Limit(Sort(a, (SortKey(col(a, "k")),)), 1)
    assert rows(SetOperation(SetKind.UNION, cut, c)) == [(1,), (2,)]


def test_set_operations_with_duplicates_are_refused_where_there_are_none():
    both = SetOperation(SetKind.INTERSECT, T, T, all=True)
    with pytest.raises(Unsupported, match="intersect all is not supported on sqlite"):
        sql(both, SQLITE)
    assert "INTERSECT ALL" in sql(both, POSTGRESQL)


def test_subqueries_are_values(rows):
    most = Aggregate(T, (), (Named("m", call("max", col(T, "amount"))),))
    scalar = Filter(T, call("equal", col(T, "amount"), Subquery(SubqueryKind.SCALAR, most)))
    assert rows(select(scalar, "amount")) == [(40.0,)]
    ids = select(U, "u_id")
    there = Filter(T, Subquery(SubqueryKind.IN, ids, col(T, "id")))
    assert rows(select(there, "id")) == [(1,), (3,)]
    gone = Filter(T, call("not", Subquery(SubqueryKind.IN, ids, col(T, "id"))))
    assert rows(select(gone, "id")) == []
    empty = Filter(T, Subquery(SubqueryKind.EXISTS, above(V, "rate", 99)))
    assert rows(empty) == []


def test_a_subquery_with_several_rows_is_no_value():
    several = Filter(
        T, call("equal", col(T, "id"), Subquery(SubqueryKind.SCALAR, select(U, "u_id")))
    )
    with pytest.raises(Unsupported, match="the first of several rows"):
        sql(several, SQLITE)
    assert sql(several, DUCKDB)


def test_lists_and_cases_are_exactly_typed(rows):
    size = case(
        ((call("less", col(T, "amount"), literal(15.0)), literal(1)),),
        literal(0),
    )
    listed = Filter(T, in_list(col(T, "kind"), ("a", "it's")))
    assert rows(select(listed, "id", size=size, half=literal(0.5))) == [(1, 1, 0.5), (3, 0, 0.5)]


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


def test_rows_of_one_table_are_read_where_they_are_needed_and_a_join_is_computed_once():
    kept = above(T, "amount", 15.0)
    twice = SetOperation(SetKind.UNION, select(kept, "id"), select(kept, "id"), all=True)
    assert "WITH" not in sql(twice)
    paired = select(joined(), "id")
    assert sql(SetOperation(SetKind.UNION, paired, paired, all=True)).startswith("WITH common")


def test_the_mean_of_decimals_is_that_of_their_exact_sum_where_64_bits_hold_it():
    prices = Read("p", Schema.of(price="decimal(15,2)", wide="decimal(38,2)"))
    means = Aggregate(
        prices,
        (),
        tuple(Named(name, call("mean", col(prices, name))) for name in prices.schema.names),
    )
    text = to_sql(means, DUCKDB, {"p": TableReference(("p",))})
    assert "AVG(p.price)" in text
    assert "AVG(CAST(p.wide AS DOUBLE))" in text


def test_text_is_compared_by_code_point_where_a_column_is_not():
    table = {"t": TableReference(("t",), collations={"kind": "de_DE"})}
    ranged = Filter(T, call("less", col(T, "kind"), literal("b")))
    least = Aggregate(ranged, (), (Named("m", call("min", col(T, "kind"))),))
    assert to_sql(least, POSTGRESQL, table) == (
        'SELECT MIN(kind COLLATE "C") AS m FROM t WHERE kind COLLATE "C" < \'b\''
    )
    ordered = Sort(T, (SortKey(call("lower", col(T, "kind"))),))
    assert to_sql(ordered, POSTGRESQL, TABLES).endswith(
        'ORDER BY LOWER(kind) COLLATE "C" NULLS LAST'
    )
    equal = Filter(T, call("equal", col(T, "kind"), literal("b")))
    assert "COLLATE" not in to_sql(equal, POSTGRESQL, table)
    assert to_sql(equal, SQLITE, table).endswith("WHERE kind COLLATE BINARY = 'b'")


def test_a_column_without_regard_to_case_is_still_compared_by_code_point():
    import sqlite3

    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (id INTEGER, kind TEXT COLLATE NOCASE, amount REAL)")
    connection.execute("INSERT INTO t VALUES (1, 'a', 1.0), (2, 'A', 2.0), (3, 'B', 3.0)")
    table = {"t": TableReference(("t",), collations={"kind": "NOCASE"})}

    def run(relation: Relation) -> Sequence[Any]:
        return connection.execute(to_sql(relation, SQLITE, table)).fetchall()

    assert len(run(grouped(T, "kind", n=call("count")))) == 3
    assert len(run(Distinct(select(T, "kind")))) == 3
    assert run(select(Filter(T, in_list(col(T, "kind"), ("a",))), "id")) == [(1,)]
    assert run(select(Sort(T, (SortKey(col(T, "kind")),)), "id")) == [(2,), (3,), (1,)]
    other = Select(T, (Named("k", col(T, "kind")), Named("other", col(T, "id"))))
    pairs = Join(T, other, JoinKind.INNER, (("kind", "k"),))
    assert len(run(pairs)) == 3
    assert len(run(SetOperation(SetKind.UNION, select(T, "kind"), select(T, "kind")))) == 3
    assert len(run(Distinct(T, ("kind",)))) == 3


def test_a_sample_draws_the_same_rows_everywhere(engine, rows):
    half = Sample(T, ("id", "kind"), 0.0, 0.5, seed=7)
    if "hash" in engine.dialect.without:
        with pytest.raises(Unsupported, match="MD5"):
            rows(half)
        return
    rest = Sample(T, ("id", "kind"), 0.5, 1.0, seed=7)
    assert len(rows(half)) + len(rows(rest)) == 5
    texts = ["7|1|a", "7|2|b", "7|3|a", "7|NULL|c", "7|5|NULL"]
    shares = [int(hashlib.md5(text.encode()).hexdigest()[:15], 16) / 2**60 for text in texts]
    drawn = [share < 0.5 for share in shares]
    assert [row in rows(half) for row in engine.rows(T)] == drawn
    assert len(rows(Sample(T, ("id",), 0.0, 1.0))) == 5


def test_a_sample_by_what_engines_write_differently_is_refused():
    with pytest.raises(Unsupported, match="engines write float64 differently"):
        sql(Sample(T, ("amount",), 0.0, 0.5))


def test_an_asof_join_takes_the_last_row_not_after():
    import duckdb

    left = Read("t", Schema.of(id="int64", at="timestamp"))
    right = Read("u", Schema.of(u_id="int64", since="timestamp", price="int64"))
    asof = Join(left, right, JoinKind.ASOF, (("id", "u_id"),), None, ("at", "since"))
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT 1::BIGINT AS id, TIMESTAMP '2024-01-02' AS at")
    connection.execute("INSERT INTO t VALUES (2, TIMESTAMP '2024-01-02')")
    connection.execute(
        "CREATE TABLE u AS SELECT 1::BIGINT AS u_id, DATE '2024-01-01'::TIMESTAMP AS since, "
        "10::BIGINT AS price UNION ALL SELECT 1, TIMESTAMP '2024-01-03', 20"
    )
    found = connection.execute(to_sql(select(asof, "id", "price"), DUCKDB, TABLES)).fetchall()
    assert sorted(found) == [(1, 10), (2, None)]
    with pytest.raises(Unsupported, match="asof join is not supported on postgresql"):
        to_sql(asof, POSTGRESQL, TABLES)


def test_what_an_engine_cannot_say_is_refused_by_name():
    with pytest.raises(Unsupported, match="Cache is not supported on duckdb"):
        sql(Cache(T, "key"))
    with pytest.raises(Unsupported, match="full join without keys is not supported on postgresql"):
        unequal = call("less", col(T, "id"), col(U, "u_id"))
        sql(Join(T, U, JoinKind.FULL, (), unequal), POSTGRESQL)
    distinct = WindowCall("count_distinct", (col(T, "kind"),))
    with pytest.raises(Unsupported, match="count_distinct over a window"):
        sql(Window(T, (Named("n", distinct),)), POSTGRESQL)
    folded = Read("t", Schema.of(a="int64", A="int64"))
    with pytest.raises(Unsupported, match="differ in case only"):
        sql(folded)
    assert to_sql(folded, POSTGRESQL, TABLES) == 'SELECT a, "A" FROM t'
    long = select(T, **{"x" * 64: literal(1)})
    with pytest.raises(Unsupported, match="more than 63 bytes"):
        sql(long, POSTGRESQL)


def test_a_hint_changes_nothing():
    assert sql(Hint(T, rows=3)) == sql(T)


def test_a_plan_is_written_the_same_each_time():
    totals = grouped(joined(), "name", n=call("count"))
    assert len({sql(totals) for _ in range(3)}) == 1


def test_constants_are_written_as_their_types(engine):
    values = {
        "i": literal(-5),
        "f": literal(1e300),
        "g": literal(-0.1),
        "s": literal("it's \\ 100%"),
        "b": literal(True),
        "d": literal(datetime.date(1, 2, 3)),
        "w": literal(datetime.datetime(2024, 1, 2, 3, 4, 5, 678)),
        "z": literal(datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)),
        "x": literal(b"\x00\xff"),
    }
    read = Read("one", Schema.of(none="int64"))
    plan = Select(read, tuple(Named(name, value) for name, value in values.items()))
    (found,) = engine.rows(plan, {"one": TableReference(query="SELECT 1 AS none")})
    assert found == tuple(value.value for value in values.values())


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


def test_sqlite_looks_a_join_up_in_rows_of_which_it_makes_an_index():
    joined = Join(T, U, on=(("id", "u_id"),))

    assert "(SELECT u.u_id, u.name FROM u LIMIT -1) AS t_2 ON" in to_sql(joined, SQLITE, TABLES)
    assert "LIMIT" not in to_sql(joined, DUCKDB, TABLES)


def test_sqlite_looks_a_join_up_in_an_index_that_is_there():
    indexed = {**TABLES, "u": TableReference(("u",), indexed=frozenset({"u_id"}))}
    narrowed = Filter(U, call("greater", column(U.schema, "u_id"), literal(3)))

    sql = to_sql(Join(T, narrowed, on=(("id", "u_id"),)), SQLITE, indexed)

    assert "LIMIT" not in sql
