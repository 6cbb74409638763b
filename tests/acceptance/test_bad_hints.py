"""What a user tells the optimizer and cannot be, or contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import wayfed as wf
from tests.acceptance.judging import lines, refused
from wayfed import errors


@pytest.fixture
def numbers() -> Iterator[wf.Dataset]:
    with wf.context() as ctx:
        yield ctx.read({"n": [1, 2, 3]})


@pytest.mark.parametrize("rows", [-1, 1.5, float("nan"), "many", True])
def test_a_number_of_rows_that_is_none(numbers: wf.Dataset, rows: object) -> None:
    with refused(errors.InvalidOption) as told:
        numbers.hint(rows=rows)
    assert told.text == f"rows={rows!r} is not a number of rows: a row count is 0 or more (here)"


def test_two_numbers_of_the_same_rows(numbers: wf.Dataset) -> None:
    with refused(errors.InvalidOption) as told:
        numbers.hint(rows=1).hint(rows=5).count()
    assert told.text == lines(
        ".hint(rows=5) and .hint(rows=1) are about the same rows (here)", "  keep one of the two"
    )


def test_two_platforms_for_the_same_rows(numbers: wf.Dataset) -> None:
    with refused(errors.InvalidOption) as told:
        numbers.on("duckdb").on("python").count()
    assert told.text == lines(
        "the same rows are asked for by .on('python') and .on('duckdb') (here)",
        "  keep one of the two",
    )


@pytest.mark.parametrize("rows", [0, 10**30])
def test_a_hint_that_is_wrong_changes_no_result(numbers: wf.Dataset, rows: int) -> None:
    assert numbers.hint(rows=rows).filter("n > 1").sort("n").to_arrow()["n"].to_pylist() == [2, 3]


def test_hints_that_cannot_both_be_true_of_different_rows_change_no_result(
    numbers: wf.Dataset,
) -> None:
    more = numbers.hint(rows=1).filter("n > 1").hint(rows=100).limit(5).hint(rows=1_000)
    assert more.count() == 2
