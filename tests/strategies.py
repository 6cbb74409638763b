"""Random plans and rows for property tests: small, typed, and the same on every engine.

Floats are multiples of 1/1024, so that sums do not depend on order; integers stay so small that
nothing overflows; a limit stands only above a sort by every column.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from hypothesis import strategies as st

from wayfed_optimizer.expressions import (
    Column,
    Expression,
    Literal,
    Named,
    SortKey,
    WindowCall,
    call,
    case,
    column,
    in_list,
)
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    JoinKind,
    Limit,
    Read,
    Relation,
    Select,
    SetKind,
    SetOperation,
    Sort,
    Window,
)
from wayfed_optimizer.types import (
    BOOL,
    DATE,
    FLOAT64,
    INT64,
    TEXT,
    DataType,
    Decimal,
    Field,
    Schema,
    parse_type,
)

TABLES: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        "orders": Schema(
            (
                Field("order_id", INT64, False),
                Field("customer", INT64),
                Field("amount", parse_type("decimal(9,2)")),
                Field("weight", FLOAT64),
                Field("note", TEXT),
                Field("ordered", DATE),
            )
        ),
        "customers": Schema(
            (
                Field("customer_id", INT64, False),
                Field("name", TEXT),
                Field("joined", DATE),
                Field("retail", BOOL),
            )
        ),
        "visits": Schema((Field("visitor", INT64), Field("page", TEXT), Field("seconds", FLOAT64))),
    }
)
"""The tables that the plans read."""

_COMPARISONS: Final = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
_KINDS: Final = (INT64, FLOAT64, TEXT, DATE, BOOL, Decimal(9, 2))
_WORDS: Final = ("", "a", "b", "ab", "B", "zebra", "Ärger", "50%", "it's")


def values(kind: DataType) -> st.SearchStrategy[object]:
    """Values of a type, NULL left out."""
    match kind:
        case Decimal(scale=scale):
            return st.integers(-500, 500).map(lambda n: decimal.Decimal(n).scaleb(-scale))
    return {
        INT64: st.integers(-5, 5),
        FLOAT64: st.integers(-4096, 4096).map(lambda n: n / 1024),
        TEXT: st.sampled_from(_WORDS),
        BOOL: st.booleans(),
        DATE: st.integers(0, 60).map(lambda n: datetime.date(2024, 1, 15) + n * DAY),
    }[kind]


DAY: Final = datetime.timedelta(days=1)


def rows(
    schema: Schema, *, min_size: int = 0, max_size: int = 12
) -> st.SearchStrategy[list[dict[str, object]]]:
    """Rows of a table, with NULLs where its columns allow them."""
    row = st.fixed_dictionaries(
        {f.name: (st.none() | values(f.type)) if f.nullable else values(f.type) for f in schema}
    )
    return st.lists(row, min_size=min_size, max_size=max_size)


def literals(kind: DataType) -> st.SearchStrategy[Expression]:
    """Constants of a type, NULL seldom."""
    return st.one_of(
        *[values(kind).map(lambda value: Literal(value, kind))] * 4, st.just(Literal(None, kind))
    )


def _columns(schema: Schema, kind: DataType) -> list[Column]:
    return [column(schema, f.name) for f in schema if f.type == kind]


@st.composite
def expressions(draw: st.DrawFn, schema: Schema, kind: DataType, depth: int = 2) -> Expression:
    """Expressions of a type over a schema; none of them raises on the rows of this module."""
    leaves = [st.just(found) for found in _columns(schema, kind)] or [literals(kind)]
    if depth == 0:
        return draw(st.one_of(*leaves, literals(kind)))
    branch = draw(st.integers(0, 5))
    if branch <= 2:
        return draw(st.one_of(*leaves))
    if branch == 3:
        return draw(literals(kind))
    if branch == 4 and kind != BOOL:
        condition = draw(expressions(schema, BOOL, depth - 1))
        first, second = (draw(expressions(schema, kind, depth - 1)) for _ in range(2))
        return draw(
            st.sampled_from([case(((condition, first),), second), call("coalesce", first, second)])
        )
    return draw(_calls(schema, kind, depth - 1))


@st.composite
def _calls(draw: st.DrawFn, schema: Schema, kind: DataType, depth: int) -> Expression:
    def some(wanted: DataType) -> Expression:
        return draw(expressions(schema, wanted, depth))

    if kind == BOOL:
        return draw(predicates(schema, depth))
    if kind == INT64:
        function = draw(st.sampled_from(["add", "subtract", "length", "year", "day_of_week"]))
        if function == "length":
            return call(function, some(TEXT))
        if function in ("year", "day_of_week"):
            return call(function, some(DATE))
        return call(function, some(INT64), some(INT64))
    if kind == FLOAT64:
        function = draw(st.sampled_from(["add", "subtract", "negate"]))
        arguments = [some(FLOAT64) for _ in range(1 if function == "negate" else 2)]
        return call(function, *arguments)
    if kind == TEXT:
        function = draw(st.sampled_from(["trim", "concat"]))
        return call(function, *[some(TEXT) for _ in range(1 if function == "trim" else 2)])
    return some(kind)


@st.composite
def predicates(draw: st.DrawFn, schema: Schema, depth: int = 2) -> Expression:
    """Conditions over a schema."""
    branch = draw(st.integers(0, 6 if depth else 3))
    kind = draw(st.sampled_from([k for k in _KINDS if _columns(schema, k)] or [INT64]))
    below = max(depth - 1, 0)
    arg = draw(expressions(schema, kind, below))
    match branch:
        case 0 | 1:
            function = draw(st.sampled_from(_COMPARISONS))
            return call(function, arg, draw(literals(kind) | expressions(schema, kind, below)))
        case 2:
            return call(draw(st.sampled_from(["is_null", "is_not_null"])), arg)
        case 3:
            return in_list(arg, tuple(draw(st.lists(literals(kind), min_size=1, max_size=3))))
        case 4:
            return call("not", draw(predicates(schema, below)))
    function = "and" if branch == 5 else "or"
    return call(function, draw(predicates(schema, below)), draw(predicates(schema, below)))


@st.composite
def plans(
    draw: st.DrawFn, tables: Mapping[str, Schema] = TABLES, max_operators: int = 5
) -> Relation:
    """Plans over `tables` of up to `max_operators` operators, besides the reads and renames."""
    plan, _ = draw(_plans(tables, max_operators, 0))
    return plan


@st.composite
def _plans(
    draw: st.DrawFn, tables: Mapping[str, Schema], operators: int, fresh: int
) -> tuple[Relation, int]:
    """A plan, and the first number that none of its made-up names has."""
    table = draw(st.sampled_from(sorted(tables)))
    plan: Relation = Read(table, tables[table])
    while operators > 0 and draw(st.integers(0, 5)):
        spent = draw(st.integers(0, operators - 1))
        operators -= 1
        if draw(st.integers(0, 2)) == 0:
            operators -= spent
            other, fresh = draw(_plans(tables, spent, fresh))
            plan, fresh = draw(_joined(plan, other, fresh))
        else:
            plan, fresh = draw(_on_top(plan, fresh))
    return plan, fresh


def _renamed(plan: Relation, fresh: int) -> tuple[Relation, int]:
    outputs = tuple(
        Named(f"c{fresh + position}", column(plan.schema, name))
        for position, name in enumerate(plan.schema.names)
    )
    return Select(plan, outputs), fresh + len(outputs)


@st.composite
def _joined(draw: st.DrawFn, left: Relation, other: Relation, fresh: int) -> tuple[Relation, int]:
    right, fresh = _renamed(other, fresh)
    kinds = [
        (a.name, b.name) for a in left.schema for b in right.schema if a.type == b.type != FLOAT64
    ]
    if not kinds:
        return left, fresh
    on = tuple(draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2, unique=True)))
    kind = draw(
        st.sampled_from(
            [
                JoinKind.INNER,
                JoinKind.INNER,
                JoinKind.LEFT,
                JoinKind.RIGHT,
                JoinKind.FULL,
                JoinKind.SEMI,
                JoinKind.ANTI,
            ]
        )
    )
    inner = kind is JoinKind.INNER and draw(st.integers(0, 3)) == 0
    condition = draw(predicates(Schema((*left.schema, *right.schema)), 1)) if inner else None
    return Join(left, right, kind, on, condition), fresh


@st.composite
def _on_top(draw: st.DrawFn, plan: Relation, fresh: int) -> tuple[Relation, int]:
    schema = plan.schema
    match draw(st.integers(0, 8)):
        case 0 | 1 | 2:
            return Filter(plan, draw(predicates(schema))), fresh
        case 3 | 4:
            outputs = draw(_outputs(schema, fresh))
            return Select(plan, outputs), fresh + len(outputs)
        case 5:
            return draw(_aggregated(plan, fresh))
        case 6:
            everything = tuple(
                SortKey(column(schema, name), draw(st.booleans()), draw(st.booleans()))
                for name in draw(st.permutations(schema.names))
            )
            count, offset = draw(st.integers(0, 8)), draw(st.integers(0, 2))
            return Limit(Sort(plan, everything), count, offset), fresh
        case 7:
            return draw(_combined(plan)), fresh
    partition = draw(st.sampled_from(schema.names))
    count = WindowCall("count", (), (column(schema, partition),))
    return Window(plan, (Named(f"c{fresh}", count),)), fresh + 1


@st.composite
def _outputs(draw: st.DrawFn, schema: Schema, fresh: int) -> tuple[Named, ...]:
    kept = draw(st.lists(st.sampled_from(schema.names), min_size=1, unique=True))
    made = draw(st.lists(st.sampled_from(_KINDS[:4]), max_size=2))
    return (
        *(Named(name, column(schema, name)) for name in kept),
        *(
            Named(f"c{fresh + position}", draw(expressions(schema, kind)))
            for position, kind in enumerate(made)
        ),
    )


@st.composite
def _aggregated(draw: st.DrawFn, plan: Relation, fresh: int) -> tuple[Relation, int]:
    schema = plan.schema
    keys = draw(st.lists(st.sampled_from(schema.names), max_size=2, unique=True))
    numbers = [f.name for f in schema if f.type in (INT64, FLOAT64, Decimal(9, 2))]
    ordered = [f.name for f in schema if f.type != BOOL]
    made: list[Expression] = [call("count")]
    if numbers and draw(st.booleans()):
        made.append(call("sum", column(schema, draw(st.sampled_from(numbers)))))
    if ordered and draw(st.booleans()):
        function = draw(st.sampled_from(["min", "max", "count_distinct"]))
        made.append(call(function, column(schema, draw(st.sampled_from(ordered)))))
    aggregates = tuple(
        Named(f"c{fresh + position}", expression) for position, expression in enumerate(made)
    )
    named_keys = tuple(Named(name, column(schema, name)) for name in keys)
    return Aggregate(plan, named_keys, aggregates), fresh + len(made)


@st.composite
def _combined(draw: st.DrawFn, plan: Relation) -> Relation:
    if draw(st.booleans()):
        return Distinct(plan)
    other = Filter(plan, draw(predicates(plan.schema, 1)))
    kind = draw(st.sampled_from(SetKind))
    return SetOperation(kind, plan, other, kind is SetKind.UNION and draw(st.booleans()))


__all__ = ["TABLES", "expressions", "literals", "plans", "predicates", "rows", "values"]
