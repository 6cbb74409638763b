"""What each function of the table gives, case by case: its arguments, and then the result."""

from __future__ import annotations

import datetime
import hashlib
import math
from dataclasses import dataclass
from decimal import Decimal as D
from typing import Any

from wayfed_optimizer.types import BOOL, DATE, FLOAT64, INT64, TEXT, TIMESTAMP, DataType

NAN, INF = math.nan, math.inf
MAX, MIN = 2**63 - 1, -(2**63)


class Null:
    """A NULL of some type."""

    def __init__(self, kind: DataType) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"null:{self.kind}"


@dataclass(frozen=True)
class Constant:
    """An argument that is written as a constant, not as a column."""

    value: Any


@dataclass(frozen=True)
class Stored:
    """An argument that is only ever a column: DuckDB computes such constants in 128 bits."""

    value: Any


class Error:
    """The statement ends with an error."""

    def __repr__(self) -> str:
        return "error"


ERROR = Error()
NO_TEXT, NO_INT, NO_FLOAT, NO_BOOL = Null(TEXT), Null(INT64), Null(FLOAT64), Null(BOOL)
NO_DATE, NO_TIME = Null(DATE), Null(TIMESTAMP)
C = Constant


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


SCALARS: dict[str, list[tuple[tuple[Any, ...], Any]]] = {
    "add": [
        ((1, 2), 3),
        ((1.5, 2), 3.5),
        ((D("0.10"), D("0.2")), D("0.30")),
        ((1, NO_INT), None),
        ((MAX, 1), ERROR),
        ((5_000_000_000, 1), 5_000_000_001),
    ],
    "subtract": [((1, 2), -1), ((MIN, 1), ERROR), ((D("1.5"), 1), D("0.5")), ((3, -4), 7)],
    "multiply": [
        ((3, -4), -12),
        ((MAX, 2), ERROR),
        ((D("1.25"), D("0.5")), D("0.625")),
        ((0.5, 3), 1.5),
    ],
    "divide": [
        ((1, 2), 0.5),
        ((1, 0), None),
        ((1.0, 0.0), None),
        ((D("1.5"), 3), 0.5),
        ((NO_INT, 2), None),
        ((-7, 2), -3.5),
    ],
    "floor_divide": [
        ((7, 2), 3),
        ((-7, 2), -4),
        ((7, -2), -4),
        ((-7, -2), 3),
        ((6, -2), -3),
        ((7, 0), None),
        ((7.5, 2.0), 3.0),
        ((-7.5, 2.0), -4.0),
        ((1.0, 0.0), None),
        ((D("7.5"), 2), 3.0),
        ((MIN, -1), ERROR),
    ],
    "modulo": [
        ((7, 3), 1),
        ((-7, 3), 2),
        ((7, -3), -2),
        ((-7, -3), -1),
        ((6, 3), 0),
        ((7, 0), None),
        ((-7, C(3)), 2),
        ((7, C(-3)), -2),
        ((MAX, MAX - 1), 1),
        ((-1, MAX), MAX - 1),
    ],
    "remainder": [((7, 3), 1), ((-7, 3), -1), ((7, -3), 1), ((7, 0), None), ((MAX, 10), 7)],
    "negate": [((3,), -3), ((-2.5,), 2.5), ((D("1.5"),), D("-1.5")), ((Stored(MIN),), ERROR)],
    "equal": [
        (("a", "a"), True),
        (("a", "A"), False),
        ((1, D("1.00")), True),
        ((0.0, -0.0), True),
        ((NO_INT, 1), None),
    ],
    "not_equal": [((1, 2), True), ((NO_TEXT, "a"), None)],
    "less": [((1, 2), True), (("B", "a"), True), ((day("2013-01-01"), day("2013-02-01")), True)],
    "less_equal": [((2, 2), True), ((2.5, 2), False)],
    "greater": [(("é", "z"), True), ((True, False), True), ((NO_INT, 1), None)],
    "greater_equal": [
        ((at("2013-01-01 10:00:00.5"), at("2013-01-01 10:00:00.25")), True),
        ((2, 3), False),
    ],
    "is_distinct": [
        ((1, 2), True),
        ((1, 1), False),
        ((1, NO_INT), True),
        ((NO_INT, NO_INT), False),
    ],
    "and": [
        ((True, True), True),
        ((True, NO_BOOL), None),
        ((False, NO_BOOL), False),
        ((True, True, False), False),
    ],
    "or": [((False, True), True), ((False, NO_BOOL), None), ((True, NO_BOOL), True)],
    "not": [((True,), False), ((NO_BOOL,), None)],
    "is_null": [((NO_INT,), True), ((1,), False)],
    "is_not_null": [((NO_TEXT,), False), (("",), True)],
    "is_nan": [((1.5,), False), ((NO_FLOAT,), None)],
    "coalesce": [((NO_INT, 2, 3), 2), ((NO_TEXT, NO_TEXT), None), ((NO_FLOAT, 1.5), 1.5)],
    "single_value": [((5, 1), 5), ((NO_INT, 1), None), ((NO_TEXT, 0), None), (("a", 1), "a")],
    "greatest": [
        ((1, 3, 2), 3),
        ((NO_INT, 2, 5), 5),
        ((2, NO_INT), 2),
        ((NO_INT, NO_INT), None),
        (("B", "a"), "a"),
        ((4,), 4),
    ],
    "least": [((1, 3, NO_INT), 1), ((NO_TEXT, NO_TEXT), None), (("B", "a"), "B")],
    "lower": [(("ABC",), "abc"), ((NO_TEXT,), None)],
    "upper": [(("abc",), "ABC")],
    "length": [(("héllo",), 5), (("",), 0), ((NO_TEXT,), None)],
    "trim": [(("  a b ",), "a b"), (("\ta ",), "\ta")],
    "ltrim": [(("  a ",), "a ")],
    "rtrim": [(("  a ",), "  a")],
    "substring": [
        (("hello", 2), "ello"),
        (("hello", 2, 3), "ell"),
        (("héllo", C(2), C(1)), "é"),
        (("hello", 0), "hello"),
        (("hello", 0, 2), "h"),
        (("hello", -1, 4), "he"),
        (("hello", -5, 2), ""),
        (("hello", 9), ""),
        (("hello", 4, 9), "lo"),
        ((NO_TEXT, 1), None),
    ],
    "tan": [((0.0,), 0.0), ((INF,), None)],
    "cot": [((0.0,), None), ((1.0,), 1 / math.tan(1))],
    "asin": [((1.0,), math.pi / 2), ((2.0,), None)],
    "acos": [((1.0,), 0.0), ((-2.0,), None)],
    "atan": [((1.0,), math.pi / 4)],
    "atan2": [((1.0, -1.0), 3 * math.pi / 4)],
    "degrees": [((math.pi,), 180.0)],
    "radians": [((180.0,), math.pi)],
    "cbrt": [((-27.0,), -3.0)],
    "trunc": [((-2.7,), -2.0), ((D("-2.7"),), D("-2.0")), ((7,), 7)],
    "bitwise_and": [((12, 10), 8)],
    "bitwise_or": [((12, 10), 14)],
    "bitwise_xor": [((12, 10), 6)],
    "bitwise_not": [((12,), -13)],
    "regexp_matches": [(("abc", C("b+")), True), (("abc", C("^b")), False)],
    "regexp_extract": [(("a-1", C(r"(\w)-(\d)"), C(2)), "1"), (("b", C("a")), "")],
    "regexp_replace": [
        (("a1b2", C(r"(\d)"), C(r"<\1>"), C(True)), "a<1>b<2>"),
        (("a1b2", C(r"\d"), C("x"), C(False)), "axb2"),
    ],
    "octet_length": [(("é𝄞",), 6), ((NO_TEXT,), None)],
    "lpad": [(("ab", 4, "xyz"), "xyab"), (("abc", C(2), C("x")), "ab"), (("a", 3, ""), "a")],
    "rpad": [(("ab", 4, "xyz"), "abxy"), (("abc", C(2), C("x")), "ab"), (("a", 3, ""), "a")],
    "left": [(("abc", 2), "ab"), (("abc", -1), "ab"), ((NO_TEXT, 1), None)],
    "right": [(("abc", 2), "bc"), (("abc", -1), "bc"), (("abc", NO_INT), None)],
    "repeat": [(("ab", 2), "abab"), (("ab", -1), ""), (("ab", NO_INT), None)],
    "reverse": [(("ab𝄞",), "𝄞ba")],
    "position": [(("banana", "na"), 3), (("banana", "x"), 0)],
    "split_part": [(("a,b", ",", 2), "b"), (("a,b", ",", 0), ""), (("a,b", "", C(1)), "a,b")],
    "translate": [(("abc", "ab", "x"), "xc")],
    "ascii": [(("𝄞",), 0x1D11E), (("",), 0)],
    "chr": [((0x1D11E,), "𝄞"), ((0,), None)],
    "concat_ws": [((",", "a", NO_TEXT, "b"), "a,b"), ((NO_TEXT, "a"), None)],
    "concat": [(("a", "b", "c"), "abc"), (("a", NO_TEXT), None), (("a",), "a")],
    "replace": [
        (("banana", "an", "o"), "booa"),
        (("abc", "", "x"), "abc"),
        (("abc", "", NO_TEXT), None),
    ],
    "starts_with": [
        (("a%c", "a%"), True),
        (("abc", "a%"), False),
        (("abc", ""), True),
        (("Abc", "a"), False),
        ((NO_TEXT, "a"), None),
    ],
    "ends_with": [
        (("abc", "bc"), True),
        (("abc", ""), True),
        (("bc", "abc"), False),
        (("ab_", "b_"), True),
        (("abc", "BC"), False),
    ],
    "contains": [
        (("a_c", "_"), True),
        (("abc", "_"), False),
        (("abc", ""), True),
        (("", "a"), False),
        (("abc", NO_TEXT), None),
    ],
    "like": [
        (("abc", "a%"), True),
        (("abc", "A%"), False),
        (("abc", "a_c"), True),
        (("a%c", "a\\%c"), False),
        (("a\\b", "a\\b"), True),
        (("a*c", "a*c"), True),
        (("abc", "a*c"), False),
        (("a[b]c", "a[b]c"), True),
        (("abc", "a?c"), False),
        (("a\nb", "a_b"), True),
        (("", "%"), True),
        (("é", "_"), True),
        ((NO_TEXT, "%"), None),
    ],
    "ilike": [(("ABC", "a%"), True), (("a%c", "A\\%C"), False), (("ABC", "b%"), False)],
    "year": [((day("2013-02-03"),), 2013), ((at("0001-02-03 00:00"),), 1), ((NO_DATE,), None)],
    "quarter": [((day("2013-03-31"),), 1), ((at("2013-12-31 23:59"),), 4)],
    "month": [((day("2013-02-03"),), 2)],
    "day": [((at("2013-02-03 23:59:59.999999"),), 3)],
    "hour": [((at("2013-02-03 23:59:59.999999"),), 23)],
    "minute": [((at("2013-02-03 23:59:59.999999"),), 59)],
    "second": [((at("2013-02-03 23:59:59.999999"),), 59), ((NO_TIME,), None)],
    "millisecond": [((at("1969-12-31 23:59:59.9995"),), 59_999)],
    "microsecond": [((at("1969-12-31 23:59:59.9995"),), 59_999_500)],
    "week": [((day("2021-01-01"),), 53), ((at("2021-01-04 00:00"),), 1)],
    "iso_year": [((day("2021-01-01"),), 2020)],
    "strftime": [
        ((day("2024-02-29"), C("%a %d %b %Y")), "Thu 29 Feb 2024"),
        ((at("0042-12-31 23:59:58.5"), C("%j %H:%M:%S.%f %%")), "365 23:59:58.500000 %"),
    ],
    "strptime": [
        (("29.02.2024", C("%d.%m.%Y")), at("2024-02-29 00:00")),
        (("1.2.2024", C("%d.%m.%Y")), ERROR),
        ((NO_TEXT, C("%Y-%j")), None),
    ],
    "make_date": [((2024, 2, 29), day("2024-02-29")), ((2023, 2, 29), ERROR), ((0, 1, 1), ERROR)],
    "last_day": [((day("2024-02-03"),), day("2024-02-29"))],
    "day_of_week": [((day("2024-01-07"),), 7), ((at("2024-01-08 00:00"),), 1)],
    "day_of_year": [((day("2024-12-31"),), 366), ((at("2013-01-01 12:00"),), 1)],
    "date_trunc": [
        ((day("2013-05-17"), C("year")), day("2013-01-01")),
        ((day("2013-05-17"), C("quarter")), day("2013-04-01")),
        ((day("2013-05-31"), C("quarter")), day("2013-04-01")),
        ((day("2013-05-17"), C("month")), day("2013-05-01")),
        ((day("2013-05-19"), C("week")), day("2013-05-13")),
        ((day("2013-05-13"), C("WEEK")), day("2013-05-13")),
        ((day("2013-05-17"), C("day")), day("2013-05-17")),
        ((day("2013-05-17"), C("hour")), day("2013-05-17")),
        ((at("2013-05-17 10:20:30.5"), C("year")), at("2013-01-01")),
        ((at("2013-05-17 10:20:30.5"), C("quarter")), at("2013-04-01")),
        ((at("2013-05-17 10:20:30.5"), C("month")), at("2013-05-01")),
        ((at("2013-05-17 10:20:30.5"), C("week")), at("2013-05-13")),
        ((at("2013-05-17 10:20:30.5"), C("day")), at("2013-05-17")),
        ((at("2013-05-17 10:20:30.5"), C("hour")), at("2013-05-17 10:00")),
        ((at("2013-05-17 10:20:30.5"), C("minute")), at("2013-05-17 10:20")),
        ((at("2013-05-17 10:20:30.5"), C("second")), at("2013-05-17 10:20:30")),
        ((at("2013-05-17 10:20:30+00:00"), C("day")), at("2013-05-17 00:00+00:00")),
        ((NO_TIME, C("day")), None),
    ],
    "add_days": [
        ((day("2013-01-31"), 1), day("2013-02-01")),
        ((day("2013-03-01"), -1), day("2013-02-28")),
        ((at("2013-01-31 10:20:30.5"), C(1)), at("2013-02-01 10:20:30.5")),
        ((at("2013-01-31 10:00+00:00"), -31), at("2012-12-31 10:00+00:00")),
        ((NO_DATE, 1), None),
        ((day("9999-12-31"), 1), ERROR),
    ],
    "add_months": [
        ((day("2013-01-31"), 1), day("2013-02-28")),
        ((at("2013-03-31 10:20:30.5"), C(-1)), at("2013-02-28 10:20:30.5")),
        ((day("0001-01-31"), -1), ERROR),
        ((NO_DATE, 1), None),
    ],
    "add_microseconds": [
        ((at("2013-01-31 10:20:30.5"), 500_000), at("2013-01-31 10:20:31")),
        ((at("1970-01-01 00:00+00:00"), C(-1)), at("1969-12-31 23:59:59.999999+00:00")),
        ((at("9999-12-31 23:59:59.999999"), 1), ERROR),
    ],
    "date_diff": [
        ((day("2013-12-31"), day("2014-01-01"), C("year")), 1),
        ((day("1969-12-31"), day("1970-01-01"), C("quarter")), 1),
        ((at("2013-01-31 23:00"), at("2013-03-01 00:00"), C("month")), 2),
        ((day("2024-01-07"), day("2024-01-08"), C("week")), 1),
        ((day("2024-01-08"), day("2024-01-14"), C("week")), 0),
        ((day("1969-12-29"), day("1969-12-28"), C("week")), -1),
        ((at("2013-01-01 23:59"), at("2013-01-02 00:00"), C("day")), 1),
        ((at("2013-01-02 00:00"), at("2013-01-01 23:59"), C("day")), -1),
        ((day("2013-01-01"), day("2013-01-02"), C("hour")), 24),
        ((at("2013-01-01 10:59:59.9"), at("2013-01-01 11:00"), C("hour")), 1),
        ((at("1969-12-31 23:59"), at("1969-12-31 23:10"), C("hour")), 0),
        ((at("2013-01-01 10:59:59.9"), at("2013-01-01 11:00"), C("minute")), 1),
        ((at("2013-01-01 10:00:00.9"), at("2013-01-01 10:00:01.1"), C("second")), 1),
        ((NO_DATE, day("2013-01-01"), C("day")), None),
    ],
    "epoch": [
        ((at("2024-01-01 00:00:00.25"),), 1704067200.25),
        ((at("1969-12-31 23:59:59.5"),), -0.5),
        ((at("1970-01-01 00:00+00:00"),), 0.0),
    ],
    "abs": [((-3,), 3), ((-2.5,), 2.5), ((D("-1.5"),), D("1.5")), ((MIN,), ERROR)],
    "sign": [((-3,), -1), ((0,), 0), ((2.5,), 1), ((D("-0.5"),), -1), ((NO_FLOAT,), None)],
    "floor": [((-2.5,), -3.0), ((2.5,), 2.0), ((3,), 3), ((D("-2.5"),), D("-3.0"))],
    "ceil": [((-2.5,), -2.0), ((2.5,), 3.0), ((3,), 3), ((D("2.1"),), D("3.0"))],
    "round": [
        ((2.5,), 3.0),
        ((-2.5,), -3.0),
        ((0.4999,), 0.0),
        ((4503599627370497.0,), 4503599627370497.0),
        ((2.345, C(1)), 2.3),
        ((7,), 7),
        ((D("2.5"),), D("3.0")),
        ((D("-2.45"),), D("-2.00")),
        ((NO_FLOAT, C(1)), None),
    ],
    "sqrt": [((4.0,), 2.0), ((-1.0,), None), ((0,), 0.0)],
    "ln": [((math.e,), 1.0), ((0.0,), None), ((-1.0,), None), ((NO_FLOAT,), None)],
    "log10": [((100,), 2.0), ((0,), None)],
    "exp": [((1.0,), math.e), ((0,), 1.0)],
    "power": [
        ((2, 10), 1024.0),
        ((0.0, 0.0), 1.0),
        ((0.0, -1.0), None),
        ((-2.0, 3.0), -8.0),
        ((-2.0, 0.5), None),
    ],
    "sin": [((0.0,), 0.0), ((math.pi / 2,), 1.0)],
    "cos": [((0.0,), 1.0)],
    "hash": [
        (("x",), 710810379057940483),
        (("é",), int(hashlib.md5("é".encode()).hexdigest()[:15], 16)),
        ((NO_TEXT,), None),
    ],
}

