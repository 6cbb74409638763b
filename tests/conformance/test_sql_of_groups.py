"""Aggregates, windows and grouping sets of SQL text have the same rows on every engine."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from tests.unit.sql.test_aggregates_and_windows import QUERIES, SALES, TABLE
from wayfed.dataset import Dataset
from wayfed.testing.platform import PlatformUnderTest
from wayfed_arrow import arrow_schema


@pytest.fixture(scope="module")
def duck():
    with duckdb.connect() as connection:
        connection.execute(TABLE)
        yield connection


@pytest.fixture(scope="module")
def sales(platform_under_test: PlatformUnderTest, duck: duckdb.DuckDBPyConnection) -> Dataset:
    found = duck.sql("FROM sales").to_arrow_table().cast(arrow_schema(SALES.schema))
    dataset = platform_under_test.read("sales_of_groups", found, SALES.schema)
    platform_under_test.context.register("sales", dataset)
    return dataset


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_has_the_rows_of_duckdb_or_is_refused_by_name(
    query: str,
    platform_under_test: PlatformUnderTest,
    sales: Dataset,
    duck: duckdb.DuckDBPyConnection,
) -> None:
    relation = platform_under_test.context.sql(query).relation
    refusal = platform_under_test.refusal(relation)
    if refusal is not None:
        assert refusal[1] != "not available there"
        pytest.skip(f"{refusal[0]}: {refusal[1]}")
    mine = [tuple(row.values()) for row in platform_under_test.answer(relation).to_pylist()]
    theirs = duck.execute(query).fetchall()
    assert _comparable(mine) == _comparable(theirs)


def _comparable(rows: list[tuple[Any, ...]]) -> list[str]:
    return sorted(repr(tuple(_value(value) for value in row)) for row in rows)


def _value(value: Any) -> Any:
    """Numbers as floats: DuckDB's sums of integers are wider."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
