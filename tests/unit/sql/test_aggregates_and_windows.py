"""Aggregates, windows and grouping sets of SQL text mean what they mean in DuckDB."""

from __future__ import annotations

import sqlite3
from typing import Any

import duckdb
import pytest

from wayfed_optimizer.errors import InvalidSql, PlanError, Unsupported
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.relations import Read
from wayfed_optimizer.rewrite import rewrite
from wayfed_optimizer.types import Schema
from wayfed_sql import DUCKDB, POSTGRESQL, SPARK, SQLITE, parse_query, to_sql

SALES = Read("sales", Schema.of(id="int64", area="text", kind="text", n="int64", day="date"))
NAMES = {"sales": TableReference(("sales",))}
TABLE = """
CREATE TABLE sales (id BIGINT, area VARCHAR(9), kind VARCHAR(9), n BIGINT, day DATE);
INSERT INTO sales VALUES (1, 'east', 'tea', 4, '2024-01-31'), (2, 'east', 'tea', 6, '2024-02-01'),
    (3, 'east', 'jam', NULL, '2024-02-28'), (4, 'west', 'jam', 9, NULL),
    (5, 'west', NULL, 1, '2024-02-29'), (6, NULL, 'tea', 4, '2024-03-31');
"""


QUERIES = (
    "SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY n) FROM sales",
    "SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY n DESC) FROM sales",
    "SELECT percentile_disc(0.3) WITHIN GROUP (ORDER BY n DESC) FROM sales",
    "SELECT quantile_disc(area, 0.5), quantile_disc(n, -0.25) FROM sales",
    "SELECT area, string_agg(kind, '-' ORDER BY id DESC) FROM sales GROUP BY area",
    "SELECT string_agg(DISTINCT kind, ',' ORDER BY kind DESC) FROM sales",
    "SELECT string_agg(DISTINCT kind, ',' ORDER BY kind) FILTER (WHERE n > 1) FROM sales",
    "SELECT first(kind ORDER BY id DESC), last(kind ORDER BY id DESC) FROM sales",
    "SELECT first(kind ORDER BY id) FILTER (WHERE id > 2) FROM sales",
    "SELECT any_value(kind ORDER BY id DESC), arg_min(kind, n), max_by(id, n) FROM sales",
    "SELECT arg_max(kind, n) FILTER (WHERE area = 'west') FROM sales",
    "SELECT sum(DISTINCT n), count(DISTINCT n) FILTER (WHERE id < 5) FROM sales",
    "SELECT string_agg(x, ',' ORDER BY x) FROM (SELECT 'b' AS x FROM sales) AS s",
    "SELECT bit_and(n), bit_or(n), bit_xor(n), mode(kind) FROM sales",
    "SELECT max(DISTINCT n), bool_or(n > 5) FILTER (WHERE area = 'east') FROM sales",
    "SELECT area, kind, sum(n), count(*) FROM sales GROUP BY ROLLUP (area, kind)",
    "SELECT area, kind, sum(n), GROUPING(area, kind) FROM sales GROUP BY CUBE (area, kind)",
    "SELECT area, kind, count(*) FROM sales GROUP BY GROUPING SETS ((area, kind), (kind), ())",
    "SELECT area, count(*) FROM sales GROUP BY area, GROUPING SETS ((kind), ROLLUP (n), ())",
    "SELECT kind, id % 2, count(*) FROM sales GROUP BY CUBE ((kind, area), id % 2)",
    "SELECT area, sum(n) FROM sales GROUP BY ROLLUP (1) HAVING GROUPING(area) = 1",
    "SELECT area || '!' AS a, sum(n) FROM sales GROUP BY ROLLUP (a)",
    "SELECT area, count(*) FROM sales GROUP BY area, (SELECT max(id) FROM sales)",
    "SELECT count(*) FROM sales AS s GROUP BY (SELECT min(r.n) FROM sales AS r WHERE r.id > s.id)",
    "SELECT sum(n) FROM sales WHERE id > 99 GROUP BY GROUPING SETS ((area), ())",
    "SELECT grouping_id(area), rank() OVER (ORDER BY sum(n)) FROM sales GROUP BY CUBE (area)",
    "SELECT id, sum(n) OVER (ORDER BY n RANGE BETWEEN 2 PRECEDING AND 3 FOLLOWING) FROM sales",
    "SELECT id, sum(n) OVER (ORDER BY n DESC RANGE 1.5 PRECEDING) FROM sales",
    "SELECT id, count(*) OVER (ORDER BY day RANGE BETWEEN INTERVAL '2 weeks' PRECEDING AND"
    " INTERVAL '1' DAY FOLLOWING) FROM sales",
    "SELECT id, count(*) OVER (ORDER BY day RANGE BETWEEN INTERVAL 1 YEAR PRECEDING AND"
    " INTERVAL 1 MONTH FOLLOWING) FROM sales",
    "SELECT id, count(*) OVER (ORDER BY day RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND"
    " INTERVAL 1 WEEK FOLLOWING) FROM sales",
    "SELECT id, count(*) OVER (ORDER BY kind GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW)"
    " FROM sales",
    "SELECT id, sum(n) OVER (ORDER BY id ROWS BETWEEN 1 + 1 PRECEDING AND 1 FOLLOWING"
    " EXCLUDE CURRENT ROW) FROM sales",
    "SELECT id, count(*) OVER (ORDER BY kind ROWS UNBOUNDED PRECEDING EXCLUDE NO OTHERS)"
    " FROM sales WHERE id < 3",
    "SELECT id, count(*) OVER (ORDER BY kind RANGE BETWEEN UNBOUNDED PRECEDING AND"
    " UNBOUNDED FOLLOWING EXCLUDE GROUP) FROM sales",
    "SELECT id, lag(n, 1, 0) OVER w, nth_value(n, 2) OVER w, cume_dist() OVER w,"
    " percent_rank() OVER v FROM sales WINDOW w AS (ORDER BY id), v AS (w ROWS 1 PRECEDING)",
    "SELECT id, first_value(n IGNORE NULLS) OVER (ORDER BY id DESC),"
    " lag(n IGNORE NULLS) OVER (ORDER BY id) FROM sales",
    "SELECT id FROM sales QUALIFY row_number() OVER (PARTITION BY area ORDER BY n) = 1",
    "SELECT DISTINCT ON (area) id FROM sales ORDER BY area, n DESC, id",
    "SELECT n + 1 AS m FROM sales WHERE m > 5",
    "SELECT id AS a, a + 1 AS b FROM sales",
    "SELECT area, count(*) FROM sales GROUP BY ALL",
    "SELECT area, kind FROM sales ORDER BY ALL DESC",
    "SELECT id FROM sales ORDER BY id LIMIT 1 + 1 OFFSET 2 - 1",
    "SELECT NULL, 'b' UNION ALL SELECT 1, NULL",
    "SELECT 1 AS a, 'x' AS b UNION ALL BY NAME SELECT 'y' AS b, 2 AS c",
    "SELECT (id, n) = (1, 4), (id, n) IN ((1, 4), (2, 5)) FROM sales",
    "SELECT (n, id) < (6, 2), (n, id) >= (4, 1) FROM sales WHERE n IS NOT NULL",
    "SELECT n BETWEEN 2 AND 6, n IS NOT DISTINCT FROM NULL FROM sales",
    "SELECT '10' > 9, n >= '4' FROM sales",
    "SELECT u.id FROM (sales s CROSS JOIN (VALUES (1)) v(one)) AS u",
    "SELECT CASE WHEN 'true' THEN 1 END, E'a\\nb', DATE '2024-01-02'::VARCHAR",
    "TABLE sales",
)


