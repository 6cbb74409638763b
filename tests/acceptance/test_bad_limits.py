"""Memory limits lower than what a plan needs: said before it runs, with what would do."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wayfed as wf
from tests.acceptance.judging import refused
from wayfed import errors

ROWS = 1_000_000
NUMBERS = pa.table({"n": np.arange(ROWS)[::-1], "m": np.arange(ROWS)})


def limited(limit: str, **options: object) -> wf.Context:
    return wf.context(duckdb={"memory_limit": limit, "threads": 1, **options})


@pytest.mark.parametrize(
    ("told", "plan"),
    [
        ("Sort n", lambda rows: rows.sort("n")),
        ("Join inner on n = n_right", lambda rows: rows.join(rows, left_on="n", right_on="m")),
    ],
)
def test_rows_that_an_engine_without_a_disk_cannot_hold(told: str, plan) -> None:
    with limited("5MB", temp_directory="") as ctx, refused(errors.NotEnoughMemory) as caught:
        plan(ctx.read(NUMBERS)).to_arrow()

    assert caught.text.startswith("duckdb may take 5 MB of memory; '")
    assert re.search(r"needs more than \d+ MB, and has no directory to go to disk", caught.text)
    assert re.search(r"\d+ MB would do: raise the limit", str(caught.error.hint))


def test_what_would_do_does() -> None:
    with limited("5MB", temp_directory="") as ctx, refused(errors.NotEnoughMemory) as caught:
        ctx.read(NUMBERS).sort("n").to_arrow()
    enough = re.match(r"(\d+) MB", str(caught.error.hint))
    assert enough is not None

    with limited(f"{enough[1]}MB", temp_directory="") as ctx:
        assert ctx.read(NUMBERS).sort("n").to_arrow()["n"][:2].to_pylist() == [0, 1]


def test_a_sort_needs_some_memory_whatever_goes_to_disk(tmp_path: Path) -> None:
    with limited("5MB") as ctx, refused(errors.NotEnoughMemory) as caught:
        ctx.read(NUMBERS).sort("n").explain()
    assert "needs more than 8 MB, whatever goes to disk" in caught.text

    with limited("32MB") as ctx:
        assert ctx.read(NUMBERS).sort("n").to_arrow()["n"][:2].to_pylist() == [0, 1]


def test_partitions_of_windows_are_put_on_disk_part_by_part() -> None:
    numbered = "select {} as place from numbers"
    with limited("5MB") as ctx:
        ctx.register("numbers", NUMBERS)
        ctx.sql(numbered.format("row_number() over (partition by m order by n)")).explain()
        with refused(errors.NotEnoughMemory) as caught:
            ctx.sql(numbered.format("row_number() over (order by n)")).explain()
    assert "Window" in caught.text


def test_rows_that_are_cut_short_or_few_need_little() -> None:
    with limited("5MB", temp_directory="") as ctx:
        assert ctx.read(NUMBERS).sort("n").limit(2).to_arrow()["n"].to_pylist() == [0, 1]
        assert ctx.read(NUMBERS).group_by().agg(s=wf.sum("n")).count() == 1


def test_another_engine_does_what_one_has_no_memory_for(tmp_path: Path) -> None:
    pq.write_table(NUMBERS, tmp_path / "numbers.parquet")
    with wf.context() as ctx:
        ctx.read(NUMBERS).write(f"sqlite:///{tmp_path}/numbers.sqlite", table="numbers")
    with limited("5MB", temp_directory="") as ctx:
        numbers = ctx.read(f"sqlite:///{tmp_path}/numbers.sqlite", table="numbers")
        told = str(numbers.sort("n").explain())
        assert "sqlite" in told
        with numbers.sort("n").to_batches() as rows:
            assert next(rows)["n"][0].as_py() == 0
    with sqlite3.connect(tmp_path / "numbers.sqlite") as connection:
        assert connection.execute("select count(*) from numbers").fetchone() == (ROWS,)
