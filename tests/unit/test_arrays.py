"""Arrays: exact dtypes, views where possible, masks where NULL, bounded memory."""

from __future__ import annotations

import datetime
import subprocess
import sys
import textwrap
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from wayfed.arrays import Arrays
from wayfed_optimizer.errors import ColumnNotFound, InvalidOption, TypeMismatch, Unsupported

NOON = datetime.datetime(2013, 1, 1, 12)

CASES = [
    (pa.bool_(), [True, False], "bool"),
    (pa.int8(), [1, -1], "int8"),
    (pa.int16(), [1, -1], "int16"),
    (pa.int32(), [1, -1], "int32"),
    (pa.int64(), [1, -(2**62)], "int64"),
    (pa.float32(), [0.5, 1.5], "float32"),
    (pa.float64(), [0.5, float("nan")], "float64"),
    (pa.date32(), [datetime.date(2013, 1, 1), datetime.date(1, 1, 1)], "datetime64[D]"),
    (pa.timestamp("us"), [NOON, NOON], "datetime64[us]"),
    (pa.timestamp("ms"), [NOON, NOON], "datetime64[us]"),
    (pa.timestamp("us", "UTC"), [NOON, NOON], "datetime64[us]"),
    (pa.decimal128(12, 2), [Decimal("1.50"), Decimal("-2.25")], "object"),
    (pa.string(), ["a", "ä"], "object"),
    (pa.binary(), [b"a", b"\x00"], "object"),
    (pa.list_(pa.int64()), [[1, 2], [3, 4]], "object"),
    (pa.struct({"a": pa.int64()}), [{"a": 1}, {"a": 2}], "object"),
    (pa.dictionary(pa.int8(), pa.string()), ["a", "b"], "object"),
]
IDS = [str(case[0]) for case in CASES]


@pytest.mark.parametrize(("kind", "values", "dtype"), CASES, ids=IDS)
def test_each_type_has_one_dtype(kind: pa.DataType, values: list[object], dtype: str) -> None:
    arrays = Arrays.from_table(pa.table({"v": pa.array(values, kind)}))

    assert arrays["v"].dtype == np.dtype(dtype)
    if kind != pa.float64():  # whose case holds a NaN
        assert arrays["v"].tolist() == values


@pytest.mark.parametrize(("kind", "values", "dtype"), CASES, ids=IDS)
def test_a_null_is_masked_and_keeps_the_dtype(
    kind: pa.DataType, values: list[object], dtype: str
) -> None:
    batch = pa.record_batch({"v": pa.array([None, *values], kind)})

    alone = Arrays.from_batches(batch.schema, [batch])["v"]
    several = Arrays.from_batches(batch.schema, [batch.slice(1), batch])["v"]

    assert alone.dtype == several.dtype == np.dtype(dtype)
    assert np.ma.getmaskarray(alone).tolist() == [True, False, False]
    assert np.ma.getmaskarray(several).tolist() == [False, False, True, False, False]


def test_one_batch_without_nulls_is_a_read_only_view() -> None:
    batch = pa.record_batch({"x": pa.array([1.0, 2.0, 3.0])}).slice(1)

    column = Arrays.from_batches(batch.schema, iter([batch]))["x"]

    assert column.tolist() == [2.0, 3.0]
    assert not column.flags.writeable
    assert column.__array_interface__["data"][0] == batch.column(0).buffers()[1].address + 8


def test_several_batches_and_several_chunks_give_the_same_arrays() -> None:
    batches = [pa.record_batch({"n": [i, i + 1], "t": [str(i), None]}) for i in range(5)]

    streamed = Arrays.from_batches(batches[0].schema, iter(batches))
    chunked = Arrays.from_table(pa.Table.from_batches(batches))

    assert streamed["n"].tolist() == chunked["n"].tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    assert (
        streamed["t"].tolist()
        == chunked["t"].tolist()
        == ["0", None, "1", None, "2", None, "3", None, "4", None]
    )


def test_an_empty_stream_has_columns_of_the_right_dtype() -> None:
    arrays = Arrays.from_batches(pa.schema({"n": pa.int32(), "t": pa.string()}), [])

    assert arrays.rows == 0
    assert [column.dtype for column in arrays.values()] == [np.int32, object]