@pytest.fixture(scope="module")
def engine():
    with duckdb.connect() as connection:
        connection.execute(TABLE)
        yield connection


def plan(query: str):
    return parse_query(query, {"sales": SALES}.__getitem__)


def ours(query: str, engine: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return engine.execute(to_sql(rewrite(plan(query)).relation, DUCKDB, NAMES)).fetchall()


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_has_the_rows_of_duckdb(query, engine):
    ordered = "ORDER BY id" in query and query.startswith("SELECT id FROM")
    mine, theirs = ours(query, engine), engine.execute(query).fetchall()
    if not ordered:
        mine, theirs = sorted(mine, key=repr), sorted(theirs, key=repr)
    assert mine == theirs


def test_what_duckdb_has_otherwise_or_not_at_all_is_as_in_the_standard(engine):
    symmetric = "SELECT id FROM sales WHERE n BETWEEN SYMMETRIC 6 AND 4 ORDER BY id"
    assert ours(symmetric, engine) == [(1,), (2,), (6,)]
    # DuckDB takes NULL for the greatest value of a row.
    rows = "SELECT (n, id) < (5, 1), (id, n) < (3, 1) FROM sales WHERE id IN (1, 3) ORDER BY id"
    assert ours(rows, engine) == [(True, True), (None, None)]


def test_grouping_sets_run_where_there_are_none():
    query = "SELECT area, kind, sum(n), GROUPING(kind) FROM sales GROUP BY ROLLUP (area, kind)"
    with duckdb.connect() as engine, sqlite3.connect(":memory:") as small:
        engine.execute(TABLE)
        small.executescript(TABLE)
        found = small.execute(to_sql(rewrite(plan(query)).relation, SQLITE, NAMES)).fetchall()
        assert sorted(found, key=repr) == sorted(engine.execute(query).fetchall(), key=repr)
    small.close()


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("SELECT id, count(*) FROM sales GROUP BY ROLLUP (area)", "neither grouped"),
        ("SELECT GROUPING(n) FROM sales GROUP BY area", "n is no key"),
        ("SELECT GROUPING(n) FROM sales", "n is no key"),
        ("SELECT sum(n) OVER w FROM sales", "no window 'w'"),
        ("SELECT sum(n) OVER (w ORDER BY n) FROM sales WINDOW w AS (ORDER BY id)", "ORDER BY alr"),
        ("SELECT sum(n) OVER (ORDER BY id ROWS 1.5 PRECEDING) FROM sales", "whole numbers"),
        ("SELECT sum(n) OVER (ORDER BY id, n RANGE 1 PRECEDING) FROM sales", "one key"),
        ("SELECT sum(n) OVER (ORDER BY kind RANGE 1 PRECEDING) FROM sales", "cannot be measured"),
        ("SELECT sum(n) OVER (ORDER BY day RANGE 1 PRECEDING) FROM sales", "cannot be measured"),
        ("SELECT quantile_cont(n, 1.5) FROM sales", "0 to 1"),
        (
            "SELECT sum(n) OVER (ORDER BY day RANGE BETWEEN INTERVAL 1 MONTH PRECEDING AND"
            " INTERVAL 1 DAY FOLLOWING) FROM sales",
            "differ in unit",
        ),
        ("SELECT string_agg(DISTINCT kind, ',' ORDER BY id) FROM sales", "by its values only"),
        ("SELECT id FROM sales LIMIT -1", "negative"),
        ("SELECT string_agg(DISTINCT , ',') FROM sales", "before a value"),
        ("SELECT any_value(ORDER BY id) FROM sales", "does not take"),
        ("SELECT grouping_id() FROM sales GROUP BY CUBE (area)", "one key or more"),
        ("SELECT mode() WITHIN GROUP () FROM sales", "WITHINGROUP"),
        ("SELECT id FROM sales WHERE n > 'many'", "'many' is not int64"),
        ("SELECT (id, n) = (1, 2, 3) FROM sales", "rows of 2 and 3"),
        ("SELECT 0xff", "right behind a number"),
        ("SELECT E'\\x41'", "are read"),
    ],
)
def test_what_is_wrong_is_said(query, problem):
    with pytest.raises(PlanError, match=problem):
        plan(query)


