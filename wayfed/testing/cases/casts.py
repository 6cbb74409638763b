"""Conversions between types, and constants of each type."""

from __future__ import annotations

import datetime as dt
import math
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from wayfed.testing.case import Scalar, converted
from wayfed_optimizer.expressions import Literal, literal
from wayfed_optimizer.types import parse_type

_D = Decimal
_AT: Final = datetime(2024, 2, 29, 1, 2, 3, 500_000)
_ZONED: Final = _AT.replace(tzinfo=dt.UTC)

_NUMBERS: Final = (
    converted("C1", "float64", "int64", (1.9, 1), (-1.9, -1), (2.5, 2), (-0.0, 0), (None, None)),
    converted("C1", "decimal(9,2)", "int64", (_D("1.99"), 1), (_D("-1.99"), -1), (_D("0.50"), 0)),
    converted("C2", "int64", "int8", (127, 127), (-128, -128)),
    converted("C2", "int64", "float64", (2**53, 2.0**53), (-1, -1.0)),
    converted("C2", "int64", "decimal(19,0)", (2**63 - 1, _D(2**63 - 1)), (-(2**63), _D(-(2**63)))),
    converted("C2", "int8", "decimal(5,2)", (-128, _D("-128.00"))),
    converted("C2", "float64", "float32", (0.5, 0.5), (math.inf, math.inf), (math.nan, math.nan)),
    converted("C2", "float32", "float64", (1.5, 1.5), (-math.inf, -math.inf)),
    converted("C2", "decimal(9,2)", "float64", (_D("1.25"), 1.25), (_D("-0.10"), -0.1)),
    converted(
        "C3", "decimal(9,3)", "decimal(9,2)", (_D("0.005"), _D("0.01")), (_D("-1.015"), _D("-1.02"))
    ),
    converted("C3", "decimal(9,2)", "decimal(20,4)", (_D("1.25"), _D("1.2500"))),
    converted("C3", "float64", "decimal(9,2)", (1.25, _D("1.25")), (-0.5, _D("-0.50"))),
    converted("C4", "int64", "bool", (0, False), (1, True), (-7, True)),
    converted("C4", "float64", "bool", (0.0, False), (-0.0, False), (0.5, True)),
    converted("C4", "bool", "int64", (True, 1), (False, 0)),
    converted("C4", "bool", "float64", (True, 1.0), (False, 0.0)),
)
_TEXTS: Final = (
    converted("C5", "int64", "text", (0, "0"), (-(2**63), "-9223372036854775808")),
    converted("C5", "bool", "text", (True, "true"), (False, "false")),
    converted("C5", "decimal(9,2)", "text", (_D("1.50"), "1.50"), (_D("-0.05"), "-0.05")),
    converted("C5", "decimal(38,0)", "text", (_D("9" * 38), "9" * 38)),
    converted(
        "C5", "date", "text", (date(2024, 2, 29), "2024-02-29"), (date(1, 1, 1), "0001-01-01")
    ),
    converted(
        "C5",
        "timestamp",
        "text",
        (_AT, "2024-02-29 01:02:03.5"),
        (datetime(2024, 1, 1), "2024-01-01 00:00:00"),
    ),
    converted("C6", "text", "int64", ("12", 12), ("-7", -7), ("9223372036854775807", 2**63 - 1)),
    converted("C6", "text", "float64", ("1.5", 1.5), ("-1e3", -1000.0)),
    converted("C6", "text", "decimal(9,2)", ("1.5", _D("1.50")), ("-0.05", _D("-0.05"))),
    converted("C6", "text", "bool", ("true", True), ("false", False)),
    converted(
        "C6", "text", "date", ("2024-02-29", date(2024, 2, 29)), ("0001-01-01", date(1, 1, 1))
    ),
    converted("C6", "text", "timestamp", ("2024-02-29 01:02:03.5", _AT)),
    converted("C7", "text", "binary", ("é", b"\xc3\xa9"), ("", b"")),
    converted("C7", "binary", "text", (b"\xc3\xa9", "é"), (b"", "")),
)
_TIMES: Final = (
    converted(
        "C8",
        "date",
        "timestamp",
        (date(2024, 2, 29), datetime(2024, 2, 29)),
        (date(1, 1, 1), datetime(1, 1, 1)),
    ),
    converted(
        "C8",
        "timestamp",
        "date",
        (_AT, _AT.date()),
        (datetime(1969, 12, 31, 23, 59, 59), date(1969, 12, 31)),
    ),
    converted("C8", "timestamp", "timestamp_utc", (_AT, _ZONED)),
    converted("C8", "timestamp_utc", "timestamp", (_ZONED, _AT)),
    converted("C8", "timestamp_utc", "date", (_ZONED, _AT.date())),
)
_SAFE: Final = (
    converted(
        "C9",
        "text",
        "int64",
        ("12", 12),
        ("x", None),
        ("", None),
        ("9223372036854775808", None),
        (None, None),
        safe=True,
    ),
    converted("C9", "text", "float64", ("1.5", 1.5), ("1.5x", None), safe=True),
    converted(
        "C9",
        "text",
        "date",
        ("2024-02-29", date(2024, 2, 29)),
        ("2023-02-29", None),
        ("x", None),
        safe=True,
    ),
    converted("C9", "int64", "int8", (127, 127), (128, None), (-129, None), safe=True),
    converted(
        "C9",
        "float64",
        "int64",
        (1.9, 1),
        (1e300, None),
        (math.inf, None),
        (math.nan, None),
        safe=True,
    ),
    converted(
        "C9",
        "decimal(9,2)",
        "decimal(3,1)",
        (_D("99.90"), _D("99.9")),
        (_D("100.00"), None),
        safe=True,
    ),
)


_MORE: Final = (
    converted("C5", "float64", "text", (1.5, "1.5"), (-0.25, "-0.25")),
    converted(
        "C6",
        "text",
        "timestamp_utc",
        ("2000-02-29 12:30:00+00", datetime(2000, 2, 29, 12, 30, tzinfo=dt.UTC)),
        ("0001-01-01 00:00:00+00", datetime(1, 1, 1, tzinfo=dt.UTC)),
    ),
)


def _constants() -> tuple[Scalar, ...]:
    values = (
        'it\'s \\ "${z}" `q` %s :x ?\n\t',
        "𝄞",
        "",
        2**63 - 1,
        -(2**63),
        0.1,
        5e-324,
        1.7976931348623157e308,
        math.nan,
        -math.inf,
        _D("-0.001"),
        _D("9" * 38),
        b"\x00\xff'",
        True,
        date(1582, 10, 10),
        date(9999, 12, 31),
        datetime(1, 1, 1, 2, 3, 4, 5),
        datetime(1582, 10, 10, tzinfo=dt.UTC),
    )
    kinds = ("bool", "int8", "int64", "float64", "decimal(38,1)", "text", "binary", "date")
    return (
        *(Scalar("literal", "C10", literal(value), (), ((value,),)) for value in values),
        *(
            Scalar("literal", "C10", Literal(None, parse_type(kind)), (), ((None,),))
            for kind in (*kinds, "timestamp", "timestamp_utc")
        ),
    )


CASTS: Final = (*_NUMBERS, *_TEXTS, *_TIMES, *_SAFE, *_MORE, *_constants())
"""Cases of lines C."""
