"""Subqueries that look at queries around mean what they mean in DuckDB, wherever they stand."""

from __future__ import annotations

import itertools
from typing import Any

import duckdb
import pytest

from wayfed_optimizer.errors import (
    ColumnNotFound,
    InvalidSql,
    PlanError,
    TableNotFound,
    Unsupported,
)
from wayfed_optimizer.expressions import Subquery, walk
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Join,
    JoinKind,
    Read,
    Relation,
    expressions_of,
    walk_once,
)
from wayfed_optimizer.rewrite import rewrite
from wayfed_optimizer.types import Schema
from wayfed_sql import DUCKDB, parse_expression, parse_query, to_sql

CATALOG = {
    "t": Read("t", Schema.of(a="int64", b="int64", k="text")),
    "u": Read("u", Schema.of(x="int64", y="int64", z="text")),
    "v": Read("v", Schema.of(p="int64", q="int64")),
}
NAMES = {name: TableReference((name,)) for name in CATALOG}
TABLES = """
CREATE TABLE t (a BIGINT, b BIGINT, k VARCHAR);
INSERT INTO t VALUES (1, 10, 'a'), (1, 10, 'a'), (2, NULL, 'b'), (NULL, 3, 'c'), (3, 5, NULL),
    (NULL, NULL, NULL), (4, 1, 'd'), (2, 4, 'a');
CREATE TABLE u (x BIGINT, y BIGINT, z VARCHAR);
INSERT INTO u VALUES (1, 10, 'a'), (1, 11, 'a'), (1, NULL, 'b'), (2, 4, 'b'), (2, 4, 'b'),
    (NULL, 3, 'c'), (NULL, NULL, NULL), (5, 1, 'd'), (3, NULL, 'x');
CREATE TABLE v (p BIGINT, q BIGINT);
INSERT INTO v VALUES (1, 2), (2, 2), (3, NULL), (NULL, 1), (10, 4);
"""


def resolve(name: str) -> Relation:
    if name not in CATALOG:
        raise TableNotFound(name, CATALOG)
    return CATALOG[name]


def parsed(text: str) -> Relation:
    return parse_query(text, resolve)


@pytest.fixture(scope="module")
def data() -> Any:
    connection = duckdb.connect()
    connection.execute(TABLES)
    yield connection
    connection.close()


def assert_same_rows(data: Any, text: str) -> None:
    """Compare with DuckDB's own answer to the text, before and after the rules."""
    wanted = in_order(data.execute(text).fetchall())
    plan = parsed(text)
    for each in (plan, rewrite(plan).relation):
        sql = to_sql(each, DUCKDB, NAMES)
        assert in_order(data.execute(sql).fetchall()) == wanted, f"{text}\n{sql}"


def in_order(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: [(value is None, str(value)) for value in row])


CONDITIONS = (
    "x = a",
    "x < a",
    "x IS NOT DISTINCT FROM a",
    "x = a AND y <> b",
    "x = a AND z = k",
    "x = a OR y = b",
    "x + 1 = a",
    "y = a + b",
    "a > 1",
    "x = a AND b IS NULL",
    "x IN (SELECT p FROM v WHERE q = a)",
    "x = a AND NOT EXISTS (SELECT 1 FROM v WHERE p = b)",
)
SOURCES = (
    "u WHERE {}",
    "u JOIN v ON x = p WHERE {}",
    "u LEFT JOIN v ON x = p AND {}",
    "(SELECT DISTINCT x, y FROM u WHERE {}) AS w",
    "(SELECT x, sum(y) AS y FROM u WHERE {} GROUP BY x) AS w",
    "(SELECT x, y FROM u WHERE {} UNION ALL SELECT p, q FROM v) AS w",
    "(SELECT x, y FROM u WHERE {} ORDER BY y, x LIMIT 2) AS w",
    "(SELECT x, rank() OVER (ORDER BY y) AS y FROM u WHERE {}) AS w",
)
FORMS = (
    "(SELECT sum(y) FROM {})",
    "(SELECT count(*) + 1 FROM {})",
    "(SELECT count(DISTINCT y) FROM {} HAVING count(*) > 1)",
    "(SELECT y FROM {} ORDER BY y DESC, x LIMIT 1)",
    "EXISTS (SELECT y FROM {})",
    "NOT EXISTS (SELECT y FROM {})",
    "b IN (SELECT y FROM {})",
    "b NOT IN (SELECT y FROM {})",
    "b > ANY (SELECT y FROM {})",
    "b <= ALL (SELECT y FROM {})",
    "b <> ANY (SELECT y FROM {})",
    "b = ALL (SELECT y FROM {})",
)
PLACES = (
    "SELECT a, b, {} AS found FROM t",
    "SELECT a, b FROM t WHERE {}",
    "SELECT a, b FROM t WHERE {} OR a = 3",
    "SELECT a, b, CASE WHEN b > 3 THEN {} END AS found FROM t",
    "SELECT a, b FROM t GROUP BY a, b, k HAVING {}",
)


