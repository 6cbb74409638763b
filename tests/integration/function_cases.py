"""Calls of every function over edge values, for comparing one engine with another."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from wayfed_optimizer.expressions import (
    Cast,
    Expression,
    Frame,
    Literal,
    SortKey,
    WindowCall,
    call,
    cast_to,
    column,
    in_list,
    literal,
)
from wayfed_optimizer.functions import FUNCTIONS, Agreement
from wayfed_optimizer.types import FLOAT64, Schema, parse_type

UTC = dt.UTC
INTEGERS = (0, 1, -1, 2, 3, -7, 10, 2**31, -(2**52) - 1, None)
FLOATS = (0.0, -0.0, 1.0, -1.5, 0.5, 2.5, 1e-300, 1e15, math.inf, -math.inf, math.nan, None)
DECIMALS = tuple(Decimal(t) for t in ("0.00", "1.00", "-1.50", "2.50", "0.05", "-9999999.99"))
TEXTS = (
    "",
    "a",
    "Ab",
    "  a b ",
    "%",
    "a%c",
    "a_c",
    "abc",
    "a\\%c",
    "x'\"`y",
    "é€𝄞z",
    "\ta\n",
    None,
)
PARTS = ("", "a", "b", "%", "a%", "_b_", "a\\%c", "%c", "\\", "€", " ", None)
DATES = (
    dt.date(1, 1, 1),
    dt.date(1582, 10, 4),
    dt.date(1582, 10, 15),
    dt.date(1900, 2, 28),
    dt.date(1969, 12, 31),
    dt.date(2000, 2, 29),
    dt.date(2023, 12, 31),
    dt.date(2024, 1, 1),
    dt.date(9999, 12, 31),
    None,
)
INSTANTS = (
    dt.datetime(1, 1, 1, 0, 0, 0, 1),
    dt.datetime(1582, 10, 10, 12),
    dt.datetime(1969, 12, 31, 23, 59, 59, 999_999),
    dt.datetime(1970, 1, 1),
    dt.datetime(2000, 2, 29, 13, 30, 15, 250_000),
    dt.datetime(2024, 12, 29, 23, 59, 59, 999_999),
    dt.datetime(2024, 12, 30),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999_999),
    None,
)
SMALL = (0, 1, -1, 127, -128, None)


def _utc(value: dt.datetime | None) -> dt.datetime | None:
    return value and value.replace(tzinfo=UTC)


def _rows(**columns: tuple[object, ...]) -> list[dict[str, object]]:
    """Rows with every pair of the first two columns; the others go round."""
    first, second, *others = columns
    pairs = itertools.product(columns[first], columns[second])
    return [
        {"id": i, first: a, second: b}
        | {name: columns[name][i % len(columns[name])] for name in others}
        for i, (a, b) in enumerate(pairs)
    ]


SCHEMAS: Mapping[str, Schema] = {
    "integers": Schema.of(
        id="int64", a="int64", b="int64", i8="int8", i16="int16", i32="int32", p="bool", q="bool"
    ),
    "floats": Schema.of(id="int64", x="float64", y="float64", z="float64", f="float32"),
    "decimals": Schema.of(id="int64", d="decimal(12,2)", e="decimal(12,2)", w="decimal(38,4)"),
    "texts": Schema.of(id="int64", s="text", t="text", k="int64", n="int64", raw="binary"),
    "numerals": Schema.of(id="int64", whole="text", real="text", day="text", at="text", yes="text"),
    "dates": Schema.of(id="int64", day="date", other="date", k="int64"),
    "instants": Schema.of(
        id="int64", at="timestamp", until="timestamp", z="timestamp_utc", zu="timestamp_utc"
    ),
}
ROWS: Mapping[str, list[dict[str, object]]] = {
    "integers": _rows(
        a=INTEGERS,
        b=INTEGERS,
        i8=SMALL,
        i16=SMALL,
        i32=SMALL,
        p=(True, False, None),
        q=(True, True, True, False, False, False, None, None, None),
    ),
    "floats": _rows(
        x=FLOATS,
        y=FLOATS,
        z=(0.0, 1.0, -1.5, 700.0, -800.0, math.nan, -math.inf, None),
        f=(0.0, 1.5, -2.25, math.inf, math.nan, None),
    ),
    "decimals": _rows(
        d=(*DECIMALS, None), e=(*DECIMALS, None), w=(Decimal("1e30"), Decimal("-0.0001"), None)
    ),
    "texts": _rows(
        s=TEXTS, t=PARTS, k=(1, 0, -1, 2, 9, None), n=(0, 1, 2, 9), raw=(b"", b"a", b"\xc3\xa9")
    ),
    "numerals": [
        {"id": 0, "whole": "12", "real": "1.5", "day": "2024-02-29", "at": "2024-02-29 01:02:03.5"},
        {"id": 1, "whole": "-7", "real": "-1e3", "day": "1582-10-10", "at": "1969-12-31 23:59:59"},
        {"id": 2, "whole": None, "real": None, "day": None, "at": None},
    ],
    "dates": _rows(day=DATES, other=DATES, k=(0,)),
    "instants": [
        row | {"z": _utc(row["at"]), "zu": _utc(row["until"])}  # type: ignore[arg-type]  # datetimes
        for row in _rows(at=INSTANTS, until=INSTANTS)
    ],
}
for _row, _yes in zip(ROWS["numerals"], ("true", "false", None), strict=True):
    _row["yes"] = _yes


@dataclass(frozen=True)
class Case:
    """A column to compute over one of the tables."""

    table: str
    name: str
    expression: Expression
    agreement: Agreement = Agreement.EXACT

    @property
    def id(self) -> str:
        return f"{self.table}: {self.expression}"


def _case(table: str, function: str, *arguments: str | Literal) -> Case:
    """A call with columns, given by name, and constants."""
    schema = SCHEMAS[table]
    args = (column(schema, a) if isinstance(a, str) else a for a in arguments)
    return Case(table, function, call(function, *args), FUNCTIONS[function].agreement)


_CALENDAR = "week iso_year last_day year quarter month day day_of_week day_of_year"
_COMPARE = "equal not_equal less less_equal greater greater_equal is_distinct"
_CHOOSE = "coalesce greatest least"
_DAYS = tuple(
    literal(unit) for unit in ("century", "decade", "year", "quarter", "month", "week", "day")
)
_TIMES = (
    *_DAYS,
    *(literal(unit) for unit in ("hour", "minute", "second", "millisecond", "microsecond")),
)
_PATTERNS = tuple(map(literal, ("a%c", "a_c", "a\\%c", "\\", "%'\"`%", "${x}", "_é%")))

Argument = str | Literal
CALLS: tuple[tuple[str, str, tuple[tuple[Argument, ...], ...]], ...] = (
    (
        "integers",
        "add subtract divide floor_divide modulo remainder",
        (("a", "b"), ("i8", "i32"), ("a", literal(3)), ("a", literal(-3))),
    ),
    ("integers", "multiply", (("a", "i8"),)),
    ("integers", f"{_COMPARE} {_CHOOSE}", (("a", "b"), ("p", "q"), ("i8", "a"))),
    ("integers", "and or", (("p", "q"), ("p", "q", "p"))),
    ("integers", "not", (("p",),)),
    ("integers", "is_null is_not_null", (("a",),)),
    ("integers", "negate abs sign floor ceil round", (("a",), ("i8",))),
    ("integers", "round", (("a", literal(-1)), ("a", literal(1)))),
    ("integers", "sqrt ln log10 sin cos", (("a",),)),
    ("floats", "add subtract multiply divide floor_divide modulo remainder", (("x", "y"),)),
    ("floats", f"{_COMPARE} {_CHOOSE} power", (("x", "y"),)),
    ("floats", "is_nan negate abs sign floor ceil round sqrt ln log10 sin cos", (("x",),)),
    ("floats", "exp", (("z",),)),
    ("floats", "power", tuple(("x", literal(exponent)) for exponent in (2, 0.5, -1, 0.0))),
    ("floats", "round", (("x", literal(0)), ("x", literal(1)))),
    ("decimals", "add subtract multiply divide floor_divide modulo remainder", (("d", "e"),)),
    ("decimals", f"{_COMPARE} {_CHOOSE}", (("d", "e"), ("d", "w"))),
    ("decimals", "negate abs sign floor ceil round", (("d",), ("w",))),
    ("decimals", "round", tuple(("d", literal(digits)) for digits in (-1, 0, 1, 5))),
    ("texts", f"{_COMPARE} {_CHOOSE}", (("s", "t"),)),
    ("texts", "is_null lower upper length trim ltrim rtrim hash concat", (("s",),)),
    ("integers", "bitwise_and bitwise_or bitwise_xor", (("a", "b"), ("i8", "a"))),
    ("integers", "bitwise_not trunc cbrt", (("a",), ("i8",))),
    ("floats", "tan cot asin acos atan degrees radians cbrt trunc", (("x",),)),
    ("floats", "atan2", (("x", literal(-1.5)),)),
    ("decimals", "trunc", (("d",), ("w",))),
    ("texts", "regexp_matches", tuple(("s", literal(p)) for p in ("a.c|^x", r"[^\w\s]", "^$"))),
    ("texts", "regexp_extract", (("s", literal(r"(\w)(.?)"), literal(2)),)),
    ("texts", "regexp_replace", (("s", literal("[a-c]"), literal(r"\0$1"), literal(True)),)),
    ("texts", "regexp_replace", (("s", literal("b*"), literal("1"), literal(False)),)),
    ("texts", "octet_length ascii reverse", (("s",),)),
    ("texts", "octet_length", (("raw",),)),
    ("texts", "position trim ltrim rtrim", (("s", "t"),)),
    ("texts", "left right repeat", (("s", "k"),)),
    ("texts", "lpad rpad", (("s", "k", "t"), ("s", "k", literal("x")))),
    ("texts", "split_part", (("s", "t", "k"), ("s", literal("a"), literal(-1)))),
    ("texts", "translate", (("s", "t", literal("x")),)),
    ("texts", "concat_ws", (("t", "s", "s"),)),
    ("texts", "like ilike", (("s", literal("a$%_"), literal("$")),)),
    ("integers", "chr", (("a",),)),
    ("texts", "substring", (("s", "k"), ("s", "k", "n"), ("s", literal(2), literal(2)))),
    (
        "texts",
        "concat starts_with ends_with contains like ilike",
        (("s", "t"), ("s", literal("a"))),
    ),
    ("texts", "like", tuple(("s", pattern) for pattern in _PATTERNS)),
    ("texts", "concat", (("s", "t", literal("\\n${y}'")),)),
    ("texts", "replace", (("s", "t", literal("<>")),)),
    ("dates", f"{_COMPARE} {_CHOOSE}", (("day", "other"),)),
    ("dates", _CALENDAR, (("day",),)),
    ("dates", "date_trunc", tuple(("day", unit) for unit in _DAYS)),
    ("dates", "date_diff", tuple(("day", "other", unit) for unit in _DAYS)),
    ("dates", "add_months", (("day", "k"), (literal(dt.date(2024, 1, 31)), literal(1)))),
    (
        "instants",
        "strftime",
        tuple((c, literal("%Y %B %d %A %j %H:%M:%S.%f")) for c in ("at", "z")),
    ),
    ("dates", "strftime", (("day", literal("%d/%m/%y %b %a")),)),
    ("numerals", "strptime", (("day", literal("%Y-%m-%d")),)),
    ("instants", "add_months add_microseconds", (("at", literal(0)), ("z", literal(0)))),
    ("instants", "add_microseconds", ((literal(dt.datetime(2024, 2, 28, 1)), literal(-60)),)),
    ("dates", "add_days", (("day", "k"), (literal(dt.date(2024, 2, 28)), literal(2)))),
    ("instants", f"{_COMPARE} {_CHOOSE}", (("at", "until"), ("z", "zu"))),
    (
        "instants",
        f"{_CALENDAR} hour minute second millisecond microsecond epoch",
        (("at",), ("z",)),
    ),
    ("instants", "date_trunc", tuple((at, unit) for at in ("at", "z") for unit in _TIMES)),
    (
        "instants",
        "date_diff",
        tuple((*pair, unit) for pair in (("at", "until"), ("z", "zu")) for unit in _TIMES),
    ),
    ("instants", "add_days", (("at", literal(0)), ("z", literal(0)))),
    ("instants", "add_days", ((literal(dt.datetime(2024, 2, 28, 1)), literal(-60)),)),
)


def _scalars() -> Iterator[Case]:
    for table, functions, arguments in CALLS:
        for function in functions.split():
            yield from (_case(table, function, *args) for args in arguments)


CASTS = (
    ("integers", "a", ("float64", "decimal(19,0)", "text", "bool", "float32")),
    ("integers", "i8", ("int64", "int32", "int16", "float64", "text", "decimal(5,2)")),
    ("integers", "p", ("int64", "int8", "float64", "text")),
    ("decimals", "d", ("float64", "int64", "text", "decimal(20,4)", "decimal(9,1)", "bool")),
    ("texts", "s", ("binary",)),
    ("texts", "raw", ("text",)),
    ("numerals", "whole", ("int64", "int8", "float64", "decimal(9,2)")),
    ("numerals", "real", ("float64", "decimal(9,2)")),
    ("numerals", "day", ("date", "timestamp")),
    ("numerals", "at", ("timestamp", "timestamp_utc", "date")),
    ("numerals", "yes", ("bool",)),
    ("dates", "day", ("text", "timestamp", "timestamp_utc")),
    ("instants", "at", ("text", "date", "timestamp_utc")),
    ("instants", "z", ("text", "date", "timestamp")),
    ("floats", "f", ("float64",)),
    ("floats", "x", ("float32", "bool")),
)
SAFE_CASTS = (
    ("texts", "s", ("int64", "float64", "date", "timestamp", "bool", "decimal(9,2)")),
    ("integers", "a", ("int8", "int32", "decimal(4,1)")),
    ("floats", "x", ("int64", "int32", "decimal(9,2)")),
    ("decimals", "d", ("int8", "decimal(3,1)")),
)


def _casts() -> Iterator[Case]:
    for safe, casts in ((False, CASTS), (True, SAFE_CASTS)):
        for table, name, kinds in casts:
            arg = column(SCHEMAS[table], name)
            for kind in kinds:
                yield Case(table, "cast", Cast(arg, parse_type(kind), safe))


def _others() -> Iterator[Case]:
    values = (1, None, 10)
    arg = column(SCHEMAS["integers"], "a")
    yield Case("integers", "in", in_list(arg, tuple(Literal(v, arg.type) for v in values)))
    for value in (
        'it\'s \\ "${z}" `q`\n\t',
        2**63 - 1,
        -(2**63),
        0.1,
        5e-324,
        math.nan,
        -math.inf,
        Decimal("-0.001"),
        Decimal("9" * 38),
        b"\x00\xff'",
        True,
        dt.date(1582, 10, 10),
        dt.datetime(1582, 10, 10, 1, 2, 3, 4),
        dt.datetime(1, 1, 1, tzinfo=UTC),
    ):
        yield Case("integers", "literal", literal(value))
    for kind in ("bool", "int8", "text", "binary", "date", "timestamp_utc", "decimal(3,1)"):
        yield Case("integers", "literal", Literal(None, parse_type(kind)))


SCALARS = tuple({c.id: c for c in (*_scalars(), *_casts(), *_others())}.values())


def _aggregates() -> Iterator[Case]:
    for table, names in (
        ("integers", ("a", "i8", "p")),
        ("floats", ("x",)),
        ("decimals", ("d", "w")),
        ("texts", ("s", "raw")),
        ("dates", ("day",)),
        ("instants", ("at", "z")),
    ):
        for name in names:
            for function in ("count", "count_distinct", "min", "max"):
                yield _case(table, function, name)
    for table, name in (("integers", "i8"), ("integers", "i32"), ("decimals", "d")):
        for function in ("sum", "mean", "stddev", "variance", "median"):
            yield _case(table, function, name)
    yield _case("integers", "count")
    yield _case("integers", "count_if", "p")
    yield _case("integers", "bool_and", "p")
    yield _case("integers", "bool_or", "p")


AGGREGATES = tuple({c.id: c for c in _aggregates()}.values())


def _windows() -> Iterator[Case]:
    schema = SCHEMAS["integers"]
    a, b, i8, key, p = (column(schema, name) for name in ("a", "b", "i8", "id", "p"))
    by_b, by_id = (SortKey(b),), (SortKey(key),)
    for function in ("rank", "dense_rank"):
        yield Case("integers", function, WindowCall(function, (), (a,), by_b))
        backwards = (SortKey(i8, descending=True, nulls_first=True),)
        yield Case("integers", function, WindowCall(function, (), (), backwards))
    yield Case("integers", "row_number", WindowCall("row_number", (), (a,), by_id))
    yield Case("integers", "ntile", WindowCall("ntile", (literal(3),), (a,), by_id))
    for function in ("lag", "lead"):
        for args in ((b,), (b, literal(2)), (b, literal(2), literal(-1))):
            yield Case("integers", function, WindowCall(function, args, (a,), by_id))
    rows = Frame("rows", -1, 1)
    for function, arg in (
        ("first_value", b),
        ("last_value", b),
        ("sum", i8),
        ("mean", cast_to(i8, FLOAT64)),
        ("min", b),
        ("max", b),
        ("count", b),
        ("count_if", p),
        ("bool_and", p),
        ("bool_or", p),
    ):
        agreement = FUNCTIONS[function].agreement
        for frame in (None, rows):
            over = WindowCall(function, (arg,), (a,), by_id, frame)
            yield Case("integers", function, over, agreement)


WINDOWS = tuple(_windows())