AGGREGATES: dict[str, list[tuple[list[Any], Any]]] = {
    "count": [([1, NO_INT, 3], 2), ([], 0)],
    "count_distinct": [([1, 1, NO_INT, 2], 2), (["a", "A"], 2), ([0.0, -0.0], 1)],
    "count_if": [([True, False, NO_BOOL, True], 2), ([], 0)],
    "sum": [
        ([1, 2, NO_INT], 3),
        ([1.5, 2.5], 4.0),
        ([D("0.10"), D("0.20")], D("0.30")),
        ([MAX, 1], ERROR),
        ([NO_INT], None),
        ([], None),
        ([D("12345678901.23"), D("0.01")], D("12345678901.24")),
    ],
    "mean": [([1, 2], 1.5), ([D("1.5"), D("2.5")], 2.0), ([], None)],
    "min": [
        (["b", "B", NO_TEXT], "B"),
        ([True, False], False),
        ([day("2013-01-02"), day("2013-01-01")], day("2013-01-01")),
        ([D("1.5"), D("-2.5")], D("-2.5")),
        ([], None),
    ],
    "max": [(["b", "B"], "b"), ([True, False], True), ([1.5, NO_FLOAT], 1.5)],
    "stddev": [([1.0, 2.0, 3.0, 4.0], 1.2909944487358056), ([1.0], None)],
    "variance": [([1.0, 2.0, 3.0, 4.0], 5 / 3), ([1.0], None)],
    "median": [([1.0, 2.0, 10.0], 2.0), ([1.0, 2.0, 3.0, 4.0], 2.5), ([], None)],
    "any_value": [([NO_INT, 3, NO_INT], 3), ([NO_TEXT], None), ([True], True)],
    "bool_and": [([True, NO_BOOL], True), ([True, False], False), ([], None)],
    "bool_or": [([False, NO_BOOL], False), ([True, False], True), ([], None)],
}

