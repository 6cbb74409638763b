"""Functions over a row, called once on a row of columns to learn which expressions they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed.columns import Column, Scope, as_column
from wayfed_optimizer.errors import (
    ColumnNotFound,
    PlanError,
    WayfedError,
    describe_line,
    suggestion,
)
from wayfed_optimizer.expressions import column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wayfed_optimizer.types import Schema

_REMEDY: Final = (
    "use wayfed's own functions and operators (wf.ln, wf.when, .starts_with …),"
    " or map(fn, schema=…) to run the function as Python on each row"
)


class Row:
    """The columns of a row, by attribute or by key; ``{**row}`` has them all.

    Examples
    --------
    >>> from wayfed_optimizer.types import Schema
    >>> row = row_of(Schema.of(amount="float64", keys="int64"))
    >>> row.amount / row["keys"]
    Column(amount / keys)
    """

    __slots__ = ("_columns", "_of")

    def __init__(self, columns: Mapping[str, Column], of: str | None = None) -> None:
        self._columns = columns
        self._of = of

    def __getattr__(self, name: str) -> Column:
        if name.startswith("__"):
            raise AttributeError(
                name
            )  # protocols are looked up so: it is no column that is missing
        return self[name]

    def __getitem__(self, name: str) -> Column:
        try:
            return self._columns[name]
        except KeyError:
            raise ColumnNotFound(str(name), self._columns, of=self._of) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._columns]

    def keys(self) -> list[str]:
        """Return the names of the columns."""
        return list(self._columns)

    def __repr__(self) -> str:
        return f"Row({', '.join(self._columns)})"


def row_of(schema: Schema, name: str | None = None) -> Row:
    """Return the row of a relation, which errors call `name`."""
    return row_within(Scope(schema, name), {each: each for each in schema.names})


def row_within(scope: Scope, names: Mapping[str, str]) -> Row:
    """Return a row whose columns are called otherwise in `scope`: name here -> name there."""
    columns = {shown: _bound(scope, name, shown) for shown, name in names.items()}
    return Row(columns, scope.of)


def _bound(scope: Scope, name: str, shown: str) -> Column:
    return Column(lambda s: column(s.schema, name, of=s.of), shown, name=shown, scope=scope)


def trace(function: Callable[..., object], *rows: Row) -> object:
    """Call `function` on rows of columns and return what it makes of them.

    Raises
    ------
    PlanError
        Where the function does something to a column that is no expression; with the line.
    """
    try:
        return function(*rows)
    except WayfedError:
        raise
    except Exception as error:
        # The first frame below this one is the user's function.
        below = error.__traceback__.tb_next if error.__traceback__ else None
        where = describe_line(below.tb_frame.f_code.co_filename, below.tb_lineno) if below else None
        name = getattr(function, "__name__", type(function).__name__)
        raise PlanError(
            f"{name} cannot be traced into expressions: {type(error).__name__}: {error}",
            where=where,
            hint=_hint(error),
        ) from error


def _hint(error: Exception) -> str:
    if isinstance(error, AttributeError) and isinstance(error.obj, Column):
        methods = [name for name in dir(Column) if not name.startswith("_")]
        return suggestion(error.name or "", methods) or _REMEDY
    return _REMEDY


def trace_column(function: Callable[..., object], *rows: Row) -> Column:
    """Return the one column, or constant, that `function` makes of rows."""
    result = trace(function, *rows)
    if isinstance(result, tuple | list | dict | Row):
        raise PlanError(
            f"one column is wanted here, and the function returned a {type(result).__name__}",
            hint="map(fn) takes functions that return several columns",
        )
    return as_column(result)


def trace_outputs(function: Callable[..., object], row: Row) -> list[tuple[str, Column]]:
    """Return the columns that `function` makes of a row, with their names.

    A mapping, a named tuple or the row itself gives the names. Otherwise a column that is passed
    on keeps its name and an alias counts. Anything else is called by its text where it is returned
    alone, and ``column_0``, ``column_1`` … by its position in a list, array or tuple.
    """
    result = trace(function, row)
    if type(result).__module__ == "numpy" and hasattr(result, "tolist"):
        result = result.tolist()
    if isinstance(result, tuple) and hasattr(result, "_asdict"):
        result = result._asdict()
    if isinstance(result, Row | dict):
        return [(str(name), as_column(result[name])) for name in result]
    if isinstance(result, Column):
        return [(result.name or result.text, result)]
    values = result if isinstance(result, tuple | list) else [result]
    if result is None or any(isinstance(value, tuple | list | dict | Row) for value in values):
        raise PlanError(
            f"the function returned {result!r:.80}, which is no row of columns",
            hint="return a dict such as {'name': t.name, 'fee': t.amount * 0.01}, or a flat tuple",
        )
    return [(_name(value, position), as_column(value)) for position, value in enumerate(values)]


def _name(value: object, position: int) -> str:
    named = value.name if isinstance(value, Column) else None
    return named or f"column_{position}"
