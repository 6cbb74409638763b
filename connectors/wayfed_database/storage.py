"""As what rows of ours are stored in a table, new or there already."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_database.columns import SQLITE_DIGITS, split_type
from wayfed_optimizer.appending import as_appended
from wayfed_optimizer.errors import TypeMismatch
from wayfed_optimizer.types import (
    BINARY,
    BOOL,
    DATE,
    FLOAT32,
    FLOAT64,
    INT8,
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
    List,
    Schema,
    Struct,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wayfed_database.catalog import Place
    from wayfed_database.columns import ColumnDescription, TypeTable


@dataclass(frozen=True, slots=True)
class Storage:
    """The types that an engine stores values of ours as, and how it calls them.

    Parameters
    ----------
    engine
        For messages.
    wider
        Types that are stored as others, which hold the same values.
    declared
        How a column of a type is declared.
    digits
        The most digits of decimals.
    remedies
        What to cast other types to.
    """

    engine: str
    wider: Mapping[DataType, DataType]
    declared: Mapping[DataType, str]
    digits: int
    remedies: Mapping[DataType, DataType]

    def schema(self, rows: Schema) -> Schema:
        """Return the columns of a new table for rows.

        Raises
        ------
        TypeMismatch
            Where a column cannot be stored; names the cast.
        """
        return Schema(Field(f.name, self._stored(f), f.nullable) for f in rows)

    def _stored(self, field: Field) -> DataType:
        kind = self.wider.get(field.type, field.type)
        match kind:
            case List():
                raise self._mismatch(field, "explode() it, or write it to a .parquet file")
            case Struct():
                raise self._mismatch(field, "make columns of its fields, or write a .parquet file")
            case Decimal(precision=precision, scale=scale) if precision > self.digits:
                other = f"decimal({self.digits},{min(scale, self.digits)})"
                raise self._mismatch(
                    field, f".cast({field.name}='{other}'), or 'float64', or 'text'"
                )
        if kind in self.remedies:
            raise self._mismatch(field, f".cast({field.name}='{self.remedies[kind]}')")
        return kind

    def declaration(self, field: Field) -> str:
        """Return how a column's type is declared."""
        match field.type:
            case Decimal(precision=precision, scale=scale):
                return f"decimal({precision},{scale})"
        return self.declared[field.type]

    def _mismatch(self, field: Field, remedy: str) -> TypeMismatch:
        return TypeMismatch(
            f"column '{field.name}' is {field.type}, which {self.engine} does not store",
            hint=f"cast it: {remedy}" if remedy.startswith(".cast") else remedy,
        )


def appended(rows: Schema, place: Place, types: TypeTable, *, to: str) -> Schema:
    """Return the schema in which rows are added to a table that is there.

    Raises
    ------
    ColumnNotFound, SourceError, TypeMismatch
        Where columns do not fit; names the cast.
    """
    columns: Sequence[ColumnDescription] = place.columns or ()
    filled = {c.name for c in columns if c.filled}
    there = []
    for column in columns:
        if column.name in rows:
            there.append(Field(column.name, _type_there(column, rows, types, to), column.nullable))
        elif column.name not in filled:
            there.append(Field(column.name, _known(column, types) or TEXT, column.nullable))
    return as_appended(rows, Schema(there), to=to)


def is_same_table(wanted: Schema, place: Place, types: TypeTable) -> bool:
    """Say whether a table has the columns that a new one would have, in any order."""
    there = {c.name: _known(c, types) for c in place.columns or ()}
    return there == {field.name: field.type for field in wanted}


def _known(column: ColumnDescription, types: TypeTable) -> DataType | None:
    try:
        return types.type_of(column)
    except TypeMismatch:
        return None


def _type_there(column: ColumnDescription, rows: Schema, types: TypeTable, to: str) -> DataType:
    ours = rows[column.name].type
    name, numbers = split_type(column.type)
    if name in types.decimals and not numbers and types.precision == MAX_PRECISION:
        return ours if isinstance(ours, Decimal) else Decimal(MAX_PRECISION, 0)
    kind = _known(column, types)
    if kind is None:
        raise TypeMismatch(
            f"column '{column.name}' of {to} is {column.type}, and nothing of ours is stored so",
            hint="write to another table, and let the database cast it from there",
        )
    return kind


POSTGRESQL_STORAGE: Final = Storage(
    "PostgreSQL",
    wider=MappingProxyType({INT8: INT16}),
    declared=MappingProxyType(
        {
            BOOL: "boolean",
            INT16: "smallint",
            INT32: "integer",
            INT64: "bigint",
            FLOAT32: "real",
            FLOAT64: "double precision",
            TEXT: "text",
            BINARY: "bytea",
            DATE: "date",
            TIMESTAMP: "timestamp",
            TIMESTAMP_UTC: "timestamptz",
        }
    ),
    digits=MAX_PRECISION,
    remedies=MappingProxyType({}),
)

SQLITE_STORAGE: Final = Storage(
    "SQLite",
    wider=MappingProxyType({INT8: INT64, INT16: INT64, INT32: INT64, FLOAT32: FLOAT64}),
    declared=MappingProxyType(
        {
            BOOL: "boolean",
            INT64: "bigint",
            FLOAT64: "double precision",
            TEXT: "text",
            BINARY: "blob",
            DATE: "date",
            TIMESTAMP: "timestamp",
        }
    ),
    digits=SQLITE_DIGITS,
    remedies=MappingProxyType({TIMESTAMP_UTC: TIMESTAMP}),
)
