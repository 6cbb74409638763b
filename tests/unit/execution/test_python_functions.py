"""Functions of the user's own: what they may return, and how it is told when they return else."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import wayfed as wf
from wayfed_optimizer.errors import ExecutionError

TWICE = {"n": "int64"}
FORMS = {
    "batch": lambda batch: batch,
    "table": lambda batch: pa.Table.from_batches([batch]),
    "dict of arrays": lambda batch: {"n": batch["n"].to_numpy()},
    "pandas": lambda batch: batch.to_pandas(),
    "polars": lambda batch: pl.DataFrame({"n": batch["n"].to_pylist()}),
}


@pytest.mark.parametrize("function", FORMS.values(), ids=FORMS)
def test_a_batch_function_returns_rows_in_any_of_their_forms(numbers: wf.Dataset, function):
    mapped = numbers.limit(3).map_batches(function, schema=TWICE)

    assert mapped.to_arrow()["n"].to_pylist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        (None, "a NoneType is no batch, table, frame or dict of arrays"),
        (3.5, "a float is no batch"),
        ([1, 2], "a list is no batch"),
        (pl.Series([1]), "a Series is no batch"),
        ({"m": [1]}, "column 'n' is missing"),
        ({"n": ["x"]}, "Could not convert 'x'"),
        (pd.DataFrame({"n": [1, "x"]}), "'x'"),
    ],
    ids=["nothing", "float", "list", "series", "other column", "other type", "mixed frame"],
)
def test_what_is_no_rows_is_told_with_the_function_and_the_batch(
    numbers: wf.Dataset, returned, told
):
    def broken(_):
        return returned

    with pytest.raises(ExecutionError) as raised:
        numbers.map_batches(broken, schema=TWICE).count()

    assert "python, f2: function 'broken', batch 0 returned what does not fit" in str(raised.value)
    assert told in str(raised.value)


def test_an_error_of_the_function_is_the_cause_and_names_the_row(numbers: wf.Dataset):
    def inverse(row):
        return 1 / (row.n - 2)

    with pytest.raises(ExecutionError, match="batch 0, row 2 raised ZeroDivisionError") as raised:
        numbers.map(inverse, schema={"x": "float64"}).count()

    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_a_function_over_no_rows_gives_no_rows_of_its_schema(numbers: wf.Dataset):
    mapped = numbers.filter("n < 0").map(lambda row: {"x": str(row.n)}, schema={"x": "text"})

    assert mapped.to_arrow().schema.names == ["x"]
    assert mapped.count() == 0
