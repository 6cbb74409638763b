"""Which rows can be added to a table that is there already, and as what types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.errors import ColumnNotFound, SourceError, TypeMismatch
from wayfed_optimizer.types import (
    FLOAT32,
    FLOAT64,
    INTEGERS,
    DataType,
    Decimal,
    Field,
    List,
    Schema,
    is_integer,
)

if TYPE_CHECKING:
    from collections.abc import Collection


def holds(wide: DataType, narrow: DataType) -> bool:
    """Say whether a type has every value of another, as the same value.

    Examples
    --------
    >>> from wayfed_optimizer.types import INT32, INT64
    >>> holds(INT64, INT32), holds(INT32, INT64), holds(FLOAT64, INT64)
    (True, False, False)
    """
    if wide == narrow:
        return True
    if is_integer(wide) and is_integer(narrow):
        return INTEGERS.index(wide) >= INTEGERS.index(narrow)
    if isinstance(wide, Decimal) and isinstance(narrow, Decimal):
        whole = wide.precision - wide.scale >= narrow.precision - narrow.scale
        return whole and wide.scale >= narrow.scale
    if isinstance(wide, List) and isinstance(narrow, List):
        return holds(wide.element, narrow.element)
    return (wide, narrow) == (FLOAT64, FLOAT32)


def as_appended(rows: Schema, table: Schema, *, to: str, optional: Collection[str] = ()) -> Schema:
    """Return the schema in which rows are added to a table: its columns, in its order.

    Parameters
    ----------
    rows
        The columns of the rows; found by name.
    table
        The columns that are there.
    to
        The table, for messages.
    optional
        Columns that the rows may leave out, because the table fills them itself.

    Raises
    ------
    ColumnNotFound
        Where the table does not have a column of the rows.
    SourceError
        Where the rows leave a column of the table out.
    TypeMismatch
        Where a column of the table does not hold every value of the rows'; names the cast.

    Examples
    --------
    >>> there = Schema.of(id="int64", name="text")
    >>> as_appended(Schema.of(name="text", id="int32"), there, to="t")
    Schema(id int64, name text)
    """
    for field in rows:
        if field.name not in table:
            raise ColumnNotFound(field.name, table.names, of=to)
    missing = [f.name for f in table if f.name not in rows and f.name not in optional]
    if missing:
        raise SourceError(
            f"the rows have no column '{missing[0]}', and {to} has",
            available=rows.names,
            hint="add it, for example with_columns("
            f"{missing[0]}=wf.lit(None).cast('{table[missing[0]].type}'))",
        )
    for field in table:
        if field.name in rows and not holds(field.type, rows[field.name].type):
            raise TypeMismatch(
                f"column '{field.name}' is {rows[field.name].type}, and in {to} it is {field.type}",
                hint=f"cast it: .cast({field.name}='{field.type}')",
            )
    return Schema(Field(f.name, f.type, rows[f.name].nullable) for f in table if f.name in rows)
