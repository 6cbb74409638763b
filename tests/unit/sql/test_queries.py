"""Plans become one statement with as few SELECTs as their meaning allows, on every engine."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from typing import Any

import pytest

from tests.unit.sql.small_tables import TABLES, T, U, V, above, col, grouped, joined, select, sql
from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import (
    Column,
    Frame,
    Literal,
    Named,
    SortKey,
    Subquery,
    SubqueryKind,
    WindowCall,
    call,
    case,
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
from wayfed_optimizer.types import INT64, TEXT, Schema
from wayfed_sql import DUCKDB, POSTGRESQL, SPARK, SQLITE, to_sql


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
