"""Expressions: made from operands, typed and checked at once, and what is known of them."""

from __future__ import annotations

import datetime
import decimal
import math

import pytest

from wayfed_optimizer.errors import FunctionNotFound, TypeMismatch
from wayfed_optimizer.expressions import (
    Call,
    Case,
    Cast,
    Column,
    InList,
    Literal,
    Opaque,
    SortKey,
    WindowCall,
    call,
    case,
    cast_to,
    columns_of,
    conjunction,
    conjuncts,
    contains_kind,
    facts_of,
    in_list,
    is_volatile,
    literal,
    may_raise,
    require_columns,
    substitute,
    walk,
)
from wayfed_optimizer.functions import Kind
from wayfed_optimizer.types import (
    BOOL,
    DATE,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    NULL,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    Decimal,
    Schema,
)

A, B = Column("a", INT64), Column("b", INT64, nullable=False)
SMALL, C, X = Column("small", INT32), Column("c", TEXT), Column("x", FLOAT64)
DAY, AT = Column("day", DATE), Column("at", TIMESTAMP)
MONEY = Column("money", Decimal(9, 2))
BOOLEAN = call("is_null", A)


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        (call("add", SMALL, SMALL), INT64),
        (call("add", A, X), FLOAT64),
        (call("add", MONEY, A), Decimal(22, 2)),
        (call("multiply", MONEY, MONEY), Decimal(18, 4)),
        (call("divide", A, B), FLOAT64),
        (call("floor_divide", A, B), INT64),
        (call("modulo", MONEY, A), FLOAT64),
        (call("equal", A, literal(None)), BOOL),
        (call("coalesce", SMALL, A), INT64),
        (call("round", MONEY, literal(1)), Decimal(10, 2)),
        (call("sum", MONEY), Decimal(38, 2)),
        (call("mean", A), FLOAT64),
        (call("date_trunc", DAY, literal("month")), DATE),
    ],
    ids=str,
)
def test_a_call_has_the_type_that_its_function_gives(expression: Call, kind: object) -> None:
    assert expression.type == kind


@pytest.mark.parametrize(
    ("expression", "nullable"),
    [
        (call("add", A, B), True),
        (call("add", B, B), False),
        (call("divide", B, B), True),
        (call("coalesce", A, B), False),
        (call("is_null", A), False),
        (call("count"), False),
        (call("max", B), True),
        (Cast(B, TEXT), False),
        (Cast(C, INT64, safe=True), True),
        (case(((call("is_null", A), B),), A), True),
        (case(((call("is_null", A), B),), B), False),
        (InList(B, (Literal(None, INT64),)), True),
    ],
    ids=str,
)
def test_it_is_known_what_may_be_null(expression: Call, nullable: bool) -> None:
    assert expression.nullable is nullable


def test_arguments_are_cast_to_what_a_function_takes() -> None:
    assert str(call("add", SMALL, X)) == "cast(small as float64) + x"
    assert call("add", literal(1), literal(0.5)) == Call("add", (literal(1.0), literal(0.5)))


def test_text_beside_a_date_is_read_as_one() -> None:
    day = literal(datetime.date(2024, 1, 31))
    assert call("less", DAY, literal("2024-01-31")) == call("less", DAY, day)
    assert call("less", AT, literal("2024-01-31")).args[1].type == TIMESTAMP
    assert in_list(DAY, ("2024-01-31",)) == InList(DAY, (day,))


def test_text_that_is_no_date_beside_a_date_is_refused() -> None:
    with pytest.raises(TypeMismatch, match="does not take these: day is date, 'soon' is text"):
        call("less", DAY, literal("soon"))


def test_a_misspelt_function_is_guessed() -> None:
    with pytest.raises(FunctionNotFound, match="did you mean 'floor'"):
        call("flor", X)


@pytest.mark.parametrize(
    "make",
    [
        lambda: call("add", A, C),
        lambda: call("and", A, A),
        lambda: call("length", A),
        lambda: call("equal", A, C),
        lambda: call("add", A),
        lambda: Call("add", (SMALL, SMALL)),
        lambda: Cast(DAY, INT64),
        lambda: Case(((A, A),), A),
        lambda: Case(((BOOLEAN, A),), C),
        lambda: case(((BOOLEAN, A),), C),
        lambda: InList(A, (literal("x"),)),
        lambda: in_list(A, ("x",)),
        lambda: literal(300, INT8),
        lambda: literal("x", INT64),
        lambda: call("multiply", Column("w", Decimal(38, 30)), Column("w", Decimal(38, 30))),
    ],
)
def test_operands_that_do_not_fit_are_refused(make: object) -> None:
    with pytest.raises(TypeMismatch):
        make()  # type: ignore[operator]  # each is a function


def test_constants_are_the_same_where_they_print_the_same() -> None:
    assert literal(math.nan) == literal(math.nan)
    assert literal(0.0) != literal(-0.0)
    assert literal(1) != literal(True)
    assert literal(decimal.Decimal("1.0")) != literal(decimal.Decimal("1.00"))


