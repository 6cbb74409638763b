from __future__ import annotations

import gc
import weakref
from decimal import Decimal

import pyarrow as pa
import pytest

from wayfed_arrow import Stream, conform, stream_of
from wayfed_optimizer.errors import Cancelled, TransferError
from wayfed_optimizer.types import Field, Schema, parse_type

NUMBERS = pa.schema({"n": pa.int64()})


class Producer:
    """Batches of one number, and a note of when they were released."""

    def __init__(self, *numbers, error=None):
        self.numbers, self.error, self.released = numbers, error, 0

    def batches(self):
        for number in self.numbers:
            yield pa.record_batch({"n": [number]})
        if self.error:
            raise self.error

    def release(self):
        self.released += 1

    def stream(self):
        return Stream(NUMBERS, self.batches(), self.release)


def test_a_stream_releases_its_producer_at_its_end():
    producer = Producer(1, 2)
    stream = producer.stream()
    assert stream.read_all().to_pydict() == {"n": [1, 2]}
    assert producer.released == 1
    stream.close()
    assert producer.released == 1


@pytest.mark.parametrize("read_first", [0, 1])
def test_closing_a_stream_early_releases_its_producer(read_first):
    producer = Producer(1, 2)
    stream = producer.stream()
    for _ in range(read_first):
        next(stream)
    stream.close()
    assert producer.released == 1
    with pytest.raises(TransferError, match="closed before its end"):
        next(stream)


def test_a_stream_is_read_only_once():
    stream = Producer(1).stream()
    stream.read_all()
    with pytest.raises(TransferError, match="already read"):
        stream.read_all()


def test_an_error_of_the_producer_arrives_as_it_is_and_releases():
    producer = Producer(1, error=Cancelled("stopped"))
    stream = producer.stream()
    with pytest.raises(Cancelled):
        stream.read_all()
    assert producer.released == 1
    assert isinstance(stream.error, Cancelled)


def test_a_c_consumer_reads_the_rows_and_releases_the_producer():
    producer = Producer(1, 2)
    assert pa.RecordBatchReader.from_stream(producer.stream()).read_all()["n"].to_pylist() == [1, 2]
    assert producer.released == 1


def test_a_c_consumer_that_closes_early_releases_the_producer():
    producer = Producer(1, 2)
    reader = pa.RecordBatchReader.from_stream(producer.stream())
    reader.read_next_batch()
    reader.close()
    assert producer.released == 1


def test_a_reader_that_fits_is_returned_as_it_is():
    reader = pa.table({"n": [1]}).to_reader()
    assert conform(reader, Schema.of(n="int64")) is reader


def test_columns_are_taken_by_name_in_the_declared_order_and_type():
    table = pa.table(
        {
            "extra": [0, 0],
            "b": pa.array(["x", None], pa.dictionary(pa.int8(), pa.large_string())),
            "a": pa.array([1, 2], pa.uint8()),
            "at": pa.array([0, 1], pa.timestamp("ms", tz="Asia/Tokyo")),
        }
    )
    schema = Schema.of(a="int16", b="text", at="timestamp_utc")
    result = conform(table.to_reader(), schema).read_all()
    assert result.schema.types == [pa.int16(), pa.string(), pa.timestamp("us", tz="UTC")]
    assert result["b"].to_pylist() == ["x", None]
    assert result["at"].cast(pa.int64()).to_pylist() == [0, 1000]


def test_batches_are_conformed_one_by_one():
    def batches():
        yield pa.record_batch({"n": pa.array([1], pa.int8())})
        raise AssertionError("the second batch was asked for too early")

    reader = pa.RecordBatchReader.from_batches(pa.schema({"n": pa.int8()}), batches())
    stream = conform(reader, Schema.of(n="int64"))
    assert next(stream).to_pydict() == {"n": [1]}
    stream.close()


def test_closing_a_conformed_reader_closes_its_source():
    producer = Producer(1, 2)
    stream = conform(producer.stream(), Schema.of(n="int16"))
    stream.close()
    assert producer.released == 1


@pytest.mark.parametrize(
    ("value", "arrow", "kind"),
    [
        (300, pa.int64(), "int8"),
        (1.5, pa.float64(), "int64"),
        (1, pa.timestamp("ns"), "timestamp"),
        (1e300, pa.float64(), "float32"),
        (Decimal("1.25"), pa.decimal128(5, 2), "decimal(5,1)"),
        ("twelve", pa.string(), "int64"),
        (2**53 + 1, pa.int64(), "float64"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error_that_names_its_column(value, arrow, kind):
    table = pa.table({"price": pa.array([value], arrow)})
    with pytest.raises(TransferError, match="'price'"):
        conform(table.to_reader(), Schema.of(price=kind)).read_all()


def test_floats_become_the_nearest_float32():
    table = pa.table({"x": [0.1, float("inf"), float("nan"), None]})
    result = conform(table.to_reader(), Schema.of(x="float32")).read_all()["x"]
    assert str(result.to_pylist()) == "[0.10000000149011612, inf, nan, None]"


def test_a_missing_column_is_named_with_those_there_are():
    with pytest.raises(TransferError, match="'b'") as caught:
        conform(pa.table({"a": [1]}).to_reader(), Schema.of(b="int64"))
    assert caught.value.available == ("a",)


def test_a_null_in_a_column_declared_without_is_an_error():
    schema = Schema([Field("a", parse_type("int64"), nullable=False)])
    with pytest.raises(TransferError, match="holds NULL"):
        conform(pa.table({"a": [1, None]}).to_reader(), schema).read_all()


@pytest.mark.parametrize(
    "rows",
    [
        pa.table({"n": [1, 2]}),
        pa.record_batch({"n": [1, 2]}),
        pa.table({"n": [1, 2]}).to_reader(),
        [pa.record_batch({"n": [1]}), pa.record_batch({"n": pa.array([2], pa.int8())})],
    ],
)
def test_rows_in_any_form_of_pyarrow_become_a_stream(rows):
    assert stream_of(rows, Schema.of(n="int64")).read_all().to_pydict() == {"n": [1, 2]}


def test_rows_without_columns_keep_their_number():
    batch = next(stream_of(pa.table({"n": [1, 2]}), Schema(())))
    assert (batch.num_columns, batch.num_rows) == (0, 2)


def test_a_stream_that_is_dropped_holds_nothing_alive():
    producer = Producer(1, 2)
    alive = weakref.ref(producer)
    next(producer.stream())
    del producer
    gc.collect()
    assert alive() is None
