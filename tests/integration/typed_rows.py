"""Rows with the edge values of every type."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

from wayfed_optimizer.types import Schema

SCHEMA = Schema.of(
    bool="bool",
    int8="int8",
    int16="int16",
    int32="int32",
    int64="int64",
    float32="float32",
    float64="float64",
    price="decimal(12,2)",
    widest="decimal(38,10)",
    text="text",
    binary="binary",
    date="date",
    naive="timestamp",
    instant="timestamp_utc",
    list="list<int32>",
    struct="struct<a: int8, B: list<text>>",
)
"""A column of each type."""

ROWS: list[dict[str, object]] = [
    {
        "bool": True,
        "int8": -128,
        "int16": -(2**15),
        "int32": -(2**31),
        "int64": -(2**63),
        "float32": -1.5,
        "float64": math.nan,
        "price": Decimal("-9999999999.99"),
        "widest": Decimal("-9999999999999999999999999999.9999999999"),
        "text": "é€𝄞\x00\n",
        "binary": b"\x00\xff",
        "date": dt.date(1, 1, 1),
        "naive": dt.datetime(1, 1, 1, 0, 0, 0, 1),
        "instant": dt.datetime(1, 1, 1, tzinfo=dt.UTC),
        "list": [1, None, -(2**31)],
        "struct": {"a": -128, "B": ["x", None]},
    },
    {
        "bool": False,
        "int8": 127,
        "int16": 2**15 - 1,
        "int32": 2**31 - 1,
        "int64": 2**63 - 1,
        "float32": math.inf,
        "float64": -0.0,
        "price": Decimal("9999999999.99"),
        "widest": Decimal("0.0000000001"),
        "text": "",
        "binary": b"",
        "date": dt.date(9999, 12, 31),
        "naive": dt.datetime(9999, 12, 31, 23, 59, 59, 999_999),
        "instant": dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, dt.UTC),
        "list": [],
        "struct": {"a": None, "B": []},
    },
    {
        "float64": 5e-324,
        "date": dt.date(1582, 10, 10),
        "naive": dt.datetime(1969, 12, 31, 23, 59, 59, 999_999),
        "instant": dt.datetime(1582, 10, 10, 1, 2, 3, 4, dt.UTC),
    },
]
"""Least, greatest and odd values; the last row is NULL for the rest."""
