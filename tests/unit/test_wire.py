"""The wire form: what is written is read back, and whatever is read gives a plan or our error."""

from __future__ import annotations

import datetime
import decimal
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import plans
from wayfed_optimizer.errors import (
    ColumnNotFound,
    FunctionNotFound,
    InvalidPlan,
    PlanError,
    TypeMismatch,
    Unsupported,
)
from wayfed_optimizer.expressions import (
    PLAIN_NODES,
    Call,
    Case,
    Cast,
    Column,
    Expression,
    Frame,
    InList,
    Literal,
    Member,
    Named,
    Opaque,
    Parameter,
    Record,
    SortKey,
    Subquery,
    SubqueryKind,
    WindowCall,
    call,
    column,
    literal,
)
from wayfed_optimizer.relations import (
    RELATIONS,
    Aggregate,
    Cache,
    Distinct,
    Explode,
    Filter,
    Hint,
    Iterate,
    Join,
    JoinKind,
    Limit,
    MapBatches,
    MapKind,
    Read,
    Relation,
    Sample,
    Select,
    SetKind,
    SetOperation,
    Sort,
    TimeWindow,
    Values,
    Watermark,
    Window,
    Write,
    WriteMode,
)
from wayfed_optimizer.types import (
    BINARY,
    BOOL,
    DATE,
    FLOAT32,
    FLOAT64,
    INT8,
    INT64,
    NULL,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    Decimal,
    Field,
    List,
    Schema,
    Struct,
)
from wayfed_optimizer.wire import from_wire, negotiate, plan_hash, to_wire
from wayfed_optimizer.wire.fields import CLASSES

T = Read("t", Schema((Field("a", INT64, False), Field("b", TEXT), Field("at", TIMESTAMP))))
U = Read(
    "u",
    Schema.of(x=INT64, y=Decimal(9, 2), tags=List(TEXT), place=Struct((("lat, >:", FLOAT64),))),
    is_bounded=False,
)
A, B, AT = (column(T.schema, name) for name in ("a", "b", "at"))
POSITIVE = call("greater", A, literal(0))
ONE = Aggregate(T, (), (Named("n", call("max", A)),))

EXPRESSIONS: tuple[Expression, ...] = (
    A,
    literal(1),
    POSITIVE,
    Cast(A, TEXT),
    Cast(B, INT64, safe=True),
    Case(((POSITIVE, A), (call("is_null", B), literal(7))), literal(0)),
    InList(A, (literal(1), Literal(None, INT64))),
    Subquery(SubqueryKind.SCALAR, ONE),
    Subquery(SubqueryKind.IN, ONE, A),
    Subquery(SubqueryKind.EXISTS, T),
    Member(Record(("x", "y z"), (A, B)), "y z"),
    Record(("x",), (call("list", A, A),)),
    WindowCall(
        "sum",
        (A,),
        partition_by=(B,),
        order_by=(SortKey(A, descending=True, nulls_first=True),),
        frame=Frame("rows", None, 3),
    ),
    WindowCall("row_number", ()),
    Parameter("limit", INT64, nullable=False),
    Opaque("score", "bank.score", (A, B), FLOAT64),
)

PLANS: tuple[Relation, ...] = (
    T,
    U,
    *(Select(T, (Named("made", expression),)) for expression in EXPRESSIONS),
    Values(Schema.of(k="int64", name="text"), ((literal(1), literal("a")),)),
    Values(Schema(()), ((),)),
    Filter(T, POSITIVE),
    *(
        Join(T, U, kind, () if kind is JoinKind.CROSS else (("a", "x"),))
        for kind in JoinKind
        if kind is not JoinKind.ASOF
    ),
    Join(T, U, JoinKind.INNER, (("a", "x"),), call("greater", column(U.schema, "y"), A)),
    Join(T, Read("v", Schema.of(then=TIMESTAMP)), JoinKind.ASOF, asof=("at", "then")),
    Aggregate(T, (Named("b", B),), (Named("n", call("count")), Named("most", call("max", A)))),
    Window(T, (Named("place", WindowCall("rank", (), order_by=(SortKey(A),))),)),
    Sort(T, (SortKey(A), SortKey(B, descending=True))),
    Limit(T, 10),
    Limit(T, None, 5),
    Distinct(T),
    Distinct(T, ("a",)),
    Explode(U, "tags"),
    Explode(U, "tags", keep_empty=True),
    *(SetOperation(kind, T, T, all) for kind in SetKind for all in (False, True)),
    MapBatches(T, "clean", "bank.clean", MapKind.ROWS, Schema.of(c=FLOAT32)),
    Sample(T, ("a",), 0.0, 0.25, seed=3),
    Cache(T, "k"),
    Iterate(T, Filter(Read("rows", T.schema), POSITIVE), "rows", 10),
    Iterate(T, T, "rows", 10, until=Aggregate(T, (), (Named("done", call("bool_and", POSITIVE)),))),
    Watermark(T, "at", 5.0),
    TimeWindow(T, "at", 60.0, 30.0),
    Write(T, "out", WriteMode.APPEND),
    Hint(T, platform="duckdb"),
    Hint(T, rows=10),
)

