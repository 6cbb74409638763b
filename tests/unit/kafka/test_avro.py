"""Avro records, field by field of many and one by one, give the same rows."""

import datetime
import random
from decimal import Decimal
from io import BytesIO

import fastavro
import pytest

from wayfed_kafka.formats import Undecodable
from wayfed_kafka.formats.avro import AvroFormat
from wayfed_kafka.formats.avro_columns import read_columns, reads_at_once
from wayfed_kafka.formats.avro_rows import read_rows
from wayfed_optimizer.errors import TypeMismatch
from wayfed_optimizer.types import Schema

INSTANT = datetime.datetime(1960, 2, 29, 12, 0, 0, 250_000, tzinfo=datetime.UTC)

FLAT = {
    "type": "record",
    "name": "Payment",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "small", "type": "int"},
        {"name": "who", "type": "string"},
        {"name": "amount", "type": ["null", "double"], "default": None},
        {"name": "ratio", "type": ["float", "null"]},
        {"name": "photo", "type": "bytes"},
        {"name": "paid", "type": "boolean"},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "seen", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
        {"name": "wall", "type": {"type": "long", "logicalType": "local-timestamp-micros"}},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["IN", "OUT"]}},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 3}},
        {
            "name": "price",
            "type": {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 2},
        },
        {
            "name": "place",
            "type": [
                "null",
                {
                    "type": "record",
                    "name": "Place",
                    "fields": [{"name": "city", "type": ["null", "string"]}],
                },
            ],
        },
    ],
}


def row(number: int) -> dict[str, object]:
    return {
        "id": number * 9_007_199_254_740_993 * (-1) ** number,
        "small": -number,
        "who": f"Zoë {number}" * (number % 4),
        "amount": None if number % 3 == 0 else number / 1024,
        "ratio": None if number % 2 else number / 4,
        "photo": bytes([number % 256, 0, 255]),
        "paid": number % 2 == 0,
        "day": datetime.date(1969, 12, 31) + datetime.timedelta(number),
        "at": INSTANT + datetime.timedelta(microseconds=number),
        "seen": None if number % 5 == 0 else INSTANT + datetime.timedelta(milliseconds=number),
        "wall": datetime.datetime(2024, 1, 1, 0, 0, 0, number),
        "kind": "IN" if number % 2 else "OUT",
        "hash": b"abc",
        "price": Decimal(number**7) / 100 - Decimal("123456789012345678901234567890.12"),
        "place": None if number % 7 == 0 else {"city": None if number % 2 else f"city {number}"},
    }


def encoded(schema: object, rows: list[dict[str, object]]) -> list[bytes]:
    parsed = fastavro.parse_schema(schema)
    found = []
    for each in rows:
        buffer = BytesIO()
        fastavro.schemaless_writer(buffer, parsed, each)
        found.append(buffer.getvalue())
    return found


NAMES = [each["name"] for each in FLAT["fields"]]


def test_both_ways_of_reading_records_agree_with_what_was_written():
    rows = [row(number) for number in range(100)]
    values, schema = encoded(FLAT, rows), fastavro.parse_schema(FLAT)
    assert reads_at_once(schema)
    at_once = read_columns(schema, values, 0, NAMES)
    one_by_one = read_rows(schema, values, 0, NAMES)
    for name in NAMES:
        assert at_once[name].to_pylist() == [each[name] for each in rows], name
        assert at_once[name].equals(one_by_one[name]), name


def test_fields_that_nobody_wants_are_passed_over():
    values = encoded(FLAT, [row(1), row(2)])
    found = read_columns(fastavro.parse_schema(FLAT), values, 0, ["kind"])
    assert {name: column.to_pylist() for name, column in found.items()} == {"kind": ["IN", "OUT"]}


def test_a_record_that_is_cut_off_does_not_take_bytes_of_the_next():
    values = encoded(FLAT, [row(1), row(2), row(3)])
    for cut in range(len(values[1])):
        with pytest.raises(Undecodable):
            read_columns(
                fastavro.parse_schema(FLAT), [values[0], values[1][:cut], values[2]], 0, NAMES
            )


def read_by(read, value: bytes) -> dict[str, object] | None:
    try:
        found = read(fastavro.parse_schema(FLAT), [value], 0, NAMES)
        return {name: repr(found[name].to_pylist()) for name in NAMES}
    except (Undecodable, ValueError):  # a date that Python does not have
        return None


def test_any_bytes_are_a_record_or_refused_and_what_both_ways_read_is_the_same():
    draw, both = random.Random(1), 0
    values = encoded(FLAT, [row(number) for number in range(50)])
    for _ in range(500):
        value = bytearray(draw.choice(values))
        value[draw.randrange(len(value))] = draw.randrange(256)
        at_once, one_by_one = read_by(read_columns, bytes(value)), read_by(read_rows, bytes(value))
        if at_once is not None and one_by_one is not None:
            assert at_once == one_by_one
            both += 1
    assert both > 100


