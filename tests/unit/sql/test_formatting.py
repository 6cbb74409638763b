"""Statements are laid out for people, and not one token changes."""

from __future__ import annotations

import pytest
from sqlglot.dialects.dialect import Dialect as Reader

from wayfed_sql import DUCKDB, FLINK, POSTGRESQL, SPARK, SQLITE, format_sql

STATEMENTS = [
    "SELECT a FROM t WHERE b = 'FROM (SELECT' AND c > 1 GROUP BY a ORDER BY a NULLS LAST LIMIT 3",
    "WITH common AS (SELECT a FROM t) SELECT a FROM common LEFT JOIN (u CROSS JOIN v) ON 1 = 1",
    "SELECT a FROM t UNION ALL SELECT a FROM u WHERE EXISTS (SELECT 1 FROM v)",
    "SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) AS n FROM (SELECT a, b FROM t) AS t",
]


@pytest.mark.parametrize(
    "dialect", [DUCKDB, POSTGRESQL, SQLITE, SPARK, FLINK], ids=lambda d: d.name
)
@pytest.mark.parametrize("statement", STATEMENTS)
def test_only_space_changes(statement, dialect):
    reader = Reader.get_or_raise(dialect.sqlglot)

    def tokens(text: str) -> list[str]:
        return [text[token.start : token.end + 1] for token in reader.tokenize(text)]

    assert tokens(format_sql(statement, dialect)) == tokens(statement)


def test_each_clause_has_a_line_and_a_subquery_is_indented():
    statement = (
        "WITH common AS (SELECT a FROM t) SELECT a, SUM(b) AS s FROM common AS x "
        "LEFT JOIN u ON x.a = u.a WHERE EXISTS (SELECT 1 FROM v WHERE v.a = x.a) "
        "GROUP BY a ORDER BY s DESC LIMIT 3 OFFSET 1"
    )
    assert format_sql(statement, DUCKDB).split("\n") == [
        "WITH common AS (",
        "  SELECT a",
        "  FROM t",
        ")",
        "SELECT a, SUM(b) AS s",
        "FROM common AS x",
        "LEFT JOIN u ON x.a = u.a",
        "WHERE EXISTS (",
        "  SELECT 1",
        "  FROM v",
        "  WHERE v.a = x.a",
        ")",
        "GROUP BY a",
        "ORDER BY s DESC",
        "LIMIT 3",
        "OFFSET 1",
    ]
    assert format_sql(STATEMENTS[3], DUCKDB).startswith(
        "SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) AS n\nFROM (\n  SELECT a, b\n"
    )
