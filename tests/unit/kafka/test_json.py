"""JSON values become exactly the columns of the schema, or are refused."""

import datetime
from decimal import Decimal

import pytest

from wayfed_kafka.formats import Undecodable
from wayfed_kafka.formats.inference import inferred_json, json_object
from wayfed_kafka.formats.json import JsonFormat
from wayfed_optimizer.errors import SourceError, TypeMismatch
from wayfed_optimizer.types import Schema

NEW_YEAR = datetime.datetime(2024, 1, 1)
DAY, UTC = NEW_YEAR.date(), datetime.UTC


def decoded(kind: str, *values: bytes) -> list[object]:
    return JsonFormat(Schema.of(a=kind)).decode(values, ["a"])[0].to_pylist()


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("int64", b'{"a": 9007199254740993}', 9007199254740993),
        ("int64", b'{"a": null}', None),
        ("int64", b'{"b": 1}', None),
        ("int64", b'{"a": 1, "b": {"c": [1, "x"]}}', 1),
        ("int64", b'{\n  "a": 1\n}', 1),
        ("int8", b'{"a": -128}', -128),
        ("decimal(10,2)", b'{"a": 1.10}', Decimal("1.10")),
        ("decimal(38,2)", b'{"a": "%b.12"}' % (b"9" * 36), Decimal("9" * 36 + ".12")),
        ("float32", b'{"a": 0.5}', 0.5),
        ("text", '{"a": "Zoë\\n"}'.encode(), "Zoë\n"),
        ("date", b'{"a": "2024-02-29"}', datetime.date(2024, 2, 29)),
        ("timestamp", b'{"a": "2024-01-01T00:00:00.000001"}', NEW_YEAR.replace(microsecond=1)),
        ("timestamp_utc", b'{"a": "2024-01-01 02:00:00+02:00"}', NEW_YEAR.replace(tzinfo=UTC)),
        ("list<struct<x: date>>", b'{"a": [{"x": "2024-01-01"}, null]}', [{"x": DAY}, None]),
    ],
)  # fmt: skip
def test_a_value_is_read_as_it_is_written(kind, value, expected):
    assert decoded(kind, value, b"{}") == [expected, None]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int64", b'{"a": 1.0}'),
        ("int64", b'{"a": 9223372036854775808}'),
        ("int64", b'{"a": "1"}'),
        ("int8", b'{"a": 128}'),
        ("decimal(10,2)", b'{"a": 1.105}'),
        ("float32", b'{"a": 1e39}'),
        ("float64", b'{"a": 1e999}'),
        ("text", b'{"a": 1}'),
        ("text", b'{"a": "\xff"}'),
        ("text", b'{"a": "x\ny"}'),
        ("date", b'{"a": "2023-02-29"}'),
        ("timestamp", b'{"a": "2024-01-01T00:00:00Z"}'),
        ("timestamp", b'{"a": "2024-01-01T00:00:00.1234567"}'),
        ("timestamp_utc", b'{"a": "2024-01-01T00:00:00"}'),
        ("timestamp_utc", b'{"a": 1704067200000}'),
        ("int64", b""),
        ("int64", b" "),
        ("int64", b"null"),
        ("int64", b"[1]"),
        ("int64", b"1"),
        ("int64", b'{"a": 1'),
        ("int64", b'{"a": {"b": 1}'),
        ("int64", b'{"a": 1}{"a": 2}'),
        ("int64", b'{"a": 1, "a": 2}'),
        ("int64", b"\x00\x00\x00\x00\x01{}"),
    ],
)
def test_a_value_that_would_not_be_kept_exactly_is_refused(kind, value):
    with pytest.raises(Undecodable):
        decoded(kind, b"{}", value, b"{}")


def test_values_that_lack_an_end_and_have_two_do_not_make_up_for_each_other():
    with pytest.raises(Undecodable):
        decoded("int64", b'{"a": 1}{"a": 2}', b'{"a": {"b": 3}', b"{}")


def test_json_has_no_word_for_bytes():
    with pytest.raises(TypeMismatch, match="'a' is binary"):
        JsonFormat(Schema.of(a="list<binary>"))


def test_columns_are_inferred_from_all_values_that_were_looked_at():
    values = [
        b'{"id": 1, "n": 1, "t": "2024-01-01", "at": "2024-01-01T00:00:00Z", "s": {"x": null}}',
        b'{"id": 99999999999999999999, "n": 1.5, "t": "later", "at": null, "l": [], "s": {"y": 1}}',
        b'{"id": 2, "n": null, "t": null, "l": [true], "z": null}',
    ]
    assert inferred_json(values, "topic t").schema == Schema.of(
        id="decimal(38,0)",
        n="float64",
        t="text",
        at="timestamp_utc",
        s="struct<x: text, y: int64>",
        l="list<bool>",
        z="text",
    )


def test_values_that_do_not_go_together_are_told_by_their_column():
    with pytest.raises(SourceError, match="'a' is int64 in one record of topic t, and text"):
        inferred_json([b'{"a": 1}', b'{"a": "x"}'], "topic t")


def test_texts_that_only_look_like_days_stay_texts():
    assert inferred_json([b'{"d": "2024-13-01"}'], "topic t").schema == Schema.of(d="text")


def test_a_day_that_is_none_makes_no_texts_of_other_days():
    values = [b'{"d": "2024-13-01", "e": "2024-01-01"}']
    assert inferred_json(values, "topic t").schema == Schema.of(d="text", e="date")


@pytest.mark.parametrize(
    "value",
    [b'\xef\xbb\xbf{"a": 1}', '{"a": 1}'.encode("utf-16"), b'{"a": "\\ud800"}', b'{"a": 1e400}'],
)
def test_what_cannot_be_read_is_not_looked_at(value):
    with pytest.raises(Undecodable):
        json_object(value)


def test_values_that_are_nested_without_end_are_told_by_their_column():
    with pytest.raises(SourceError, match="'z' is nested more than 64 times"):
        inferred_json([b'{"z": ' + b"[" * 500 + b"]" * 500 + b"}"], "topic t")
