"""Columns as numpy arrays: what `to_numpy()` gives, and what models are trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import types

from wayfed_optimizer.errors import ColumnNotFound, InvalidOption, TypeMismatch, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray

    Column = NDArray[Any]

_SHOWN_VALUES: Final = 4
_SHOWN_COLUMNS: Final = 30
_SHOWN_PARTIES: Final = 20


class Arrays(Mapping[str, "Column"]):
    """Named columns of one length, each a numpy array of its Arrow type's own dtype.

    ========================  =====================================================
    column                    array
    ========================  =====================================================
    bool, int8 … float64      the same numpy dtype
    date                      ``datetime64[D]``
    timestamp, naive or UTC   ``datetime64[us]`` (an instant is given in UTC)
    decimal                   ``object`` of :class:`decimal.Decimal`
    text, binary              ``object`` of ``str``, ``bytes``
    list, struct              ``object`` of ``list``, ``dict``
    ========================  =====================================================

    A column that holds a NULL is a :class:`numpy.ma.MaskedArray`; a NULL never turns into NaN.
    Columns that Arrow holds in one piece are read-only views of Arrow's memory.

    Parameters
    ----------
    columns
        The arrays by name, in the order of `schema`.
    schema
        The Arrow schema they came from.

    Examples
    --------
    >>> import pyarrow as pa
    >>> arrays = Arrays.from_table(pa.table({"n": [1, 2, None], "x": [0.5, 1.5, 2.5]}))
    >>> arrays["x"]
    array([0.5, 1.5, 2.5])
    >>> arrays["n"].mask.tolist()
    [False, False, True]
    >>> arrays
    Arrays: 3 rows
      n  int64   1, 2, NULL
      x  double  0.5, 1.5, 2.5
    """

    __slots__ = ("_columns", "_rows", "schema")

    def __init__(self, columns: Mapping[str, Column], schema: pa.Schema) -> None:
        self._columns = dict(columns)
        self.schema = schema
        self._rows = len(next(iter(self._columns.values()))) if self._columns else 0

    @classmethod
    def from_batches(cls, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Arrays:
        """Read `batches` one at a time into growing arrays.

        Each batch can be freed before the next one is asked for, so that the peak is about the
        result itself; a single batch is not copied at all.

        Parameters
        ----------
        schema
            Names and types of the columns; what an empty stream would have had.
        batches
            Record batches of that schema, consumed once.

        Raises
        ------
        Unsupported
            A column's type has no array form; the message names the cast that mends it.
        """
        dtypes = [_dtype_of(field) for field in schema]
        stream = (batch for batch in batches if batch.num_rows)
        first = next(stream, None)
        if first is None:
            empty = {f.name: np.empty(0, dtype) for f, dtype in zip(schema, dtypes, strict=True)}
            return cls(empty, schema)
        second = next(stream, None)
        if second is None:
            columns = (_column(first.column(i)) for i in range(len(schema)))
            return cls(dict(zip(schema.names, columns, strict=True)), schema)

        growing = [_GrowingColumn(dtype) for dtype in dtypes]
        for batch in (first, second):
            _append(growing, batch)
        # A name that outlives its batch would keep every column of it alive.
        del first, second, batch
        for following in stream:
            _append(growing, following)
            del following
        return cls({f.name: g.finish() for f, g in zip(schema, growing, strict=True)}, schema)

    @classmethod
    def from_table(cls, table: pa.Table) -> Arrays:
        """Give the columns of `table`: views where a column is one chunk without NULLs.

        Examples
        --------
        >>> import pyarrow as pa
        >>> Arrays.from_table(pa.table({"x": [1.0, 2.0]}))["x"].flags.writeable
        False
        """
        columns: dict[str, Column] = {}
        for field, chunked in zip(table.schema, table.columns, strict=True):
            dtype = _dtype_of(field)
            chunks = [chunk for chunk in chunked.chunks if len(chunk)]
            if len(chunks) == 1:
                columns[field.name] = _column(chunks[0])
                continue
            growing = _GrowingColumn(dtype, capacity=len(chunked))
            for chunk in chunks:
                growing.append(chunk)
            columns[field.name] = growing.finish()
        return cls(columns, table.schema)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self._rows

    def __getitem__(self, name: str) -> Column:
        try:
            return self._columns[name]
        except KeyError:
            raise ColumnNotFound(str(name), self._columns, of="the arrays") from None

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def matrix(
        self, columns: Iterable[str] | None = None, dtype: DTypeLike = np.float64
    ) -> NDArray[Any]:
        """Give `columns` side by side: one C-contiguous array of rows x columns.

        Parameters
        ----------
        columns
            Which columns, in which order; all of them by default.
        dtype
            The numpy dtype of the result.

        Raises
        ------
        TypeMismatch
            A column is not numeric, or holds a NULL.

        Examples
        --------
        >>> import pyarrow as pa
        >>> Arrays.from_table(pa.table({"a": [1, 2], "b": [0.5, 1.5]})).matrix()
        array([[1. , 0.5],
               [2. , 1.5]])
        """
        names = list(self._columns if columns is None else columns)
        parts = [numeric_column(self, name) for name in names]
        for name, part in zip(names, parts, strict=True):
            if nulls := int(np.ma.getmaskarray(part).sum()):
                raise TypeMismatch(
                    f"column '{name}' holds {nulls} NULLs, and a matrix has no place for them",
                    hint=f"fill_null({name}=0) in the plan, or wf.features(impute=…)",
                )
        result = np.empty((self.rows, len(names)), dtype=dtype)
        for position, part in enumerate(parts):
            result[:, position] = np.ma.getdata(part)
        return result

    def take(self, rows: NDArray[np.intp] | slice) -> Arrays:
        """Give the rows at these positions (a slice gives views)."""
        return Arrays({name: column[rows] for name, column in self.items()}, self.schema)

    def partition_by(self, column: str) -> PartitionedArrays:
        """Split the rows by the values of `column`: each value is a party.

        Parties come in the order of their names; the column stays among the columns of each.

        Raises
        ------
        TypeMismatch
            `column` holds a NULL or NaN, which would be a party without a name.

        Examples
        --------
        >>> import pyarrow as pa
        >>> arrays = Arrays.from_table(pa.table({"bank": ["b", "a", "b"], "x": [1, 2, 3]}))
        >>> {party: part["x"].tolist() for party, part in arrays.partition_by("bank").items()}
        {'a': [2], 'b': [1, 3]}
        """
        keys = self[column]
        without_name = np.ma.getmaskarray(keys)
        if keys.dtype.kind == "f":
            without_name = without_name | np.isnan(np.ma.getdata(keys))
        if without_name.any():
            raise TypeMismatch(
                f"{int(without_name.sum())} rows have no '{column}', so they belong to no party",
                hint=f"drop_null('{column}') or fill_null({column}=…) in the plan",
            )
        values, codes = np.unique(np.ma.getdata(keys), return_inverse=True)
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(len(values) + 1))
        together = self.take(order)
        parts = {
            str(value): together.take(slice(start, end))
            for value, start, end in zip(values, bounds[:-1], bounds[1:], strict=True)
        }
        return PartitionedArrays(parts, by=column)

    def __repr__(self) -> str:
        types = {field.name: str(field.type) for field in self.schema}
        names = list(self._columns)[:_SHOWN_COLUMNS]
        width = max(map(len, names), default=0)
        type_width = max((len(types[name]) for name in names), default=0)
        lines = [f"Arrays: {self.rows:,} rows"]
        lines += [
            f"  {name:<{width}}  {types[name]:<{type_width}}  {_preview(self._columns[name])}"
            for name in names
        ]
        if len(self) > _SHOWN_COLUMNS:
            lines.append(f"  … {len(self) - _SHOWN_COLUMNS} more columns")
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        types = {field.name: str(field.type) for field in self.schema}
        body = "".join(
            f"<tr><td><b>{escape(name)}</b></td><td>{escape(types[name])}</td>"
            f"<td>{escape(_preview(column))}</td></tr>"
            for name, column in list(self.items())[:_SHOWN_COLUMNS]
        )
        return (
            f"<table><caption>Arrays: {self.rows:,} rows</caption><thead><tr><th>column</th>"
            f"<th>type</th><th>values</th></tr></thead><tbody>{body}</tbody></table>"
        )


class PartitionedArrays(Mapping[str, Arrays]):
    """The arrays of several parties, by party name; what `Arrays.partition_by` gives.

    Parameters
    ----------
    parties
        Each party's arrays.
    by
        The column whose values are the parties' names.

    Examples
    --------
    >>> import pyarrow as pa
    >>> arrays = Arrays.from_table(pa.table({"bank": ["b", "a", "b"], "x": [1, 2, 3]}))
    >>> arrays.partition_by("bank")
    PartitionedArrays by bank: 2 parties, 3 rows
      a  1
      b  2
    """

    __slots__ = ("_parties", "by")

    def __init__(self, parties: Mapping[str, Arrays], *, by: str) -> None:
        self._parties = dict(sorted(parties.items()))
        self.by = by

    def __getitem__(self, party: str) -> Arrays:
        try:
            return self._parties[party]
        except KeyError:
            raise InvalidOption.unknown(
                str(party), self._parties, of=f"the values of '{self.by}'"
            ) from None

    def __contains__(self, party: object) -> bool:
        return party in self._parties

    def __iter__(self) -> Iterator[str]:
        return iter(self._parties)

    def __len__(self) -> int:
        return len(self._parties)

    def __repr__(self) -> str:
        total = sum(part.rows for part in self._parties.values())
        shown = list(self._parties)[:_SHOWN_PARTIES]
        width = max(map(len, shown), default=0)
        lines = [f"PartitionedArrays by {self.by}: {len(self):,} parties, {total:,} rows"]
        lines += [f"  {name:<{width}}  {self._parties[name].rows:,}" for name in shown]
        if len(self) > _SHOWN_PARTIES:
            lines.append(f"  … {len(self) - _SHOWN_PARTIES:,} more")
        return "\n".join(lines)


def numeric_column(arrays: Arrays, name: str) -> Column:
    """Give a column as numbers: as it is, or a decimal one as float64; NULLs stay masked.

    Raises
    ------
    TypeMismatch
        The column is neither a number nor a bool; the message says what turns it into one.
    """
    column = arrays[name]
    if column.dtype.kind in "biuf":
        return column
    kind = arrays.schema.field(name).type
    if types.is_decimal(kind):
        data, mask = np.ma.getdata(column), np.ma.getmaskarray(column)
        numbers = np.where(mask, 0, data).astype(np.float64)
        return np.ma.MaskedArray(numbers, mask) if mask.any() else numbers
    if types.is_temporal(kind):
        hint = "take a number from it in the plan, such as its year or its hour"
    else:
        hint = f"wf.features(one_hot=['{name}']), or cast it in the plan"
    raise TypeMismatch(f"column '{name}' is {kind}, not a number", hint=hint)


class _GrowingColumn:
    """An array that takes one Arrow array after another; a mask appears with the first NULL."""

    __slots__ = ("filled", "mask", "values")

    def __init__(self, dtype: np.dtype[Any], capacity: int = 0) -> None:
        self.values: Column = np.empty(capacity, dtype)
        self.mask: NDArray[np.bool_] | None = None
        self.filled = 0

    def append(self, array: pa.Array) -> None:
        start, end = self.filled, self.filled + len(array)
        if end > len(self.values):
            # A sixteenth more each time: realloc moves pages, not bytes, and little is spare.
            self._resize(max(end, len(self.values) + len(self.values) // 16))
        self.values[start:end] = _values(array)
        missing = _missing(array)
        if missing is not None:
            if self.mask is None:
                self.mask = np.zeros(len(self.values), np.bool_)
            self.mask[start:end] = missing
            self.values[start:end][missing] = None if self.values.dtype == object else 0
        self.filled = end

    def finish(self) -> Column:
        if self.filled != len(self.values):
            self._resize(self.filled)
        return self.values if self.mask is None else np.ma.MaskedArray(self.values, self.mask)

    def _resize(self, capacity: int) -> None:
        # refcheck: nobody else has seen these buffers, and a debugger's reference must not matter.
        self.values.resize(capacity, refcheck=False)
        if self.mask is not None:
            self.mask.resize(capacity, refcheck=False)


def _append(growing: list[_GrowingColumn], batch: pa.RecordBatch) -> None:
    for position, column in enumerate(growing):
        column.append(batch.column(position))


def _column(array: pa.Array) -> Column:
    values, missing = _values(array), _missing(array)
    if missing is None:
        return values
    values = values.copy()
    values[missing] = None if values.dtype == object else 0
    return np.ma.MaskedArray(values, missing)


def _missing(array: pa.Array) -> NDArray[np.bool_] | None:
    if not array.null_count:
        return None
    return array.is_null().to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]  # pyarrow is untyped


def _fixed_width(array: pa.Array) -> Column:
    return _buffer(array, np.dtype(array.type.to_pandas_dtype()))


def _booleans(array: pa.Array) -> Column:
    # To fill in a value of Python's, pyarrow would import pandas first, which takes a second.
    values: Column = _buffer(array.cast(pa.uint8()), np.dtype(np.uint8)).view(np.bool_)
    return values


def _days(array: pa.Array) -> Column:
    return _buffer(array.cast(pa.date32()), np.dtype(np.int32)).astype("datetime64[D]")


def _times(array: pa.Array) -> Column:
    return _buffer(_in_microseconds(array), np.dtype("datetime64[us]"))


def _objects(array: pa.Array) -> Column:
    converted: Column = array.to_numpy(zero_copy_only=False)
    return converted


def _python_objects(array: pa.Array) -> Column:
    objects = np.empty(len(array), dtype=object)
    # One by one: in an assignment of the whole, numpy would unpack a list of lists into a matrix.
    for position, value in enumerate(array.to_pylist()):
        objects[position] = value
    return objects


@dataclass(frozen=True, slots=True)
class _Conversion:
    """How Arrow types for which `of` holds become arrays; `dtype` None is the type's own."""

    of: Callable[[pa.DataType], bool]
    dtype: str | None
    values: Callable[[pa.Array], Column]


