"""Functions of the user's own in Spark's Python workers: sent, called with batches, told of."""

from __future__ import annotations

import base64
import re
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wayfed_arrow import arrow_schema, stream_of
from wayfed_arrow.functions import apply
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import ExecutionError, WayfedError
from wayfed_optimizer.relations import MapBatches, MapKind, Read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa
    from pyspark.sql import DataFrame

    from wayfed_optimizer.types import Schema

_MARK: Final = "wayfed failed on a worker:"
_TOLD: Final = re.compile(rf"{_MARK} ([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, slots=True)
class FunctionOnWorker:
    """What is sent to the workers for one `MapBatches`: all but the rows.

    Parameters
    ----------
    name, function, kind, schema
        As in the relation.
    given
        The columns that the function gets.
    fragment
        The part of the plan, for errors.
    """

    name: str
    function: Callable[..., object] | str
    kind: MapKind
    given: Schema
    schema: Schema
    fragment: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield what the function makes of a partition's batches."""
        from pyspark import TaskContext

        task = TaskContext.get()
        part = f"partition {task.partitionId()}, " if task is not None else ""
        rows = Read("rows", self.given)
        mapped = MapBatches(rows, self.name, self.function, self.kind, self.schema)
        arrived = stream_of(batches, self.given)
        try:
            yield from apply(
                mapped, arrived, self.fragment, CancellationToken(), platform="spark", part=part
            )
        except WayfedError as error:
            raise RuntimeError(f"{_MARK} {_packed(error)}") from error


def mapped_on_workers(frame: DataFrame, mapped: MapBatches, fragment: str) -> DataFrame:
    """Return the rows that a function makes of those of a frame, in its workers.

    Raises
    ------
    ExecutionError
        Where the function cannot be sent there.
    """
    from pyspark.cloudpickle import dumps
    from pyspark.sql.pandas.types import from_arrow_schema

    given = mapped.input.schema
    function = FunctionOnWorker(
        mapped.name, mapped.function, mapped.kind, given, mapped.schema, fragment
    )
    try:
        dumps(function)
    except Exception as error:
        raise ExecutionError(
            f"function '{mapped.name}' cannot be sent to workers: {type(error).__name__}: {error}",
            platform="spark",
            fragment=fragment,
            hint="make what it needs inside of it; or read with .on('duckdb'), and it runs here",
        ) from error
    schema = from_arrow_schema(arrow_schema(mapped.schema), prefer_timestamp_ntz=True)
    return frame.mapInArrow(function, schema)


def failure_on_worker(error: BaseException, fragment: str) -> ExecutionError | None:
    """Return what a function's failure on a worker is, with its own error as the cause.

    Returns None where an error is of something else.
    """
    found = _TOLD.search(str(error))
    if found is None:
        return None
    from pyspark.cloudpickle import loads

    message, available, hint, cause, told = loads(base64.b64decode(found[1]))
    failure = ExecutionError(
        message, platform="spark", fragment=fragment, available=available, hint=hint
    )
    failure.__cause__ = cause if cause is not None else _OnWorker(told)
    if cause is not None:
        cause.__cause__ = _OnWorker(told)
    return failure


class _OnWorker(Exception):
    """The traceback of a function on a worker, as text: frames do not travel."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _packed(error: WayfedError) -> str:
    """Return an error as text that survives the way through the JVM."""
    from pyspark.cloudpickle import dumps

    cause = error.__cause__
    told = "".join(traceback.format_exception(cause or error))
    message = re.sub(r"^spark, \w+: ", "", error.message)
    parts: tuple[Any, ...] = (message, tuple(error.available), error.hint)
    try:
        packed = dumps((*parts, cause, told))
    except Exception:  # noqa: BLE001  # the text of what cannot be sent is sent
        packed = dumps((*parts, None, told))
    return base64.b64encode(packed).decode()
