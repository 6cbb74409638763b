"""Joins become one FROM where they can, with the rows of their kind, on every engine."""

from __future__ import annotations

import duckdb
import pytest

from tests.unit.sql.small_tables import TABLES, T, U, V, above, col, grouped, joined, select, sql
from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import Column, Named, call, column, literal
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.relations import Filter, Join, JoinKind, Read, Select
from wayfed_optimizer.types import INT64, Schema
from wayfed_sql import DUCKDB, POSTGRESQL, SQLITE, to_sql


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


def test_an_asof_join_takes_the_last_row_not_after():

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


def test_sqlite_looks_a_join_up_in_rows_of_which_it_makes_an_index():
    joined = Join(T, U, on=(("id", "u_id"),))

    assert "(SELECT u.u_id, u.name FROM u LIMIT -1) AS t_2 ON" in to_sql(joined, SQLITE, TABLES)
    assert "LIMIT" not in to_sql(joined, DUCKDB, TABLES)


def test_sqlite_looks_a_join_up_in_an_index_that_is_there():
    indexed = {**TABLES, "u": TableReference(("u",), indexed=frozenset({"u_id"}))}
    narrowed = Filter(U, call("greater", column(U.schema, "u_id"), literal(3)))

    sql = to_sql(Join(T, narrowed, on=(("id", "u_id"),)), SQLITE, indexed)

    assert "LIMIT" not in sql