@pytest.mark.parametrize(
    ("query", "dialect", "reason"),
    [
        ("SELECT median(n) FROM sales", SQLITE, "median"),
        ("SELECT first(n ORDER BY id) FROM sales", SQLITE, "first"),
        ("SELECT string_agg(kind, ',' ORDER BY id) FROM sales", SQLITE, "ORDER BY in string_agg"),
        ("SELECT lag(n IGNORE NULLS) OVER (ORDER BY id) FROM sales", POSTGRESQL, "IGNORE NULLS"),
        ("SELECT lag(n IGNORE NULLS) OVER (ORDER BY id) FROM sales", SQLITE, "IGNORE NULLS"),
        ("SELECT mode(n) OVER () FROM sales", POSTGRESQL, "mode over a window"),
        ("SELECT sum(n) OVER (ORDER BY id GROUPS 1 PRECEDING) FROM sales", SPARK, "groups"),
        (
            "SELECT sum(n) OVER (ORDER BY id ROWS 1 PRECEDING EXCLUDE TIES) FROM sales",
            SPARK,
            "excludes",
        ),
        (
            "SELECT sum(n) OVER (ORDER BY day RANGE INTERVAL 1 DAY PRECEDING) FROM sales",
            SQLITE,
            "range of times",
        ),
        ("SELECT first(n ORDER BY id, n DESC) FROM sales", SPARK, "both directions"),
        ("SELECT string_agg(kind, area) FROM sales", SPARK, "constant"),
    ],
)
def test_an_engine_refuses_by_name_what_it_has_not(query, dialect, reason):
    with pytest.raises(Unsupported, match=reason):
        to_sql(plan(query), dialect, NAMES)


def test_a_column_that_has_an_alias_keeps_its_own_meaning_in_where():
    with pytest.raises(InvalidSql, match="single rows"):
        plan("SELECT sum(n) AS total FROM sales WHERE total > 3")