# These tell apart rows that are equal in the order; the order is made total for them.
POSITIONAL = ("row_number", "ntile", "lag", "lead")

WINDOWS: dict[str, list[tuple[tuple[Any, ...], list[Any]]]] = {
    # Over the values 10, 20, 20, 30 in this order.
    "row_number": [((), [1, 2, 3, 4])],
    "rank": [((), [1, 2, 2, 4])],
    "dense_rank": [((), [1, 2, 2, 3])],
    "ntile": [((2,), [1, 1, 2, 2])],
    "lag": [
        (("x",), [None, 10, 20, 20]),
        (("x", 2), [None, None, 10, 20]),
        (("x", 1, 0), [0, 10, 20, 20]),
    ],
    "lead": [(("x",), [20, 20, 30, None]), (("x", 1, -1), [20, 20, 30, -1])],
    "first_value": [(("x",), [10, 10, 10, 10])],
    "last_value": [(("x",), [10, 20, 20, 30])],
    "sum": [(("x",), [10, 50, 50, 80])],
    "count": [((), [1, 3, 3, 4])],
    "max": [(("x",), [10, 20, 20, 30])],
}


CASTS: list[tuple[Any, str, Any]] = [
    (2.7, "int64", 2),
    (-2.7, "int32", -2),
    (D("2.75"), "int64", 2),
    (3e9, "int32", ERROR),
    (D("2.345"), "decimal(5,2)", D("2.35")),
    (D("-2.345"), "decimal(5,2)", D("-2.35")),
    (0.1, "decimal(18,2)", D("0.10")),
    (123456789.125, "decimal(15,3)", D("123456789.125")),
    (2**31, "int32", ERROR),
    (-128, "int8", -128),
    (D("127.9"), "int8", 127),
    (D("128.0"), "int8", ERROR),
    (2, "bool", True),
    (0.0, "bool", False),
    (True, "int64", 1),
    (True, "text", "true"),
    (12, "text", "12"),
    (1e20, "text", "1e+20"),
    (1.0, "text", "1.0"),
    ("12", "int64", 12),
    ("abc", "int64", ERROR),
    ("2013-02-03", "date", day("2013-02-03")),
    (day("2013-02-03"), "timestamp", at("2013-02-03 00:00")),
    (day("2013-02-03"), "text", "2013-02-03"),
    (at("2013-02-03 23:59:59.5"), "date", day("2013-02-03")),
    (at("2013-02-03 23:59:59.5"), "text", "2013-02-03 23:59:59.5"),
    (at("2013-02-03 10:00"), "timestamp_utc", at("2013-02-03 10:00+00:00")),
    (at("2013-02-03 10:00+00:00"), "timestamp", at("2013-02-03 10:00")),
    ("é", "binary", "é".encode()),
    (NO_TEXT, "int64", None),
]
