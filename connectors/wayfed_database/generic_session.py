"""Rows out of a database by its DBAPI driver, some thousands at a time."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed_arrow import Stream, arrow_schema, arrow_type
from wayfed_database.failures import first_line, passing, statement_failure
from wayfed_optimizer.errors import TransferError, Unsupported
from wayfed_optimizer.platform import ARROW_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from wayfed_database.generic import GenericDatabase
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Channel, Compiled, Run
    from wayfed_optimizer.types import Field, Schema

_ROWS: Final = 1 << 14
_NO_METRICS: Final[Mapping[str, float]] = MappingProxyType({})


class GenericSession:
    """A run's part of a database: a connection for each result, closed with it."""

    def __init__(self, database: GenericDatabase, run: Run, name: str) -> None:
        self._database = database
        self._run = run
        self._name = name
        self._streams: list[Stream] = []

    def execute(
        self, fragment: Fragment, compiled: Compiled, inputs: Mapping[str, object]
    ) -> object:
        """Run a fragment's statement and return its rows as they come, or all of them."""
        from sqlalchemy.exc import DBAPIError

        schema = fragment.relation.schema
        try:
            connection = self._database.engine().connect()
            try:
                streaming = connection.execution_options(stream_results=True, no_parameters=True)
                result = streaming.exec_driver_sql(compiled.text)
            except BaseException:
                connection.close()
                raise
        except DBAPIError as error:
            raise statement_failure(
                error.orig or error,
                platform=self._name,
                fragment=fragment,
                compiled=compiled,
                token=self._run.token,
            ) from error.orig
        rows = self._rows(result, schema)
        stream = Stream(arrow_schema(schema), rows, connection.close)
        self._streams.append(stream)
        return stream.read_all() if fragment.output == ARROW_TABLE else stream

    def ingest(self, name: str, value: object, source: Channel, target: Channel) -> object:
        """Refuse: rows of others do not get in."""
        raise Unsupported("reading other rows", self._name, "only its own tables are read there")

    def metrics(self, fragment: Fragment) -> Mapping[str, float]:
        """Return nothing: there is no common way to ask."""
        return _NO_METRICS

    def close(self) -> None:
        """Close what is still being read."""
        for stream in self._streams:
            stream.close()

    def _rows(self, result: Any, schema: Schema) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        from sqlalchemy.exc import DBAPIError

        target = arrow_schema(schema)
        while True:
            self._run.token.raise_if_cancelled()
            try:
                rows = result.fetchmany(_ROWS)
            except DBAPIError as error:
                raise TransferError(
                    f"rows did not arrive: {first_line(error.orig or error)}",
                    platform=self._name,
                    failure=passing(error.orig or error),
                ) from error.orig
            if not rows:
                return
            columns = zip(*rows, strict=True)
            arrays = [self._array(c, f) for c, f in zip(columns, schema, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=target)

    def _array(self, values: tuple[Any, ...], field: Field) -> pa.Array:
        import pyarrow as pa

        try:
            return pa.array(values, arrow_type(field.type))
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise TransferError(
                f"column '{field.name}' is {field.type}, and holds what is not: {error}",
                platform=self._name,
                hint="make a view that casts it",
            ) from error
