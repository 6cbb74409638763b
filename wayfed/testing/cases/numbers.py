"""Arithmetic and mathematics."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

from wayfed.testing.case import called
from wayfed_optimizer.expressions import literal

_NAN: Final = math.nan
_INF: Final = math.inf
NO_ANGLES: Final = ((_INF, None), (-_INF, None), (_NAN, _NAN))
"""What has no sine."""
_MOST: Final = 2**63 - 1
_LEAST: Final = -(2**63)
_WIDEST: Final = Decimal("9" * 38)
_DIGITS: Final = Decimal("12345678901234567890123456789012345678")
_NEXT: Final = Decimal("9" * 37 + "8")
_LOWEST: Final = Decimal("-" + "9" * 38)


def _d(text: str) -> Decimal:
    return Decimal(text)


_SUMS: Final = (
    called("add", "N1", ("int64", "int64"), (1, 2, 3), (_MOST, -1, _MOST - 1), (_LEAST, _MOST, -1)),
    called("add", "N1", ("int8", "int8"), (127, 127, 254), (-128, -128, -256)),
    called("add", "N1", ("int32", "int16"), (2**31 - 1, 2**15 - 1, 2**31 + 2**15 - 2)),
    called(
        "add",
        "N2",
        ("float64", "float64"),
        (0.5, 0.25, 0.75),
        (_INF, 1.0, _INF),
        (_NAN, 1.0, _NAN),
        (_INF, -_INF, _NAN),
        (0.0, -0.0, 0.0),
    ),
    called("add", "N2", ("int64", "float64"), (1, 0.5, 1.5)),
    called(
        "add",
        "N3",
        ("decimal(6,2)", "decimal(6,3)"),
        (_d("1.10"), _d("-0.005"), _d("1.095")),
        (_d("9999.99"), _d("999.999"), _d("10999.989")),
    ),
    called(
        "add",
        "N3",
        ("decimal(38,0)", "decimal(38,0)"),
        (_WIDEST, _d("0"), _WIDEST),
        (_WIDEST, _LOWEST, _d("0")),
        (_NEXT, _d("1"), _WIDEST),
    ),
    called("subtract", "N1", ("int64", "int64"), (1, 2, -1), (_LEAST, -1, _LEAST + 1), (0, 0, 0)),
    called(
        "subtract",
        "N2",
        ("float64", "float64"),
        (0.5, 0.25, 0.25),
        (_INF, _INF, _NAN),
        (1.0, _INF, -_INF),
    ),
    called(
        "subtract", "N3", ("decimal(6,2)", "decimal(6,3)"), (_d("1.10"), _d("0.005"), _d("1.095"))
    ),
    called("subtract", "N3", ("int64", "decimal(6,2)"), (1, _d("0.01"), _d("0.99"))),
    called(
        "multiply",
        "N1",
        ("int64", "int64"),
        (3, -4, -12),
        (2**31, 2**31, 2**62),
        (_LEAST, 1, _LEAST),
        (_MOST, 0, 0),
    ),
    called("multiply", "N1", ("int8", "int8"), (-128, -128, 16384)),
    called("multiply", "N2", ("float64", "float64"), (0.5, -4.0, -2.0), (_INF, 0.0, _NAN)),
    called(
        "multiply",
        "N3",
        ("decimal(7,2)", "decimal(7,3)"),
        (_d("1.10"), _d("-0.005"), _d("-0.00550")),
        (_d("99999.99"), _d("1.000"), _d("99999.99000")),
    ),
    called(
        "multiply",
        "N3",
        ("decimal(38,0)", "decimal(38,0)"),
        (_WIDEST, _d("1"), _WIDEST),
        (_d("1e19"), _d("-1e18"), _d("-1e37")),
    ),
    # Neither operand needs more than 64 bits, the result does.
    called(
        "multiply",
        "N3",
        ("decimal(15,2)", "decimal(15,2)"),
        (_d("9999999999999.99"), _d("9999999999999.99"), _d("99999999999999800000000000.0001")),
        (_d("-0.01"), _d("0.01"), _d("-0.0001")),
    ),
    called(
        "add",
        "N3",
        ("decimal(18,0)", "decimal(18,4)"),
        (_d("999999999999999999"), _d("0.0001"), _d("999999999999999999.0001")),
    ),
    called(
        "subtract",
        "N3",
        ("int64", "decimal(18,0)"),
        (_LEAST, _d("999999999999999999"), _d("-10223372036854775807")),
    ),
)

_QUOTIENTS: Final = (
    called(
        "divide", "N4", ("int64", "int64"), (7, 2, 3.5), (-7, 2, -3.5), (1, 0, None), (0, 0, None)
    ),
    called(
        "divide",
        "N4",
        ("float64", "float64"),
        (1.0, 4.0, 0.25),
        (1.0, 0.0, None),
        (1.0, -0.0, None),
        (0.0, 0.0, None),
        (_INF, 2.0, _INF),
        (1.0, _INF, 0.0),
        (_NAN, 1.0, _NAN),
        (_INF, _INF, _NAN),
    ),
    called(
        "divide",
        "N4",
        ("decimal(9,2)", "decimal(9,2)"),
        (_d("1.00"), _d("0.25"), 4.0),
        (_d("1"), _d("0"), None),
    ),
    called("divide", "N4", ("int64", literal(4)), (1, 0.25), (-2, -0.5)),
    called("divide", "N4", ("int64", literal(0)), (1, None), (0, None)),
    called(
        "floor_divide",
        "N5",
        ("int64", "int64"),
        (7, 2, 3),
        (-7, 2, -4),
        (7, -2, -4),
        (-7, -2, 3),
        (6, 2, 3),
        (7, 0, None),
        (_MOST, 1, _MOST),
        (_LEAST, 1, _LEAST),
    ),
    called("floor_divide", "N5", ("int64", literal(-2)), (7, -4), (-7, 3)),
    called(
        "floor_divide",
        "N5",
        ("float64", "float64"),
        (7.5, 2.0, 3.0),
        (-7.5, 2.0, -4.0),
        (1.0, 0.0, None),
    ),
    called(
        "modulo",
        "N6",
        ("int64", "int64"),
        (7, 3, 1),
        (-7, 3, 2),
        (7, -3, -2),
        (-7, -3, -1),
        (6, 3, 0),
        (7, 0, None),
        (_MOST, _MOST, 0),
        (_LEAST, 10, 2),
        (_LEAST, _MOST, _MOST - 1),
    ),
    called("modulo", "N6", ("int64", literal(3)), (-7, 2), (7, 1), (_LEAST, 1)),
    called("modulo", "N6", ("int64", literal(-3)), (-7, -1), (7, -2)),
    called(
        "modulo",
        "N6",
        ("float64", "float64"),
        (7.5, 2.0, 1.5),
        (-7.5, 2.0, 0.5),
        (7.5, -2.0, -0.5),
        (1.0, 0.0, None),
    ),
    called(
        "remainder",
        "N7",
        ("int64", "int64"),
        (7, 3, 1),
        (-7, 3, -1),
        (7, -3, 1),
        (-7, -3, -1),
        (7, 0, None),
        (_LEAST, 10, -8),
    ),
    called(
        "remainder",
        "N7",
        ("float64", "float64"),
        (-7.5, 2.0, -1.5),
        (7.5, -2.0, 1.5),
        (1.0, 0.0, None),
    ),
)

_SIGNS: Final = (
    called("negate", "N8", ("int64",), (5, -5), (0, 0), (_MOST, -_MOST)),
    called("negate", "N8", ("int8",), (-128, 128)),
    called("negate", "N8", ("float64",), (1.5, -1.5), (_INF, -_INF), (_NAN, _NAN), (0.0, 0.0)),
    called("negate", "N8", ("decimal(38,0)",), (_WIDEST, _LOWEST), (_DIGITS, _d(f"-{_DIGITS}"))),
    called("negate", "N8", ("decimal(9,2)",), (_d("-0.01"), _d("0.01"))),
    called("abs", "N8", ("int64",), (-5, 5), (0, 0), (-_MOST, _MOST)),
    called("abs", "N8", ("int16",), (-(2**15), 2**15)),
    called("abs", "N8", ("float64",), (-1.5, 1.5), (-_INF, _INF), (_NAN, _NAN), (-0.0, 0.0)),
    called("abs", "N8", ("decimal(38,0)",), (_LOWEST, _WIDEST), (_d(f"-{_DIGITS}"), _DIGITS)),
    called(
        "abs",
        "N8",
        ("decimal(38,10)",),
        (
            _d("-1234567890123456789012345678.0123456789"),
            _d("1234567890123456789012345678.0123456789"),
        ),
    ),
    called(
        "negate",
        "N8",
        ("decimal(38,10)",),
        (
            _d("1234567890123456789012345678.0123456789"),
            _d("-1234567890123456789012345678.0123456789"),
        ),
    ),
    called("abs", "N8", ("decimal(9,2)",), (_d("-1.25"), _d("1.25"))),
    called("sign", "N8", ("int64",), (-5, -1), (0, 0), (_MOST, 1), (_LEAST, -1)),
    called("sign", "N8", ("float64",), (-0.5, -1), (-0.0, 0), (_INF, 1), (-_INF, -1), (5e-324, 1)),
    called("sign", "L9", ("float64",), (_NAN, 1)),
    called("sign", "N8", ("decimal(9,2)",), (_d("-0.01"), -1), (_d("0.00"), 0), (_d("0.01"), 1)),
)

_ROUNDED: Final = (
    called("floor", "N9", ("int64",), (7, 7), (_LEAST, _LEAST)),
    called(
        "floor",
        "N9",
        ("float64",),
        (1.5, 1.0),
        (-1.5, -2.0),
        (_INF, _INF),
        (1e300, 1e300),
        (_NAN, _NAN),
        (-0.5, -1.0),
    ),
    called("floor", "N9", ("decimal(9,2)",), (_d("1.50"), _d("1.00")), (_d("-1.01"), _d("-2.00"))),
    called("ceil", "N9", ("int64",), (7, 7), (_MOST, _MOST)),
    called(
        "ceil",
        "N9",
        ("float64",),
        (1.5, 2.0),
        (-1.5, -1.0),
        (-_INF, -_INF),
        (1e300, 1e300),
        (_NAN, _NAN),
    ),
    called("ceil", "N9", ("decimal(9,2)",), (_d("1.01"), _d("2.00")), (_d("-1.99"), _d("-1.00"))),
    called("round", "N10", ("int64",), (7, 7), (-7, -7)),
    called(
        "round",
        "N10",
        ("float64",),
        (0.5, 1.0),
        (-0.5, -1.0),
        (1.5, 2.0),
        (2.5, 3.0),
        (-2.5, -3.0),
        (1.4, 1.0),
        (_INF, _INF),
        (_NAN, _NAN),
    ),
    called("round", "N10", ("float64", literal(1)), (0.25, 0.3), (-0.75, -0.8), (1.04, 1.0)),
    called(
        "round",
        "N10",
        ("decimal(9,2)",),
        (_d("0.50"), _d("1.00")),
        (_d("-2.50"), _d("-3.00")),
        (_d("2.49"), _d("2.00")),
    ),
    called(
        "round",
        "N10",
        ("decimal(9,3)", literal(2)),
        (_d("0.005"), _d("0.010")),
        (_d("-0.015"), _d("-0.020")),
        (_d("1.234"), _d("1.230")),
    ),
    called(
        "round",
        "N10",
        ("decimal(38,4)", literal(2)),
        (_d("1234567890123456789012345678.0050"), _d("1234567890123456789012345678.0100")),
    ),
    called("round", "N10", ("int64", literal(-1)), (15, 20), (-15, -20), (14, 10), (5, 10)),
    called("round", "N10", ("int64", literal(2)), (15, 15)),
)

_MATH: Final = (
    called(
        "sqrt",
        "N11",
        ("float64",),
        (4.0, 2.0),
        (2.0, math.sqrt(2)),
        (0.0, 0.0),
        (-1.0, None),
        (_INF, _INF),
        (-_INF, None),
        (1e300, 1e150),
    ),
    called("sqrt", "N11", ("int64",), (9, 3.0), (-4, None)),
    called(
        "ln",
        "N11",
        ("float64",),
        (1.0, 0.0),
        (math.e, 1.0),
        (0.0, None),
        (-0.0, None),
        (-1.0, None),
        (_INF, _INF),
        (5e-324, math.log(5e-324)),
    ),
    called("ln", "N11", ("decimal(9,2)",), (_d("1.00"), 0.0), (_d("0.00"), None)),
    called(
        "log10",
        "N11",
        ("float64",),
        (1000.0, 3.0),
        (0.001, -3.0),
        (0.0, None),
        (-1.0, None),
        (_INF, _INF),
    ),
    called("exp", "N12", ("float64",), (0.0, 1.0), (1.0, math.e), (-1.0, 1 / math.e), (_NAN, _NAN)),
    called(
        "power",
        "N13",
        ("float64", "float64"),
        (2.0, 10.0, 1024.0),
        (2.0, -1.0, 0.5),
        (4.0, 0.5, 2.0),
        (-2.0, 3.0, -8.0),
        (-2.0, 0.5, None),
        (0.0, 0.0, 1.0),
        (0.0, 2.0, 0.0),
        (0.0, -1.0, None),
        (1.0, _INF, 1.0),
        (2.0, _INF, _INF),
        (2.0, -_INF, 0.0),
    ),
    called("power", "N13", ("float64", literal(2)), (3.0, 9.0), (-3.0, 9.0), (0.0, 0.0)),
    called("power", "N13", ("int64", "int64"), (2, 62, 2.0**62), (0, -1, None)),
    called(
        "sin",
        "N12",
        ("float64",),
        (0.0, 0.0),
        (1.0, math.sin(1)),
        (-1.0, -math.sin(1)),
        (1e6, math.sin(1e6)),
        *NO_ANGLES,
    ),
    called(
        "cos", "N12", ("float64",), (0.0, 1.0), (1.0, math.cos(1)), (1e6, math.cos(1e6)), *NO_ANGLES
    ),
    called("is_nan", "N14", ("float64",), (1.0, False), (_NAN, True), (_INF, False)),
)

NUMBERS: Final = (*_SUMS, *_QUOTIENTS, *_SIGNS, *_ROUNDED, *_MATH)
"""Cases of lines N."""
