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
