from __future__ import annotations

import datetime
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from wayfed_files import CONNECTOR
from wayfed_optimizer.errors import (
    ColumnNotFound,
    InvalidOption,
    SourceError,
    TransferError,
    TypeMismatch,
)
from wayfed_optimizer.platform import ARROW_TABLE, SourceRequest
from wayfed_optimizer.types import Schema


def source_of(target, **request):
    assert CONNECTOR.claims(target, None)
    return CONNECTOR.source(SourceRequest(target, **request), None)


def read(source):
    return source.open(source.snapshot())


NUMBERS = pa.table({"n": pa.array([1, 2], pa.int64())})


@pytest.mark.parametrize(
    ("make", "rows"),
    [
        (lambda: NUMBERS, "2 (exact)"),
        (lambda: NUMBERS.to_batches()[0], "2 (exact)"),
        (NUMBERS.to_reader, "~100,000 (default)"),
        (lambda: ds.dataset(NUMBERS), "~100,000 (default)"),
        (lambda: pd.DataFrame({"n": [1, 2]}), "2 (exact)"),
        (lambda: pl.DataFrame({"n": [1, 2]}), "2 (exact)"),
        (lambda: pl.LazyFrame({"n": [1, 2]}), "~100,000 (default)"),
        (lambda: {"n": np.array([1, 2])}, "2 (exact)"),
        (lambda: np.array([(1,), (2,)], dtype=[("n", "i8")]), "2 (exact)"),
    ],
)
def test_every_kind_of_table_is_read_as_often_as_asked(make, rows):
    source = source_of(make())
    assert source.channel == ARROW_TABLE
    assert str(source.schema) == "Schema(n int64)"
    assert str(source.statistics().rows) == rows
    assert read(source).equals(NUMBERS)
    assert read(source).equals(NUMBERS)
    assert str(source.statistics().rows) == "2 (exact)"


def test_a_dataset_of_parquet_files_knows_its_rows(tmp_path):
    pq.write_table(NUMBERS, tmp_path / "f.parquet")
    assert str(source_of(ds.dataset(tmp_path)).statistics().rows) == "2 (exact)"


def test_nan_is_null_where_pandas_means_so_and_stays_in_floats():
    frame = pd.DataFrame(
        {
            "f": [1.0, math.nan],
            "f32": np.array([1.0, math.nan], dtype="f4"),
            "object": np.array(["a", math.nan], dtype=object),
            "Int64": pd.array([1, None], dtype="Int64"),
            "Float64": pd.array([1.5, None], dtype="Float64"),
            "string": pd.array(["a", None], dtype="string"),
            "at": pd.to_datetime(["2013-01-01", None]),
        }
    )
    table = read(source_of(frame))
    assert math.isnan(table["f"][1].as_py())
    assert math.isnan(table["f32"][1].as_py())
    nulls = {name: table[name].null_count for name in table.column_names}
    assert nulls == {
        "f": 0, "f32": 0, "object": 1, "Int64": 1, "Float64": 1, "string": 1, "at": 1
    }  # fmt: skip


def test_an_index_is_a_column_only_where_it_has_a_name():
    frame = pd.DataFrame({"n": [1]}, index=[7])
    assert source_of(frame).schema.names == ("n",)
    assert source_of(frame.rename_axis("id")).schema.names == ("id", "n")
    with pytest.raises(SourceError, match="both a column and the index"):
        source_of(frame.rename_axis("n"))


def test_categories_and_views_are_read_as_what_they_stand_for():
    frame = pl.DataFrame({"c": ["a", "b"], "x": ["y", None]}).with_columns(
        pl.col("c").cast(pl.Categorical)
    )
    table = read(source_of(frame))
    assert table.schema.types == [pa.string(), pa.string()]
    assert table.to_pydict() == {"c": ["a", "b"], "x": ["y", None]}


def test_nanoseconds_are_read_where_nothing_is_lost():
    moment = datetime.datetime(2013, 1, 1, 12, 0, 0, 500)
    exact = source_of({"at": np.array([moment], dtype="datetime64[ns]")})
    assert read(exact).to_pydict() == {"at": [moment]}
    lossy = source_of({"at": np.array([1_500], dtype="datetime64[ns]")})
    with pytest.raises(TransferError, match="'at'"):
        read(lossy)


def test_masked_values_are_null():
    masked = np.ma.masked_array([1, 2], mask=[False, True])
    assert read(source_of({"n": masked})).to_pydict() == {"n": [1, None]}


def test_given_columns_and_types_are_read():
    source = source_of(pa.table({"a": [1], "b": ["x"]}), schema=Schema.of(a="int8"))
    assert read(source).schema == pa.schema({"a": pa.int8()})
    with pytest.raises(ColumnNotFound, match="did you mean 'amount'"):
        source_of(pa.table({"amount": [1]}), schema=Schema.of(ammount="int8"))


@pytest.mark.parametrize(
    ("target", "error", "told"),
    [
        (pd.DataFrame({"x": [1, "a"]}), TypeMismatch, "'x'"),
        (pd.DataFrame({0: [1]}), TypeMismatch, "not text"),
        (pl.DataFrame({"x": [object()]}), TypeMismatch, "'x'"),
        (pl.DataFrame({"t": [datetime.time(10)]}), TypeMismatch, "'t'"),
        (pa.table({"x": pa.array([1], pa.uint64())}), TypeMismatch, "decimal"),
        (pa.table({"x": pa.nulls(2)}), TypeMismatch, "'x'"),
        (np.zeros((2, 3)), SourceError, "no columns with names"),
        ({"x": np.zeros((2, 3))}, SourceError, "2 dimensions"),
        ({"x": np.zeros(2), "y": np.zeros(3)}, SourceError, "x: 2, y: 3"),
        ({"x": np.array(1.0)}, SourceError, "0 dimensions"),
    ],
)
def test_an_object_that_is_no_table_says_why(target, error, told):
    with pytest.raises(error, match=told):
        source_of(target)


def test_options_of_files_are_refused_for_objects():
    with pytest.raises(InvalidOption, match="delimiter"):
        source_of(NUMBERS, options={"delimiter": ";"})


def test_deciding_who_reads_an_object_imports_no_library():
    program = (
        "import sys; from wayfed_files import CONNECTOR\n"
        "assert not CONNECTOR.claims({'a': [1]}, None)\n"
        "print(*{'pandas', 'polars', 'numpy', 'pyarrow'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert result.stdout.split() == []


def test_some_rows_of_a_table_tell_of_its_columns():
    rows = 100_000
    source = source_of(pa.table({"id": range(rows), "k": [i % 50 for i in range(rows)]}))
    columns = source.statistics().columns
    assert columns["id"].distinct == pytest.approx(rows, rel=0.1)
    assert columns["k"].distinct == pytest.approx(50, rel=0.1)
    # A sample has no ends that anything could rely on.
    assert (columns["id"].low, columns["id"].high) == (None, None)