def test_lists_and_maps_are_read_one_by_one():
    schema = {
        "type": "record",
        "name": "Basket",
        "fields": [
            {"name": "items", "type": {"type": "array", "items": ["null", "long"]}},
            {"name": "tags", "type": {"type": "map", "values": "string"}},
        ],
    }
    format = AvroFormat(schema, None, None, "avro_schema=")
    values = encoded(schema, [{"items": [1, None], "tags": {"a": "x"}}])
    items, tags = format.decode(values, ["items", "tags"])
    assert items.to_pylist() == [[1, None]]
    assert tags.to_pylist() == [[{"key": "a", "value": "x"}]]


def test_a_union_of_types_is_left_out_or_refused_by_name():
    schema = {
        "type": "record",
        "name": "Odd",
        "fields": [
            {"name": "id", "type": "long"},
            {"name": "either", "type": ["null", "long", "string"]},
        ],
    }
    with pytest.raises(TypeMismatch, match="'either' is a union of types"):
        AvroFormat(schema, None, None, "avro_schema=")
    format = AvroFormat(schema, Schema.of(id="int64"), None, "avro_schema=")
    values = encoded(schema, [{"id": 1, "either": "x"}, {"id": 2, "either": 3}])
    assert format.decode(values, ["id"])[0].to_pylist() == [1, 2]


class OneWriter:
    """A registry that knows one schema, by any number."""

    def __init__(self, schema: object) -> None:
        self._schema = schema

    def schema(self, number: int) -> object:
        return self._schema


def record(**types: object) -> dict[str, object]:
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    return {"type": "record", "name": "Row", "fields": fields}


def read_as(reader: object, writer: object, value: dict[str, object]) -> dict[str, object]:
    """Return a row that was written with one schema and is read with another."""
    form = AvroFormat(reader, None, OneWriter(writer), "test")
    (record,) = encoded(writer, [value])
    columns = form.decode([b"\0\0\0\0\1" + record], form.schema.names)
    return {
        name: column[0].as_py() for name, column in zip(form.schema.names, columns, strict=True)
    }


MICROS = {"type": "long", "logicalType": "timestamp-micros"}


@pytest.mark.parametrize(
    ("written", "read", "value", "expected"),
    [
        ("int", "long", 7, 7),
        ("int", "float", 16_777_217, 16_777_216.0),
        ("long", "double", 2**53 + 1, float(2**53)),
        ("float", "double", 0.5, 0.5),
        ("bytes", "string", b"x", "x"),
        ({"type": "array", "items": "int"}, {"type": "array", "items": "long"}, [1], [1]),
    ],
)
def test_what_was_written_in_another_type_is_read_where_avro_says_how(
    written, read, value, expected
):
    assert read_as(record(a=read), record(a=written), {"a": value}) == {"a": expected}


@pytest.mark.parametrize(
    ("written", "read", "value"),
    [
        ("string", "long", "12"),
        ("long", "string", 12),
        ("boolean", "int", True),
        ("double", "int", 3.0),
        ("long", MICROS, 5),
        (MICROS, {"type": "long", "logicalType": "local-timestamp-micros"}, 5),
        ("string", {"type": "int", "logicalType": "date"}, "2024-02-29"),
    ],
)
def test_what_was_written_in_another_type_is_not_guessed(written, read, value):
    with pytest.raises(Undecodable, match="was written as"):
        read_as(record(a=read), record(a=written), {"a": value})


@pytest.mark.parametrize(
    ("kind", "default", "expected"),
    [
        ("bytes", "\u00ff", b"\xff"),
        (
            {"type": "long", "logicalType": "timestamp-millis"},
            1_000,
            datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.UTC),
        ),
        (
            {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2},
            "\u0005",
            Decimal("0.05"),
        ),
        ({"type": "map", "values": "int"}, {"k": 1}, [{"key": "k", "value": 1}]),
        (["null", "int"], None, None),
    ],
)
def test_a_field_that_the_writer_did_not_know_has_its_default(kind, default, expected):
    reader = record(a=kind)
    reader["fields"][0]["default"] = default
    assert read_as(reader, record(b="int"), {"b": 1}) == {"a": expected}


@pytest.mark.parametrize("default", [None, 5])
def test_a_member_that_the_writer_did_not_know_is_null_only_where_that_is_its_default(default):
    kind = ["null", "int"] if default is None else "int"
    place = {"type": "record", "name": "Place", "fields": [{"name": "x", "type": "int"}]}
    later = {**place, "fields": [*place["fields"], {"name": "y", "type": kind, "default": default}]}
    if default is None:
        assert read_as(record(a=later), record(a=place), {"a": {"x": 1}}) == {
            "a": {"x": 1, "y": None}
        }
    else:
        with pytest.raises(Undecodable, match="was written as"):
            read_as(record(a=later), record(a=place), {"a": {"x": 1}})
