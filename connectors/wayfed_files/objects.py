"""Tables that are objects of this process: pyarrow, pandas, polars, numpy.

NaN in a pandas column of dtype float32 or float64 stays NaN; in columns of nullable or object dtype
it is NULL, as pandas means it there. An index is left out, unless it has a name: then it is a
column, or several. Rows are not copied where Arrow can share them, so an object must not be changed
while a plan over it runs.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from wayfed_arrow import conform, schema_from_arrow
from wayfed_arrow.sampled import SampledColumns
from wayfed_optimizer.errors import SourceError, TypeMismatch, WayfedError
from wayfed_optimizer.platform import ARROW_TABLE, Snapshot
from wayfed_optimizer.statistics.estimates import Estimate, Provenance, TableStatistics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from wayfed_optimizer.platform import SourceRequest
    from wayfed_optimizer.types import Schema


class ObjectSource:
    """An object of this process as a table.

    Parameters
    ----------
    description
        What it is, for people.
    columns
        The Arrow schema that `load` gives.
    load
        Makes the table; called once, at the first read.
    rows
        Their number, where it is known without making the table.
    schema
        The columns to read and their types; None for all of them, as they are.
    is_table
        Whether it is an Arrow table already, which costs nothing to look into.
    """

    bounded = True
    channel = ARROW_TABLE

    def __init__(
        self,
        description: str,
        columns: pa.Schema,
        load: Callable[[], pa.Table],
        rows: int | None,
        schema: Schema | None = None,
        *,
        is_table: bool = False,
    ) -> None:
        present = schema_from_arrow(_in_microseconds(columns))
        for field in schema or ():
            present.field(field.name, of=description)
        self.description = description
        self.schema = schema or present
        self._load = load
        self._rows = rows
        self._is_table = is_table
        self._table: pa.Table | None = None
        self._statistics: TableStatistics | None = None
        self._lock = Lock()

    @classmethod
    def from_request(cls, request: SourceRequest) -> ObjectSource:
        """Return the source that a request for an object means.

        Raises
        ------
        SourceError, TypeMismatch
            Where it is no table, or a column has a type without a counterpart.
        """
        library = library_of(request.target)
        if library is None:
            raise SourceError(f"a {type(request.target).__name__} is not a table")
        columns, load, rows = _READERS[library](request.target)
        is_table = library == "pyarrow" and hasattr(request.target, "num_rows")
        return cls(
            _describe(request.target), columns, load, rows, request.schema, is_table=is_table
        )

    def statistics(self) -> TableStatistics:
        """Return the number of rows, exact where the object knows it.

        Of the columns of an Arrow table, or of an object that was made one, a sample tells.
        """
        if self._statistics is not None:
            return self._statistics
        if self._is_table:
            with suppress(WayfedError):  # the run will say what does not fit
                self.open(self.snapshot())
        rows = self._table.num_rows if self._table is not None else self._rows
        if rows is None:
            return TableStatistics.unknown()
        known = TableStatistics(Estimate.exactly(rows, Provenance.EXACT))
        if self._table is not None:
            known = self._statistics = replace(known, columns=SampledColumns(self._table))
        return known

    def snapshot(self) -> Snapshot:
        """Return the one version that an object has."""
        return Snapshot(f"object {id(self)}")

    def open(self, snapshot: Snapshot) -> pa.Table:
        """Return the rows with the types of `schema`.

        Raises
        ------
        TransferError
            Where a value does not fit its column's type, as lossy nanoseconds do not.
        """
        with self._lock:
            if self._table is None:
                self._table = conform(self._load().to_reader(), self.schema).read_all()
            return self._table

    def verify(self, snapshot: Snapshot) -> None:
        """Return: the table was made once, so every read saw the same rows."""


def library_of(target: object) -> str | None:
    """Return the library whose table `target` is, if it is one; imports nothing.

    Examples
    --------
    >>> import numpy as np
    >>> library_of({"a": np.zeros(3)}), library_of([1, 2])
    ('numpy', None)
    """
    if isinstance(target, dict):
        arrays = target and all(_root_of(type(value)) == "numpy" for value in target.values())
        return "numpy" if arrays else None
    known = (_root_of(kind) for kind in type(target).__mro__ if _is_table(kind))
    return next(known, None)


def _is_table(kind: type) -> bool:
    return kind.__name__ in _TABLES.get(_root_of(kind), ())


def _root_of(kind: type) -> str:
    return kind.__module__.split(".", 1)[0]


_TABLES: Final[Mapping[str, frozenset[str]]] = {
    "pyarrow": frozenset({"Table", "RecordBatch", "RecordBatchReader", "Dataset"}),
    "pandas": frozenset({"DataFrame"}),
    "polars": frozenset({"DataFrame", "LazyFrame"}),
    "numpy": frozenset({"ndarray"}),
}

_Reading = tuple["pa.Schema", "Callable[[], pa.Table]", "int | None"]


def _describe(target: object) -> str:
    if isinstance(target, dict):
        return "dict of numpy arrays"
    return f"{_root_of(type(target))}.{type(target).__name__}"


def _in_microseconds(columns: pa.Schema) -> pa.Schema:
    """Return the schema with timestamps in microseconds; nanoseconds are read if none is lost."""
    import pyarrow as pa

    return pa.schema(
        [
            column.with_type(pa.timestamp("us", column.type.tz))
            if pa.types.is_timestamp(column.type)
            else column
            for column in columns
        ]
    )


def _read_pyarrow(target: Any) -> _Reading:
    import pyarrow as pa

    match target:
        case pa.Table():
            return target.schema, lambda: target, target.num_rows
        case pa.RecordBatch():
            return target.schema, lambda: pa.Table.from_batches([target]), target.num_rows
        case pa.RecordBatchReader():
            return target.schema, target.read_all, None
    return target.schema, target.to_table, _rows_of_dataset(target)


def _rows_of_dataset(dataset: Any) -> int | None:
    """Return the rows of a dataset where its footers tell them."""
    footers = getattr(getattr(dataset, "format", None), "default_extname", None)
    return int(dataset.count_rows()) if footers in ("parquet", "arrow") else None


def _read_pandas(frame: Any) -> _Reading:
    import pyarrow as pa

    if any(name is not None for name in frame.index.names):
        if unnamed := [i for i, name in enumerate(frame.index.names) if name is None]:
            raise SourceError(
                f"level {unnamed[0]} of the index has no name, but another has",
                hint="name all levels to read them, or reset_index(drop=True)",
            )
        clash = next((name for name in frame.index.names if name in frame.columns), None)
        if clash is not None:
            raise SourceError(
                f"'{clash}' is both a column and the index", hint="reset_index(drop=True)"
            )
        frame = frame.reset_index()
    names = [str(name) for name in frame.columns]
    if wrong := [name for name in frame.columns if not isinstance(name, str)]:
        raise TypeMismatch(
            f"the column {wrong[0]!r} has a name that is not text",
            hint="frame.columns = frame.columns.map(str)",
        )
    arrays = [_from_pandas(frame.iloc[:, i], name) for i, name in enumerate(names)]
    table = pa.Table.from_arrays(arrays, names)
    return table.schema, lambda: table, table.num_rows


def _from_pandas(series: Any, name: str) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    dtype = series.dtype
    is_numpy_float = getattr(dtype, "kind", "") == "f" and type(dtype).__module__ == "numpy.dtypes"
    try:
        if is_numpy_float:
            return pa.array(series.to_numpy(), from_pandas=False)
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise _mixed(name, dtype, error) from error
    if pa.types.is_floating(array.type):
        return pc.if_else(pc.is_nan(array), None, array)
    return array


def _mixed(name: str, dtype: object, error: Exception) -> TypeMismatch:
    return TypeMismatch(
        f"column '{name}' (dtype {dtype}) is not of one type: {error}",
        hint=f"convert it first, for example with .astype({{'{name}': 'string'}})",
    )


def _read_polars(frame: Any) -> _Reading:
    import polars as pl

    if isinstance(frame, pl.LazyFrame):
        empty = pl.DataFrame(schema=frame.collect_schema())
        return _polars_to_arrow(empty).schema, lambda: _polars_to_arrow(frame.collect()), None
    return _polars_to_arrow(frame.head(0)).schema, lambda: _polars_to_arrow(frame), frame.height


def _polars_to_arrow(frame: Any) -> pa.Table:
    import polars as pl

    for name, dtype in frame.schema.items():
        if dtype == pl.Object:
            raise TypeMismatch(
                f"column '{name}' holds Python objects", hint="cast it in polars first"
            )
    return frame.to_arrow()


def _read_numpy(target: Any) -> _Reading:
    import pyarrow as pa

    columns: dict[str, Any] = target if isinstance(target, dict) else _fields_of(target)
    lengths = {name: len(values) if values.ndim else 0 for name, values in columns.items()}
    for name, values in columns.items():
        if not isinstance(name, str):
            raise TypeMismatch(f"the column {name!r} has a name that is not text")
        if values.ndim != 1:
            raise SourceError(
                f"the array '{name}' has {values.ndim} dimensions, and a column has one",
                hint="give each column an array of its own",
            )
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise SourceError(f"the arrays are of different lengths ({told})")
    table = pa.table({name: _from_numpy(values, name) for name, values in columns.items()})
    return table.schema, lambda: table, table.num_rows


def _fields_of(array: Any) -> dict[str, Any]:
    if array.dtype.names is None:
        raise SourceError(
            f"an array of shape {array.shape} has no columns with names",
            hint='give a dictionary, for example {"x": array[:, 0], "y": array[:, 1]}',
        )
    return {name: array[name] for name in array.dtype.names}


def _from_numpy(values: Any, name: str) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    mask = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    try:
        return pa.array(np.asarray(values), mask=mask, from_pandas=values.dtype == object)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise _mixed(name, values.dtype, error) from error


_READERS: Final[Mapping[str, Callable[[Any], _Reading]]] = {
    "pyarrow": _read_pyarrow,
    "pandas": _read_pandas,
    "polars": _read_polars,
    "numpy": _read_numpy,
}
