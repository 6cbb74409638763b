"""The functions of our own that Flink's SQL calls: their names there, and their classes in Java."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_CLASSES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Numbers": (
            *("AddExact", "SubtractExact", "MultiplyExact", "NegateExact", "AbsExact"),
            *("FloorDivide", "FloorDivideFloats", "Modulo", "ModuloFloats"),
            *("Remainder", "RemainderFloats", "BitAnd", "BitOr", "BitXor", "BitNot"),
            *("SumOfHalves", "Order", "Ordered", "Canonical", "IsNan", "Sign"),
            *("Floor", "Ceil", "Trunc", "Round", "RoundWhole"),
        ),
        "Angles": (
            *("Sqrt", "Ln", "Log10", "Exp", "Power", "Sin", "Cos", "Tan", "Cot"),
            *("Asin", "Acos", "Atan", "Atan2", "Degrees", "Radians", "Cbrt"),
        ),
        "Decimals": (
            *("DecimalAdd", "DecimalSubtract", "DecimalMultiply", "DecimalSign", "DecimalSum"),
            *("DecimalHigh", "DecimalLow", "DecimalSumOfHalves"),
            *("DecimalRound", "DecimalFloor", "DecimalCeil", "DecimalTrunc"),
            *("ToDecimal", "TryDecimal"),
        ),
        "Casts": (
            *("ToWhole", "TryWhole", "ToDouble", "TryDouble"),
            *("ToFloat", "TryFloat", "ToBool", "TryBool"),
        ),
        "Subqueries": ("SingleValue",),
        "Statistics": (
            *("VarSamp", "VarPop", "StddevSamp", "StddevPop", "Corr", "CovarSamp", "CovarPop"),
            *("RegrAvgx", "RegrAvgy", "RegrSlope", "RegrIntercept", "RegrR2"),
            *("RegrSxx", "RegrSyy", "RegrSxy", "Quantile"),
        ),
        "Aggregates": (
            *("First", "Last", "FirstPresent", "LastPresent", "Nth", "NthPresent"),
            *("Least", "Greatest", "Mode", "QuantileDisc", "StringAgg"),
            *("AllBits", "AnyBits", "OddBits"),
        ),
        "Texts": (
            *("OctetLength", "Left", "Right", "Substring", "PadLeft", "PadRight", "Repeat"),
            *("Position", "Contains", "Replace", "SplitPart", "Translate", "Hash"),
            *("FirstCodePoint", "TextOfCodePoint", "Trim", "TrimLeft", "TrimRight"),
        ),
        "Likes": ("Like", "LikeIgnoringCase"),
        "Patterns": ("RegexpMatches", "RegexpExtract", "RegexpReplace"),
        "Times": (
            *("DateTrunc", "DateDiff", "AddDays", "AddMonths", "AddMicroseconds"),
            *("MakeDate", "LastDay", "PartOfTime", "Epoch"),
        ),
        "Formats": ("WriteTime", "ReadTime", "TimeText"),
        "Readings": (
            *("ToDate", "TryDate", "ToTimestamp", "TryTimestamp", "ToInstant", "TryInstant"),
        ),
        "Lists": (
            *("Element", "ListContains", "ListSort", "FirstFields"),
            *("Identity", "OneForm", "Explode"),
        ),
    }
)
"""Functions by the class in ``wayfed.functions`` that they are nested in."""


def _sql_name(name: str) -> str:
    return "wf" + re.sub(r"([A-Z])", r"_\1", name).lower()


FUNCTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        _sql_name(name): f"wayfed.functions.{outer}${name}"
        for outer, names in _CLASSES.items()
        for name in names
    }
)
"""Class by name in SQL: ``wf_add_exact`` is ``wayfed.functions.Numbers$AddExact``."""