CONSTANTS = (
    Literal(True, BOOL),
    Literal(-128, INT8),
    Literal(-(2**63), INT64),
    Literal(0.1, FLOAT64),
    Literal(-0.0, FLOAT64),
    Literal(math.nan, FLOAT64),
    Literal(-math.inf, FLOAT32),
    Literal(1e300, FLOAT64),
    Literal(decimal.Decimal("-1.50"), Decimal(3, 2)),
    Literal(decimal.Decimal("1E+2"), Decimal(5, 2)),
    Literal("O'Brien \N{SNOWMAN} \n\x00", TEXT),
    Literal(b"\x00\xff", BINARY),
    Literal(datetime.date(1, 1, 1), DATE),
    Literal(datetime.datetime(2024, 2, 29, 12, 30, 15, 123456), TIMESTAMP),
    Literal(datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC), TIMESTAMP_UTC),
    Literal(None, TIMESTAMP),
)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: type(plan).__name__)
def test_reading_what_was_written_gives_the_plan(plan: Relation) -> None:
    read = from_wire(to_wire(plan))
    assert read == plan
    assert read.schema == plan.schema
    assert to_wire(read) == to_wire(plan)


def test_the_plans_above_show_every_class() -> None:
    shown = {type(plan) for plan in PLANS} | {type(e) for e in EXPRESSIONS}
    assert shown == {*RELATIONS, *PLAIN_NODES} == set(CLASSES.values())


@pytest.mark.parametrize("constant", CONSTANTS, ids=str)
def test_constants_come_back_exactly(constant: Literal) -> None:
    plan = Select(T, (Named("c", constant),))
    assert from_wire(to_wire(plan)) == plan


def test_an_instant_travels_in_utc() -> None:
    east = datetime.timezone(datetime.timedelta(hours=2))
    there = Select(T, (Named("c", literal(datetime.datetime(2024, 1, 1, 2, tzinfo=east))),))
    here = Select(T, (Named("c", literal(datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC))),))
    assert from_wire(to_wire(there)) == here


@given(plans())
@settings(max_examples=60, deadline=None)
def test_any_plan_comes_back(plan: Relation) -> None:
    assert from_wire(to_wire(plan)) == plan


def test_a_part_used_twice_is_written_once() -> None:
    plan: Relation = T
    for _ in range(12):
        plan = SetOperation(SetKind.UNION, plan, plan, True)
    assert len(to_wire(plan)) < 2_000
    assert from_wire(to_wire(plan)) == plan


def test_equal_plans_have_equal_bytes_and_hashes() -> None:
    again = Filter(Read("t", T.schema), call("greater", column(T.schema, "a"), literal(0)))
    assert to_wire(again) == to_wire(Filter(T, POSITIVE))
    assert plan_hash(again) == plan_hash(Filter(T, POSITIVE)) != plan_hash(T)


def test_a_python_function_is_not_sent() -> None:
    with pytest.raises(Unsupported, match=r"(?s)sending the Python function .*entry point"):
        to_wire(MapBatches(T, "f", test_a_python_function_is_not_sent, MapKind.ROW, T.schema))
    with pytest.raises(Unsupported, match="holds no code"):
        to_wire(Select(T, (Named("c", Opaque("f", len, (B,), INT64)),)))


