"""Aggregates of groups: of one, of several, of nothing but NULL."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Final

from wayfed.testing.case import aggregated

_D = Decimal
_NAN: Final = math.nan
_INF: Final = math.inf
_WIDEST: Final = Decimal("9" * 38)
_NEXT: Final = Decimal("9" * 37 + "8")
_DAY: Final = dt.date(2024, 2, 29)

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
)
"""Cases of lines A."""
