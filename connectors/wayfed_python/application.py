"""Applies a function of the user's to batches, and checks that what it returns is what it said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wayfed_arrow import arrow_schema, stream_of
from wayfed_optimizer.errors import ExecutionError, Unsupported, WayfedError
from wayfed_optimizer.relations import MapBatches, MapKind
from wayfed_python.rows import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from wayfed_optimizer.cancellation import CancellationToken


def apply(
    mapped: MapBatches, batches: Any, fragment: str, token: CancellationToken
) -> Iterator[pa.RecordBatch]:
    """Yield the batches that the function of `mapped` makes of `batches`.

    Raises
    ------
    ExecutionError
        Where the function raises (its error is the cause) or returns other columns or types than
        it declared; names the batch, and the row where it takes rows.
    """
    function = mapped.function
    if not callable(function):
        raise Unsupported(f"the function '{function}'", "python", "it is not installed here")
    convert = _CONVERT[mapped.kind]
    for number, batch in enumerate(batches):
        token.raise_if_cancelled()
        place = f"function '{mapped.name}', batch {number}"
        try:
            made = convert(function, batch, mapped, place)
            yield from stream_of(made, mapped.schema)
        except WayfedError as error:
            if isinstance(error, ExecutionError) and error.fragment:
                raise
            raise _failure(
                f"{place} returned what does not fit: {error.message}", fragment
            ) from error
        except _FunctionRaised as raised:
            raise _failure(str(raised), fragment) from raised.__cause__


class _FunctionRaised(Exception):
    """The user's function raised; says where, its cause says what."""


def _failure(message: str, fragment: str) -> ExecutionError:
    return ExecutionError(message, platform="python", fragment=fragment)


def _by_batch(function: Callable[..., Any], batch: Any, mapped: MapBatches, place: str) -> Any:
    import pyarrow as pa

    made = _called(function, batch, place)
    match made:
        case pa.RecordBatch() | pa.Table():
            return made
        case Mapping():
            return _table(dict(made), mapped)
    try:
        match f"{type(made).__module__.split('.')[0]}.{type(made).__name__}":
            case "pandas.DataFrame":
                return pa.Table.from_pandas(made, preserve_index=False)
            case "polars.DataFrame":
                return made.to_arrow()
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ExecutionError(str(error)) from error
    raise ExecutionError(f"a {type(made).__name__} is no batch, table, frame or dict of arrays")


def _by_row(function: Callable[..., Any], batch: Any, mapped: MapBatches, place: str) -> Any:
    made = [
        _values(_called(function, Row(row), f"{place}, row {number}"), mapped)
        for number, row in enumerate(batch.to_pylist())
    ]
    return _of_rows(made, mapped)


def _by_row_to_rows(
    function: Callable[..., Any], batch: Any, mapped: MapBatches, place: str
) -> Any:
    made = [
        _values(row, mapped)
        for number, given in enumerate(batch.to_pylist())
        for row in _called(_listed(function), Row(given), f"{place}, row {number}")
    ]
    return _of_rows(made, mapped)


_CONVERT = {
    MapKind.BATCHES: _by_batch,
    MapKind.ROW: _by_row,
    MapKind.ROWS: _by_row_to_rows,
}


def _listed(function: Callable[..., Any]) -> Callable[..., list[Any]]:
    """Return the function with a generator's rows made at once, so that its errors have a place."""
    return lambda row: list(function(row))


def _called(function: Callable[..., Any], argument: Any, place: str) -> Any:
    try:
        return function(argument)
    except Exception as error:
        raise _FunctionRaised(f"{place} raised {type(error).__name__}: {error}") from error


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
        raise ExecutionError(f"a row has {len(values)} values", available=names)
    return values


def _of_rows(rows: list[Sequence[Any]], mapped: MapBatches) -> Any:
    columns = zip(*rows, strict=True) if rows else ((),) * len(mapped.schema)
    return _table(dict(zip(mapped.schema.names, map(list, columns), strict=True)), mapped)


def _table(columns: dict[str, Any], mapped: MapBatches) -> Any:
    import pyarrow as pa

    try:
        return pa.table(
            {
                field.name: pa.array(columns[field.name], field.type)
                for field in arrow_schema(mapped.schema)
            }
        )
    except KeyError as error:
        raise ExecutionError(
            f"column {error} is missing", available=tuple(map(str, columns))
        ) from error
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError) as error:
        raise ExecutionError(str(error)) from error