def test_a_plan_for_another_party_reads_only_what_it_has() -> None:
    with pytest.raises(Unsupported, match=r"(?s)reading 't' at another party.*did you mean 'tx'"):
        to_wire(T, names=["tx"])
    assert from_wire(to_wire(T, names=["t"])) == T


def test_a_plan_for_another_party_keeps_no_hints() -> None:
    hinted = Hint(Filter(Hint(T, rows=3), POSITIVE), platform="duckdb")
    assert from_wire(to_wire(hinted, names=["t"])) == Filter(T, POSITIVE)


def test_a_loop_may_read_its_own_rows_at_another_party() -> None:
    loop = Iterate(T, Filter(Read("rows", T.schema), POSITIVE), "rows", 10)
    assert from_wire(to_wire(loop, names=["t"])) == loop


def document(*plan: object, **changes: object) -> bytes:
    return json.dumps({"wayfed": 1, "functions": 1, "plan": [*plan]} | changes).encode()


READ = {"node": "Read", "table": "t", "schema": [["a", "int64", True], ["b", "text", True]]}
COLUMN = {"node": "Column", "name": "a", "type": "int64"}


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        (b"", "$", "not JSON"),
        (b"\xff", "$", "byte 0 is not UTF-8"),
        (b"[" * 100_000, "$", "nested too deeply"),
        (b'{"a":' * 100_000, "$", "nested too deeply"),
        (b"1" * 5_000, "$", "expected an object, found 1111"),
        (b"[]", "$", "expected an object, found a list"),
        (b" " * 1_000_001, "$", "1,000,001 bytes"),
        (b'{"wayfed":1,"wayfed":1}', "$", "two keys 'wayfed'"),
        (document(READ, plans=1), "$", "did you mean 'plan'"),
        (b'{"wayfed":1}', "$", "needs 'functions'"),
        (document(READ, wayfed="1"), "$.wayfed", "expected a version, found '1'"),
        (document(READ, wayfed=True), "$.wayfed", "expected a version, found true"),
        (document(READ, wayfed=2), "$.wayfed", "version 2 of a plan is not supported"),
        (document(READ, functions=99), "$.functions", "version 99 of the function table"),
        (document(), "$.plan", "expected a list of nodes"),
        (document(7), "$.plan[0]", "expected a node, found 7"),
        (document({"node": "Red"}), "$.plan[0].node", "did you mean 'Read'"),
        (document({"node": "Named"}), "$.plan[0].node", "the name of a node"),
        (document(COLUMN), "$.plan[0]", "a relation as the last node"),
        (document(READ | {"tabel": 1}), "$.plan[0]", "did you mean 'table'"),
        (document({"node": "Read", "table": "t"}), "$.plan[0]", "Read lacks its 'schema'"),
        (document(READ | {"table": None}), "$.plan[0].table", "expected text, found null"),
        (document(READ | {"table": "\ud800"}), "$.plan[0].table", "surrogates"),
        (document(READ | {"is_bounded": 0}), "$.plan[0].is_bounded", "true or false, found 0"),
        (document(READ | {"schema": [["a"]]}), "$.plan[0].schema[0]", "a list of 3"),
        (document(READ | {"schema": [["a", "itn64", True]]}), "$.plan[0].schema[0][1]", "'int64'"),
        (document(READ | {"schema": [["a", "null", True]]}), "$.plan[0].schema[0]", "no type"),
        (document(READ | {"schema": [["a", "text", True]] * 2}), "$.plan[0].schema", "called 'a'"),
        (
            document(READ | {"schema": [["a", "decimal(99,0)", True]]}),
            "$.plan[0].schema[0][1]",
            "not a type",
        ),
        (document({"node": "Distinct", "input": 0}), "$.plan[0].input", "an earlier node, found 0"),
        (document(READ, {"node": "Distinct", "input": -1}), "$.plan[1].input", "found -1"),
        (document(READ, {"node": "Distinct", "input": True}), "$.plan[1].input", "found true"),
        (document(COLUMN, {"node": "Distinct", "input": 0}), "$.plan[1].input", "a relation"),
        (document(READ, {"node": "Limit", "input": 0, "count": 2**63}), "$.plan[1].count", "64"),
        (document(READ, {"node": "Limit", "input": 0, "count": 10**40}), "$.plan[1].count", "64"),
        (document(READ, {"node": "Limit", "input": 0, "count": -1}), "$.plan[1]", "0 or more"),
        (
            document(READ, {"node": "Write", "input": 0, "target": "o", "mode": "apend"}),
            "$.plan[1].mode",
            "did you mean 'append'",
        ),
    ],
)
def test_what_is_not_a_plan_is_refused_with_its_place(
    data: bytes, place: str, message: str
) -> None:
    with pytest.raises(PlanError) as caught:
        from_wire(data)
    assert caught.value.where == place
    assert message in str(caught.value)


