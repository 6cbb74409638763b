"""``describe()``: one aggregation over all columns, shown a line for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wayfed.display import Listing, counted
from wayfed_optimizer.errors import ColumnNotFound
from wayfed_optimizer.expressions import Call, Named, call, column
from wayfed_optimizer.relations import Aggregate, Relation
from wayfed_optimizer.types import TEXT, Field, Schema, is_numeric, is_temporal

if TYPE_CHECKING:
    import pyarrow as pa

_OF_NUMBERS: Final = ("mean", "stddev", "min", "max")
_OF_ORDERED: Final = ("min", "max")


@dataclass(frozen=True, slots=True)
class ColumnDescription:
    """What is in a column.

    Parameters
    ----------
    column, type
        Its name and type.
    values, nulls
        How many rows have a value, and how many NULL.
    mean, stddev
        Of numbers.
    min, max
        Of numbers, times and text.
    """

    column: str
    type: str
    values: int
    nulls: int
    mean: float | None = None
    stddev: float | None = None
    min: Any = None
    max: Any = None


class Description(Mapping[str, ColumnDescription]):
    """Descriptions of columns, by name; shows itself as a table."""

    def __init__(self, rows: int, columns: tuple[ColumnDescription, ...]) -> None:
        self.rows = rows
        self._columns = {each.column: each for each in columns}

    def __getitem__(self, name: str) -> ColumnDescription:
        try:
            return self._columns[name]
        except KeyError:
            raise ColumnNotFound(name, self._columns) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __repr__(self) -> str:
        return repr(self._listing())

    def _repr_html_(self) -> str:
        return self._listing()._repr_html_()

    def _listing(self) -> Listing[ColumnDescription]:
        return Listing("column", self._columns.values(), of=f" of {counted(self.rows, 'row')}")


def describe(relation: Relation) -> Relation:
    """Return the one row of aggregates that a description is made of."""
    aggregates = [Named("rows", Call("count", ()))]
    for position, field in enumerate(relation.schema):
        reference = column(relation.schema, field.name)
        aggregates += [
            Named(_cell(position, function), call(function, reference))
            for function in ("count", *_functions(field))
        ]
    return Aggregate(relation, (), tuple(aggregates))


def described(schema: Schema, table: pa.Table) -> Description:
    """Return the description that the row of `describe` means."""
    (row,) = table.to_pylist()
    columns = []
    for position, field in enumerate(schema):
        values = row[_cell(position, "count")]
        found = {name: row[_cell(position, name)] for name in _functions(field)}
        nulls = row["rows"] - values
        columns.append(ColumnDescription(field.name, str(field.type), values, nulls, **found))
    return Description(row["rows"], tuple(columns))


def _functions(field: Field) -> tuple[str, ...]:
    if is_numeric(field.type):
        return _OF_NUMBERS
    return _OF_ORDERED if is_temporal(field.type) or field.type == TEXT else ()


def _cell(position: int, function: str) -> str:
    return f"{function}_{position}"
