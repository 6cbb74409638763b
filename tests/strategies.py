"""Random plans and rows for property tests: small, typed, and the same on every engine.

Floats are multiples of 1/1024, so that sums do not depend on order; integers stay so small that
nothing overflows; a limit stands only above a sort by every column.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from hypothesis import strategies as st

from wayfed_optimizer.expressions import (
    Column,
    Expression,
    Frame,
    Literal,
    Named,
    SortKey,
    Subquery,
    SubqueryKind,
    WindowCall,
    call,
    case,
    cast_to,
    column,
    in_list,
    literal,
)
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Explode,
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
)

TABLES: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        "orders": Schema(
            (
                Field("order_id", INT64, False),
                Field("customer", INT64),
                Field("amount", Decimal(9, 2)),
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
_MONEY: Final = Decimal(9, 2)
_KINDS: Final = (INT64, FLOAT64, TEXT, DATE, BOOL, _MONEY)
WORDS: Final = (
    "",
    "a",
    "b",
    "ab",
    " b ",
    "B",
    "zebra",
    "Ärger",
    "50%",
    "it's",
    "a_b",
    "日本",
    "🙂",
)
_PATTERNS: Final = ("%", "a%", "%b", "_", "%a_%", "", "50%", "%ä%")
DAYS: Final = (datetime.date(1969, 12, 31), datetime.date(2024, 2, 29), datetime.date(1900, 3, 1))
_UNITS: Final = ("year", "quarter", "month", "week", "day")


def values(kind: DataType) -> st.SearchStrategy[object]:
    """Values of a type, NULL left out; sums of floats are exact in any order."""
    match kind:
        case Decimal(scale=scale):
            return st.integers(-500, 500).map(lambda n: decimal.Decimal(n).scaleb(-scale))
    return {
        INT64: st.integers(-5, 5),
        FLOAT64: (st.integers(-4096, 4096) | st.integers(-(2**30) + 1, 2**30 - 1)).map(
            lambda n: n / 1024
        ),
        TEXT: st.sampled_from(WORDS),
        BOOL: st.booleans(),
        DATE: st.integers(0, 60).map(lambda n: datetime.date(2024, 1, 15) + n * DAY)
        | st.sampled_from(DAYS),
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
    if kind != TEXT and draw(st.integers(0, 5)) == 0:
        return call(draw(st.sampled_from(["greatest", "least"])), some(kind), some(kind))
    make = draw(st.sampled_from(_MAKERS[kind]))
    return make(draw, some)


Some = Callable[[DataType], Expression]
Maker = Callable[[st.DrawFn, Some], Expression]


def _of(function: str, *kinds: DataType) -> Maker:
    return lambda draw, some: call(function, *map(some, kinds))


def _with(function: str, kind: DataType, *constants: st.SearchStrategy[object]) -> Maker:
    return lambda draw, some: call(function, some(kind), *(literal(draw(c)) for c in constants))


def _as(kind: DataType, *sources: DataType) -> Maker:
    return lambda draw, some: cast_to(some(draw(st.sampled_from(sources))), kind)


def _date_diff(draw: st.DrawFn, some: Some) -> Expression:
    return call("date_diff", some(DATE), some(DATE), literal(draw(st.sampled_from(_UNITS))))


def _money(function: str, *kinds: DataType) -> Maker:
    return lambda draw, some: cast_to(call(function, *map(some, kinds)), _MONEY)


_FEW: Final = st.integers(-3, 3)
_PLACES: Final = st.integers(1, 4)
_MAKERS: Final[Mapping[DataType, tuple[Maker, ...]]] = {
    INT64: (
        *(_of(name, INT64, INT64) for name in ("add", "subtract")),
        *(_with(name, INT64, _FEW) for name in ("multiply", "floor_divide", "modulo", "remainder")),
        *(_of(name, INT64, INT64) for name in ("floor_divide", "modulo", "remainder")),
        *(_of(name, INT64) for name in ("negate", "abs", "sign", "floor", "round")),
        *(_of("sign", kind) for kind in (FLOAT64, _MONEY)),
        *(_of(name, TEXT) for name in ("length", "octet_length", "ascii")),
        _of("position", TEXT, TEXT),
        *(_of(name, INT64, INT64) for name in ("bitwise_and", "bitwise_or", "bitwise_xor")),
        _of("bitwise_not", INT64),
        *(
            _of(name, DATE)
            for name in ("year", "iso_year", "quarter", "month", "week", "day", "day_of_week")
        ),
        _date_diff,
        _as(INT64, BOOL, FLOAT64, _MONEY),
    ),
    FLOAT64: (
        *(_of(name, FLOAT64, FLOAT64) for name in ("add", "subtract")),
        *(_of(name, FLOAT64) for name in ("negate", "abs", "floor", "ceil", "trunc")),
        _with("divide", FLOAT64, st.sampled_from([2.0, -4.0, 0.0])),
        _with("multiply", FLOAT64, st.sampled_from([2.0, -0.5])),
        _as(FLOAT64, INT64, BOOL),
    ),
    TEXT: (
        *(_of(name, TEXT) for name in ("trim", "ltrim", "rtrim")),
        _of("concat", TEXT, TEXT),
        _of("replace", TEXT, TEXT, TEXT),
        _with("substring", TEXT, _PLACES),
        _with("substring", TEXT, _FEW, _PLACES),
        _of("substring", TEXT, INT64),
        *(_with(name, TEXT, _FEW) for name in ("left", "right", "repeat")),
        *(
            _with(name, TEXT, _PLACES, st.sampled_from(["", "x", "ab"]))
            for name in ("lpad", "rpad")
        ),
        _of("concat_ws", TEXT, TEXT, TEXT),
        _with("strftime", DATE, st.just("%d %b %y (%a)")),
        _as(TEXT, INT64, BOOL, DATE),
    ),
    DATE: (
        _with("add_days", DATE, _FEW),
        _of("add_days", DATE, INT64),
        _with("add_months", DATE, _FEW),
        _of("last_day", DATE),
        _with("date_trunc", DATE, st.sampled_from(_UNITS)),
    ),
    _MONEY: (
        *(_money(name, _MONEY, _MONEY) for name in ("add", "subtract")),
        _money("multiply", _MONEY, INT64),
        *(_money(name, _MONEY) for name in ("negate", "abs", "floor", "ceil", "round")),
        _as(_MONEY, INT64),
    ),
}
"""How expressions of a type are made; none of them raises on the rows of this module."""


@st.composite
def predicates(draw: st.DrawFn, schema: Schema, depth: int = 2) -> Expression:
    """Conditions over a schema."""
    branch = draw(st.integers(0, 8 if depth else 5))
    kind = draw(st.sampled_from([k for k in _KINDS if _columns(schema, k)] or [INT64]))
    below = max(depth - 1, 0)
    arg = draw(expressions(schema, kind, below)) if branch < 5 else Literal(True, BOOL)
    match branch:
        case 0 | 1:
            function = draw(st.sampled_from([*_COMPARISONS, "is_distinct"]))
            return call(function, arg, draw(literals(kind) | expressions(schema, kind, below)))
        case 2:
            return call(draw(st.sampled_from(["is_null", "is_not_null"])), arg)
        case 3 if kind == TEXT:
            return draw(_text_conditions(arg, schema, below))
        case 3 | 4:
            return in_list(arg, tuple(draw(st.lists(literals(kind), min_size=1, max_size=3))))
        case 5:
            leaves = [*_columns(schema, BOOL), Literal(True, BOOL), Literal(False, BOOL)]
            return draw(st.sampled_from(leaves))
        case 6:
            return call("not", draw(predicates(schema, below)))
    function = "and" if branch == 7 else "or"
    return call(function, draw(predicates(schema, below)), draw(predicates(schema, below)))


@st.composite
def _text_conditions(draw: st.DrawFn, arg: Expression, schema: Schema, depth: int) -> Expression:
    function = draw(st.sampled_from(["like", "starts_with", "ends_with", "contains"]))
    if function == "like":
        return call(function, arg, literal(draw(st.sampled_from(_PATTERNS))))
    return call(function, arg, draw(literals(TEXT) | expressions(schema, TEXT, depth)))


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
        branch = draw(st.integers(0, 7))
        if branch <= 2:
            operators -= spent
            other, fresh = draw(_plans(tables, spent, fresh))
            combine = _joined if branch else _compared_with
            plan, fresh = draw(combine(plan, other, fresh))
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
    kind = draw(st.sampled_from([JoinKind.INNER, *_JOINS]))
    if kind is JoinKind.CROSS:
        return Join(left, right, kind), fresh
    pairs = [
        (a.name, b.name) for a in left.schema for b in right.schema if _joinable(a.type, b.type)
    ]
    keys = st.lists(st.sampled_from(pairs), max_size=2, unique=True) if pairs else st.just([])
    on = tuple(draw(keys))
    condition = None
    if not on or draw(st.integers(0, 3)) == 0:
        condition = draw(predicates(Schema((*left.schema, *right.schema)), 1))
    return Join(left, right, kind, on, condition), fresh


_JOINS: Final = tuple(kind for kind in JoinKind if kind is not JoinKind.ASOF)


def _joinable(a: DataType, b: DataType) -> bool:
    return a == b or {a, b} <= {INT64, FLOAT64, _MONEY}


@st.composite
def _on_top(draw: st.DrawFn, plan: Relation, fresh: int) -> tuple[Relation, int]:
    schema = plan.schema
    match draw(st.integers(0, 9)):
        case 0 | 1 | 2:
            return Filter(plan, draw(predicates(schema))), fresh
        case 3 | 4:
            outputs = draw(_outputs(schema, fresh))
            return Select(plan, outputs), fresh + len(outputs)
        case 5 | 6:
            return draw(_aggregated(plan, fresh))
        case 7:
            count, offset = draw(st.none() | st.integers(0, 8)), draw(st.integers(0, 2))
            return Limit(Sort(plan, draw(_total_order(schema))), count, offset), fresh
        case 8:
            return draw(_combined(plan)), fresh
    return Window(plan, (Named(f"c{fresh}", draw(_window_calls(schema))),)), fresh + 1


@st.composite
def _compared_with(
    draw: st.DrawFn, plan: Relation, other: Relation, fresh: int
) -> tuple[Relation, int]:
    """A filter of `plan` by a subquery over `other`."""
    condition: Expression = Subquery(SubqueryKind.EXISTS, other)
    pairs = [(a, b) for a in plan.schema for b in other.schema if a.type == b.type]
    if pairs and draw(st.integers(0, 4)):
        a, b = (
            column(s, f.name)
            for s, f in zip((plan.schema, other.schema), draw(st.sampled_from(pairs)), strict=True)
        )
        if a.type != BOOL and draw(st.booleans()):
            least = Aggregate(other, (), (Named(f"c{fresh}", call("min", b)),))
            function = draw(st.sampled_from(_COMPARISONS))
            condition = call(function, a, Subquery(SubqueryKind.SCALAR, least))
        else:
            values = Select(other, (Named(f"c{fresh}", b),))
            condition = Subquery(SubqueryKind.IN, values, a)
    match draw(st.integers(0, 3)):
        case 0:
            condition = call("not", condition)
        case 1:
            condition = call("or", condition, draw(predicates(plan.schema, 1)))
    return Filter(plan, condition), fresh + 1


@st.composite
def _total_order(draw: st.DrawFn, schema: Schema) -> tuple[SortKey, ...]:
    """Keys that leave only equal rows in any order."""
    return tuple(
        SortKey(column(schema, name), draw(st.booleans()), draw(st.booleans()))
        for name in draw(st.permutations(schema.names))
    )


@st.composite
def _window_calls(draw: st.DrawFn, schema: Schema) -> WindowCall:
    """Window calls whose value does not depend on the order of equal rows."""
    names = st.sampled_from(schema.names)
    partition = tuple(
        column(schema, name) for name in draw(st.lists(names, max_size=2, unique=True))
    )
    order = draw(_total_order(schema))
    some = column(schema, draw(names))
    match draw(st.sampled_from(["total", "running", "rank", "ordered", "shifted"])):
        case "total":
            name, args = draw(_plain_aggregates(schema))
            return WindowCall(name, args, partition)
        case "running":
            name, args = draw(_plain_aggregates(schema))
            return WindowCall(name, args, partition, order, draw(st.none() | _FRAMES))
        case "rank":
            name = draw(st.sampled_from(["rank", "dense_rank"]))
            return WindowCall(name, (), partition, order[:1])
        case "ordered":
            name = draw(st.sampled_from(["row_number", "first_value", "last_value"]))
            return WindowCall(name, () if name == "row_number" else (some,), partition, order)
    steps = literal(draw(st.integers(0, 2)))
    return WindowCall(draw(st.sampled_from(["lag", "lead"])), (some, steps), partition, order)


_FRAMES: Final = st.builds(
    Frame,
    st.sampled_from(["rows", "groups"]),
    st.none() | st.integers(-3, 0),
    st.none() | st.integers(0, 2),
    exclude=st.sampled_from(["", "", "current row", "ties", "group"]),
)


@st.composite
def _plain_aggregates(draw: st.DrawFn, schema: Schema) -> tuple[str, tuple[Expression, ...]]:
    """Aggregates over the columns of a schema, by name and arguments."""
    name = draw(st.sampled_from(schema.names))
    kind = schema[name].type
    functions = ["count"]
    if kind == BOOL:
        functions += ["bool_and", "bool_or", "count_if"]
    else:
        functions += ["min", "max"]
    if kind in (INT64, FLOAT64, _MONEY):
        functions += ["sum", "sum"]
    return draw(st.sampled_from(functions)), (column(schema, name),)


@st.composite
def _outputs(draw: st.DrawFn, schema: Schema, fresh: int) -> tuple[Named, ...]:
    kept = draw(st.lists(st.sampled_from(schema.names), min_size=1, unique=True))
    made = draw(st.lists(st.sampled_from(_KINDS), max_size=2))
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
    keys = [
        Named(name, column(schema, name))
        for name in draw(st.lists(st.sampled_from(schema.names), max_size=2, unique=True))
    ]
    if draw(st.integers(0, 3)) == 0:
        kind = draw(st.sampled_from(_KINDS))
        keys.append(Named(f"c{fresh}", draw(expressions(schema, kind, 1))))
        fresh += 1
    made: list[Expression] = [call("count")] if draw(st.booleans()) or not keys else []
    for _ in range(draw(st.integers(0, 2))):
        if draw(st.integers(0, 2)) == 0:
            kind = draw(st.sampled_from(_KINDS[:4]))
            functions = ["count", "count_distinct", "min", "max"]
            functions += ["sum"] * 3 * (kind in (INT64, FLOAT64))
            argument = draw(expressions(schema, kind, 1))
            made.append(call(draw(st.sampled_from(functions)), argument))
        else:
            name, args = draw(_plain_aggregates(schema))
            made.append(call(name, *args))
    aggregates = tuple(
        Named(f"c{fresh + position}", expression) for position, expression in enumerate(made)
    )
    return Aggregate(plan, tuple(keys), aggregates), fresh + len(made)


@st.composite
def _exploded(draw: st.DrawFn, plan: Relation) -> Relation:
    """Each row twice: once with a value of its own, once with another of the type."""
    schema = plan.schema
    name = draw(st.sampled_from(schema.names))
    kind = schema[name].type
    alike = [column(schema, f.name) for f in schema if f.type == kind]
    listed = call("list", column(schema, name), draw(st.sampled_from(alike)))
    outputs = (Named(f.name, listed if f.name == name else column(schema, f.name)) for f in schema)
    return Explode(Select(plan, tuple(outputs)), name, draw(st.booleans()))


@st.composite
def _combined(draw: st.DrawFn, plan: Relation) -> Relation:
    if draw(st.booleans()):
        return Distinct(plan)
    if draw(st.integers(0, 2)) == 0:
        return draw(_exploded(plan))
    other = Filter(plan, draw(predicates(plan.schema, 1)))
    kind = draw(st.sampled_from(SetKind))
    return SetOperation(kind, plan, other, kind is SetKind.UNION and draw(st.booleans()))


@st.composite
def finished_plans(draw: st.DrawFn, tables: Mapping[str, Schema] = TABLES) -> Relation:
    """Plans that may end in functions on whose last digits engines differ."""
    plan = draw(plans(tables))
    numbers = [
        call("sign", column(plan.schema, f.name))
        if f.type == FLOAT64
        else column(plan.schema, f.name)
        for f in plan.schema
        if f.type in (INT64, FLOAT64, _MONEY)
    ]
    ending = draw(st.integers(0, 3))
    if not numbers or ending > 1:
        return plan
    if ending == 0:
        some = tuple(
            Named(
                f"about{position}",
                call(draw(st.sampled_from(_ABOUT)), draw(st.sampled_from(numbers))),
            )
            for position in range(2)
        )
        return Select(plan, (*(Named(n, column(plan.schema, n)) for n in plan.schema.names), *some))
    keys = draw(st.lists(st.sampled_from(plan.schema.names), max_size=2, unique=True))
    some = tuple(
        Named(
            f"about{position}",
            call(draw(st.sampled_from(_AGGREGATES_ABOUT)), draw(st.sampled_from(numbers))),
        )
        for position in range(2)
    )
    return Aggregate(plan, tuple(Named(n, column(plan.schema, n)) for n in keys), some)


_ABOUT: Final = ("sqrt", "ln", "log10", "sin", "cos")
_AGGREGATES_ABOUT: Final = (*["mean"] * 9, "stddev", "variance", "median")

__all__ = [
    "DAYS",
    "TABLES",
    "WORDS",
    "expressions",
    "finished_plans",
    "literals",
    "plans",
    "predicates",
    "rows",
    "values",
]
