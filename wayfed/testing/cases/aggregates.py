"""Aggregates of groups: of one, of several, of nothing but NULL."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Final

from wayfed.testing.case import aggregated, aggregated_rows
from wayfed_optimizer.expressions import Call, Column, SortKey, call, literal
from wayfed_optimizer.types import DATE, FLOAT64, INT64, TEXT

_D = Decimal
_NAN: Final = math.nan
_INF: Final = math.inf
_WIDEST: Final = Decimal("9" * 38)
_NEXT: Final = Decimal("9" * 37 + "8")
_DAY: Final = dt.date(2024, 2, 29)

_INTEGER: Final = Column("a", INT64)
_FLOAT: Final = Column("a", FLOAT64)
_OTHER: Final = Column("b", FLOAT64)
_THIRD: Final = Column("c", INT64)

_LINE: Final = ((2.0, 1.0), (3.0, 2.0), (8.0, 4.0), (None, 5.0), (9.0, None))
_NOTHING: Final = ((None, 1.0), (1.0, None))
_ONE: Final = ((3.0, 2.0),)
_UPRIGHT: Final = ((1.0, 2.0), (3.0, 2.0))
_FLAT: Final = ((2.0, 1.0), (2.0, 3.0))
_UNKNOWN: Final = ((_NAN, 1.0), (1.0, 2.0))
_PAIRS: Final = {
    "corr": (
        (_NOTHING, None),
        (_ONE, None),
        (_UPRIGHT, None),
        (_FLAT, None),
        (_UNKNOWN, _NAN),
        (_LINE, 29 / math.sqrt(868)),
    ),
    "covar_samp": ((_NOTHING, None), (_ONE, None), (_UPRIGHT, 0.0), (_LINE, 29 / 6)),
    "covar_pop": ((_NOTHING, None), (_ONE, 0.0), (_LINE, 29 / 9)),
    "regr_count": ((_NOTHING, 0), (_ONE, 1), (_LINE, 3)),
    "regr_avgx": ((_NOTHING, None), (_ONE, 2.0), (_LINE, 7 / 3)),
    "regr_avgy": ((_NOTHING, None), (_ONE, 3.0), (_LINE, 13 / 3)),
    "regr_slope": (
        (_NOTHING, None),
        (_ONE, None),
        (_UPRIGHT, None),
        (_FLAT, 0.0),
        (_LINE, 29 / 14),
    ),
    "regr_intercept": (
        (_NOTHING, None),
        (_ONE, None),
        (_UPRIGHT, None),
        (_FLAT, 2.0),
        (_LINE, -0.5),
    ),
    "regr_r2": ((_NOTHING, None), (_ONE, None), (_UPRIGHT, None), (_FLAT, 1.0), (_LINE, 841 / 868)),
    "regr_sxx": ((_NOTHING, None), (_ONE, 0.0), (_UPRIGHT, 0.0), (_LINE, 14 / 3)),
    "regr_syy": ((_NOTHING, None), (_ONE, 0.0), (_FLAT, 0.0), (_LINE, 62 / 3)),
    "regr_sxy": ((_NOTHING, None), (_ONE, 0.0), (_UPRIGHT, 0.0), (_LINE, 29 / 3)),
}

AGGREGATES: Final = (
    aggregated("count", "A1", "int64", ((), 0), ((None,), 0), ((1, 1, None), 2)),
    aggregated("count", "A1", "text", ((), 0), (("", "𝄞"), 2)),
    aggregated("count_distinct", "A2", "int64", ((), 0), ((1, 1, 2, None), 2)),
    aggregated("count_distinct", "A2", "text", (("a", "A", "a ", "a"), 3), (("", None), 1)),
    aggregated("count_distinct", "A2", "float64", ((0.0, -0.0), 1), ((_NAN, _NAN, 1.0), 2)),
    aggregated("count_distinct", "A2", "decimal(9,2)", ((_D("1.10"), _D("1.1")), 1)),
    aggregated("count_distinct", "A2", "date", ((_DAY, _DAY), 1)),
    aggregated("count_if", "A1", "bool", ((), 0), ((True, False, None, True), 2)),
    aggregated(
        "sum",
        "A3",
        "int64",
        ((), None),
        ((None,), None),
        ((1, 2, None), 3),
    ),
    aggregated("sum", "A3", "int8", ((127, 127), 254)),
    aggregated("sum", "A3", "int32", ((2**31 - 1, 2**31 - 1), 2**32 - 2)),
    aggregated(
        "sum",
        "A4",
        "float64",
        ((), None),
        ((0.5, 0.25), 0.75),
        ((_INF, 1.0), _INF),
        ((_INF, -_INF), _NAN),
        ((_NAN, 1.0), _NAN),
    ),
    aggregated(
        "sum", "A4", "decimal(9,2)", ((), None), ((_D("9999999.99"), _D("0.02")), _D("10000000.01"))
    ),
    aggregated("sum", "A4", "decimal(38,0)", ((_WIDEST, _D(-1)), _NEXT)),
    aggregated(
        "mean",
        "A5",
        "int64",
        ((), None),
        ((1, 2), 1.5),
        ((None, 3), 3.0),
        ((2**62, 2**62), 2.0**62),
    ),
    aggregated("mean", "A5", "float64", ((0.5, 1.0), 0.75), ((None,), None)),
    aggregated("mean", "A5", "decimal(9,2)", ((_D("0.01"), _D("0.02")), 0.015)),
    aggregated("min", "A6", "int64", ((), None), ((3, None, -1), -1), ((None,), None)),
    aggregated("min", "A6", "float64", ((1.0, _NAN), 1.0), ((_NAN,), _NAN), ((-_INF, 0.0), -_INF)),
    aggregated("min", "A6", "text", (("b", "B", "é"), "B"), (("", "a"), "")),
    aggregated("min", "A6", "decimal(9,2)", ((_D("1.10"), _D("-0.01")), _D("-0.01"))),
    aggregated("min", "A6", "date", ((_DAY, dt.date(1, 1, 1)), dt.date(1, 1, 1))),
    aggregated("min", "A6", "bool", ((True, False), False), ((True, None), True)),
    aggregated(
        "min",
        "A6",
        "timestamp",
        ((dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)), dt.datetime(1, 1, 1)),
    ),
    aggregated("max", "A6", "int64", ((), None), ((3, None, -1), 3), ((None,), None)),
    aggregated("max", "A6", "float64", ((_INF, _NAN), _NAN), ((1.0, _INF), _INF)),
    aggregated("max", "A6", "text", (("b", "é", "Z"), "é"), (("\ufffd", "𝄞"), "𝄞")),
    aggregated("max", "A6", "decimal(38,0)", ((_WIDEST, _NEXT), _WIDEST)),
    aggregated("max", "A6", "date", ((_DAY, dt.date(9999, 12, 31)), dt.date(9999, 12, 31))),
    aggregated("max", "A6", "bool", ((False, None), False), ((True, False), True)),
    aggregated("max", "A6", "binary", ((b"a", b"\xff"), b"\xff")),
    aggregated(
        "stddev",
        "A7",
        "float64",
        ((), None),
        ((1.0,), None),
        ((1.0, 3.0), math.sqrt(2)),
        ((5.0, 5.0), 0.0),
    ),
    aggregated(
        "stddev", "A7", "int64", ((2, 4, 4, 4, 5, 5, 7, 9), math.sqrt(32 / 7)), ((1, None), None)
    ),
    aggregated(
        "variance",
        "A7",
        "float64",
        ((1.0,), None),
        ((1.0, 3.0), 2.0),
        ((1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16), 30.0),
    ),
    aggregated("variance", "A7", "int64", ((1, 2, 3, 4), 5 / 3)),
    aggregated(
        "median", "A8", "int64", ((), None), ((1, 3), 2.0), ((1, 2, 9), 2.0), ((None, 5), 5.0)
    ),
    aggregated("median", "A8", "float64", ((0.5, 1.0), 0.75)),
    aggregated("any_value", "A9", "int64", ((), None), ((None, 7, None), 7)),
    aggregated("any_value", "A9", "text", (("x", "x"), "x")),
    aggregated(
        "bool_and",
        "A10",
        "bool",
        ((), None),
        ((True, True), True),
        ((True, False), False),
        ((True, None), True),
        ((None,), None),
    ),
    aggregated(
        "bool_or",
        "A10",
        "bool",
        ((), None),
        ((False, False), False),
        ((True, False), True),
        ((False, None), False),
    ),
    aggregated(
        "stddev_pop",
        "A7",
        "float64",
        ((), None),
        ((1.0,), 0.0),
        ((1.0, 3.0), 1.0),
        ((None, 2.0), 0.0),
    ),
    aggregated("variance_pop", "A7", "int64", ((), None), ((1, 2, 3, 4), 1.25), ((7, None), 0.0)),
    aggregated_rows(
        "sum",
        "A4",
        Call("sum", (_INTEGER,), distinct=True),
        "int64",
        ((1, 1, 2, None), 3),
        ((None,), None),
    ),
    aggregated_rows(
        "mean", "A5", Call("mean", (_FLOAT,), distinct=True), "float64", ((1.0, 1.0, 2.0), 1.5)
    ),
    *(
        aggregated_rows(name, "A11", call(name, _FLOAT, _OTHER), "float64 float64", *groups)
        for name, groups in _PAIRS.items()
    ),
    aggregated_rows(
        "quantile",
        "A12",
        call("quantile", _FLOAT, literal(0.25)),
        "float64",
        ((), None),
        ((1.0,), 1.0),
        ((4.0, 1.0, None, 3.0, 2.0), 1.75),
        ((_NAN, 1.0, 2.0), 1.5),
        ((_INF, 1.0), _INF),
    ),
    aggregated_rows(
        "quantile", "A12", call("quantile", _INTEGER, literal(1.0)), "int64", ((1, 9), 9.0)
    ),
    aggregated_rows(
        "quantile", "A12", call("quantile", _INTEGER, literal(0.0)), "int64", ((1, 9), 1.0)
    ),
    aggregated_rows(
        "quantile_disc",
        "A13",
        call("quantile_disc", _INTEGER, literal(0.07)),
        "int64",
        ((), None),
        ((None,), None),
        (tuple(range(1, 101)), 7),
        ((5,), 5),
    ),
    aggregated_rows(
        "quantile_disc",
        "A13",
        call("quantile_disc", Column("a", TEXT), literal(0.5)),
        "text",
        (("b", "a", "B"), "a"),
        (("𝄞", "\ufffd"), "\ufffd"),
    ),
    aggregated_rows(
        "quantile_disc",
        "A13",
        call("quantile_disc", Column("a", DATE), literal(1.0)),
        "date",
        ((_DAY, dt.date(1, 1, 1)), _DAY),
    ),
    aggregated("mode", "A14", "int64", ((), None), ((3, 1, 3, 1, 2), 1), ((None, None, 5), 5)),
    aggregated("mode", "A14", "text", (("b", "B", "b"), "b"), (("é", "z"), "z")),
    aggregated("mode", "A14", "float64", ((_NAN, 1.0, _NAN), _NAN), ((0.0, -0.0, 1.0), 0.0)),
    aggregated("approx_count_distinct", "A15", "int64", ((), 0), ((1, 1, None), 1), ((4, 5, 6), 3)),
    aggregated_rows(
        "first",
        "A16",
        Call("first", (_INTEGER,), order_by=(SortKey(_OTHER),)),
        "int64 float64",
        ((), None),
        (((1, 2.0), (2, 1.0), (3, None)), 2),
        (((None, 1.0), (5, 2.0)), None),
        (((7, _NAN), (8, _INF)), 8),
    ),
    aggregated_rows(
        "first",
        "A16",
        Call("first", (_INTEGER,), order_by=(SortKey(_OTHER, True),)),
        "int64 float64",
        (((1, 2.0), (2, 3.0), (3, None)), 2),
        (((7, _NAN), (8, _INF)), 7),
    ),
    aggregated_rows(
        "first",
        "A16",
        Call("first", (_INTEGER,), order_by=(SortKey(Column("b", TEXT)), SortKey(_THIRD))),
        "int64 text int64",
        (((1, "b", 0), (2, "B", 2), (3, "B", 1)), 3),
        (((1, "\U0001d11e", 0), (2, "\ufffd", 0)), 2),
    ),
    aggregated_rows(
        "first",
        "A16",
        Call("first", (_INTEGER,), order_by=(SortKey(Column("b", TEXT)), SortKey(_THIRD, True))),
        "int64 text int64",
        (((1, "b", 0), (2, "B", 2), (3, "B", 1)), 2),
    ),
    aggregated_rows(
        "string_agg",
        "A17",
        Call("string_agg", (Column("a", TEXT), literal(", ")), order_by=(SortKey(_OTHER),)),
        "text float64",
        ((), None),
        (((None, 1.0),), None),
        ((("b", 2.0), ("a", 3.0), (None, 0.0), ("𝄞", 1.0)), "𝄞, b, a"),
        ((("", 1.0), ("", 2.0)), ", "),
    ),
    aggregated_rows(
        "string_agg",
        "A17",
        Call(
            "string_agg",
            (Column("a", TEXT), literal("")),
            distinct=True,
            order_by=(SortKey(Column("a", TEXT), True),),
        ),
        "text",
        (("b", "a", "B", "b"), "baB"),
    ),
    aggregated_rows(
        "string_agg",
        "A17",
        call("string_agg", Column("a", TEXT), literal("'")),
        "text",
        (("x", "x", None), "x'x"),
    ),
    aggregated("bit_and", "A18", "int64", ((), None), ((6, 3, None), 2), ((-1, 2**62), 2**62)),
    aggregated("bit_or", "A18", "int32", ((), None), ((6, 3, None), 7)),
    aggregated("bit_xor", "A18", "int16", ((None,), None), ((6, 3, 3), 6)),
)
"""Cases of lines A."""
