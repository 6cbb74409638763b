"""Arithmetic and mathematics."""

from __future__ import annotations

from typing import Final

from wayfed_optimizer.coercion import (
    arithmetic,
    decimal_product,
    decimal_sum,
    fixed,
    integers_or_floats,
    negation,
    rounding,
)
from wayfed_optimizer.functions.row import Agreement, Function, Nulls, Raises
from wayfed_optimizer.types import FLOAT64, INT64, is_numeric

_NUMBER_TO_FLOAT: Final = fixed(FLOAT64, FLOAT64)
_BITS: Final = fixed(INT64, INT64, INT64)

_FINITE: Final = "abs(x) <> infinity"
_OF_A_SINE: Final = "x BETWEEN -1 AND 1"

ARITHMETIC: Final = (
    Function(
        "add",
        arithmetic(decimal_sum),
        "a, b",
        "Sum; integers widen to int64.",
        raises=Raises.OVERFLOW,
        operator="+",
    ),
    Function(
        "subtract",
        arithmetic(decimal_sum),
        "a, b",
        "Difference; integers widen to int64.",
        raises=Raises.OVERFLOW,
        operator="-",
    ),
    Function(
        "multiply",
        arithmetic(decimal_product),
        "a, b",
        "Product; the scales of decimals add up.",
        raises=Raises.OVERFLOW,
        operator="*",
    ),
    Function(
        "divide",
        fixed(FLOAT64, FLOAT64, FLOAT64),
        "a, b",
        "Quotient of the operands as float64.",
        nulls=Nulls.MAY,
        operator="/",
        domain="b <> 0",
    ),
    Function(
        "floor_divide",
        integers_or_floats,
        "a, b",
        "Quotient, rounded towards minus infinity.",
        nulls=Nulls.MAY,
        raises=Raises.OVERFLOW,
        operator="//",
        domain="b <> 0",
    ),
    Function(
        "modulo",
        integers_or_floats,
        "a, b",
        "Rest of floor division: has the divisor's sign (Python's %).",
        nulls=Nulls.MAY,
        operator="%",
        domain="b <> 0",
    ),
    Function(
        "remainder",
        integers_or_floats,
        "a, b",
        "Rest of truncated division: has the dividend's sign (SQL's %).",
        nulls=Nulls.MAY,
        domain="b <> 0",
    ),
    Function("bitwise_and", _BITS, "a, b", "The bits that are set in both."),
    Function("bitwise_or", _BITS, "a, b", "The bits that are set in either."),
    Function("bitwise_xor", _BITS, "a, b", "The bits that are set in one of the two."),
    Function("bitwise_not", fixed(INT64, INT64), "x", "The bits that are not set."),
    Function("negate", negation, "x", "-x.", raises=Raises.OVERFLOW),
)

MATH: Final = (
    Function("abs", negation, "x", "Absolute value.", raises=Raises.OVERFLOW),
    Function("sign", fixed(INT64, is_numeric), "x", "-1, 0 or 1."),
    Function("floor", rounding, "x", "Largest whole number not above x."),
    Function("ceil", rounding, "x", "Smallest whole number not below x."),
    Function("trunc", negation, "x", "The whole number next to x towards 0."),
    Function(
        "round",
        rounding,
        "x[, digits]",
        "Rounded half away from zero; on floats either neighbour within one ulp of a tie.",
    ),
    Function(
        "sqrt",
        _NUMBER_TO_FLOAT,
        "x",
        "Square root.",
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
        domain="x >= 0",
    ),
    Function(
        "ln",
        _NUMBER_TO_FLOAT,
        "x",
        "Natural logarithm.",
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
        domain="x > 0",
    ),
    Function(
        "log10",
        _NUMBER_TO_FLOAT,
        "x",
        "Logarithm to base 10.",
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
        domain="x > 0",
    ),
    Function("exp", _NUMBER_TO_FLOAT, "x", "e to the power of x.", agreement=Agreement.RELATIVE),
    Function(
        "power",
        fixed(FLOAT64, FLOAT64, FLOAT64),
        "x, y",
        "x to the power of y.",
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
        domain="(x > 0) OR (x = 0 AND y >= 0) OR (x < 0 AND y = floor(y))",
    ),
    *(
        Function(
            name,
            _NUMBER_TO_FLOAT,
            "x",
            doc,
            nulls=Nulls.MAY,
            agreement=Agreement.RELATIVE,
            domain=domain,
        )
        for name, doc, domain in (
            ("sin", "Sine of radians.", _FINITE),
            ("cos", "Cosine of radians.", _FINITE),
            ("tan", "Tangent of radians.", _FINITE),
            ("cot", "Cotangent of radians.", f"{_FINITE} AND x <> 0"),
            ("asin", "Angle with this sine, in radians.", _OF_A_SINE),
            ("acos", "Angle with this cosine, in radians.", _OF_A_SINE),
        )
    ),
    Function(
        "atan",
        _NUMBER_TO_FLOAT,
        "x",
        "Angle with this tangent, in radians.",
        agreement=Agreement.RELATIVE,
    ),
    Function(
        "atan2",
        fixed(FLOAT64, FLOAT64, FLOAT64),
        "y, x",
        "Angle of the point (x, y), in radians.",
        agreement=Agreement.RELATIVE,
    ),
    Function("degrees", _NUMBER_TO_FLOAT, "x", "Radians as degrees.", agreement=Agreement.RELATIVE),
    Function("radians", _NUMBER_TO_FLOAT, "x", "Degrees as radians.", agreement=Agreement.RELATIVE),
    Function("cbrt", _NUMBER_TO_FLOAT, "x", "Cube root.", agreement=Agreement.RELATIVE),
)
