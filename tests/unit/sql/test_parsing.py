"""SQL text becomes plans: the rows that DuckDB has for the text are those of the plan."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import duckdb
import pytest

from wayfed_optimizer.errors import (
    ColumnNotFound,
    FunctionNotFound,
    InvalidSql,
    PlanError,
    TableNotFound,
    TypeMismatch,
    Unsupported,
)
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.relations import Filter, Join, JoinKind, Limit, Read, Relation, Sort, walk
from wayfed_optimizer.types import Schema
from wayfed_sql import DUCKDB, parse_expression, parse_query, split_explain, to_sql

CATALOG = {
    "t": Read("t", Schema.of(id="int64", kind="text", amount="float64", day="date")),
    "u": Read("u", Schema.of(id="int64", name="text", price="decimal(12,2)")),
    "core.v": Read("v", Schema.of(a="int32", b="bool")),
}
NAMES = {name: TableReference((name,)) for name in ("t", "u", "v")}


def resolve(name: str) -> Relation:
    if name not in CATALOG:
        raise TableNotFound(name, CATALOG)
    return CATALOG[name]


def parsed(text: str) -> Relation:
    return parse_query(text, resolve)


@pytest.fixture(scope="module")
def data() -> Any:
    connection = duckdb.connect()
    connection.execute(
        """
        CREATE TABLE t (id BIGINT, kind VARCHAR, amount DOUBLE, day DATE);
        INSERT INTO t VALUES (1, 'a', 10, '2013-01-01'), (2, 'b', 20, '2013-02-01'),
            (3, 'a', 30, '2013-02-03'), (NULL, 'c', 40, NULL), (5, NULL, NULL, '2014-01-01');
        CREATE TABLE u (id BIGINT, name VARCHAR, price DECIMAL(12, 2));
        INSERT INTO u VALUES (1, 'one', 1.5), (3, 'three', 2.25), (3, 'drei', NULL), (4, 'A%', 0);
        CREATE SCHEMA core;
        CREATE TABLE core.v (a INTEGER, b BOOLEAN);
        CREATE TABLE v (a INTEGER, b BOOLEAN);
        INSERT INTO core.v VALUES (1, true), (2, false), (NULL, NULL);
        INSERT INTO v FROM core.v;
        """
    )
    yield connection
    connection.close()


QUERIES = """
SELECT id, amount FROM t WHERE amount > 15 ORDER BY id
SELECT * FROM t ORDER BY amount DESC LIMIT 2 OFFSET 1
SELECT t.id, u.id, name FROM t JOIN u ON t.id = u.id AND u.price > 1
SELECT a.id, b.id FROM t a LEFT JOIN u b ON a.id = b.id
SELECT a.id, b.id FROM t a RIGHT JOIN u b ON a.id = b.id AND a.amount > 15
SELECT a.id AS x, b.id AS y FROM t AS a FULL OUTER JOIN u AS b ON a.id = b.id
SELECT id, name FROM t JOIN u USING (id)
SELECT id, name FROM t FULL JOIN u USING (id)
SELECT * FROM t NATURAL JOIN u
SELECT count(*) FROM t CROSS JOIN u
SELECT count(*) FROM t, u, core.v WHERE t.id = u.id
SELECT count(*) FROM t JOIN (u JOIN core.v ON u.id = v.a) ON t.id = u.id
SELECT id FROM t SEMI JOIN u ON t.id = u.id
SELECT id FROM t ANTI JOIN u USING (id)
SELECT x.kind, y.kind FROM t x JOIN t y ON x.id < y.id
SELECT kind, count(*) AS n, sum(amount) FROM t GROUP BY kind HAVING count(*) > 1
SELECT kind AS k, count(*) AS n FROM t GROUP BY k ORDER BY n DESC, k
SELECT upper(kind), count(id) FROM t GROUP BY 1 ORDER BY 2, 1 NULLS FIRST
SELECT kind, sum(amount) / count(*) AS mean FROM t GROUP BY kind ORDER BY mean
SELECT sum(amount) AS s FROM t HAVING s > 50
SELECT kind FROM t GROUP BY ALL ORDER BY ALL
SELECT count(DISTINCT kind), count(*) FILTER (WHERE id > 1), sum(id) FILTER (id < 3) FROM t
SELECT max(amount) - min(amount), avg(id), stddev(amount), median(amount) FROM t
SELECT any_value(kind) FROM t WHERE kind = 'a'
SELECT bool_and(b), bool_or(b) FROM core.v
SELECT DISTINCT kind FROM t ORDER BY kind NULLS FIRST
SELECT DISTINCT ON (kind) kind, amount FROM t ORDER BY kind, amount DESC
SELECT id FROM t ORDER BY amount + 1 DESC NULLS LAST
SELECT kind FROM t ORDER BY length(kind), amount
SELECT kind FROM t UNION SELECT name FROM u
SELECT id FROM t UNION ALL SELECT a FROM core.v ORDER BY 1 DESC NULLS LAST LIMIT 4
SELECT id FROM t EXCEPT SELECT id FROM u
SELECT id FROM t INTERSECT SELECT id FROM u
SELECT id FROM t UNION SELECT id FROM u INTERSECT SELECT a FROM core.v
(SELECT id FROM t ORDER BY id LIMIT 1) UNION ALL (SELECT id FROM u ORDER BY id DESC LIMIT 1)
SELECT s.n FROM (SELECT kind, count(*) AS n FROM t GROUP BY kind) AS s WHERE s.n = 1
SELECT q.b FROM (SELECT id, amount FROM t) AS q(a, b) WHERE q.a = 1
WITH big AS (SELECT * FROM t WHERE id > 1), v(k) AS (SELECT kind FROM big) SELECT k FROM v
WITH c AS (SELECT * FROM t WHERE id > 1) SELECT a.id FROM c a JOIN c b ON a.kind = b.kind
SELECT id FROM t WHERE amount = (SELECT max(amount) FROM t)
SELECT id FROM t WHERE id IN (SELECT id FROM u)
SELECT id FROM t WHERE id NOT IN (SELECT id FROM u WHERE id IS NOT NULL)
SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE price > 2)
SELECT id FROM t WHERE id = ANY (SELECT id FROM u)
SELECT CASE WHEN amount > 25 THEN 'high' WHEN amount > 15 THEN 'mid' ELSE 'low' END FROM t
SELECT CASE kind WHEN 'a' THEN 1 ELSE 0 END AS is_a FROM t
SELECT CAST(amount AS INTEGER), id::DOUBLE, TRY_CAST(kind AS BIGINT) FROM t
SELECT id FROM t WHERE amount BETWEEN 10 AND 20 AND kind NOT LIKE 'b%' AND kind IN ('a', 'b')
SELECT id FROM t WHERE kind IS NULL OR kind IS NOT DISTINCT FROM 'c'
SELECT a FROM core.v WHERE b IS NOT TRUE
SELECT lower(name) || '-' || id, length(name), substr(name, 2, 2), trim(name) FROM u
SELECT name ILIKE 'a\\%', contains(name, '%'), starts_with(name, 't') FROM u
SELECT replace(name, 'e', 'E'), name LIKE '_n%' FROM u
SELECT concat(name, NULL, id), left(name, 2), coalesce(price, 0), nullif(id, 3) FROM u
SELECT year(day), extract(month FROM day), date_trunc('month', day), isodow(day) FROM t
SELECT date_diff('day', day, DATE '2013-03-01'), day + INTERVAL 2 DAY > DATE '2013-02-04' FROM t
SELECT id FROM t WHERE day >= '2013-02-01' AND day < DATE '2014-01-01'
SELECT id FROM t WHERE day < DATE '2013-01-31' + INTERVAL '1' MONTH
SELECT id FROM t WHERE day >= DATE '2013-03-31' - INTERVAL '1 month 3 days' AND id < 9
SELECT id FROM t WHERE day < INTERVAL (1) YEAR + DATE '2012-02-29' - INTERVAL 2 WEEKS
SELECT round(amount / 3, 2), floor(amount / 3), abs(-amount), power(id, 2), 7 % id FROM t
SELECT price * 2, price + 1, -price, price > 1.25, greatest(price, 1.75) FROM u
SELECT id, row_number() OVER (PARTITION BY kind ORDER BY amount) AS n FROM t
SELECT amount, sum(amount) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t
SELECT id, rank() OVER w, lag(amount, 1, 0) OVER w FROM t WINDOW w AS (ORDER BY amount)
SELECT kind, sum(sum(amount)) OVER (ORDER BY kind) FROM t GROUP BY kind
SELECT id FROM t QUALIFY row_number() OVER (PARTITION BY kind ORDER BY amount DESC) = 1
SELECT kind, count(*) OVER () FROM t WHERE amount > 15
SELECT t.*, name FROM t JOIN u ON t.id = u.id
SELECT * EXCLUDE (day) REPLACE (amount * 2 AS amount) FROM t
SELECT ID, "kind", T.Amount FROM t
SELECT "id" AS "Order", amount AS "x y" FROM t
SELECT id, id, amount AS id FROM t
SELECT 1e3, 1.50, -2, 'it''s', TRUE, NULL FROM t LIMIT 1
SELECT count(*) FROM (SELECT DISTINCT kind, amount FROM t)
SELECT max(n) FROM (SELECT kind, count(*) AS n FROM t GROUP BY kind)
FROM t SELECT id WHERE id > 1
SELECT 1 FROM t GROUP BY ()
SELECT 1 FROM t HAVING 1 < 2
SELECT -9999999999999999999999999999999999.9999, NULL IS DISTINCT FROM NULL FROM t LIMIT 1
""".strip().split("\n")


def is_ordered(query: str) -> bool:
    """Say whether a query ends in an ORDER BY of its own."""
    while (outside := re.sub(r"\([^()]*\)", "", query)) != query:
        query = outside
    return "ORDER BY" in query


# Their statements hold what only engines' SQL has: correlated EXISTS, TRUNC, dates plus numbers.
UNREADABLE = ("SEMI", "ANTI", "AS INTEGER", "INTERVAL")


def shown(rows: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    return [tuple(_shown(value) for value in row) for row in rows]


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool | str):
        return repr(value)
    try:
        return f"{float(value):.9g}"
    except TypeError:
        return str(value)[:10]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_means_what_it_means_in_sql(data, query):
    plan = parsed(query)
    statement = to_sql(plan, DUCKDB, NAMES)
    found = shown(data.execute(statement).fetchall())
    assert [d[0] for d in data.description] == list(plan.schema.names)
    wanted = shown(data.execute(query).fetchall())
    if not is_ordered(query):
        found, wanted = sorted(found), sorted(wanted)
    assert found == wanted, statement


@pytest.mark.parametrize("query", [q for q in QUERIES if not any(u in q for u in UNREADABLE)])
def test_a_printed_plan_reads_as_the_same_rows(data, query):
    statement = to_sql(parsed(query), DUCKDB, NAMES)
    again = to_sql(parse_query(statement, _plain), DUCKDB, NAMES)
    found = sorted(shown(data.execute(again).fetchall()))
    assert found == sorted(shown(data.execute(statement).fetchall())), again


def _plain(name: str) -> Relation:
    return resolve("core.v" if name == "v" else name)


def test_output_names_are_those_of_the_text():
    assert parsed("SELECT id, amount + 1, count(*) OVER () FROM t").schema.names == (
        "id",
        "amount + 1",
        "count(*) OVER ()",
    )
    assert parsed("SELECT t.id, u.id, u.id FROM t JOIN u USING (id)").schema.names == (
        "id",
        "id_2",
        "id_3",
    )


def test_types_follow_the_function_table():
    schema = parsed("SELECT id / 2, id // 2, 1.50 * id, sum(id) OVER () AS s FROM t").schema
    assert [str(field.type) for field in schema] == [
        "float64",
        "int64",
        "decimal(22,2)",
        "int64",
    ]


def test_the_rest_of_a_division_has_the_sign_of_the_dividend(data):
    plan = parsed("SELECT -7 % a, modulo(-7, a) FROM core.v WHERE a = 2")
    assert data.execute(to_sql(plan, DUCKDB, NAMES)).fetchall() == [(-1, 1)]


def test_equalities_between_the_sides_become_keys():
    plan = parsed("SELECT t.id FROM t JOIN u ON u.id = t.id AND t.amount > 3")
    join = next(node for node in walk(plan) if isinstance(node, Join))
    assert join.kind is JoinKind.INNER
    assert join.on == (("id", "u.id"),)
    assert str(join.predicate) == "amount > 3.0"


def test_order_and_limit_end_the_plan():
    plan = parsed("SELECT id FROM t ORDER BY id LIMIT 3")
    assert isinstance(plan, Limit) and isinstance(plan.input, Sort)


def test_an_asof_join_reads_as_one(data):
    data.execute("CREATE OR REPLACE TABLE s AS SELECT 1::BIGINT AS id, DATE '2012-12-01' AS since")
    since = Read("s", Schema.of(id="int64", since="date"))
    text = "SELECT t.id, since FROM t ASOF {} JOIN s ON t.id = s.id AND t.day >= s.since"
    for side, count in (("LEFT", 5), ("", 1)):
        plan = parse_query(text.format(side), lambda n: since if n == "s" else resolve(n))
        tables = {**NAMES, "s": TableReference(("s",))}
        assert len(data.execute(to_sql(plan, DUCKDB, tables)).fetchall()) == count


@pytest.mark.parametrize(
    ("query", "operation"),
    [
        ("WITH RECURSIVE x AS (SELECT id FROM t) SELECT * FROM x", "RECURSIVE"),
        ("SELECT kind FROM t GROUP BY ROLLUP (id, kind) WITH TOTALS", "TOTALS"),
        ("SELECT * FROM t TABLESAMPLE 10 PERCENT", "SAMPLE"),
        ("SELECT * FROM t RIGHT JOIN LATERAL (SELECT t.id) AS s ON TRUE", "RIGHT JOIN of a"),
        ("SELECT * FROM t FOR UPDATE", "LOCKS"),
        ("SELECT id INTO x FROM t", "INTO"),
        ("SELECT * FROM t PIVOT (sum(amount) FOR kind IN ('a'))", "PIVOTS"),
        ("SELECT sum(amount ORDER BY id) FROM t", "ORDER"),
        ("SELECT last(id) FROM t", "last without ORDER BY"),
        ("SELECT mode(id ORDER BY amount) FROM t", "ORDER BY in mode"),
        ("SELECT quantile(id, 0.5) FROM t", "QUANTILE"),
        ("SELECT sum(DISTINCT id) OVER () FROM t", "DISTINCT in sum over a window"),
        ("SELECT rank(ORDER BY id) OVER () FROM t", "ORDER BY in rank"),
        ("SELECT id FROM t LIMIT id", "LIMIT"),
        ("SELECT read_parquet FROM read_parquet('x.parquet')", "READPARQUET"),
        ("SELECT day + INTERVAL '1.5' DAY FROM t", "an interval of '1.5'"),
        ("SELECT day + INTERVAL '1' CENTURY FROM t", "an interval of"),
        ("SELECT INTERVAL 1 DAY - day FROM t", "INTERVAL"),
        ("SELECT sum(id) OVER (ORDER BY id ROWS id PRECEDING) FROM t", "a frame bound of id"),
        ("SELECT * FROM t POSITIONAL JOIN u", "POSITIONAL"),
        ("SELECT id FROM t; SELECT id FROM t", "more than one statement"),
        ("DELETE FROM t", "DELETE"),
        ('SELECT kind COLLATE "C" FROM t', "COLLATE"),
    ],
)
def test_what_plans_cannot_say_is_refused_by_name(query, operation):
    with pytest.raises(Unsupported) as refusal:
        parsed(query)
    assert operation.lower() in refusal.value.message.lower()


def test_a_syntax_error_shows_the_place_with_a_caret():
    with pytest.raises(InvalidSql) as error:
        parsed("SELECT id\nFROM t WHERE (id > 3")
    lines = error.value.message.split("\n")
    assert lines[0].startswith("line 2, column ")
    assert lines[1] == "  FROM t WHERE (id > 3"
    assert lines[2].strip() == "^"
    with pytest.raises(InvalidSql) as error:
        parsed("SELECT id FRM t")
    assert error.value.message.split("\n")[1:] == ["  SELECT id FRM t", "                ^"]
    with pytest.raises(InvalidSql, match="does not end"):
        parsed("SELECT 'abc FROM t")
    with pytest.raises(InvalidSql, match="no SQL"):
        parsed("  ")


@pytest.mark.parametrize(
    ("query", "error", "said"),
    [
        ("SELECT ammount FROM t", ColumnNotFound, "did you mean 'amount'?"),
        ("SELECT t.ammount FROM t", ColumnNotFound, "not a column of t"),
        ("SELECT id FROM tt", TableNotFound, "available: t, u, core.v"),
        ("SELECT x.id FROM t", TableNotFound, "'x' is not a table of this FROM clause"),
        ("SELECT id FROM t JOIN u ON t.id = u.id", InvalidSql, "column 'id' is ambiguous"),
        ("SELECT uper(kind) FROM t", FunctionNotFound, "did you mean 'upper'?"),
        ("SELECT upper(amount) FROM t", TypeMismatch, "does not take these"),
        ("SELECT id FROM t WHERE kind > 3", TypeMismatch, "does not take these"),
        ("SELECT id FROM t WHERE amount", TypeMismatch, "must be a bool"),
        ("SELECT kind, count(*) FROM t", InvalidSql, "neither grouped nor aggregated"),
        ("SELECT id FROM t WHERE count(*) > 1", InvalidSql, "HAVING"),
        ("SELECT id FROM t ORDER BY 3", InvalidSql, "there is no output 3"),
        ("SELECT id, kind FROM t UNION SELECT id FROM u", InvalidSql, "2 and 1 columns"),
        ("SELECT kind FROM t UNION SELECT id FROM u", TypeMismatch, "differ"),
        ("SELECT id FROM t JOIN t ON TRUE", InvalidSql, "two tables are called 't'"),
        ("SELECT CAST(id AS money) FROM t", TypeMismatch, "is not a type"),
        ("SELECT * FROM (SELECT id FROM t) AS q(a, b)", InvalidSql, "2 names for 1 columns"),
    ],
)
def test_a_mistake_says_what_where_and_what_there_was(query, error, said):
    with pytest.raises(error) as found:
        parsed(query)
    assert said in str(found.value)


def test_a_column_that_is_not_there_is_placed_in_the_text():
    with pytest.raises(ColumnNotFound, match=r"SQL line 2, column 10"):
        parsed("SELECT id,\n  upper( knd )\nFROM t")


def test_an_expression_reads_like_a_condition_in_sql():
    schema = CATALOG["t"].schema
    condition = parse_expression("amount > 10 AND kind IN ('a', 'b') OR id IS NULL", schema)
    assert str(condition.type) == "bool"
    assert isinstance(Filter(CATALOG["t"], condition), Filter)
    with pytest.raises(ColumnNotFound, match="did you mean 'amount'"):
        parse_expression("ammount > 10", schema)
    with pytest.raises(InvalidSql, match="not one expression"):
        parse_expression("id, amount", schema)
    with pytest.raises(InvalidSql) as error:
        parse_expression("amount > ) 1", schema)
    assert error.value.message.split("\n")[1:] == ["  amount > ) 1", "           ^"]
    with pytest.raises(PlanError):
        parse_expression("id = (SELECT max(id) FROM t)", schema)


def test_what_would_be_misread_is_refused():
    with pytest.raises(InvalidSql, match="nested too deeply"):
        parse_expression(" + ".join(["id"] * 2000), Schema.of(id="int64"))
    nested = f"SELECT {'(' * 5000}id{')' * 5000} FROM t"
    with pytest.raises(InvalidSql, match="nested too deeply"):
        parsed(nested)


def test_explain_is_split_from_its_query():
    assert split_explain("EXPLAIN SELECT 1") == ("explain", "SELECT 1")
    assert split_explain("  explain   analyze\nSELECT 1") == ("analyze", "SELECT 1")
    assert split_explain("SELECT explain FROM t") == (None, "SELECT explain FROM t")
    assert split_explain("explained") == (None, "explained")


def test_printing_loads_no_parser():
    program = (
        "import sys, wayfed_sql; from wayfed_sql import to_sql; print('sqlglot' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"


def test_a_number_that_runs_into_a_sign_is_an_error_in_words():
    with pytest.raises(InvalidSql, match="'1e308-1' is not a number"):
        parse_query("SELECT 1e308-1 AS x", {}.__getitem__)


@pytest.mark.parametrize(
    "text", ["SELECT {: 1}", "SELECT . 1.5", "SELECT - . 1.5", "SELECT [1, 2, 3] AS l, {: 1} AS s"]
)
def test_what_the_parser_stumbles_over_is_invalid_sql(text: str) -> None:
    with pytest.raises(InvalidSql):
        parsed(text)


@pytest.mark.parametrize("text", ["DROP x y", "SET * FROM t", "COPY t TO 'x' 1", "execute 1"])
def test_a_command_is_refused_by_name_and_in_silence(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Unsupported, match=f"{text.split(maxsplit=1)[0].upper()} in SQL"):
        parsed(text)
    assert not caplog.records
