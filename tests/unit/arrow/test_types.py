from __future__ import annotations

import pyarrow as pa
import pytest

from wayfed_arrow import arrow_schema, arrow_type, from_arrow_type, schema_from_arrow
from wayfed_optimizer.errors import DuplicateColumn, TypeMismatch
from wayfed_optimizer.types import PLAIN, Field, Schema, parse_type

TYPES = [*PLAIN, "decimal(38,10)", "list<list<text>>", "struct<a: int64, b: list<decimal(4,2)>>"]


@pytest.mark.parametrize("name", TYPES)
def test_each_type_has_one_arrow_type_and_comes_back(name):
    kind = parse_type(name)
    assert from_arrow_type(arrow_type(kind), "c") == kind


@pytest.mark.parametrize(
    ("arrow", "ours"),
    [
        (pa.uint8(), "int16"),
        (pa.uint16(), "int32"),
        (pa.uint32(), "int64"),
        (pa.float16(), "float32"),
        (pa.large_string(), "text"),
        (pa.string_view(), "text"),
        (pa.large_binary(), "binary"),
        (pa.binary(16), "binary"),
        (pa.date64(), "date"),
        (pa.timestamp("s"), "timestamp"),
        (pa.timestamp("ms", tz="Europe/Berlin"), "timestamp_utc"),
        (pa.dictionary(pa.int8(), pa.string()), "text"),
        (pa.large_list(pa.uint8()), "list<int16>"),
        (pa.list_(pa.int8(), 3), "list<int8>"),
    ],
)
def test_types_with_the_same_values_are_mapped(arrow, ours):
    assert str(from_arrow_type(arrow, "c")) == ours


@pytest.mark.parametrize(
    ("arrow", "cast"),
    [
        (pa.uint64(), "decimal(20,0)"),
        (pa.time64("us"), "text"),
        (pa.duration("s"), "int64"),
        (pa.month_day_nano_interval(), "text"),
        (pa.map_(pa.string(), pa.int64()), "list<struct<key, value>>"),
        (pa.decimal256(50, 2), "decimal(38,s)"),
        (pa.decimal128(5, -2), "scale is 0"),
        (pa.timestamp("ns"), "timestamp[us]"),
        (pa.timestamp("ns", tz="UTC"), "timestamp[us]"),
        (pa.null(), "text"),
        (pa.dense_union([pa.field("a", pa.int8())]), "text"),
    ],
)
def test_a_type_without_a_counterpart_is_refused_with_the_column_and_a_cast(arrow, cast):
    with pytest.raises(TypeMismatch, match="column 'price'") as caught:
        from_arrow_type(arrow, "price")
    assert cast in str(caught.value)


def test_a_refused_type_inside_a_struct_is_named_by_its_path():
    kind = pa.struct({"lines": pa.list_(pa.struct({"n": pa.uint64()}))})
    with pytest.raises(TypeMismatch, match=r"order\.lines\[\]\.n"):
        from_arrow_type(kind, "order")


def test_a_schema_keeps_names_order_and_nullability():
    schema = Schema(
        [Field("b", parse_type("text"), nullable=False), Field("a", parse_type("date"))]
    )
    assert schema_from_arrow(arrow_schema(schema)) == schema


def test_two_columns_of_one_name_are_refused():
    twice = pa.schema([("a", pa.int64()), ("a", pa.string())])
    with pytest.raises(DuplicateColumn, match="'a'"):
        schema_from_arrow(twice)
