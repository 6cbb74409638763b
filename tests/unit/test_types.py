"""Types, their names, the types of constants, and schemas."""

from __future__ import annotations

import datetime
import decimal

import pytest

from wayfed_optimizer.coercion import common_type
from wayfed_optimizer.errors import ColumnNotFound, DuplicateColumn, InvalidOption, TypeMismatch
from wayfed_optimizer.types import (
    BINARY,
    BOOL,
    DATE,
    FLOAT32,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    NULL,
    PLAIN,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    DataType,
    Decimal,
    Field,
    List,
    Schema,
    Struct,
    check_option,
    parse_type,
    type_of_value,
)


@pytest.mark.parametrize(
    "kind",
    [*PLAIN.values(), Decimal(12, 2), List(List(TEXT)), Struct((("a", INT64), ("b", List(DATE))))],
    ids=str,
)
def test_a_type_is_read_back_from_its_name(kind: DataType) -> None:
    assert parse_type(str(kind)) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("int", INT64),
        ("integer", INT32),
        ("Double Precision", FLOAT64),
        ("varchar", TEXT),
        ("timestamptz", TIMESTAMP_UTC),
        (" numeric( 5 , 2 ) ", Decimal(5, 2)),
    ],
)
def test_types_have_the_names_that_people_use(text: str, kind: DataType) -> None:
    assert parse_type(text) == kind


@pytest.mark.parametrize(
    "text",
    ["", "null", "itn64", "decimal", "list<int64", "list<>", "struct<a>", "int64 x", "int64>"],
)
def test_what_is_not_a_type_is_refused_with_those_that_are(text: str) -> None:
    with pytest.raises(TypeMismatch, match="is not a type") as caught:
        parse_type(text)
    assert "int64" in caught.value.available


def test_a_misspelt_type_is_guessed() -> None:
    with pytest.raises(TypeMismatch, match="did you mean 'timestamp'"):
        parse_type("timestmap")


def test_types_nested_without_end_are_refused() -> None:
    with pytest.raises(TypeMismatch, match="nested"):
        parse_type("list<" * 10_000 + "text" + ">" * 10_000)


@pytest.mark.parametrize(("precision", "scale"), [(0, 0), (39, 2), (5, 6), (5, -1)])
def test_a_decimal_beyond_38_digits_is_not_a_type(precision: int, scale: int) -> None:
    with pytest.raises(TypeMismatch, match="precision is 1 to 38"):
        Decimal(precision, scale)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, NULL),
        (True, BOOL),
        (3, INT64),
        (0.5, FLOAT64),
        ("a", TEXT),
        (b"a", BINARY),
        (datetime.date(2024, 1, 1), DATE),
        (datetime.datetime(2024, 1, 1), TIMESTAMP),
        (datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), TIMESTAMP_UTC),
        (decimal.Decimal("1.50"), Decimal(3, 2)),
        (decimal.Decimal("0.001"), Decimal(3, 3)),
        (decimal.Decimal("1E+2"), Decimal(3, 0)),
    ],
    ids=repr,
)
def test_a_constant_has_the_type_of_its_value(value: object, kind: DataType) -> None:
    assert type_of_value(value) == kind


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2**63, "does not fit int64"),
        ([1], "a list cannot be a literal"),
        (decimal.Decimal("NaN"), "not a decimal number"),
        (decimal.Decimal("1" * 39), "more than 38 digits"),
    ],
)
def test_what_no_type_holds_is_refused(value: object, message: str) -> None:
    with pytest.raises(TypeMismatch, match=message):
        type_of_value(value)


@pytest.mark.parametrize(
    ("kinds", "common"),
    [
        ([INT8, INT64], INT64),
        ([INT64, FLOAT32], FLOAT64),
        ([INT32, Decimal(4, 2)], Decimal(12, 2)),
        ([Decimal(38, 0), Decimal(38, 10)], Decimal(38, 10)),
        ([DATE, TIMESTAMP], TIMESTAMP),
        ([DATE, TIMESTAMP_UTC], None),
        ([NULL, TEXT, NULL], TEXT),
        ([NULL], NULL),
        ([List(INT8), List(INT64)], List(INT64)),
        ([INT64, TEXT], None),
        ([BOOL, INT64], None),
    ],
)
def test_types_go_together_where_one_holds_the_values_of_all(
    kinds: list[DataType], common: DataType | None
) -> None:
    assert common_type(kinds) == common


def test_a_schema_knows_its_columns() -> None:
    schema = Schema((Field("id", INT64, False), Field("name", TEXT)))
    assert str(schema["id"]) == "id int64 not null"
    assert "name" in schema
    assert len(schema) == 2
    assert schema.select(["name"]) == Schema.of(name="text")
    assert all(field.nullable for field in schema.as_nullable())


def test_a_schema_guesses_what_column_was_meant() -> None:
    with pytest.raises(ColumnNotFound, match=r"(?s)'nmae' is not a column of t.*mean 'name'"):
        Schema.of(id="int64", name="text").field("nmae", of="t")


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(DuplicateColumn, match="two columns would be called 'a'"):
        Schema((Field("a", INT64), Field("a", TEXT)))


def test_an_option_that_is_not_a_choice_is_refused_with_a_guess() -> None:
    assert check_option("left", ["left", "right"], name="how") == "left"
    with pytest.raises(InvalidOption, match=r"(?s)how='rigth' is not a choice.*mean 'right'"):
        check_option("rigth", ["left", "right"], name="how")