def test_a_plan_that_means_nothing_is_refused_with_its_place() -> None:
    missing = document(
        READ, {**COLUMN, "name": "c"}, {"node": "Filter", "input": 0, "predicate": 1}
    )
    with pytest.raises(TypeMismatch, match=r"must be a bool.*\(\$\.plan\[2\]\)"):
        from_wire(missing)
    unknown = document(READ, COLUMN, {"node": "Call", "function": "ad", "args": [1, 1]})
    with pytest.raises(FunctionNotFound, match=r"\(\$\.plan\[2\]\)"):
        from_wire(unknown)
    with pytest.raises(ColumnNotFound, match=r"'z' is not a column.*\(\$\.plan\[1\]\)"):
        from_wire(document(READ, {"node": "Distinct", "input": 0, "on": ["z"]}))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int8", 128),
        ("int64", 1.0),
        ("int64", True),
        ("bool", 1),
        ("float64", 1),
        ("float64", "nan"),
        ("text", 5),
        ("decimal(3,2)", "10.00"),
        ("decimal(3,2)", "0.001"),
        ("decimal(3,2)", "NaN"),
        ("decimal(3,2)", 1.5),
        ("decimal(3,2)", "1E+99999999999"),
        ("binary", "a"),
        ("binary", "AB=="),
        ("date", "20240101"),
        ("date", "2024-02-30"),
        ("timestamp", "2024-01-01T00:00:00+00:00"),
        ("timestamp_utc", "2024-01-01T00:00:00"),
        ("timestamp_utc", "0001-01-01T00:00:00+14:00"),
        ({"list": "int64"}, "[1]"),
    ],
)
def test_a_constant_not_of_its_type_is_refused(kind: object, value: object) -> None:
    with pytest.raises(InvalidPlan) as caught:
        from_wire(document({"node": "Literal", "type": kind, "value": value}))
    assert caught.value.where == "$.plan[0].value"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_json_does_not_have_are_refused(number: str) -> None:
    data = document({"node": "Literal", "type": "float64", "value": 0.5}).replace(
        b"0.5", number.encode()
    )
    with pytest.raises(InvalidPlan, match="found"):
        from_wire(data)


def test_a_constant_that_is_not_of_its_type_is_not_written() -> None:
    with pytest.raises(TypeMismatch, match="the constant 'x' is not a int64"):
        to_wire(Select(T, (Named("c", Literal("x", INT64)),)))


def test_a_deep_plan_is_refused_on_both_sides() -> None:
    plan: Relation = T
    for _ in range(3_000):
        plan = Limit(plan, 1)
    with pytest.raises(InvalidPlan, match="more than 200 nodes deep"):
        to_wire(plan)
    chain = [READ, *({"node": "Limit", "input": i, "count": 1} for i in range(3_000))]
    with pytest.raises(InvalidPlan, match=r"more than 200 nodes deep"):
        from_wire(document(*chain))


def test_a_plan_that_unfolds_without_end_is_refused_on_both_sides() -> None:
    plan: Relation = T
    for _ in range(100):
        plan = SetOperation(SetKind.UNION, plan, plan, True)
    with pytest.raises(InvalidPlan, match="uses its parts over 100,000 times"):
        to_wire(plan)
    union = {"node": "SetOperation", "kind": "union"}
    chain = [READ, *(union | {"left": i, "right": i} for i in range(100))]
    with pytest.raises(InvalidPlan, match=r"100,000 times \(\$\.plan\[17\]\.left\)|right"):
        from_wire(document(*chain))