def is_truth(form: str) -> bool:
    return not form.startswith("(")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_with_every_condition_has_the_rows_of_the_text(data, form):
    for condition, place in itertools.product(CONDITIONS, PLACES):
        inner = form.format(SOURCES[0].format(f"({condition})"))
        found = inner if is_truth(form) or "{} AS" in place or "END" in place else f"{inner} > 2"
        assert_same_rows(data, place.format(found))


@pytest.mark.parametrize("source", SOURCES[1:])
def test_every_form_over_every_source_has_the_rows_of_the_text(data, source):
    for form, condition in itertools.product(FORMS, CONDITIONS[:7]):
        if " z " in condition and " AS w" in source and "z" not in source:
            continue
        found = form.format(source.format(f"({condition})"))
        assert_same_rows(data, PLACES[0].format(found))
        if is_truth(form):
            assert_same_rows(data, PLACES[1].format(found))


QUERIES = """
SELECT a, (SELECT t.a + 1) FROM t
SELECT a, (SELECT t.a + 1 WHERE t.b > 3) FROM t
SELECT a, (VALUES (t.a + 1)) FROM t
SELECT a, (SELECT max(c) FROM (VALUES (t.a), (t.b)) AS w(c)) FROM t
SELECT a, (SELECT (SELECT t.a + u.x) FROM u WHERE u.x = 5) FROM t
SELECT a, (SELECT count(*) FROM u WHERE EXISTS (SELECT 1 FROM v WHERE p = x AND q = t.a)) FROM t
SELECT a, (SELECT sum(x + (SELECT count(*) FROM v WHERE p = x AND q > t.a)) FROM u) FROM t
SELECT a, (SELECT count(*) FROM u RIGHT JOIN v ON x = p AND x = t.a) FROM t
SELECT a, (SELECT count(m.x) FROM (SELECT x FROM u WHERE x = t.a) m FULL JOIN v ON m.x = p) FROM t
SELECT a, (SELECT count(*) FROM (SELECT x FROM u WHERE x = t.a EXCEPT SELECT p FROM v) m) FROM t
SELECT a, (SELECT count(*) FROM (SELECT x FROM u INTERSECT SELECT p FROM v WHERE q >= a) m) FROM t
SELECT a, b IN (SELECT x FROM u WHERE x = t.a UNION SELECT p FROM v WHERE q = t.a) FROM t
SELECT a, (WITH c AS (SELECT x, y FROM u WHERE x = t.a) SELECT sum(y) FROM c) FROM t
SELECT a, (WITH c AS (SELECT x, y FROM u WHERE x = a) SELECT count(*) FROM c AS m, c AS n) FROM t
WITH w AS (SELECT a FROM t) SELECT a, (SELECT count(*) FROM w AS o WHERE o.a < w.a) FROM w
SELECT a, sum(b) FROM t GROUP BY a HAVING sum(b) > (SELECT count(*) FROM u WHERE x = a)
SELECT a, (SELECT count(*) FROM u WHERE x = a), sum(b) FROM t GROUP BY a
SELECT a, (SELECT max(y) FROM u WHERE y < sum(t.b)) FROM t GROUP BY a
SELECT a + 1, (SELECT max(y) FROM u WHERE y > a + 1) FROM t GROUP BY a + 1, a
SELECT (SELECT sum(t.a)) FROM t
SELECT (SELECT sum(t.a) + count(*) FROM u) FROM t
SELECT a FROM t ORDER BY (SELECT count(*) FROM u WHERE x = a), a
SELECT t.a, y FROM t JOIN u ON t.a = x AND EXISTS (SELECT 1 FROM v WHERE p = t.a AND q < y)
SELECT t.a, y FROM t LEFT JOIN u ON t.a = x AND EXISTS (SELECT 1 FROM v WHERE p = x)
SELECT t.a, y FROM t LEFT JOIN u ON EXISTS (SELECT 1 FROM v WHERE p = t.a)
SELECT t.a, y FROM t LEFT JOIN u ON EXISTS (SELECT 1 FROM v WHERE p = t.a AND q < y)
SELECT t.a, y FROM t RIGHT JOIN u ON EXISTS (SELECT 1 FROM v WHERE p = t.a AND q < y)
SELECT t.a, y FROM t FULL JOIN u ON a = x AND EXISTS (SELECT 1 FROM v WHERE p = t.a)
SELECT t.a, y FROM t FULL JOIN u ON a = x AND EXISTS (SELECT 1 FROM v WHERE p = t.a AND q < y)
SELECT a FROM t SEMI JOIN u ON a = x AND b < (SELECT max(q) * 10 FROM v WHERE p = y OR p = a)
SELECT a FROM t ANTI JOIN u ON a = x AND b < (SELECT max(q) * 10 FROM v WHERE p = x)
SELECT a, s.m FROM t, LATERAL (SELECT max(y) AS m FROM u WHERE x = a) s
SELECT a, s.m FROM t, (SELECT max(y) AS m FROM u WHERE x = a) s
SELECT a, s.y FROM t LEFT JOIN LATERAL (SELECT y FROM u WHERE x = a) s ON true
SELECT a, s.y FROM t LEFT JOIN LATERAL (SELECT y FROM u WHERE x = a ORDER BY y LIMIT 1) s ON y > 3
SELECT a, s.y FROM t CROSS JOIN LATERAL (SELECT y FROM u WHERE x < a) s
SELECT a, s.c, r.d FROM t, LATERAL (SELECT a + b AS c) s, LATERAL (SELECT c * 2 AS d) r
SELECT a, p, y FROM t, v, LATERAL (SELECT y FROM u WHERE x = a AND y > p) s
SELECT a, p, y FROM t, v JOIN LATERAL (SELECT y FROM u WHERE x = a AND y > p) s ON q < y
SELECT a, n FROM t, LATERAL (SELECT count(*) AS n FROM u, LATERAL (SELECT p FROM v WHERE q = a) r) s
SELECT a, (SELECT sum(w.d) FROM u, LATERAL (SELECT x + t.a AS d) w) FROM t
SELECT a, (SELECT sum(w.d) FROM u, LATERAL (SELECT p + t.a AS d FROM v WHERE q = x) w) FROM t
SELECT a FROM t WHERE (a, b) IN (SELECT x, y FROM u)
SELECT a FROM t WHERE (a, b) NOT IN (SELECT x, y FROM u)
SELECT a, (a, b) IN (SELECT x, y FROM u) FROM t
SELECT a, b < SOME (SELECT y FROM u), b >= ALL (SELECT y FROM u), b <> ANY (SELECT y FROM u) FROM t
SELECT sum((SELECT count(*) FROM u WHERE x = a)) FROM t
SELECT a, sum(b) OVER (PARTITION BY (SELECT count(*) FROM u WHERE x = a)) FROM t
SELECT a, row_number() OVER (ORDER BY (SELECT max(y) FROM u WHERE x = a), a, b) FROM t
SELECT a FROM t AS o WHERE b = (SELECT max(b) FROM t WHERE t.a = o.a)
SELECT DISTINCT a FROM t WHERE b < (SELECT max(y) FROM u WHERE x IS NOT DISTINCT FROM a)
SELECT a, (SELECT t.a FROM u LIMIT 1) FROM t
SELECT a, (SELECT x FROM u WHERE x = a UNION SELECT p FROM v WHERE p = a) FROM t
SELECT a, (SELECT y FROM u WHERE x = a ORDER BY y DESC LIMIT 1 OFFSET 1) FROM t
SELECT a, (SELECT max(m) FROM (SELECT y AS m FROM u WHERE x <= a ORDER BY x DESC LIMIT 3) w) FROM t
SELECT (SELECT (SELECT max(a + b + y + p) FROM v) FROM u WHERE x = a ORDER BY y, z LIMIT 1) FROM t
SELECT a FROM t WHERE a = 3 UNION ALL SELECT x FROM u WHERE EXISTS (SELECT 1 FROM v WHERE p = x)
SELECT a FROM t WHERE a IN (SELECT x FROM u WHERE y > (SELECT avg(q) FROM v WHERE p IN (x, b)))
SELECT NULL IN (SELECT y FROM u WHERE x = a) FROM t
SELECT x.a FROM t AS x WHERE b > (SELECT min(y) FROM u WHERE u.x = x.a)
SELECT (SELECT a) IN (SELECT x FROM u WHERE y >= t.b) FROM t
SELECT a, (SELECT sum(n) FROM (SELECT count(*) n FROM u WHERE x = a GROUP BY ROLLUP (z)) w) FROM t
SELECT a, (SELECT string_agg(z, ',' ORDER BY z) FROM u WHERE x = a) FROM t
""".strip().splitlines()


