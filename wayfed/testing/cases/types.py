"""A table for each type, of values at its edges: what the matrix of relations and types looks at."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import wayfed as wf
from wayfed.testing.case import Row
from wayfed_optimizer.coercion import is_ordered
from wayfed_optimizer.types import DataType, Field, List, Schema, Struct, parse_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed.columns import Column


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """A type, and values at its edges.

    Parameters
    ----------
    type
        By name.
    values
        Different ones, upwards where they have an order. In the matrix a value is known by its
        place here, its *code*.
    variant
        What tells apart two entries of one type.
    text
        How a value is written as text, where engines agree on it.
    """

    type: str
    values: Row
    variant: str = ""
    text: Callable[[Any], str] | None = None

    @property
    def name(self) -> str:
        """What a case says that it is of."""
        return f"{self.type} {self.variant}".rstrip()

    @property
    def kind(self) -> DataType:
        """The type itself."""
        return parse_type(self.type)

    @property
    def is_ordered(self) -> bool:
        """Whether the values have an order."""
        return is_ordered(self.kind)

    @property
    def is_nested(self) -> bool:
        """Whether the values are lists or structs, of which there are no constants."""
        return isinstance(self.kind, List | Struct)

    @property
    def has_nan(self) -> bool:
        """Whether NaN is among the values."""
        return any(isinstance(value, float) and math.isnan(value) for value in self.values)

    @property
    def tables(self) -> tuple[str, str]:
        """The names of the two tables of this type."""
        return f"left {self.name}", f"right {self.name}"

    def constant(self, code: int) -> Column:
        """Return a value as an expression."""
        return _constant(self.values[code], self.kind)

    def code(self, column: Column) -> Column:
        """Return the code of what a column holds; NULL of NULL."""
        found = wf.when(column == self.constant(0)).then(0)
        for code in range(1, len(self.values)):
            found = found.when(column == self.constant(code)).then(code)
        # What is none of the values is an error that shows.
        return found.when(column.is_not_null()).then(-1)


def _constant(value: Any, kind: DataType) -> Column:
    match kind:
        case List(element=element):
            return wf.list(*(_constant(each, element) for each in value))
        case Struct(fields=fields):
            members = {name: _constant(value[name], member) for name, member in fields}
            return wf.struct(**members)
    # float32 has no constants of its own; those here are the same as float64.
    return wf.lit(value) if kind.name == "float32" else wf.lit(value, kind)


_MOMENTS: Final = (
    dt.datetime(1, 1, 1),
    dt.datetime(1969, 12, 31, 23, 59, 59, 999_999),
    dt.datetime(2000, 2, 29, 12),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999_999),
)


def _moment_text(value: dt.datetime) -> str:
    return value.replace(tzinfo=None).isoformat(" ")


def _integers(bits: int) -> Edges:
    return Edges(f"int{bits}", (-(2 ** (bits - 1)), -1, 0, 2 ** (bits - 1) - 1), text=str)


def _decimals(precision: int, scale: int) -> Edges:
    digits = (-(10**precision - 1), -1, 0, 10**precision - 1)
    values = tuple(Decimal(f"{each}e-{scale}") for each in digits)
    return Edges(f"decimal({precision},{scale})", values, text=lambda value: f"{value:f}")


EDGES: Final = (
    Edges("bool", (False, True), text=lambda value: str(value).lower()),
    *map(_integers, (8, 16, 32, 64)),
    Edges("float32", (-1.5, 0.0, 0.25, 16777216.0)),
    Edges("float64", (-1.7976931348623157e308, -5e-324, 0.1, 1.7976931348623157e308)),
    Edges("float64", (-math.inf, 0.0, math.inf, math.nan), "with NaN"),
    _decimals(15, 2),
    _decimals(38, 0),
    _decimals(38, 10),
    Edges("text", ("", "Z", "a", "\U0001d11e"), text=str),
    Edges("text", ("a", "a ", "e\u0301", "\u00e9"), "that looks alike", text=str),
    Edges("binary", (b"", b"\x00", b"\x00\x01", b"\xff")),
    Edges(
        "date",
        (dt.date(1, 1, 1), dt.date(1969, 12, 31), dt.date(2000, 2, 29), dt.date(9999, 12, 31)),
        text=str,
    ),
    Edges("timestamp", _MOMENTS, text=_moment_text),
    Edges(
        "timestamp_utc",
        tuple(moment.replace(tzinfo=dt.UTC) for moment in _MOMENTS),
        text=_moment_text,
    ),
    Edges("list<int64>", ([1], [1, None], [None, 1], [2])),
    Edges("list<text>", (["a"], ["a", ""], [None], ["\U0001d11e"])),
    Edges(
        "struct<n: int64, t: text>",
        ({"n": 1, "t": "a"}, {"n": 1, "t": None}, {"n": None, "t": None}, {"n": 2, "t": "a"}),
    ),
)
"""Every type, with values at its edges."""

LEFT: Final = (
    *((1, 0, 1), (2, 0, 0), (3, 0, 3), (4, 0, 1), (5, 0, 2)),
    *((6, 1, 2), (7, 1, None), (8, 1, 0), (9, 1, 2), (10, 1, None), (11, 1, 3)),
    *((12, 2, None), (13, 2, None)),
)
"""Rows of id, pattern and code: with no NULL, with some, with NULL alone."""
RIGHT: Final = (
    *((21, 0, 1), (22, 0, 2), (23, 0, 2)),
    *((24, 1, 0), (25, 1, None), (26, 1, 3)),
    (27, 2, None),
)


def coded(edges: Edges, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Return rows with the codes that a type has: one of two values has those above as its last."""
    last = len(edges.values) - 1
    return tuple((i, p, None if code is None else min(code, last)) for i, p, code in rows)


def _table(edges: Edges, names: tuple[str, str, str], rows: tuple[Row, ...]) -> tuple[Schema, Any]:
    kinds = (parse_type("int64"), parse_type("int64"), edges.kind)
    values = tuple(
        (i, p, None if code is None else edges.values[code]) for i, p, code in coded(edges, rows)
    )
    return Schema(map(Field, names, kinds)), values


TYPE_TABLES: Final[dict[str, tuple[Schema, tuple[Row, ...]]]] = {
    name: table
    for edges in EDGES
    for name, table in zip(
        edges.tables,
        (
            _table(edges, ("id", "pattern", "v"), LEFT),
            _table(edges, ("other", "pattern_right", "w"), RIGHT),
        ),
        strict=True,
    )
}
"""Two tables for each type: their columns and rows."""