def test_a_plan_of_too_many_nodes_is_refused_on_both_sides() -> None:
    many = Filter(T, InList(A, tuple(map(literal, range(10_001)))))
    with pytest.raises(InvalidPlan, match="more than 10,000"):
        to_wire(many)
    with pytest.raises(InvalidPlan, match="10,001 nodes, more than 10,000"):
        from_wire(document(*[1] * 10_001))


def test_a_plan_of_too_many_columns_is_refused_on_both_sides() -> None:
    wide = [Read(side, Schema.of(**{f"{side}{i}": INT64 for i in range(600)})) for side in "ab"]
    plan: Relation = Join(*wide, on=(("a0", "b0"),))
    plans = [Filter(plan, call("equal", Column("a0", INT64), literal(n))) for n in range(450)]
    while len(plans) > 1:
        pairs = zip(plans[::2], plans[1::2], strict=False)
        plans = [SetOperation(SetKind.UNION, a, b, True) for a, b in pairs]
    with pytest.raises(InvalidPlan, match="over 500,000 columns together"):
        to_wire(plans[0])
    columns = [[f"a{i}", "int8", True] for i in range(20_000)]
    reads = [READ | {"schema": columns}, *({"node": "Limit", "input": 0, "count": 1},) * 100]
    with pytest.raises(InvalidPlan, match=r"500,000 columns together \(\$\.plan\[25\]\)"):
        from_wire(document(*reads))


def test_text_that_is_not_unicode_is_not_written() -> None:
    with pytest.raises(InvalidPlan, match="not Unicode"):
        to_wire(Read("\ud800", T.schema))


@given(st.binary(max_size=200))
def test_any_bytes_give_a_plan_or_our_error(data: bytes) -> None:
    with pytest.raises(PlanError):
        from_wire(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
WORDS = st.sampled_from(
    [*CLASSES, "int64", "text", "null", "decimal(3,2)", "a", "b", "add", "count", "NaN", "inner"]
)


@given(st.data(), st.sampled_from(PLANS))
@settings(max_examples=300, deadline=None)
def test_a_plan_with_a_changed_part_gives_a_plan_or_our_error(
    data: st.DataObject, plan: Relation
) -> None:
    changed = json.loads(to_wire(plan))
    here: object = changed
    while True:
        keys = list(here) if isinstance(here, dict) else range(len(here))
        key = data.draw(st.sampled_from(sorted(keys)))
        below = here[key]
        if not isinstance(below, dict | list) or not below or data.draw(st.integers(0, 3)) == 0:
            here[key] = data.draw(JSON | WORDS | st.integers(-1, 12))
            break
        here = below
    try:
        from_wire(json.dumps(changed).encode())
    except PlanError as error:
        assert error.where is not None
        assert error.where.startswith("$")


@given(st.data(), st.sampled_from(PLANS))
@settings(max_examples=200, deadline=None)
def test_flipped_bytes_give_a_plan_or_our_error(data: st.DataObject, plan: Relation) -> None:
    written = bytearray(to_wire(plan))
    for _ in range(data.draw(st.integers(1, 3))):
        written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
    try:
        from_wire(bytes(written))
    except PlanError as error:
        assert str(error)


def test_the_newest_common_version_is_negotiated() -> None:
    assert negotiate((1, 2, 3), (2, 1), of="the plan") == 2
    with pytest.raises(Unsupported, match="version 3 is not supported: this side has version 1, 2"):
        negotiate((1, 2), (3,), of="the plan")


def test_a_type_of_a_bare_null_travels_in_expressions() -> None:
    plan = Select(T, (Named("c", Call("coalesce", (A, Literal(None, INT64)))),))
    assert from_wire(to_wire(plan)) == plan
    null = Filter(T, Literal(None, NULL))
    assert from_wire(to_wire(null)) == null


def test_a_column_of_another_type_than_the_input_has_is_refused() -> None:
    wrong = Column("a", TEXT)
    with pytest.raises(TypeMismatch, match="column a is int64, but is used as text"):
        Select(T, (Named("c", wrong),))