@pytest.mark.parametrize("query", QUERIES)
def test_a_correlated_query_means_what_it_means_in_duckdb(data, query):
    assert_same_rows(data, query)


def test_a_value_of_several_rows_is_an_error_only_where_it_is_evaluated(data):
    text = "SELECT a, CASE WHEN a {} THEN (SELECT y FROM u WHERE x = a) END FROM t"
    single = to_sql(parsed(text.format("= 3")), DUCKDB, NAMES)
    assert (3, None) in data.execute(single).fetchall()
    several = to_sql(parsed(text.format("= 1")), DUCKDB, NAMES)
    with pytest.raises(duckdb.Error, match="several rows"):
        data.execute(several).fetchall()


def test_what_a_case_leaves_out_is_not_computed(data):
    text = """
        SELECT a, CASE WHEN k = 'a' THEN (SELECT y FROM u WHERE x = 2 AND CAST(t.k AS BIGINT) = x)
            WHEN a = 4 THEN (SELECT max(CAST(z AS BIGINT) + b) FROM u WHERE x = a)
            END AS found
        FROM t WHERE k <> 'a' OR k IS NULL
    """
    found = data.execute(to_sql(parsed(text), DUCKDB, NAMES)).fetchall()
    assert {row[1] for row in found} == {None}


