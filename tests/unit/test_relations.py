"""Relations: each knows its schema and refuses what it cannot mean, before any data moves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wayfed_optimizer.errors import (
    ColumnNotFound,
    DuplicateColumn,
    FunctionNotFound,
    InvalidOption,
    TypeMismatch,
)
from wayfed_optimizer.expressions import (
    Expression,
    Literal,
    Member,
    Named,
    Record,
    SortKey,
    WindowCall,
    call,
    column,
    literal,
)
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Explode,
    Filter,
    Hint,
    Iterate,
    Join,
    JoinKind,
    Limit,
    Read,
    Relation,
    Sample,
    Select,
    SetKind,
    SetOperation,
    Sort,
    TimeWindow,
    Watermark,
    Window,
    Write,
    expressions_of,
    reads,
    transform,
    walk,
)
from wayfed_optimizer.types import INT64, NULL, TEXT, Field, Schema

T = Read("t", Schema((Field("a", INT64, False), Field("c", TEXT, False))))
U = Read("u", Schema((Field("k", INT64, False), Field("n", TEXT, False))))
STREAM = Read("s", Schema.of(a="int64", at="timestamp"), is_bounded=False)
A, C = column(T.schema, "a"), column(T.schema, "c")
POSITIVE = call("greater", A, literal(0))


@pytest.mark.parametrize(
    ("relation", "schema"),
    [
        (Select(T, (Named("z", call("add", A, A)),)), "z int64 not null"),
        (Filter(T, POSITIVE), "a int64 not null, c text not null"),
        (
            Aggregate(T, (Named("c", C),), (Named("n", call("count")), Named("m", call("max", A)))),
            "c text not null, n int64 not null, m int64",
        ),
        (
            Window(T, (Named("r", WindowCall("row_number", ())),)),
            "a int64 not null, c text not null, r int64 not null",
        ),
        (
            TimeWindow(STREAM, "at", 60, 60),
            "a int64, at timestamp, window_start timestamp not null, window_end timestamp not null",
        ),
        (
            Explode(Select(T, (Named("a", A), Named("l", call("list", C)))), "l"),
            "a int64 not null, l text",
        ),
        (Write(T, "out"), ""),
        (Hint(T, rows=3), "a int64 not null, c text not null"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Relation) else None,
)
def test_a_relation_knows_its_columns(relation: Relation, schema: str) -> None:
    assert ", ".join(map(str, relation.schema)) == schema


@pytest.mark.parametrize(
    ("kind", "nullable"),
    [
        (JoinKind.INNER, [False, False, False, False]),
        (JoinKind.LEFT, [False, False, True, True]),
        (JoinKind.RIGHT, [True, True, False, False]),
        (JoinKind.FULL, [True, True, True, True]),
        (JoinKind.SEMI, [False, False]),
        (JoinKind.ANTI, [False, False]),
    ],
)
def test_a_join_knows_which_side_it_fills_with_nulls(kind: JoinKind, nullable: list[bool]) -> None:
    joined = Join(T, U, kind, (("a", "k"),))
    assert [field.nullable for field in joined.schema] == nullable


def select(expression: Expression) -> Relation:
    return Select(T, (Named("z", expression),))


RECORD = Record(("amount", "note"), (A, C))

WRONG: tuple[tuple[type[Exception], str, Callable[[], Relation]], ...] = (
    (ColumnNotFound, "'k' is not a column", lambda: select(column(U.schema, "k"))),
    (TypeMismatch, "bare NULL, which has no type", lambda: select(Literal(None, NULL))),
    (TypeMismatch, "aggregates within a select", lambda: select(call("sum", A))),
    (DuplicateColumn, "called 'a'", lambda: Select(T, (Named("a", A), Named("a", C)))),
    (TypeMismatch, "must be a bool, but a is int64", lambda: Filter(T, A)),
    (
        TypeMismatch,
        "a filter looks at single rows",
        lambda: Filter(T, call("greater", call("sum", A), A)),
    ),
    (TypeMismatch, "join key a is int64, but n is text", lambda: Join(T, U, on=(("a", "n"),))),
    (ColumnNotFound, "'z' is not a column", lambda: Join(T, U, on=(("a", "z"),))),
    (DuplicateColumn, "both sides of a join have a, c", lambda: Join(T, T, on=(("a", "a"),))),
    (InvalidOption, "a cross join has no keys", lambda: Join(T, U, JoinKind.CROSS, (("a", "k"),))),
    (InvalidOption, "an asof join needs", lambda: Join(T, U, JoinKind.ASOF)),
    (TypeMismatch, "condition of a join must be a bool", lambda: Join(T, U, predicate=A)),
    (TypeMismatch, "a is not an aggregate", lambda: Aggregate(T, (), (Named("n", A),))),
    (
        TypeMismatch,
        "aggregates within the argument of sum",
        lambda: Aggregate(T, (), (Named("n", call("sum", call("sum", A))),)),
    ),
    (TypeMismatch, "not a window function", lambda: Window(T, (Named("n", A),))),
    (FunctionNotFound, "'lower' is not a function", lambda: select(WindowCall("lower", (C,)))),
    (ColumnNotFound, "'k'", lambda: Sort(T, (SortKey(column(U.schema, "k")),))),
    (InvalidOption, "0 or more", lambda: Limit(T, -1)),
    (InvalidOption, "0 or more", lambda: Limit(T, 1, offset=-1)),
    (ColumnNotFound, "'k'", lambda: Distinct(T, ("k",))),
    (TypeMismatch, "the sides of a union differ", lambda: SetOperation(SetKind.UNION, T, U)),
    (
        TypeMismatch,
        "have 2 and 1 columns",
        lambda: SetOperation(SetKind.EXCEPT, T, Select(T, (Named("a", A),))),
    ),
    (TypeMismatch, "a is int64, and only lists have elements", lambda: Explode(T, "a")),
    (ColumnNotFound, "'k'", lambda: Explode(T, "k")),
    (TypeMismatch, "lists have no order", lambda: Sort(T, (SortKey(call("list", A)),))),
    (TypeMismatch, "less", lambda: select(call("less", call("list", A), call("list", A)))),
    (TypeMismatch, "only structs have fields", lambda: select(Member(A, "x"))),
    (ColumnNotFound, "did you mean 'amount'", lambda: select(Member(RECORD, "ammount"))),
    (InvalidOption, "a part of 0 to 1", lambda: Sample(T, ("a",), 0.5, 0.4)),
    (InvalidOption, "a part of 0 to 1", lambda: Sample(T, ("a",), 0.0, float("nan"))),
    (TypeMismatch, "not a date or timestamp", lambda: Watermark(T, "a", 5)),
    (InvalidOption, "0 < slide <= size", lambda: TimeWindow(STREAM, "at", 60, 90)),
    (TypeMismatch, "must keep the columns and types", lambda: Iterate(T, U, "rows", 3)),
    (InvalidOption, "max_iterations of 1 or more", lambda: Iterate(T, T, "rows", 0)),
    (InvalidOption, "a row count is 0 or more", lambda: Hint(T, rows=-1)),
)


@pytest.mark.parametrize(("error", "message", "make"), WRONG)
def test_what_a_relation_cannot_mean_is_refused_when_it_is_made(
    error: type[Exception], message: str, make: Callable[[], Relation]
) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_plan_over_a_stream_has_no_end() -> None:
    assert Filter(T, POSITIVE).bounded
    assert not Distinct(STREAM).bounded
    renamed = Select(T, (Named("b", A),))
    assert not Join(STREAM, renamed, on=(("a", "b"),)).bounded


def test_a_limit_ends_a_stream_where_rows_flow_to_it() -> None:
    assert Limit(Filter(STREAM, POSITIVE), 3).bounded
    assert not Limit(STREAM, None, 3).bounded
    assert not Limit(Distinct(STREAM), 3).bounded
    assert Distinct(Limit(STREAM, 3)).bounded


def test_equal_plans_are_one_key() -> None:
    assert Filter(T, POSITIVE) == Filter(Read("t", T.schema), call("greater", A, literal(0)))
    assert hash(Filter(T, POSITIVE)) == hash(Filter(T, call("greater", A, literal(0))))
    assert Filter(T, POSITIVE) != Filter(U, call("greater", column(U.schema, "k"), literal(0)))


def test_a_plan_is_changed_from_its_tables_up_and_left_alone_where_nothing_changes() -> None:
    plan = Sort(Filter(T, POSITIVE), (SortKey(A),))
    other = transform(plan, lambda r: Read("other", r.schema) if isinstance(r, Read) else r)
    assert [read.table for read in reads(other)] == ["other"]
    assert transform(plan, lambda relation: relation) is plan


def test_a_part_used_twice_is_changed_once() -> None:
    seen: list[Relation] = []
    part = Filter(T, POSITIVE)
    transform(SetOperation(SetKind.UNION, part, part), lambda r: seen.append(r) or r)
    assert len(seen) == 3


def test_a_deep_plan_is_walked_without_trouble() -> None:
    plan: Relation = T
    for number in range(200):
        plan = Filter(plan, call("greater", A, literal(number)))
    assert transform(plan, lambda relation: relation) is plan
    assert len([*walk(plan)]) == 201
    assert plan == transform(plan, lambda r: Read("t", r.schema) if isinstance(r, Read) else r)


def test_inputs_are_what_a_relation_is_computed_from() -> None:
    until = Aggregate(T, (), (Named("done", call("bool_and", POSITIVE)),))
    assert Iterate(T, T, "rows", 3).inputs == (T, T)
    assert Iterate(T, T, "rows", 3, until).inputs == (T, T, until)
    assert T.inputs == ()
    assert expressions_of(Sort(T, (SortKey(A), SortKey(C)))) == (A, C)
