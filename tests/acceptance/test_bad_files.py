"""Files that are missing, broken, or not what they were: one is told which file, and what to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wayfed as wf
from tests.acceptance.judging import lines, refused
from wayfed import errors


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory that the test is in; its files are written by name."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parquet(path: str, **columns: object) -> None:
    """Write a file beside its place and move it there, as programs that replace files do."""
    pq.write_table(pa.table(columns), f"{path}.new")
    os.replace(f"{path}.new", path)


def broken_parquet(keep: Callable[[bytes], bytes]) -> None:
    parquet("tx.parquet", amount=list(range(1000)))
    Path("tx.parquet").write_bytes(keep(Path("tx.parquet").read_bytes()))


def test_a_missing_file_gets_a_suggestion(ctx: wf.Context, here: Path) -> None:
    parquet("customers.parquet", id=[1])
    with refused(errors.SourceError) as told:
        ctx.read("custmers.parquet")
    assert told.text == lines(
        "there is no file 'custmers.parquet' (here)",
        "  available: customers.parquet",
        "  did you mean 'customers.parquet'?",
    )
    with refused(errors.SourceError) as told:
        ctx.read("*.csv")
    assert told.text == lines(
        "no file matches '*.csv' (here)",
        "  available: customers.parquet",
        f"  relative paths are looked up from '{here}'",
    )


def test_an_empty_file(ctx: wf.Context) -> None:
    for name, message in {
        "tx.parquet": "'tx.parquet' is empty, so it is not Parquet (here)",
        "tx.csv": "'tx.csv' is empty, so its columns are unknown (here)",
        "tx.ndjson": "'tx.ndjson' is empty, so its columns are unknown (here)\n  schema= says them",
        "tx.arrow": "'tx.arrow' is empty, so it is not an Arrow IPC file (here)",
    }.items():
        Path(name).touch()
        with refused(errors.SourceError) as told:
            ctx.read(name)
        assert told.text == message


def test_a_truncated_file(ctx: wf.Context) -> None:
    broken_parquet(lambda content: content[: len(content) // 2])
    with refused(errors.SourceError) as told:
        ctx.read("tx.parquet")
    assert told.text == lines(
        "'tx.parquet' is truncated: it ends before its footer (here)",
        "  write or copy it again",
    )


def test_a_file_with_damaged_rows_is_named_when_they_are_read(ctx: wf.Context) -> None:
    broken_parquet(lambda content: content[:4] + b"\xff" * 400 + content[404:])
    tx = ctx.read("tx.parquet")
    with refused(errors.ExecutionError) as told:
        tx.to_numpy()
    assert "tx.parquet" in told.text
    assert told.error.__cause__ is not None


def test_a_file_of_another_format(ctx: wf.Context) -> None:
    Path("text.parquet").write_text("id,amount\n1,2\n")
    with refused(errors.SourceError) as told:
        ctx.read("text.parquet")
    assert told.text == lines(
        "'text.parquet' is not Parquet: it looks like text (here)",
        "  format= says what it is, whatever its name",
    )
    parquet("tx.parquet", id=[1])
    os.rename("tx.parquet", "tx.csv")
    with refused(errors.SourceError) as told:
        ctx.read("tx.csv")
    assert told.text == lines(
        "'tx.csv' is not CSV: it looks like Parquet (here)",
        "  format= says what it is, whatever its name",
    )
    assert ctx.read("tx.csv", format="parquet").count() == 1


def test_a_glob_whose_files_disagree(ctx: wf.Context) -> None:
    parquet("tx1.parquet", id=[1], amount=[2.5])
    parquet("tx2.parquet", id=[1], ammount=[2.5])
    with refused(errors.SourceError) as told:
        ctx.read("*.parquet")
    assert told.text == lines(
        "'tx2.parquet' has no column 'amount', but 'tx1.parquet' has (here)",
        "  available: id, ammount",
        "  did you mean 'ammount'?",
    )
    parquet("tx2.parquet", id=[1], amount=["2.5"])
    with refused(errors.SourceError) as told:
        ctx.read("*.parquet")
    assert told.text == lines(
        "column 'amount' is float64 in 'tx1.parquet', but text in 'tx2.parquet' (here)",
        "  read them apart and cast() one, or give the types with schema=",
    )


def test_a_csv_with_a_broken_row_names_the_line(ctx: wf.Context) -> None:
    Path("tx.csv").write_text("id,amount\n1,2\n3\n5,6\n")
    with refused(errors.SourceError) as told:
        ctx.read("tx.csv")
    assert told.text.startswith("'tx.csv', line 3 cannot be read as CSV: ")
    assert "Expected 2 columns, got 1: 3" in told.text


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("7", "7: Expected Number of Columns: 2 Found: 1"),
        ("7,many", "column amount is int64 and cannot hold many"),
    ],
)
def test_a_broken_row_far_down_names_its_line_too(ctx: wf.Context, row: str, message: str) -> None:
    good = "".join(f"{number},{number}\n" for number in range(200_000))
    Path("tx.csv").write_text(f"id,amount\n{good}{row}\n8,9\n")
    tx = ctx.read("tx.csv")
    with refused(errors.ExecutionError) as told:
        tx.to_numpy()
    assert told.text.startswith(f"duckdb, f1: 'tx.csv', line 200002: {message} (here)\n")
    assert told.error.hint is not None
    assert told.error.hint.startswith("null_values=[…] says what stands for NULL")


def test_ndjson_with_a_broken_row_names_the_line(ctx: wf.Context) -> None:
    Path("tx.ndjson").write_text('{"id": 1}\n{"id": 2\n{"id": 3}\n')
    with refused(errors.SourceError) as told:
        ctx.read("tx.ndjson")
    assert told.text.startswith("'tx.ndjson', line 2 cannot be read as NDJSON: ")


def test_a_file_that_other_columns_replaced(ctx: wf.Context) -> None:
    parquet("tx.parquet", id=[1], amount=[2.5])
    tx = ctx.read("tx.parquet")
    parquet("tx.parquet", id=[1], price=[2.5])
    with refused(errors.SourceChanged) as told:
        tx.to_numpy()
    assert told.text == lines(
        "the files of 'tx.parquet' are not what they were: "
        "the columns are others than when the plan was made (here)",
        "  available: id int64, price float64",
        "  read the files again",
    )


def test_a_file_that_was_replaced_by_newer_rows_is_read_anew(ctx: wf.Context) -> None:
    parquet("tx.parquet", id=[1])
    tx = ctx.read("tx.parquet")
    parquet("tx.parquet", id=[1, 2, 3])
    assert tx.count() == 3


def test_a_file_that_is_gone(ctx: wf.Context) -> None:
    parquet("tx.parquet", id=[1])
    tx = ctx.read("tx.parquet")
    Path("tx.parquet").unlink()
    with refused(errors.SourceChanged) as told:
        tx.to_numpy()
    assert told.text.startswith(
        "the files of 'tx.parquet' are not what they were: there is no file 'tx.parquet' (here)"
    )


@pytest.mark.parametrize("what", ["replaced", "removed", "joined by another"])
def test_a_file_that_changes_while_it_is_read(ctx: wf.Context, tmp_path: Path, what: str) -> None:
    parquet("tx1.parquet", id=list(range(500_000)))
    batches = ctx.read("tx*.parquet").to_batches()
    next(batches)
    match what:
        case "replaced":
            parquet("tx1.parquet", id=[1])
        case "removed":
            Path("tx1.parquet").unlink()
        case _:
            parquet("tx2.parquet", id=[1])

    with refused(errors.SourceChanged) as told:
        batches.read_all()
    assert (
        told.text
        == {
            "replaced": "'tx1.parquet' was changed while it was read (here)",
            "removed": "'tx1.parquet' is gone while it was read (here)",
            "joined by another": (
                "'tx2.parquet' was added to 'tx*.parquet' while it was read (here)"
            ),
        }[what]
    )
