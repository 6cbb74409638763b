"""SQLite attaches ten files to a connection; a plan may have more results and inputs than that."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import reduce
from pathlib import Path

import pyarrow as pa
import pytest

import wayfed as wf

MANY = 13
KEYS = [1, 2, 3]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Tables t0, t1 and so on, each with a column of its own beside the key."""
    with closing(sqlite3.connect(tmp_path / "many.db")) as connection:
        for number in range(MANY):
            connection.execute(f"CREATE TABLE t{number} (k INTEGER, x{number} INTEGER)")
            rows = [(key, 10 * number + key) for key in KEYS]
            connection.executemany(f"INSERT INTO t{number} VALUES (?, ?)", rows)
        connection.commit()
    return f"sqlite:///{tmp_path / 'many.db'}"


def expected() -> dict[str, list[int]]:
    columns = {f"x{n}": [10 * n + key for key in KEYS] for n in range(MANY)}
    return {"k": KEYS, **columns}


def test_more_results_leave_a_file_than_it_attaches(url: str) -> None:
    with wf.context() as context:
        tables = [context.read(url, table=f"t{number}") for number in range(MANY)]
        joined = reduce(lambda left, right: left.join(right, on="k"), tables)

        found = joined.sort("k").on("duckdb").to_arrow()

    assert found.to_pydict() == expected()


def test_more_rows_are_brought_to_a_file_than_it_attaches(url: str) -> None:
    given = [table_of({"k": KEYS, f"x{n}": [10 * n + key for key in KEYS]}) for n in range(1, MANY)]
    with wf.context() as context:
        stored = context.read(url, table="t0")
        (sqlite,) = (name for name in context.platform_names if name.startswith("sqlite"))
        tables = [stored, *map(context.read, given)]
        joined = reduce(lambda left, right: left.join(right, on="k"), tables)

        found = joined.sort("k").on(sqlite).to_arrow()

    assert found.to_pydict() == expected()


def table_of(columns: dict[str, list[int]]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.int64()) for name, values in columns.items()})
