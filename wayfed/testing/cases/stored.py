"""Values of every type, to be put into a store and read back."""

from __future__ import annotations

import datetime
import decimal
import math
from dataclasses import dataclass
from typing import Any, Final

_D: Final = decimal.Decimal
_FIRST: Final = datetime.datetime(1, 1, 1)
_LAST: Final = datetime.datetime(9999, 12, 31, 23, 59, 59, 999999)
_BEFORE: Final = datetime.datetime(1969, 12, 31, 23, 59, 59, 999999)
_DAY: Final = datetime.date(2024, 2, 29)
_TIMES: Final = (_FIRST, _BEFORE, datetime.datetime(2024, 2, 29, 12), None, _LAST)


@dataclass(frozen=True, slots=True)
class Stored:
    """A column of a type, and the values that come back as they were.

    Parameters
    ----------
    about
        What of the type the values are; a store that refuses it is named by it.
    type
        The type as text.
    values
        The values.
    """

    about: str
    type: str
    values: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.type}: {self.about}"


def _integers(bits: int) -> tuple[int | None, ...]:
    return (-(2 ** (bits - 1)), -1, None, 0, 2 ** (bits - 1) - 1)


_VALUES: Final = (
    Stored("values", "bool", (True, None, False)),
    *(Stored("extremes", f"int{bits}", _integers(bits)) for bits in (8, 16, 32, 64)),
    Stored("values", "float32", (1.5, None, -0.0, 3.4028234663852886e38, 1.401298464324817e-45)),
    Stored("values", "float64", (0.1, None, -1e300, 5e-324, 1.7976931348623157e308, 1.0)),
    Stored("infinities", "float64", (math.inf, -math.inf, None)),
    Stored("NaN", "float64", (math.nan, 1.0, None)),
    Stored("values", "decimal(5,2)", (_D("-999.99"), None, _D("0.01"), _D("1.50"))),
    Stored("values", "decimal(15,2)", (_D("9999999999999.99"), None, _D("-0.01"))),
    Stored("38 digits", "decimal(38,10)", (_D(10**28 - 1) + _D("0.0123456789"), None)),
    Stored("38 digits", "decimal(38,0)", (_D("9" * 38), None, _D("-" + "9" * 38))),
    Stored("38 digits", "decimal(38,38)", (_D("0." + "9" * 38), None, _D("-0." + "0" * 37 + "1"))),
    Stored(
        "values",
        "text",
        (
            "",
            None,
            "NULL",
            "\\N",
            'a "b", c',
            "line\nline\r\n\ttab",
            "é😀",
            " a ",
            "1",
            "'",
            "\x7f",
        ),
    ),
    Stored("a zero", "text", ("a\x00b", None)),
    Stored("values", "binary", (b"", None, b"\x00\xff", b"text")),
    Stored("values", "date", (datetime.date.min, None, _DAY, datetime.date.max)),
    Stored("values", "timestamp", _TIMES),
    Stored(
        "values",
        "timestamp_utc",
        tuple(time and time.replace(tzinfo=datetime.UTC) for time in _TIMES),
    ),
    Stored("values", "list<int64>", ([], None, [1, None, -(2**63)])),
    Stored("values", "list<text>", ([""], None, ["é😀", None, 'a"'])),
    Stored("values", "list<list<date>>", ([[_DAY], [], None], None)),
    Stored("values", "struct<a: int64, b: text>", ({"a": 1, "b": None}, {"a": None, "b": ""})),
    Stored("NULL", "struct<a: int64, b: text>", ({"a": 1, "b": "x"}, None)),
    Stored(
        "values", "list<struct<a: bool, b: timestamp>>", ([{"a": True, "b": _BEFORE}], [], None)
    ),
)

STORED: Final = (
    *_VALUES,
    *(Stored("NULL alone", kind, (None, None)) for kind in dict.fromkeys(c.type for c in _VALUES)),
    *(Stored("no rows", kind, ()) for kind in dict.fromkeys(c.type for c in _VALUES)),
)
"""Every type with its edges, with nothing but NULL, and without rows."""
