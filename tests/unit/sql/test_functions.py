"""Every function of the table means the same on every engine that says it has it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.unit.sql.function_cases import (
    AGGREGATES,
    CASTS,
    INF,
    NAN,
    POSITIONAL,
    SCALARS,
    WINDOWS,
    Constant,
    Error,
    Null,
    Stored,
)
from wayfed.testing.cases import AGGREGATES as SUITE_AGGREGATES
from wayfed.testing.cases import RELATIONS as SUITE_RELATIONS
from wayfed.testing.cases import SCALARS as SUITE_SCALARS
from wayfed.testing.cases import WINDOWS as SUITE_WINDOWS
from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import (
    Cast,
    Column,
    Expression,
    Literal,
    Named,
    SortKey,
    WindowCall,
    call,
    literal,
)
from wayfed_optimizer.functions import FUNCTIONS, Agreement
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.relations import Aggregate, Read, Select, Window
from wayfed_optimizer.types import BOOL, DATE, FLOAT64, INT64, TEXT, Field, Schema, parse_type
from wayfed_sql import DUCKDB, FLINK, POSTGRESQL, SPARK, SQLITE, to_sql


def typed(value: Any) -> Literal:
    if isinstance(value, Null):
        return Literal(None, value.kind)
    return literal(value.value if isinstance(value, Constant | Stored) else value)


def row_of(values: list[Literal], engine: Any, first: int = 0) -> str:
    cells = (_written(v, engine, f"a{first + i}") for i, v in enumerate(values))
    return f"SELECT {', '.join(cells) or '1 AS none'}"


def _written(value: Literal, engine: Any, name: str) -> str:
    read = Read("one", Schema.of(none="int64"))
    select = Select(read, (Named(name, value),))
    text = to_sql(select, engine.dialect, {"one": TableReference(("one",))})
    return text.removeprefix("SELECT ").removesuffix(" FROM one")


def outcome(engine: Any, relation: Any, tables: dict[str, TableReference]) -> Any:
    try:
        return [row[0] for row in engine.rows(relation, tables)]
    except Exception as error:
        if type(error).__name__ != "EngineError":
            raise
        return [f"error: {error}"]


def assert_same(found: Any, wanted: Any) -> None:
    if isinstance(wanted, Error):
        assert isinstance(found, str) and found.startswith("error"), found
    elif isinstance(wanted, float) and found is not None:
        assert found == pytest.approx(wanted, rel=1e-9, nan_ok=True)
    else:
        assert found == wanted


def cases(table: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(name, given, wanted, id=f"{name}-{i}")
        for name, rows in table.items()
        for i, (given, wanted) in enumerate(rows)
    ]


def _is_constant(given: Any, constants: bool) -> bool:
    return isinstance(given, Constant) or (constants and not isinstance(given, Stored))


@pytest.mark.parametrize("constants", [False, True], ids=["columns", "constants"])
@pytest.mark.parametrize(("name", "given", "wanted"), cases(SCALARS))
def test_a_function_has_one_meaning(engine, name, given, wanted, constants):
    values = [typed(each) for each in given]
    fields = [Field(f"a{i}", v.type) for i, v in enumerate(values)] or [Field("none", INT64)]
    read = Read("one", Schema(fields))
    args: list[Expression] = [
        v if _is_constant(g, constants) else Column(f"a{i}", v.type)
        for i, (v, g) in enumerate(zip(values, given, strict=True))
    ]
    select = Select(read, (Named("result", call(name, *args)),))
    if name not in engine.dialect.functions:
        assert engine.dialect.without[name]
        return
    try:
        found = outcome(engine, select, {"one": TableReference(query=row_of(values, engine))})
    except Unsupported as refusal:
        assert refusal.reason
        return
    assert_same(found[0], wanted)


@pytest.mark.parametrize(("name", "given", "wanted"), cases(AGGREGATES))
def test_an_aggregate_has_one_meaning(engine, name, given, wanted):
    values = [typed(each) for each in given]
    kind = next((v.type for v in values), BOOL if name.startswith(("bool", "count_if")) else INT64)
    read = Read("one", Schema([Field("a0", kind)]))
    aggregate = Aggregate(read, (), (Named("result", call(name, Column("a0", kind))),))
    if name not in engine.dialect.functions:
        assert engine.dialect.without[name]
        return
    rows = [row_of([v], engine) for v in values] or [
        row_of([Literal(None, kind)], engine) + " WHERE 1 = 0"
    ]
    query = " UNION ALL ".join(rows)
    try:
        found = outcome(engine, aggregate, {"one": TableReference(query=query)})
    except Unsupported as refusal:
        assert refusal.reason
        return
    assert_same(found[0], wanted)


@pytest.mark.parametrize(("name", "given", "wanted"), cases(WINDOWS))
def test_a_window_function_has_one_meaning(engine, name, given, wanted):
    read = Read("one", Schema([Field("a0", INT64), Field("a1", INT64)]))
    x = Column("a0", INT64)
    args = tuple(x if each == "x" else literal(each) for each in given)
    index = Column("a1", INT64)
    order = (SortKey(x), SortKey(index)) if name in POSITIONAL else (SortKey(x),)
    over = WindowCall(name, args, (), order)
    window = Window(read, (Named("result", over),))
    select = Select(window, (Named("result", Column("result", over.type)), Named("a1", index)))
    rows = [row_of([literal(x), literal(i)], engine) for i, x in enumerate((10, 20, 20, 30))]
    found = engine.rows(select, {"one": TableReference(query=" UNION ALL ".join(rows))})
    assert [row[0] for row in sorted(found, key=lambda row: row[1])] == wanted


@pytest.mark.parametrize("safe", [False, True], ids=["cast", "try_cast"])
@pytest.mark.parametrize(("given", "kind", "wanted"), CASTS, ids=str)
def test_a_cast_has_one_meaning(engine, given, kind, wanted, safe):
    value = typed(given)
    read = Read("one", Schema([Field("a0", value.type)]))
    cast = Cast(Column("a0", value.type), parse_type(kind), safe)
    select = Select(read, (Named("result", cast),))
    try:
        found = outcome(engine, select, {"one": TableReference(query=row_of([value], engine))})
    except Unsupported as refusal:
        assert refusal.reason
        return
    assert_same(found[0], None if safe and isinstance(wanted, Error) else wanted)


def test_nan_equals_itself_and_is_above_all_numbers(engine):
    if "nan" in engine.dialect.without:
        with pytest.raises(Unsupported, match="NaN"):
            _written(literal(NAN), engine, "a")
        return
    values = [literal(x) for x in (NAN, INF, NAN, 1.5, 0.0, -0.0)]
    query = " UNION ALL ".join(row_of([v], engine) for v in values)
    read = Read("one", Schema([Field("a0", FLOAT64)]))
    x = Column("a0", FLOAT64)
    one = {"one": TableReference(query=query)}
    groups = Aggregate(read, (Named("x", x),), (Named("n", call("count")),))
    counted = {str(abs(row[0])): row[1] for row in engine.rows(groups, one)}
    assert counted == {"nan": 2, "inf": 1, "1.5": 1, "0.0": 2}
    extremes = Aggregate(read, (), (Named("n", call("max", x)), Named("m", call("min", x))))
    ((most, least),) = engine.rows(extremes, one)
    assert math.isnan(most) and least == 0.0
    above = Aggregate(
        read,
        (),
        (
            Named("n", call("count_if", call("greater", x, literal(INF)))),
            Named("m", call("count_if", call("equal", x, x))),
            Named("s", call("count_if", call("equal", call("sign", x), literal(1)))),
        ),
    )
    assert engine.rows(above, one) == [(2, 6, 4)]


def test_a_unit_that_is_no_constant_is_refused_with_a_reason(engine):
    read = Read("t", Schema.of(d="date", unit="text"))
    trunc = call("date_trunc", Column("d", DATE), Column("unit", TEXT))
    with pytest.raises(Unsupported, match="written as a constant"):
        engine.rows(Select(read, (Named("d", trunc),)))


@pytest.mark.parametrize(
    "dialect", [DUCKDB, POSTGRESQL, SQLITE, SPARK, FLINK], ids=lambda d: d.name
)
def test_what_an_engine_leaves_out_has_a_reason(dialect):
    assert set(FUNCTIONS) - set(dialect.functions) <= set(dialect.without)
    assert set(dialect.functions) <= set(FUNCTIONS)
    assert not set(dialect.functions) & set(dialect.without)


def test_every_function_has_a_case():
    suite = (*SUITE_SCALARS, *SUITE_AGGREGATES, *SUITE_WINDOWS, *SUITE_RELATIONS)
    in_suite = {case.about for case in suite}
    for function in FUNCTIONS.values():
        assert function.name in SCALARS or function.name in in_suite, function.name
        assert function.agreement in Agreement