def test_matrix_is_c_contiguous_and_takes_decimals_and_bools() -> None:
    arrays = Arrays.from_table(
        pa.table({"a": [True, False], "d": pa.array([Decimal("1.5"), Decimal(2)]), "i": [3, 4]})
    )

    matrix = arrays.matrix(["i", "d", "a"])

    assert matrix.tolist() == [[3.0, 1.5, 1.0], [4.0, 2.0, 0.0]]
    assert matrix.flags.c_contiguous
    assert arrays.matrix(["i"], dtype=np.float32).dtype == np.float32


def test_matrix_names_the_column_that_is_not_a_number() -> None:
    arrays = Arrays.from_table(pa.table({"t": ["a"], "d": [datetime.date(2013, 1, 1)]}))

    with pytest.raises(TypeMismatch, match=r"'t' is string(.|\n)*one_hot=\['t'\]"):
        arrays.matrix()
    with pytest.raises(TypeMismatch, match=r"'d' is date32(.|\n)*year"):
        arrays.matrix(["d"])
    with pytest.raises(ColumnNotFound, match="did you mean 'd'"):
        arrays.matrix(["dd"])


def test_matrix_names_the_column_that_holds_nulls_and_two_remedies() -> None:
    arrays = Arrays.from_table(pa.table({"n": [1, None, None]}))

    with pytest.raises(TypeMismatch, match=r"'n' holds 2 NULLs(.|\n)*fill_null(.|\n)*impute"):
        arrays.matrix()


def test_partition_by_keeps_the_column_and_the_order_of_rows() -> None:
    arrays = Arrays.from_table(pa.table({"k": ["b", "a", "b", "a"], "x": [1, 2, 3, 4]}))

    parties = arrays.partition_by("k")

    assert list(parties) == ["a", "b"]
    assert parties["b"]["x"].tolist() == [1, 3]
    assert parties["a"]["k"].tolist() == ["a", "a"]
    with pytest.raises(InvalidOption, match="available: a, b"):
        parties["c"]


def test_a_row_without_a_party_is_an_error() -> None:
    with pytest.raises(TypeMismatch, match="1 rows have no 'k'"):
        Arrays.from_table(pa.table({"k": ["b", None]})).partition_by("k")
    with pytest.raises(TypeMismatch, match="1 rows have no 'k'"):
        Arrays.from_table(pa.table({"k": [1.0, float("nan")]})).partition_by("k")


def test_a_type_without_an_array_names_the_cast() -> None:
    with pytest.raises(Unsupported, match=r"'d' of type duration(.|\n)*cast"):
        Arrays.from_table(pa.table({"d": pa.array([1], pa.duration("s"))}))


def test_nanoseconds_that_microseconds_cannot_hold_are_an_error() -> None:
    with pytest.raises(TypeMismatch, match="finer than a microsecond"):
        Arrays.from_table(pa.table({"t": pa.array([1], pa.timestamp("ns"))}))


def test_repr_shows_types_and_values_without_running_anything() -> None:
    arrays = Arrays.from_table(pa.table({"n": [1, None, 3, 4, 5]}))

    assert repr(arrays) == "Arrays: 5 rows\n  n  int64  1, NULL, 3, 4, …"
    assert "<td>int64</td>" in arrays._repr_html_()


def test_reading_many_batches_peaks_at_most_half_above_the_result() -> None:
    # given 128 MB that arrive in batches of 2 MB, measured in a process of its own
    program = """
        import resource, sys
        import numpy as np, pyarrow as pa
        from wayfed.arrays import Arrays
        names = [f"c{i}" for i in range(8)]
        schema = pa.schema([(name, pa.float64()) for name in names])
        def batches():
            for start in range(0, 2_000_000, 32_768):
                rows = np.arange(start, min(start + 32_768, 2_000_000), dtype=float)
                yield pa.record_batch([pa.array(rows + i) for i in range(8)], schema=schema)
        next(batches())
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        arrays = Arrays.from_batches(schema, batches())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        unit = 1 if sys.platform == "darwin" else 1024
        sys.stdout.write(str(peak * unit / sum(c.nbytes for c in arrays.values())))
    """

    ratio = float(
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )

    assert ratio <= 1.5