def joins(plan: Relation) -> list[tuple[JoinKind, int]]:
    found = [each for each in walk_once(rewrite(plan).relation) if isinstance(each, Join)]
    return [(join.kind, len(join.on)) for join in found]


def test_what_exists_becomes_a_semi_join_on_its_equalities():
    plan = parsed("SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE x = a AND y <> b)")
    assert joins(plan) == [(JoinKind.SEMI, 1)]
    plan = parsed("SELECT a FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE x = a)")
    assert joins(plan) == [(JoinKind.ANTI, 1)]
    plan = parsed("SELECT a FROM t WHERE b IN (SELECT y FROM u WHERE x = a)")
    assert joins(plan) == [(JoinKind.SEMI, 2)]


def test_an_aggregate_by_equalities_is_grouped_by_them_without_the_rows_around():
    plan = parsed("SELECT a FROM t WHERE b < (SELECT avg(y) FROM u WHERE x = a)")
    assert joins(plan) == [(JoinKind.INNER, 1)]
    relations = [type(each) for each in walk_once(plan)]
    assert relations.count(Aggregate) == 1
    assert Distinct not in relations
    assert relations.count(Read) == 2


def test_an_aggregate_looks_only_at_what_the_rows_around_are_restricted_to():
    plan = parsed("SELECT a FROM t WHERE k = 'a' AND b < (SELECT avg(y) FROM u WHERE x = a)")
    assert sorted(joins(plan), key=str) == [(JoinKind.INNER, 1), (JoinKind.SEMI, 1)]


