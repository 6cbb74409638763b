"""Lists and structs: functions of single values, and plans that take them apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import wayfed as wf
from wayfed.testing.case import Plan, Row, Scalar, called
from wayfed_optimizer.expressions import Column, Expression, Member, Record, call, literal
from wayfed_optimizer.types import Schema, parse_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed.dataset import Dataset

    Tables = Mapping[str, Dataset]

_CLEF: Final = "𝄞"
_NAN: Final = math.nan
_POINT: Final = parse_type("struct<x: int64, two words: text>")

NESTED_TABLES: Final[dict[str, tuple[Schema, tuple[Row, ...]]]] = {
    "posts": (
        Schema.of(id="int64", tags="list<text>", place="struct<x: int64, name: text>"),
        (
            (1, ["b", None, "a", "a"], {"x": 1, "name": _CLEF}),
            (2, [], None),
            (3, None, {"x": None, "name": None}),
            (4, [None], {"x": 1, "name": _CLEF}),
            (5, ["b", None, "a", "a"], {"x": None, "name": None}),
        ),
    ),
}
"""Tables of lists and structs: NULL, empty, of NULLs, and twice the same."""


def _of_struct(about: str, make: Callable[[Column], Expression], *examples: Row) -> Scalar:
    return Scalar(about, "S5", make(Column("a", _POINT)), (_POINT,), examples)


def _compared(about: str, kind: str, *examples: Row) -> Scalar:
    return called(about, "S6", (kind, kind), *examples)


NESTED: Final = (
    called("list", "S1", ("int64", "int64"), (1, 2, [1, 2]), (1, None, [1, None])),
    called("list", "S1", ("int32", "int64"), (1, 2**40, [1, 2**40]), (None, None, [None, None])),
    called("list", "S1", ("text", literal("b")), (_CLEF, [_CLEF, "b"]), (None, [None, "b"])),
    called("list", "S1", ("list<int64>",), ([1], [[1]]), (None, [None]), ([], [[]])),
    called(
        "element",
        "S2",
        ("list<text>", "int64"),
        (["a", None, "c"], 1, "a"),
        (["a", None, "c"], 3, "c"),
        (["a", None, "c"], 2, None),
        (["a", None, "c"], 4, None),
        (["a", None, "c"], 0, None),
        (["a", None, "c"], -1, "c"),
        (["a", None, "c"], -3, "a"),
        (["a", None, "c"], -4, None),
        (["a"], 2**40, None),
        (["a"], -(2**63), None),
        (["a"], None, None),
        ([], 1, None),
        (None, 1, None),
    ),
    called("element", "S2", ("list<list<int64>>", literal(1)), ([[1, 2], []], [1, 2]), ([], None)),
    called("element", "S2", ("list<float64>", literal(-1)), ([1.5, -2.5], -2.5), ([None], None)),
    called(
        "list_length",
        "S3",
        ("list<int64>",),
        ([1, None, 1], 3),
        ([], 0),
        ([None], 1),
        (None, None),
    ),
    called(
        "list_contains",
        "S3",
        ("list<int64>", "int64"),
        ([1, None, 2], 2, True),
        ([1, None, 2], 3, False),
        ([1, 2], None, None),
        ([None], None, None),
        ([], 1, False),
        (None, 1, None),
    ),
    called(
        "list_contains",
        "S3",
        ("list<float64>", "float64"),
        ([1.0, _NAN], _NAN, True),
        ([0.0], -0.0, True),
        ([1.0], _NAN, False),
    ),
    called("list_contains", "S3", ("list<text>", literal("a ")), (["a"], False), (["a "], True)),
    called(
        "list_sort",
        "S4",
        ("list<float64>",),
        ([3.0, None, -1.0, _NAN, math.inf], [-1.0, 3.0, math.inf, _NAN, None]),
        ([], []),
        ([2.0, 1.0, 2.0], [1.0, 2.0, 2.0]),
        (None, None),
    ),
    called(
        "list_sort",
        "S4",
        ("list<text>",),
        ([_CLEF, "\uffff", "a", "B", "", None], ["", "B", "a", "\uffff", _CLEF, None]),
    ),
    _of_struct(
        "field",
        lambda a: Member(a, "x"),
        ({"x": 1, "two words": "a"}, 1),
        ({"x": None, "two words": "a"}, None),
        (None, None),
    ),
    _of_struct("field", lambda a: Member(a, "two words"), ({"x": 1, "two words": _CLEF}, _CLEF)),
    _of_struct(
        "is_null",
        lambda a: call("is_null", a),
        ({"x": None, "two words": None}, False),
        (None, True),
    ),
    Scalar(
        "struct",
        "S5",
        Record(("n", "two words"), (Column("a", parse_type("int64")), literal("it's"))),
        (parse_type("int64"),),
        (
            (1, {"n": 1, "two words": "it's"}),
            (None, {"n": None, "two words": "it's"}),
        ),
    ),
    _compared(
        "equal",
        "list<int64>",
        ([1, 2], [1, 2], True),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ([], [], True),
        ([1, None], [1, None], True),
        ([1, None], [1, 2], False),
        ([None], [], False),
        (None, [1], None),
    ),
    _compared("equal", "list<float64>", ([_NAN], [_NAN], True), ([0.0], [-0.0], True)),
    _compared(
        "not_equal",
        "struct<x: int64, two words: text>",
        ({"x": 1, "two words": "a"}, {"x": 1, "two words": "a"}, False),
        ({"x": 1, "two words": "a"}, {"x": 2, "two words": "a"}, True),
        ({"x": 1, "two words": None}, {"x": 1, "two words": None}, False),
        ({"x": 1, "two words": None}, {"x": 1, "two words": "a"}, True),
        ({"x": None, "two words": None}, None, None),
    ),
    _compared(
        "is_distinct",
        "list<text>",
        (["a"], ["a"], False),
        ([None], [None], False),
        (None, None, False),
        ([None], None, True),
        ([], None, True),
    ),
    called("coalesce", "S6", ("list<int64>", "list<int64>"), (None, [1], [1]), ([], [1], [])),
)
"""Expressions over single rows."""


def _exploded(t: Tables, *, keep_empty: bool = False) -> Dataset:
    return t["posts"].explode("tags", keep_empty=keep_empty)


_ELEMENTS: Final = ("b", None, "a", "a")
_LISTED: Final = ["b", None, "a", "a"]


def _plan(
    about: str, line: str, name: str, plan: Any, *expected: Row, ordered: bool = False
) -> Plan:
    return Plan(about, line, name, plan, expected, ordered)


NESTED_PLANS: Final = (
    _plan(
        "Explode",
        "S7",
        "of lists, NULL and empty ones among them",
        lambda t: _exploded(t).select("id", "tags"),
        *((i, tag) for i in (1, 5) for tag in _ELEMENTS),
        (4, None),
    ),
    _plan(
        "Explode",
        "S7",
        "that keeps rows without elements",
        lambda t: _exploded(t, keep_empty=True).select("id", "tags"),
        *((i, tag) for i in (1, 5) for tag in _ELEMENTS),
        *((i, None) for i in (2, 3, 4)),
    ),
    _plan(
        "Explode",
        "S7",
        "with filters on the element and beside it",
        lambda t: _exploded(t).filter((wf.col("tags") == "a") & (wf.col("id") > 1)).select("id"),
        (5,),
        (5,),
    ),
    _plan(
        "Explode",
        "S7",
        "below a group and a limit",
        lambda t: _exploded(t).group_by("tags").agg(n=wf.count()).sort(wf.col("n").desc()).limit(1),
        ("a", 4),
        ordered=True,
    ),
    _plan(
        "Explode",
        "S7",
        "of a list in a list",
        lambda t: (
            t["orders"]
            .filter(wf.col("id") < 3)
            .select("id", lists=wf.list(wf.list("id", 7), wf.list("customer")))
            .explode("lists")
            .explode("lists")
            .select("id", "lists")
        ),
        *((1, 1), (1, 7), (1, 10), (2, 2), (2, 7), (2, 10)),
    ),
    _plan(
        "Explode",
        "S7",
        "over a limit",
        lambda t: t["posts"].sort("id").limit(1).explode("tags").select("tags"),
        *((tag,) for tag in _ELEMENTS),
    ),
    _plan(
        "Aggregate",
        "S8",
        "by a list and by a struct",
        lambda t: t["posts"].group_by("tags", "place").agg(n=wf.count()),
        (_LISTED, {"x": 1, "name": _CLEF}, 1),
        ([], None, 1),
        (None, {"x": None, "name": None}, 1),
        ([None], {"x": 1, "name": _CLEF}, 1),
        (_LISTED, {"x": None, "name": None}, 1),
    ),
    _plan(
        "Aggregate",
        "S8",
        "by a list in which -0.0 is 0.0, and NaN is NaN",
        lambda t: (
            t["orders"]
            .select(v=wf.list(wf.when("id = 1").then(0.0).otherwise(-0.0), wf.lit(_NAN)))
            .group_by("v")
            .agg(n=wf.count())
            .select("n")
        ),
        (5,),
    ),
    _plan(
        "Distinct",
        "S8",
        "lists, NULLs in them equal",
        lambda t: t["posts"].select("tags").distinct(),
        (_LISTED,),
        ([],),
        (None,),
        ([None],),
    ),
    _plan(
        "Distinct",
        "S8",
        "structs, NULLs in them equal",
        lambda t: t["posts"].select("place").distinct(),
        ({"x": 1, "name": _CLEF},),
        (None,),
        ({"x": None, "name": None},),
    ),
    _plan(
        "inner join",
        "S8",
        "on lists: a NULL list equals nothing, NULLs within lists do",
        lambda t: (
            t["posts"].join(t["posts"].select("tags", other="id"), on="tags").select("id", "other")
        ),
        *((1, 1), (1, 5), (5, 1), (5, 5), (2, 2), (4, 4)),
    ),
    _plan(
        "inner join",
        "S8",
        "on structs",
        lambda t: (
            t["posts"]
            .join(t["posts"].select("place", other="id"), on="place")
            .select("id", "other")
        ),
        *((a, b) for pair in ((1, 4), (3, 5)) for a in pair for b in pair),
    ),
    _plan(
        "count_distinct",
        "S8",
        "of lists",
        lambda t: t["posts"].group_by().agg(n=wf.count_distinct("tags")),
        (3,),
    ),
    _plan(
        "union",
        "S8",
        "of lists and structs",
        lambda t: (
            t["posts"]
            .drop("id")
            .union(t["posts"].drop("id"), distinct=True)
            .group_by()
            .agg(n=wf.count())
        ),
        (5,),
    ),
    _plan(
        "list_agg",
        "S9",
        "in an order, NULLs among the values",
        lambda t: (
            t["orders"]
            .group_by("customer")
            .agg(found=wf.list_agg("amount", order_by=wf.col("id").desc()))
        ),
        (10, [7.0, 5.0]),
        (20, [None]),
        (None, [1.0]),
        (99, [2.5]),
    ),
    _plan(
        "list_agg",
        "S9",
        "in the order of two keys, NULLs last unless said",
        lambda t: (
            t["orders"]
            .group_by()
            .agg(
                found=wf.list_agg(
                    "id", order_by=["note desc", wf.col("amount").asc(nulls_first=True)]
                )
            )
        ),
        ([5, 2, 3, 1, 4],),
    ),
    _plan(
        "list_agg",
        "S9",
        "over nothing",
        lambda t: t["nothing"].group_by().agg(found=wf.list_agg("n")),
        (None,),
    ),
    _plan(
        "list_agg",
        "S9",
        "of structs, taken apart again",
        lambda t: (
            t["orders"]
            .group_by("note")
            .agg(rows=wf.list_agg(wf.struct(id="id", amount="amount")))
            .explode("rows")
            .select("note", lambda row: row.rows["id"])
        ),
        *((note, i) for i, note in enumerate(("a", "b", "a", None, _CLEF), 1)),
    ),
)
"""Plans over the tables."""
