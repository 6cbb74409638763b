"""The small tables that plans and windows are tried on: duplicates, NULL keys, none at all."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final

from wayfed.testing.case import Row
from wayfed_optimizer.types import Schema

_JANUARY: Final = dt.datetime(2024, 1, 31)

TABLES: Final[dict[str, tuple[Schema, tuple[Row, ...]]]] = {
    "orders": (
        Schema.of(id="int64", customer="int64", amount="float64", note="text"),
        (
            (1, 10, 5.0, "a"),
            (2, 10, 7.0, "b"),
            (3, 20, None, "a"),
            (4, None, 1.0, None),
            (5, 99, 2.5, "𝄞"),
        ),
    ),
    "customers": (
        Schema.of(code="int64", name="text"),
        ((10, "ann"), (20, "bob"), (20, "bea"), (30, None), (None, "nil")),
    ),
    "left_rows": (
        Schema.of(x="int64", y="text"),
        ((1, "a"), (1, "a"), (1, "a"), (2, None), (2, None), (None, "b"), (3, "c")),
    ),
    "right_rows": (
        Schema.of(x="int64", y="text"),
        ((1, "a"), (1, "a"), (2, None), (None, "b"), (4, "d")),
    ),
    "pairs": (
        Schema.of(p="int64", q="int64"),
        ((1, 1), (1, 2), (1, None), (None, 1), (None, None)),
    ),
    "other_pairs": (
        Schema.of(r="int64", s="int64"),
        ((1, 1), (1, None), (None, None), (2, 1)),
    ),
    "nothing": (Schema.of(id="int64", n="int64", label="text"), ()),
    "extremes": (
        Schema.of(id="int64", n="int64", text="text", amount="float64"),
        ((1, 2**63 - 1, "12x", 1e300), (2, 1, "12", 1.0), (3, -(2**63), "", -1e300)),
    ),
}
"""Tables by name: their columns and rows."""

WINDOW_SCHEMA: Final = Schema.of(
    id="int64",
    g="text",
    k="int64",
    x="int64",
    d="float64",
    p="bool",
    m="decimal(9,2)",
    t="timestamp",
)
WINDOW_ROWS: Final[tuple[Row, ...]] = (
    (1, "a", 1, 10, 0.5, True, Decimal("0.10"), _JANUARY),
    (2, "a", 1, None, 1.5, None, Decimal("0.20"), _JANUARY + dt.timedelta(seconds=90)),
    (3, "a", 2, 30, None, False, Decimal("0.30"), _JANUARY + dt.timedelta(days=1)),
    (4, "a", None, 40, 2.5, True, None, _JANUARY + dt.timedelta(days=29)),
    (5, "b", 5, None, None, None, Decimal("0.10"), None),
    (6, "b", 4, 60, 3.5, True, Decimal("9.99"), _JANUARY),
    (7, None, 1, 70, 4.5, False, None, None),
    (8, None, 2, 80, 5.5, True, Decimal("0.20"), None),
)
"""What windows look at: partitions a, b and NULL, ties in k, NULL in all others."""