_CONVERSIONS: Final = (
    _Conversion(types.is_boolean, "bool", _booleans),
    _Conversion(types.is_integer, None, _fixed_width),
    _Conversion(types.is_floating, None, _fixed_width),
    _Conversion(types.is_date, "datetime64[D]", _days),
    _Conversion(types.is_timestamp, "datetime64[us]", _times),
    _Conversion(types.is_string, "object", _objects),
    _Conversion(types.is_large_string, "object", _objects),
    _Conversion(types.is_string_view, "object", _objects),
    _Conversion(types.is_binary, "object", _objects),
    _Conversion(types.is_large_binary, "object", _objects),
    _Conversion(types.is_binary_view, "object", _objects),
    _Conversion(types.is_fixed_size_binary, "object", _objects),
    _Conversion(types.is_decimal, "object", _python_objects),
    _Conversion(types.is_list, "object", _python_objects),
    _Conversion(types.is_large_list, "object", _python_objects),
    _Conversion(types.is_fixed_size_list, "object", _python_objects),
    _Conversion(types.is_struct, "object", _python_objects),
    _Conversion(types.is_null, "object", _python_objects),
)


def _conversion_of(kind: pa.DataType) -> _Conversion | None:
    return next((conversion for conversion in _CONVERSIONS if conversion.of(kind)), None)


