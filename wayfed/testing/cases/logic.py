"""Three-valued logic, comparison, and what is done about NULL."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from wayfed.testing.case import Scalar, called, columns_of
from wayfed.testing.cases.subqueries import SINGLE_VALUES
from wayfed_optimizer.expressions import call, case, in_list, literal
from wayfed_optimizer.types import BOOL, FLOAT64, INT64, TEXT

_NAN: Final = math.nan
_INF: Final = math.inf
_WIDEST: Final = Decimal("9" * 38)
_NEXT: Final = Decimal("9" * 37 + "8")
_LOWEST: Final = Decimal("-" + "9" * 38)
_A, _B = columns_of((INT64, INT64))
_COMPARISONS: Final[tuple[tuple[str, Callable[[int], bool]], ...]] = (
    ("equal", lambda sign: sign == 0),
    ("not_equal", lambda sign: sign != 0),
    ("less", lambda sign: sign < 0),
    ("less_equal", lambda sign: sign <= 0),
    ("greater", lambda sign: sign > 0),
    ("greater_equal", lambda sign: sign >= 0),
    ("is_distinct", lambda sign: sign != 0),
)
_ORDERED: Final[tuple[tuple[str, tuple[str, str], tuple[tuple[object, object, int], ...]], ...]] = (
    (
        "L1",
        ("int64", "int64"),
        ((1, 1, 0), (1, 2, -1), (-(2**63), 2**63 - 1, -1), (2**53 + 1, 2**53, 1)),
    ),
    ("L1", ("int8", "int32"), ((127, 127, 0), (-128, 2**31 - 1, -1))),
    ("L1", ("bool", "bool"), ((True, True, 0), (False, True, -1), (True, False, 1))),
    (
        "L9",
        ("float64", "float64"),
        (
            (0.0, -0.0, 0),
            (_NAN, _NAN, 0),
            (_NAN, _INF, 1),
            (1.0, _NAN, -1),
            (-_INF, _INF, -1),
            (_INF, _INF, 0),
            (5e-324, 0.0, 1),
        ),
    ),
    ("L9", ("int64", "float64"), ((1, 1.0, 0), (1, 1.5, -1), (0, -0.0, 0), (1, _INF, -1))),
    (
        "L10",
        ("decimal(12,2)", "decimal(12,2)"),
        (
            (Decimal("1.10"), Decimal("1.10"), 0),
            (Decimal("-9999999999.99"), Decimal("9999999999.99"), -1),
        ),
    ),
    (
        "L10",
        ("decimal(38,0)", "decimal(38,0)"),
        ((_WIDEST, _NEXT, 1), (_WIDEST, _WIDEST, 0), (_LOWEST, _WIDEST, -1)),
    ),
    ("L10", ("int64", "decimal(5,1)"), ((1, Decimal("1.0"), 0), (1, Decimal("1.1"), -1))),
    (
        "L11",
        ("text", "text"),
        (
            ("", "", 0),
            ("a", "B", 1),
            ("a", "a ", -1),
            ("é", "z", 1),
            ("\ufffd", "𝄞", -1),
            ("e\u0301", "é", -1),
        ),
    ),
    ("L11", ("binary", "binary"), ((b"", b"\x00", -1), (b"\xff", b"\x7f", 1), (b"a", b"a", 0))),
    (
        "L12",
        ("date", "date"),
        (
            (dt.date(1, 1, 1), dt.date(9999, 12, 31), -1),
            (dt.date(1582, 10, 4), dt.date(1582, 10, 15), -1),
            (dt.date(2024, 2, 29), dt.date(2024, 2, 29), 0),
        ),
    ),
    (
        "L12",
        ("timestamp", "timestamp"),
        (
            (dt.datetime(1, 1, 1), dt.datetime(1, 1, 1, 0, 0, 0, 1), -1),
            (
                dt.datetime(9999, 12, 31, 23, 59, 59, 999_999),
                dt.datetime(9999, 12, 31, 23, 59, 59, 999_999),
                0,
            ),
        ),
    ),
    (
        "L12",
        ("timestamp_utc", "timestamp_utc"),
        (
            (
                dt.datetime(1969, 12, 31, 23, 59, tzinfo=dt.UTC),
                dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
                -1,
            ),
        ),
    ),
)


def _compared() -> tuple[Scalar, ...]:
    """Every comparison of every pair."""
    found = []
    for line, types, pairs in _ORDERED:
        for name, holds in _COMPARISONS:
            examples = tuple((a, b, holds(sign)) for a, b, sign in pairs)
            if name == "is_distinct":
                a, b, _ = pairs[0]
                examples = (*examples, (None, None, False), (a, None, True), (None, b, True))
            distinct = "L3" if name == "is_distinct" and line == "L1" else line
            found.append(called(name, distinct, types, *examples))
    return tuple(found)


_TRUTHS: Final = (True, False, None)


def _conjunctions() -> tuple[Scalar, ...]:
    pairs = tuple((a, b) for a in _TRUTHS for b in _TRUTHS)
    three = columns_of((BOOL, BOOL, BOOL))
    return (
        called("and", "L2", ("bool", "bool"), *((a, b, _and(a, b)) for a, b in pairs)),
        called("or", "L2", ("bool", "bool"), *((a, b, _or(a, b)) for a, b in pairs)),
        called("not", "L2", ("bool",), (True, False), (False, True), (None, None)),
        Scalar(
            "and",
            "L2",
            call("and", *three),
            (BOOL,) * 3,
            ((True, True, True, True), (True, None, False, False), (True, True, None, None)),
        ),
        Scalar(
            "or",
            "L2",
            call("or", *three),
            (BOOL,) * 3,
            ((False, False, False, False), (False, None, True, True), (False, False, None, None)),
        ),
    )


def _and(a: bool | None, b: bool | None) -> bool | None:
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def _or(a: bool | None, b: bool | None) -> bool | None:
    if a is True or b is True:
        return True
    return None if a is None or b is None else False


_KINDS: Final = (
    ("int64", 7),
    ("float64", 0.5),
    ("decimal(38,2)", Decimal("0.01")),
    ("bool", False),
    ("text", ""),
    ("binary", b""),
    ("date", dt.date(1, 1, 1)),
    ("timestamp", dt.datetime(1, 1, 1)),
    ("timestamp_utc", dt.datetime(1, 1, 1, tzinfo=dt.UTC)),
)
_NULL_TESTS: Final = tuple(
    called(name, "L4", (kind,), (value, name == "is_not_null"), (None, name == "is_null"))
    for name in ("is_null", "is_not_null")
    for kind, value in _KINDS
)

_CHOICES: Final = (
    called(
        "coalesce",
        "L5",
        ("int64", "int64"),
        (None, 2, 2),
        (1, 2, 1),
        (None, None, None),
        (1, None, 1),
    ),
    called("coalesce", "L5", ("int64", "float64"), (None, 0.5, 0.5), (2, None, 2.0)),
    called("coalesce", "L5", ("text", "text", "text"), (None, "", "x", ""), (None, None, "𝄞", "𝄞")),
    called("coalesce", "L5", ("date",), (None, None), (dt.date(1, 1, 1), dt.date(1, 1, 1))),
    *(
        called(
            name,
            "L5",
            ("int64", "int64", "int64"),
            (1, 3, 2, 3 if name == "greatest" else 1),
            (None, 3, 2, 3 if name == "greatest" else 2),
            (None, None, 2, 2),
            (None, None, None, None),
        )
        for name in ("greatest", "least")
    ),
    called("greatest", "L9", ("float64", "float64"), (1.0, _NAN, _NAN), (_NAN, _INF, _NAN)),
    called("least", "L9", ("float64", "float64"), (1.0, _NAN, 1.0), (-_INF, _NAN, -_INF)),
    called("greatest", "L11", ("text", "text"), ("a", "B", "a"), ("é", "z", "é"), ("", None, "")),
    called("least", "L11", ("text", "text"), ("a", "B", "B"), ("\ufffd", "𝄞", "\ufffd")),
    called(
        "greatest",
        "L10",
        ("decimal(9,2)", "decimal(9,2)"),
        (Decimal("1.10"), Decimal("-1.20"), Decimal("1.10")),
    ),
    called(
        "least",
        "L12",
        ("date", "date"),
        (dt.date(9999, 12, 31), dt.date(1, 1, 1), dt.date(1, 1, 1)),
    ),
)

_BRANCHES: Final = (
    Scalar(
        "case",
        "L6",
        case(
            (
                (call("greater", _A, literal(0)), literal("above")),
                (call("less", _A, literal(0)), literal("below")),
            ),
        ),
        (INT64,),
        ((1, "above"), (-1, "below"), (0, None), (None, None)),
    ),
    Scalar(
        "case",
        "L6",
        case(((call("equal", _A, literal(1)), literal(1)),), literal(0.5)),
        (INT64,),
        ((1, 1.0), (2, 0.5), (None, 0.5)),
    ),
    Scalar(
        "case",
        "E1",
        case(
            ((call("less", _A, literal(2**62)), call("add", _A, _A)),),
            literal(-1),
        ),
        (INT64,),
        ((1, 2), (2**63 - 1, -1), (None, -1)),
    ),
)

_MEMBERS: Final = (
    Scalar("in", "L7", in_list(_A, (1, 2)), (INT64,), ((1, True), (3, False), (None, None))),
    Scalar("in", "L7", in_list(_A, (1, None)), (INT64,), ((1, True), (3, None), (None, None))),
    Scalar(
        "in",
        "L7",
        in_list(columns_of((TEXT,))[0], ("a", "𝄞", "it's")),
        (TEXT,),
        (("a", True), ("A", False), ("𝄞", True), ("it's", True), ("a ", False), (None, None)),
    ),
    Scalar(
        "in",
        "L9",
        in_list(columns_of((FLOAT64,))[0], (0.0, 1.5)),
        (FLOAT64,),
        ((-0.0, True), (1.5, True), (_NAN, False), (_INF, False)),
    ),
)

LOGIC: Final = (
    *_compared(),
    *_conjunctions(),
    *_NULL_TESTS,
    *_CHOICES,
    *_BRANCHES,
    *_MEMBERS,
    *SINGLE_VALUES,
)
"""Cases of lines L."""
