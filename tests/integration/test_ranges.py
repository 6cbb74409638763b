"""Of a large table only what lies between the ends of many keys of another store is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wayfed as wf
from wayfed.explain import Explanation
from wayfed.local import Context
from wayfed_optimizer.errors import ExecutionError

pytestmark = pytest.mark.postgres

ENTRIES = 400_000
FIRST, ASKED_FOR = 100_000, 60_000


@pytest.fixture(scope="module")
def ledger(postgres_url: str) -> Iterator[str]:
    """A database of many entries, with statistics; numbered from 1, dated, one a row."""
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("CREATE DATABASE ranges")
        url = f"{postgres_url.rpartition('/')[0]}/ranges"
        with psycopg.connect(url, autocommit=True) as ledger:
            ledger.execute(
                "CREATE TABLE entries AS SELECT i AS id, (i % 1000)::bigint AS cents, "
                "'entry ' || i AS label "
                f"FROM generate_series(1::bigint, {ENTRIES}) AS numbers(i)"
            )
            ledger.execute("ALTER TABLE entries ADD PRIMARY KEY (id)")
            ledger.execute(
                "CREATE TABLE doubtful AS SELECT nullif(i, 100_000) AS entry "
                "FROM generate_series(90_000::bigint, 149_999) AS numbers(i)"
            )
            ledger.execute("ANALYZE")
        yield url
        server.execute("DROP DATABASE ranges WITH (FORCE)")


def file_of(path: Path, numbers: list[int | None]) -> Path:
    table = pa.table({"entry": pa.array(numbers, pa.int64()), "note": range(len(numbers))})
    pq.write_table(table, path, row_group_size=10_000)
    return path


@pytest.fixture
def context() -> Iterator[Context]:
    with wf.context() as context:
        yield context


def fetched(explanation: Explanation) -> list[int]:
    """How many rows each fragment on PostgreSQL gave."""
    return [
        fragment.actual.rows
        for fragment in explanation.fragments
        if fragment.platform.startswith("postgresql") and fragment.actual is not None
    ]


def test_only_entries_between_the_ends_of_many_keys_leave_the_database(
    context: Context, ledger: str, tmp_path: Path
) -> None:
    numbers = [None if n % 50 == 1 else FIRST + n for n in range(ASKED_FOR)]
    notes = context.read(file_of(tmp_path / "notes.parquet", numbers))
    joined = notes.join(context.read(ledger, table="entries"), left_on="entry", right_on="id")

    found = joined.to_arrow()

    assert sorted(found["id"].to_pylist()) == [n for n in numbers if n is not None]
    assert found["entry"] == found["id"]
    assert fetched(joined.explain(analyze=True)) == [ASKED_FOR]


def test_notes_of_no_entry_are_kept_by_a_left_join(
    context: Context, ledger: str, tmp_path: Path
) -> None:
    numbers = [None if n % 50 == 1 else ENTRIES - 20_000 + n for n in range(ASKED_FOR)]
    notes = context.read(file_of(tmp_path / "notes.parquet", numbers))
    entries = context.read(ledger, table="entries")
    joined = notes.join(entries, left_on="entry", right_on="id", how="left")

    found = joined.group_by().agg(n=wf.count(), found=wf.count("label")).to_arrow().to_pylist()

    of_entries = sum(number is not None and number <= ENTRIES for number in numbers)
    assert found == [{"n": ASKED_FOR, "found": of_entries}]


def test_without_any_key_there_are_no_ends_and_no_rows(
    context: Context, ledger: str, tmp_path: Path
) -> None:
    notes = context.read(file_of(tmp_path / "notes.parquet", [*range(FIRST, FIRST + ASKED_FOR)]))
    entries = context.read(ledger, table="entries")
    none = notes.filter("note % 7 + entry % 5 > 10")  # 6 + 4 at most, as no statistics tell
    joined = none.join(entries, left_on="entry", right_on="id")

    assert joined.to_arrow().num_rows == 0
    assert fetched(joined.explain(analyze=True)) == [0]


@pytest.mark.parametrize("written", [True, False], ids=["with", "without"])
def test_row_groups_with_and_without_their_ends_give_the_same(
    context: Context, ledger: str, tmp_path: Path, written: bool
) -> None:
    # Of each row group the keys are others, and those of the last are in no order.
    numbers = [FIRST + n for n in range(50_000)] + [FIRST + 7 * n % 50_000 for n in range(10_000)]
    path = tmp_path / "notes.parquet"
    table = pa.table({"entry": pa.array(numbers, pa.int64())})
    pq.write_table(table, path, row_group_size=10_000, write_statistics=written)
    entries = context.read(ledger, table="entries")
    joined = context.read(path).join(entries, left_on="entry", right_on="id")

    found = joined.group_by().agg(n=wf.count(), total=wf.sum("cents")).to_arrow().to_pylist()

    assert found == [{"n": 60_000, "total": sum(number % 1000 for number in numbers)}]


def test_row_groups_of_a_file_beyond_the_keys_of_a_database_are_not_read(
    context: Context, ledger: str, tmp_path: Path
) -> None:
    path = tmp_path / "entries.parquet"
    entries = pa.table({"id": range(ENTRIES), "label": [f"entry {n}" for n in range(ENTRIES)]})
    pq.write_table(entries, path, row_group_size=40_000)
    spoil(path, except_for=range(2, 4))
    doubtful = context.read(ledger, table="doubtful")
    joined = doubtful.join(context.read(path), left_on="entry", right_on="id")

    found = joined.group_by().agg(n=wf.count(), first=wf.min("label")).to_arrow().to_pylist()

    assert found == [{"n": 59_999, "first": "entry 100001"}]
    with pytest.raises(ExecutionError):
        context.read(path).group_by().agg(first=wf.min("label"), all=wf.sum("id")).to_arrow()


def spoil(path: Path, except_for: range) -> None:
    """Write over the beginning of each column of row groups, so that nothing can read them."""
    metadata = pq.ParquetFile(path).metadata
    with path.open("r+b") as file:
        for group in range(metadata.num_row_groups):
            for number in range(metadata.num_columns if group not in except_for else 0):
                column = metadata.row_group(group).column(number)
                file.seek(column.dictionary_page_offset or column.data_page_offset)
                file.write(b"\xff" * 64)