def _dtype_of(field: pa.Field) -> np.dtype[Any]:
    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    conversion = _conversion_of(kind)
    if conversion is None:
        raise Unsupported(
            f"column '{field.name}' of type {field.type} as a numpy array",
            hint=f"cast it in the plan: cast({field.name}='int64') or cast({field.name}='text')",
        )
    return np.dtype(conversion.dtype or kind.to_pandas_dtype())


def _values(array: pa.Array) -> Column:
    """Give the values of `array`; those under a NULL are arbitrary."""
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    conversion = _conversion_of(array.type)
    if conversion is None:
        raise Unsupported(f"{array.type} as a numpy array")
    return conversion.values(array)


def _in_microseconds(array: pa.Array) -> pa.Array:
    if array.type.unit == "us":
        return array
    try:
        return array.cast(pa.timestamp("us", array.type.tz))
    except pa.ArrowInvalid as error:
        raise TypeMismatch(
            f"a {array.type} column holds times finer than a microsecond",
            hint="round them to microseconds where the data is read",
        ) from error


def _buffer(array: pa.Array, dtype: np.dtype[Any]) -> Column:
    data = array.buffers()[1]
    if data is None or not len(array):
        return np.empty(0, dtype)
    values = np.frombuffer(data, dtype, len(array), array.offset * dtype.itemsize)
    values.flags.writeable = False
    return values


def _preview(column: Column) -> str:
    head = column[:_SHOWN_VALUES]
    hidden = np.ma.getmaskarray(head)
    shown = ", ".join(
        "NULL" if masked else str(value)
        for value, masked in zip(np.ma.getdata(head), hidden, strict=True)
    )
    return f"{shown}, …" if len(column) > _SHOWN_VALUES else shown
