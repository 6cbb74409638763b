"""What SQLite stores in any column, and is no value of the column's type, ends a query in words."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import wayfed as wf
from wayfed_optimizer.errors import TransferError, TypeMismatch


def stored(directory: Path, kind: str, value: str) -> str:
    """Make a table of one value, written as SQL, of a declared type."""
    with closing(sqlite3.connect(directory / "one.db")) as connection:
        connection.execute(f"CREATE TABLE one (x {kind})")
        connection.execute(f"INSERT INTO one VALUES ({value})")
        connection.commit()
    return f"sqlite:///{directory / 'one.db'}"


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("DATE", "'2023-02-30'", "declared as date, and holds '2023-02-30'"),
        ("DATE", "'0000-01-01'", "declared as date, and holds '0000-01-01'"),
        ("DATE", "'now'", "declared as date, and holds 'now'"),
        ("DATE", "2460000.5", "declared as date, and holds 2460000.5"),
        ("TIMESTAMP", "'0000-12-31 23:59'", "declared as timestamp, and holds"),
        ("TIMESTAMP", "'2023-02-30 10:00:00'", "declared as timestamp, and holds '2023-02-30 10"),
        ("TIMESTAMP", "'2023-01-01T29:00'", "declared as timestamp, and holds '2023-01-01T29"),
        ("TIMESTAMP", "'2023-01-01 24:00:00'", "declared as timestamp, and holds '2023-01-01 24"),
        ("TIMESTAMP", "'2023-13-01'", "declared as timestamp, and holds '2023-13-01'"),
    ],
)
def test_no_time_of_the_calendar_is_refused_before_anything_is_made_of_it(
    tmp_path: Path, kind: str, value: str, said: str
) -> None:
    with wf.context() as context:
        rows = context.read(stored(tmp_path, kind, value), table="one")

        with pytest.raises(TransferError, match=said):
            rows.filter(wf.col("x").is_not_null()).count()


def test_text_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    with wf.context() as context:
        rows = context.read(stored(tmp_path, "TEXT", "CAST(x'ff41' AS TEXT)"), table="one")

        with pytest.raises(TransferError, match=r"'x' holds a value that is no text: .*UTF8"):
            rows.to_arrow()


def test_the_first_and_the_last_day_are_read(tmp_path: Path) -> None:
    with wf.context() as context:
        first = context.read(
            stored(tmp_path, "DATE", "'0001-01-01'), ('9999-12-31'), (NULL"), table="one"
        )

        found = first.sort("x").to_arrow().column("x").to_pylist()

    assert [str(day) for day in found] == ["0001-01-01", "9999-12-31", "None"]


def test_a_query_may_end_in_a_comment(tmp_path: Path) -> None:
    with wf.context() as context:
        rows = context.read(
            stored(tmp_path, "INTEGER", "7"), query="SELECT x FROM one  -- all there are"
        )

        assert rows.filter(wf.col("x") > 1).to_arrow().to_pydict() == {"x": [7]}


def test_a_column_without_a_type_is_told_with_the_query_that_gives_it_one(tmp_path: Path) -> None:
    url = stored(tmp_path, "INTEGER", "7")
    with wf.context() as context:
        with pytest.raises(
            TypeMismatch, match=r"""query='select cast\(count\(\*\) as text\) as "c"""
        ):
            context.read(url, query="SELECT count(*) FROM one")
        with pytest.raises(
            TypeMismatch, match=r"""'select cast\("A b" as text\) as "A b", … from"""
        ):
            context.read(url, query='SELECT x + 1 AS "A b" FROM one')


def test_the_first_and_the_last_microsecond_are_read(tmp_path: Path) -> None:
    ends = "'0001-01-01'), ('2024-02-29T12:00'), ('9999-12-31 23:59:59.999999'), (NULL"
    with wf.context() as context:
        read = context.read(stored(tmp_path, "TIMESTAMP", ends), table="one")

        found = read.sort("x").to_arrow().column("x").to_pylist()

    assert [str(time) for time in found] == [
        "0001-01-01 00:00:00",
        "2024-02-29 12:00:00",
        "9999-12-31 23:59:59.999999",
        "None",
    ]