def test_constants_are_converted_where_nothing_is_lost() -> None:
    assert cast_to(literal(1), FLOAT64) == literal(1.0)
    assert cast_to(literal(1), Decimal(3, 2)) == Literal(decimal.Decimal("1.00"), Decimal(3, 2))
    assert isinstance(cast_to(literal(300), INT8), Cast)
    assert cast_to(literal(None), TEXT) == Literal(None, TEXT)
    assert literal(datetime.date(2024, 1, 1), TIMESTAMP).value == datetime.datetime(2024, 1, 1)


def test_instants_are_kept_in_utc() -> None:
    east = datetime.timezone(datetime.timedelta(hours=2))
    instant = literal(datetime.datetime(2024, 1, 1, 2, tzinfo=east))
    assert instant == literal(datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC))
    assert instant.type == TIMESTAMP_UTC


def test_membership_in_nothing_is_false() -> None:
    assert in_list(A, ()) == literal(False)


def test_integers_and_decimals_compare_as_they_are() -> None:
    assert call("equal", A, MONEY).args == (A, MONEY)
    assert call("equal", A, X).args == (Cast(A, FLOAT64), X)


@pytest.mark.parametrize(
    ("expression", "raises"),
    [
        (call("add", A, B), True),
        (call("add", X, X), False),
        (call("divide", A, B), False),
        (call("less", A, B), False),
        (Cast(C, INT64), True),
        (Cast(C, INT64, safe=True), False),
        (Cast(A, TEXT), False),
        (Cast(A, FLOAT64), False),
        (Cast(A, INT32), True),
        (call("negate", X), False),
        (case(((BOOLEAN, call("add", A, B)),), A), True),
        (Opaque("f", "f", (A,), INT64), True),
    ],
    ids=str,
)
def test_it_is_known_what_may_raise(expression: Call, raises: bool) -> None:
    assert may_raise(expression) is raises


def test_it_is_known_what_an_expression_reads_and_calls() -> None:
    total = call("add", call("sum", A), B)
    assert columns_of(total) == {"a", "b"}
    assert contains_kind(total, Kind.AGGREGATE)
    assert not is_volatile(total)
    assert is_volatile(Opaque("f", "f", (A,), INT64))
    assert facts_of(WindowCall("rank", (), (A,), (SortKey(B),))).fixed
    assert columns_of(WindowCall("rank", (), (A,), (SortKey(B),))) == {"a", "b"}


def test_one_name_of_two_types_is_refused() -> None:
    with pytest.raises(TypeMismatch, match="column a is used as int64 and as text"):
        columns_of(call("and", call("is_null", A), call("is_null", Column("a", TEXT))))


def test_columns_must_be_there_with_their_type() -> None:
    require_columns(A, Schema.of(a="int64"))
    with pytest.raises(TypeMismatch, match="column a is text, but is used as int64"):
        require_columns(call("add", A, A), Schema.of(a="text"))


def test_walking_goes_parents_first_and_left_to_right() -> None:
    total = call("add", A, call("add", B, literal(1)))
    assert [str(part) for part in walk(total)] == ["a + (b + 1)", "a", "b + 1", "b", "1"]


def test_substitution_leaves_alone_what_it_does_not_change() -> None:
    total = call("add", A, B)
    assert substitute(total, {"z": A}) is total
    assert substitute(total, {"a": Column("a", INT64)}) is total
    assert str(substitute(total, {"a": call("add", B, B)})) == "(b + b) + b"


def test_a_condition_is_split_into_what_must_be_true() -> None:
    positive, small = call("greater", A, literal(0)), call("less", A, literal(9))
    both = call("and", positive, call("and", small, BOOLEAN))
    assert conjuncts(both) == (positive, small, BOOLEAN)
    assert conjunction((positive,)) == positive
    assert conjunction(()) == literal(True)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (literal("it's"), "'it''s'"),
        (literal(datetime.date(2024, 1, 31)), "DATE '2024-01-31'"),
        (Literal(None, NULL), "NULL"),
        (call("multiply", call("add", A, B), A), "(a + b) * a"),
        (in_list(A, (1, 2)), "a in (1, 2)"),
        (case(((BOOLEAN, A),), B), "case when is_null(a) then a else b end"),
        (
            WindowCall("sum", (A,), (C,), (SortKey(B, descending=True),)),
            "sum(a) over (partition by c order by b desc)",
        ),
        (WindowCall("row_number", ()), "row_number() over ()"),
    ],
)
def test_expressions_read_like_sql(expression: Call, text: str) -> None:
    assert str(expression) == text


def test_equal_expressions_are_one_key() -> None:
    assert {call("add", A, B): 1}[call("add", A, B)] == 1
    assert call("add", A, B) != call("add", B, A)
    assert call("add", A, B) != "a + b"