def test_what_may_fail_is_computed_for_the_rows_around_alone(data):
    text = "SELECT a, (SELECT sum(CAST(z AS BIGINT)) FROM u WHERE x = a AND z = '7') AS s FROM t"
    assert (JoinKind.SEMI, 1) in joins(parsed(text))
    data.execute(to_sql(parsed(text), DUCKDB, NAMES)).fetchall()


def test_what_asks_nothing_around_stays_a_subquery():
    plan = parsed("SELECT a FROM t WHERE b > (SELECT avg(y) FROM u)")
    expressions = [e for each in walk_once(plan) for e in expressions_of(each)]
    assert any(isinstance(node, Subquery) for e in expressions for node in walk(e))
    assert joins(plan) == []


def test_subqueries_may_be_nested_deeply(data):
    text = "SELECT b FROM t WHERE a = 3"
    for _ in range(30):
        text = f"SELECT b FROM t AS o WHERE b IN ({text} AND b = o.b)"
        text = text.replace(" AND b = o.b", "", 1) if "WHERE a = 3 AND b" in text else text
    plan = parsed(text)
    assert data.execute(to_sql(plan, DUCKDB, NAMES)).fetchall()


@pytest.mark.parametrize(
    ("query", "error", "said"),
    [
        ("SELECT (SELECT t.c FROM u) FROM t", ColumnNotFound, "'c' is not a column of t"),
        ("SELECT (SELECT w.a FROM u) FROM t", TableNotFound, "'w' is not a table"),
        ("SELECT (SELECT x, y FROM u WHERE x = a) FROM t", InvalidSql, "2 columns, not 1"),
        ("SELECT (a, b) IN (SELECT x FROM u) FROM t", InvalidSql, "1 columns, not 2"),
        ("SELECT (a, b) < ANY (SELECT x, y FROM u) FROM t", Unsupported, "TUPLE"),
        ("SELECT a < ANY (SELECT z FROM u) FROM t", PlanError, "less(a, b) does not take"),
        ("SELECT a LIKE ANY (SELECT z FROM u) FROM t", Unsupported, "LIKE"),
        (
            "SELECT (SELECT b FROM u WHERE x = a) FROM t AS m JOIN t AS n ON m.a = n.a",
            InvalidSql,
            "column 'b' is ambiguous",
        ),
        ("SELECT a FROM t RIGHT JOIN LATERAL (SELECT a) s ON true", Unsupported, "RIGHT JOIN"),
    ],
)
def test_a_mistake_in_a_subquery_says_what_and_where(query, error, said):
    with pytest.raises(error) as raised:
        parsed(query)
    assert said in raised.value.message
    assert "SQL" in str(raised.value)


def test_an_expression_alone_has_no_subqueries():
    for text in ("EXISTS (SELECT a)", "(SELECT a + 1) > 2"):
        with pytest.raises(Unsupported, match="a subquery in an expression"):
            parse_expression(text, CATALOG["t"].schema)
