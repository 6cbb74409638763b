"""Angles, bits, and other mathematics of single numbers."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

from wayfed.testing.case import called
from wayfed.testing.cases.numbers import NO_ANGLES
from wayfed_optimizer.expressions import literal

_NAN: Final = math.nan
_INF: Final = math.inf
_MOST: Final = 2**63 - 1
_LEAST: Final = -(2**63)
_WIDEST: Final = Decimal("9" * 38)
_LOWEST: Final = Decimal("-" + "9" * 38)

ANGLES: Final = (
    called("tan", "N12", ("float64",), (0.0, 0.0), (-2.5, math.tan(-2.5)), *NO_ANGLES),
    called(
        "cot", "N12", ("float64",), (1.0, 1 / math.tan(1)), (0.0, None), (-0.0, None), *NO_ANGLES
    ),
    *(
        called(
            name,
            "N15",
            ("float64",),
            *((x, compute(x)) for x in (-1.0, -0.5, 0.0, 0.5, 1.0)),
            (1.0000001, None),
            (-2.0, None),
            (_INF, None),
            (_NAN, None),
        )
        for name, compute in (("asin", math.asin), ("acos", math.acos))
    ),
    called(
        "atan",
        "N15",
        ("float64",),
        (0.0, 0.0),
        (-1.0, -math.pi / 4),
        (_INF, math.pi / 2),
        (_NAN, _NAN),
    ),
    called(
        "atan2",
        "N15",
        ("float64", "float64"),
        (0.0, 0.0, 0.0),
        (0.0, -1.0, math.pi),
        (-0.0, -1.0, math.pi),
        (0.0, -0.0, 0.0),
        (1.0, 0.0, math.pi / 2),
        (-1.0, -1.0, -3 * math.pi / 4),
        (_INF, -_INF, 3 * math.pi / 4),
    ),
    called("degrees", "N15", ("float64",), (math.pi / 2, 90.0), (0.0, 0.0), (-_INF, -_INF)),
    called("radians", "N15", ("float64",), (90.0, math.pi / 2), (0.0, 0.0), (_NAN, _NAN)),
    called(
        "cbrt", "N15", ("float64",), (27.0, 3.0), (-27.0, -3.0), (0.0, 0.0), (2.0, 2.0 ** (1 / 3))
    ),
    called("cbrt", "N15", ("int64",), (8, 2.0), (-1, -1.0)),
    called(
        "trunc",
        "N16",
        ("float64",),
        (2.7, 2.0),
        (-2.7, -2.0),
        (0.5, 0.0),
        (1e300, 1e300),
        (-4503599627370495.5, -4503599627370495.0),
        (_INF, _INF),
        (_NAN, _NAN),
    ),
    called("trunc", "N16", ("int64",), (_LEAST, _LEAST), (7, 7)),
    called(
        "trunc",
        "N16",
        ("decimal(9,2)",),
        (Decimal("2.99"), Decimal(2)),
        (Decimal("-2.99"), Decimal(-2)),
        (Decimal("0.01"), Decimal(0)),
    ),
    called("trunc", "N16", ("decimal(38,0)",), (_WIDEST, _WIDEST), (_LOWEST, _LOWEST)),
    called("bitwise_and", "N17", ("int64", "int64"), (12, 10, 8), (-1, _LEAST, _LEAST), (5, 0, 0)),
    called("bitwise_or", "N17", ("int64", "int64"), (12, 10, 14), (_LEAST, _MOST, -1), (5, 0, 5)),
    called("bitwise_xor", "N17", ("int64", "int64"), (12, 10, 6), (-1, _MOST, _LEAST), (5, 5, 0)),
    called("bitwise_xor", "N17", ("int64", literal(-1)), (0, -1), (_MOST, _LEAST)),
    called("bitwise_and", "N17", ("int8", "int32"), (-1, 255, 255)),
    called("bitwise_not", "N17", ("int64",), (0, -1), (_MOST, _LEAST), (-7, 6)),
)
"""Cases of lines N about functions of mathematics."""
