"""Applies a function of the user's to batches, and checks that what it returns is what it said."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from wayfed_arrow.rows import Row
from wayfed_arrow.streams import stream_of
from wayfed_arrow.types import arrow_schema
from wayfed_optimizer.errors import Cancelled, ExecutionError, Unsupported, WayfedError, raised_at
from wayfed_optimizer.relations import MapBatches, MapKind

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from wayfed_optimizer.cancellation import CancellationToken

_ROWS_AT_ONCE: Final = 1 << 16
"""So many rows that a function makes are handed on together."""
_CONVERTED_AT_ONCE: Final = 1 << 12


def apply(
    mapped: MapBatches,
    batches: Any,
    fragment: str,
    token: CancellationToken,
    *,
    platform: str = "python",
    part: str = "",
) -> Iterator[pa.RecordBatch]:
    """Yield the batches that the function of `mapped` makes of `batches`.

    Batches without rows are left out: the function is called for rows only.

    Parameters
    ----------
    mapped, batches
        What to call, and with what.
    fragment, platform, part
        Where that is, for errors: `part` says of which of an engine's parts the batches are.
    token
        Stops it.

    Raises
    ------
    ExecutionError
        Where the function raises (its error is the cause) or returns other columns or types than
        it declared; names the batch, and the row where it takes rows.
    """
    function = mapped.function
    if not callable(function):
        raise Unsupported(f"the function '{function}'", platform, "it is not installed here")
    convert = _CONVERT[mapped.kind]
    for number, batch in enumerate(batches):
        token.raise_if_cancelled()
        if not batch.num_rows:
            continue
        place = f"function '{mapped.name}', {part}batch {number}"
        try:
            for made in convert(function, batch, mapped, place):
                token.raise_if_cancelled()
                yield from stream_of(made, mapped.schema)
        except WayfedError as error:
            if isinstance(error, Cancelled) or getattr(error, "fragment", None):
                raise
            raise ExecutionError(
                f"{place} returned what does not fit: {error.message}",
                platform=platform,
                fragment=fragment,
                available=error.available,
                hint=error.hint,
            ) from error
        except _FunctionRaised as raised:
            raise ExecutionError(
                str(raised), platform=platform, fragment=fragment
            ) from raised.__cause__


class _FunctionRaised(Exception):
    """The user's function raised; says where, its cause says what."""


def _by_batch(
    function: Callable[..., Any], batch: Any, mapped: MapBatches, place: str
) -> Iterator[Any]:
    made = _called(function, batch, place)
    if isinstance(made, Iterator):
        for each in _each_called(made, place):
            yield _as_table(each, mapped)
    else:
        yield _as_table(made, mapped)


def _as_table(made: Any, mapped: MapBatches) -> Any:
    """Return what a function made as Arrow rows, in whatever of its forms it came."""
    import pyarrow as pa

    match made:
        case pa.RecordBatch() | pa.Table():
            return _require_kinds(made, mapped)
        case Mapping():
            return _table(dict(made), mapped)
    try:
        match f"{type(made).__module__.split('.')[0]}.{type(made).__name__}":
            case "pandas.DataFrame":
                return _require_kinds(pa.Table.from_pandas(made, preserve_index=False), mapped)
            case "polars.DataFrame":
                return _require_kinds(made.to_arrow(), mapped)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ExecutionError(str(error)) from error
    raise ExecutionError(
        f"a {type(made).__name__} is no batch, table, frame or dict of arrays",
        hint=_FORGOTTEN if made is None else None,
    )


_FORGOTTEN: Final = "does it end without a return?"


def _by_row(
    function: Callable[..., Any], batch: Any, mapped: MapBatches, place: str
) -> Iterator[Any]:
    yield _of_rows(
        [
            _values(_called(function, Row(row), f"{place}, row {number}"), mapped)
            for number, row in enumerate(_python_rows(batch))
        ],
        mapped,
    )


def _by_row_to_rows(
    function: Callable[..., Any], batch: Any, mapped: MapBatches, place: str
) -> Iterator[Any]:
    rows: list[Sequence[Any]] = []
    for number, given in enumerate(_python_rows(batch)):
        at = f"{place}, row {number}"
        for row in _each_called(_several(_called(function, Row(given), at)), at):
            rows.append(_values(row, mapped))
            if len(rows) == _ROWS_AT_ONCE:
                yield _of_rows(rows, mapped)
                rows = []
    yield _of_rows(rows, mapped)


