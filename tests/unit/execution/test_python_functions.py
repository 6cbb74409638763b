"""Functions of the user's own: what they may return, and how it is told when they return else."""

from __future__ import annotations

import datetime as dt
import traceback
from decimal import Decimal
from typing import NamedTuple

import numpy as np
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
        ({"n": ["x"]}, "column 'n' is int64: value 0 is 'x', of type str"),
        (pd.DataFrame({"n": [1, "x"]}), "'x'"),
        ({"n": [1.5]}, "column 'n' is int64: value 0 is 1.5, of type float"),
        ({"n": [1, 1 << 63]}, "column 'n' is int64: value 1 is 9223372036854775808, of type int"),
        (pa.table({"n": ["1"]}), "column 'n' is int64, and came as string"),
        (pa.table({"n": [True]}), "column 'n' is int64, and came as bool"),
        (
            pa.table({"n": pa.array([1], pa.timestamp("us"))}),
            "column 'n' is int64, and came as timestamp[us]",
        ),
        (
            {"n": np.array(["2020-01-01"], "datetime64[ns]")},
            "column 'n' is int64, and came as timestamp[ns]",
        ),
        (pa.table({"m": [1]}), "no columns of the rows are called 'n'"),
        (pa.table({"n": [1.5]}), "column 'n' came as double and does not fit int64"),
    ],
    ids=[
        "nothing",
        "float",
        "list",
        "series",
        "other column",
        "other type",
        "mixed frame",
        "fraction",
        "too large",
        "text for a number",
        "truth for a number",
        "time for a number",
        "time of numpy for a number",
        "table of another column",
        "table with a fraction",
    ],
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


def test_an_error_of_the_function_is_the_cause_and_names_the_row_and_the_line(
    numbers: wf.Dataset,
):
    def inverse(row):
        return 1 / (row.n - 2)

    told = r"batch 0, row 2 raised ZeroDivisionError: .* at test_python_functions\.py, line \d+"
    with pytest.raises(ExecutionError, match=told) as raised:
        numbers.map(inverse, schema={"x": "float64"}).count()

    cause = raised.value.__cause__
    assert isinstance(cause, ZeroDivisionError)
    assert traceback.extract_tb(cause.__traceback__)[-1].name == "inverse"
    assert "return 1 / (row.n - 2)" in "".join(traceback.format_exception(raised.value))


def test_an_error_from_a_library_is_told_at_the_users_line(numbers: wf.Dataset):
    def broken(batch):
        return batch.to_pandas()["m"]

    with pytest.raises(ExecutionError, match=r"KeyError: 'm' at test_python_functions\.py, line"):
        numbers.map_batches(broken, schema=TWICE).count()


def test_columns_of_several_lengths_are_told_with_their_lengths(numbers: wf.Dataset):
    def broken(_):
        return {"n": [1, 2], "m": [1]}

    with pytest.raises(ExecutionError, match="its columns have several lengths: n 2, m 1"):
        numbers.map_batches(broken, schema={"n": "int64", "m": "int64"}).count()


def test_null_where_the_annotation_has_none_is_an_error(numbers: wf.Dataset):
    class Half(NamedTuple):
        n: int

    def broken(row) -> Half:
        return Half(None)

    broken.__annotations__["return"] = Half
    with pytest.raises(ExecutionError, match="column 'n' holds NULL"):
        numbers.map(broken).count()


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ((), "a row has 0 values"),
        (None, "a row has 1 value"),
        ((1, 2, 3), "a row has 3 values"),
        ({"n": 1}, "a row has n"),
        ((1, "x"), "column 'm' is int64: value 0 is 'x', of type str"),
    ],
    ids=["no values", "nothing", "too many", "a column less", "another type"],
)
def test_a_row_that_does_not_fit_is_told(numbers: wf.Dataset, made, told):
    mapped = numbers.map(lambda _: made, schema={"n": "int64", "m": "int64"})

    with pytest.raises(ExecutionError) as raised:
        mapped.count()

    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int64", Decimal("1.5")),
        ("int32", 1.5),
        ("date", dt.datetime(2020, 1, 1, 5)),
        ("timestamp", dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
        ("timestamp_utc", dt.datetime(2020, 1, 1)),
        ("timestamp", 5),
        ("decimal(12,2)", Decimal("1.555")),
        ("float64", (1 << 53) + 1),
    ],
    ids=str,
)
def test_a_value_that_its_column_cannot_hold_whole_is_an_error(numbers: wf.Dataset, kind, value):
    mapped = numbers.limit(2).map(lambda _: {"x": value}, schema={"x": kind})

    with pytest.raises(ExecutionError, match=r"column 'x' is .*: value 0 is .*, of type"):
        mapped.count()


