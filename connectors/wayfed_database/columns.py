"""The columns that a database says a table has, and the types of ours that hold their values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import TypeMismatch
from wayfed_optimizer.types import (
    BINARY,
    BOOL,
    DATE,
    FLOAT32,
    FLOAT64,
    INT16,
    INT32,
    INT64,
    MAX_PRECISION,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    DataType,
    Decimal,
    Field,
    Schema,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_PARAMETERS: Final = re.compile(r"\s*\(\s*(?P<numbers>-?\d+(?:\s*,\s*-?\d+)?)\s*\)")


@dataclass(frozen=True, slots=True)
class ColumnDescription:
    """A column as its database describes it.

    Parameters
    ----------
    name, nullable
        What it is called, and whether it may be NULL.
    type
        The declared type as text, with its parameters: ``numeric(12,2)``.
    collation
        How its text is ordered, where that is not by code point.
    equates
        Whether the collation takes different texts for equal.
    filled
        Whether the database has a value for rows that leave it out.
    """

    name: str
    type: str
    nullable: bool = True
    collation: str | None = None
    equates: bool = False
    filled: bool = False


@dataclass(frozen=True, slots=True)
class TypeTable:
    """Which of our types hold the values of an engine's types.

    Parameters
    ----------
    engine
        Whose types; for messages.
    types
        Ours, by the engine's names in lower case, without parameters.
    decimals
        The names of exact numbers, which need a precision.
    precision
        The most digits that they are computed with here.
    remedies
        What to cast other types to, by name.
    cast
        How a cast is written.
    """

    engine: str
    types: Mapping[str, DataType]
    decimals: frozenset[str]
    precision: int
    remedies: Mapping[str, str]
    cast: Callable[[str, str], str]

    def type_of(self, column: ColumnDescription) -> DataType:
        """Return our type for a column.

        Raises
        ------
        TypeMismatch
            Where there is none; names the column and the cast to read it with.
        """
        name, numbers = split_type(column.type)
        if name in self.decimals:
            return self._decimal(column, numbers)
        kind = self.types.get(name)
        if kind is None:
            remedy = self.remedies.get(name, "text")
            declared = column.type or "of no declared type"
            raise self._mismatch(column, f"is {declared}, which has no counterpart here", remedy)
        return kind

    def _decimal(self, column: ColumnDescription, numbers: tuple[int, ...]) -> Decimal:
        if not numbers:
            raise self._mismatch(
                column,
                f"is {column.type} without a precision",
                f"numeric({min(self.precision, MAX_PRECISION)},6)",
            )
        precision, scale = (*numbers, 0)[:2]
        if not 0 <= scale <= precision <= self.precision:
            raise self._mismatch(
                column,
                f"is {column.type}, and decimals here have up to {self.precision} digits, "
                "up to all of them after the point",
                "double precision",
            )
        return Decimal(precision, scale)

    def _mismatch(self, column: ColumnDescription, what: str, remedy: str) -> TypeMismatch:
        name = column.name
        plain = name.isidentifier() and name == name.lower()
        written, mark = (name, '"') if plain else (f'"{name}"', "'")
        value = self.cast(name if "(" in name else written, remedy)
        return TypeMismatch(
            f"column '{name}' {what}",
            hint=f"read it with query={mark}select {value} as {written}, … from …{mark}",
        )

    def schema(self, columns: Iterable[ColumnDescription]) -> Schema:
        """Return the schema of a table with these columns."""
        return Schema(Field(c.name, self.type_of(c), c.nullable) for c in columns)


def split_type(text: str) -> tuple[str, tuple[int, ...]]:
    """Return the name of a declared type in lower case, and its parameters.

    Examples
    --------
    >>> split_type("timestamp(3) with time zone")
    ('timestamp with time zone', (3,))
    """
    found = _PARAMETERS.search(text)
    if found is None:
        return " ".join(text.lower().split()), ()
    name = f"{text[: found.start()]} {text[found.end() :]}"
    numbers = tuple(int(number) for number in found["numbers"].split(","))
    return " ".join(name.lower().split()), numbers


def changes(before: Iterable[ColumnDescription], now: Iterable[ColumnDescription]) -> list[str]:
    """Return what became of columns: each that is gone or has another type, in words."""
    types = {column.name: column for column in now}
    told = []
    for column in before:
        found = types.get(column.name)
        if found is None:
            told.append(f"column '{column.name}' is gone")
        elif found.type != column.type:
            told.append(f"column '{column.name}' was {column.type} and is {found.type}")
        elif found.nullable and not column.nullable:
            told.append(f"column '{column.name}' was not null and may be NULL")
    return told


def _colons(name: str, kind: str) -> str:
    return f"{name}::{kind}"


def _cast(name: str, kind: str) -> str:
    return f"cast({name} as {kind})"


POSTGRESQL_TYPES: Final = TypeTable(
    "PostgreSQL",
    types={
        **dict.fromkeys(("boolean", "bool"), BOOL),
        **dict.fromkeys(("smallint", "int2"), INT16),
        **dict.fromkeys(("integer", "int4"), INT32),
        **dict.fromkeys(("bigint", "int8"), INT64),
        **dict.fromkeys(("real", "float4"), FLOAT32),
        **dict.fromkeys(("double precision", "float8"), FLOAT64),
        **dict.fromkeys(("text", "varchar", "character varying"), TEXT),
        **dict.fromkeys(("character", "bpchar", "name", '"char"', "char"), TEXT),
        "bytea": BINARY,
        "date": DATE,
        **dict.fromkeys(("timestamp", "timestamp without time zone"), TIMESTAMP),
        **dict.fromkeys(("timestamptz", "timestamp with time zone"), TIMESTAMP_UTC),
    },
    decimals=frozenset({"numeric"}),
    precision=MAX_PRECISION,
    remedies={"oid": "bigint", "money": "numeric(19,2)", "bit": "bigint"},
    cast=_colons,
)

SQLITE_DIGITS: Final = 15
"""Decimal digits that survive SQLite's REAL."""

SQLITE_TYPES: Final = TypeTable(
    "SQLite",
    types={
        **dict.fromkeys(("int", "integer", "tinyint", "smallint", "mediumint", "bigint"), INT64),
        **dict.fromkeys(("int2", "int4", "int8", "unsigned big int"), INT64),
        **dict.fromkeys(("real", "double", "double precision", "float"), FLOAT64),
        **dict.fromkeys(("text", "clob", "varchar", "character varying", "char"), TEXT),
        **dict.fromkeys(("character", "nchar", "nvarchar", "varying character"), TEXT),
        "blob": BINARY,
        **dict.fromkeys(("boolean", "bool"), BOOL),
        "date": DATE,
        **dict.fromkeys(("timestamp", "datetime"), TIMESTAMP),
    },
    decimals=frozenset({"decimal", "numeric"}),
    precision=SQLITE_DIGITS,
    remedies={"num": "real"},
    cast=_cast,
)