def _python_rows(batch: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch as Python values, of which few are there at a time."""
    for start in range(0, batch.num_rows, _CONVERTED_AT_ONCE):
        yield from batch.slice(start, _CONVERTED_AT_ONCE).to_pylist()


def _several(made: Any) -> Iterable[Any]:
    """Return the rows that a function made of one row."""
    if isinstance(made, Iterable) and not isinstance(made, str | bytes | Mapping):
        return made
    raise ExecutionError(
        f"a {type(made).__name__} is not several rows",
        hint="return a list of rows, an empty one for none, or yield each",
    )


_CONVERT: Final = {
    MapKind.BATCHES: _by_batch,
    MapKind.ROW: _by_row,
    MapKind.ROWS: _by_row_to_rows,
}


def _called(function: Callable[..., Any], argument: Any, place: str) -> Any:
    try:
        return function(argument)
    except Exception as error:
        raise _raised(error, place) from error


def _each_called(made: Iterable[Any], place: str) -> Iterator[Any]:
    """Yield what a generator of the user's makes, so that its errors have a place."""
    given = iter(made)
    while True:
        try:
            each = next(given)
        except StopIteration:
            return
        except Exception as error:
            raise _raised(error, place) from error
        yield each


def _raised(error: Exception, place: str) -> _FunctionRaised:
    line = raised_at(error)
    told = f"{type(error).__name__}: {error}"
    return _FunctionRaised(f"{place} raised {told}" + (f" at {line}" if line else ""))


def _values(made: Any, mapped: MapBatches) -> Sequence[Any]:
    """Return one row's values in the order of the schema."""
    names = mapped.schema.names
    if isinstance(made, Mapping):
        if set(made) != set(names):
            raise ExecutionError(
                f"a row has {', '.join(map(str, made)) or 'nothing'}", available=names
            )
        return [made[name] for name in names]
    values = made if isinstance(made, tuple | list) else (made,)
    if len(values) != len(names):
        raise ExecutionError(
            f"a row has {'1 value' if len(values) == 1 else f'{len(values)} values'}",
            available=names,
            hint=_FORGOTTEN if made is None else None,
        )
    return values


def _of_rows(rows: list[Sequence[Any]], mapped: MapBatches) -> Any:
    columns = zip(*rows, strict=True) if rows else ((),) * len(mapped.schema)
    return _table(dict(zip(mapped.schema.names, map(list, columns), strict=True)), mapped)


def _table(columns: dict[str, Any], mapped: MapBatches) -> Any:
    import pyarrow as pa

    missing = [name for name in mapped.schema.names if name not in columns]
    if missing:
        raise ExecutionError(
            f"column '{missing[0]}' is missing", available=tuple(map(str, columns))
        )
    arrays = {
        field.name: _array(columns[field.name], field) for field in arrow_schema(mapped.schema)
    }
    try:
        return pa.table(arrays)
    except pa.ArrowInvalid as error:
        lengths = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
        raise ExecutionError(f"its columns have several lengths: {lengths}") from error


def _array(values: Any, field: pa.Field) -> pa.Array:
    import pyarrow as pa

    # What is beyond float32 would become infinite; as float64 it is noticed when it is narrowed.
    kind = pa.float64() if pa.types.is_float32(field.type) else field.type
    is_lossy = _lossy(kind)
    if (found := _type_of(values)) is not None:
        _require_kind(field, found)
    try:
        if is_lossy is None or not isinstance(values, list) or not any(map(is_lossy, values)):
            return pa.array(values, kind)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        first = _first_unfit(values, kind)
        raise ExecutionError(f"column '{field.name}' is {field.type}: {first or error}") from error
    raise ExecutionError(f"column '{field.name}' is {field.type}: {_first_unfit(values, kind)}")


def _lossy(kind: pa.DataType) -> Callable[[Any], bool] | None:
    """Return what says of which Python values Arrow would silently keep a part only, if of any."""
    import pyarrow as pa

    if pa.types.is_integer(kind):
        return lambda value: isinstance(value, float | Decimal) and value != value // 1
    if pa.types.is_date(kind):
        return lambda value: isinstance(value, dt.datetime | int)
    if pa.types.is_timestamp(kind):
        naive = kind.tz is None
        return lambda value: (
            isinstance(value, int)
            or (isinstance(value, dt.datetime) and (value.tzinfo is None) != naive)
        )
    return None


def _first_unfit(values: Any, kind: pa.DataType) -> str | None:
    """Say which of some Python values is the first that a type cannot hold."""
    import pyarrow as pa

    is_lossy = _lossy(kind)
    for number, value in enumerate(values if isinstance(values, list) else ()):
        try:
            pa.array([value], kind)
        except (pa.ArrowException, TypeError, OverflowError):
            unfit = True
        else:
            unfit = is_lossy is not None and is_lossy(value)
        if unfit:
            return f"value {number} is {value!r:.60}, of type {type(value).__name__}"
    return None


def _require_kinds(rows: Any, mapped: MapBatches) -> Any:
    """Return rows, none of whose columns would be taken for something else than it is."""
    for field in arrow_schema(mapped.schema):
        position = rows.schema.get_field_index(field.name)
        if position >= 0:
            _require_kind(field, rows.schema.field(position).type)
    return rows


def _require_kind(field: pa.Field, found: pa.DataType) -> None:
    import pyarrow as pa

    if _family(found) != _family(field.type) and not pa.types.is_null(found):
        raise ExecutionError(f"column '{field.name}' is {field.type}, and came as {found}")


def _family(kind: pa.DataType) -> str:
    """Return what a type is about: Arrow takes times for numbers, and truths, whatever is meant."""
    import pyarrow as pa

    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    families = {
        "text": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
        "truth": (pa.types.is_boolean,),
        "time": (pa.types.is_temporal,),
    }
    named = (name for name, kinds in families.items() if any(is_kind(plain) for is_kind in kinds))
    return next(named, "other")


def _type_of(values: Any) -> pa.DataType | None:
    """Return the type of an array, of Arrow's or numpy's; None for what only its values tell."""
    import pyarrow as pa

    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.type
    try:
        return pa.from_numpy_dtype(values.dtype)
    except (AttributeError, TypeError, pa.ArrowException):
        return None