def test_a_value_beyond_float32_is_an_error(numbers: wf.Dataset):
    mapped = numbers.limit(2).map(lambda _: {"x": 1e300}, schema={"x": "float32"})

    with pytest.raises(ExecutionError, match="holds values beyond float32"):
        mapped.count()


def test_whole_floats_are_integers(numbers: wf.Dataset):
    mapped = numbers.limit(1).map(lambda _: {"x": 3.0}, schema={"x": "int64"})

    assert mapped.to_arrow()["x"].to_pylist() == [3]


def test_nothing_is_null_in_a_column_of_its_own(numbers: wf.Dataset):
    mapped = numbers.limit(2).map(lambda _: None, schema={"n": "int64"})

    assert mapped.to_arrow()["n"].to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("made", "told"),
    [(None, "a NoneType is not several rows"), ({"n": 1}, "a dict is not"), ("ab", "a str is not")],
    ids=["nothing", "one row", "text"],
)
def test_what_is_not_several_rows_is_told(numbers: wf.Dataset, made, told):
    with pytest.raises(ExecutionError, match=told):
        numbers.flat_map(lambda _: made, schema=TWICE).count()


def test_a_generator_of_rows_may_yield_more_than_memory_holds_at_once(numbers: wf.Dataset):
    def repeated(row):
        for _ in range(200_000):
            yield (row.n,)

    mapped = numbers.limit(3).flat_map(repeated, schema=TWICE)

    with mapped.to_batches() as batches:
        sizes = [batch.num_rows for batch in batches]
    assert sum(sizes) == 600_000
    assert max(sizes) <= 1 << 17


def test_a_generator_of_rows_that_fails_names_the_row_it_was_at(numbers: wf.Dataset):
    def failing(row):
        yield (row.n,)
        if row.n == 4:
            raise LookupError("at four")

    with pytest.raises(ExecutionError, match="row 4 raised LookupError: at four"):
        numbers.flat_map(failing, schema=TWICE).count()


def test_a_function_over_batches_may_yield_several(numbers: wf.Dataset):
    def halves(batch):
        middle = batch.num_rows // 2
        yield batch.slice(0, middle)
        yield batch.slice(middle)

    assert numbers.map_batches(halves, schema=TWICE).count() == 300_000


def test_a_function_over_batches_that_fails_between_two_names_the_batch(numbers: wf.Dataset):
    def failing(batch):
        yield batch
        raise ValueError("between")

    with pytest.raises(ExecutionError, match="batch 0 raised ValueError: between"):
        numbers.map_batches(failing, schema=TWICE).count()


def test_a_function_is_not_called_for_batches_without_rows(numbers: wf.Dataset):
    def strict(batch):
        assert batch.num_rows
        return batch

    empty = numbers.limit(5).map_batches(lambda batch: batch.slice(0, 0), schema=TWICE)

    assert empty.map_batches(strict, schema=TWICE).count() == 0


def test_a_function_over_no_rows_gives_no_rows_of_its_schema(numbers: wf.Dataset):
    mapped = numbers.filter("n < 0").map(lambda row: {"x": str(row.n)}, schema={"x": "text"})

    assert mapped.to_arrow().schema.names == ["x"]
    assert mapped.count() == 0
