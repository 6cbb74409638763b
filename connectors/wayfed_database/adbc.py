"""Arrow in and out of a database by ADBC's C interface.

The classes below ``adbc_driver_manager.dbapi`` are used: that module imports pandas where it is
installed, and takes a second for it.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed_arrow import Stream
from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

_MISSING: Final = "pip install 'wayfed[sql]'"
_ONE_VALUE: Final = MappingProxyType({"adbc.postgresql.use_copy": "false"})
"""COPY is for many rows."""


def open_database(driver: str, uri: str) -> Any:
    """Return an ADBC database (a driver and where it connects to); connections are made of it.

    Raises
    ------
    Unsupported
        Where the driver is not installed.
    """
    try:
        manager = import_module("adbc_driver_manager")
        library = import_module(f"adbc_driver_{driver}")
    except ImportError as error:
        raise Unsupported(
            f"reading {driver}", reason=f"{error.name} is not installed", hint=_MISSING
        ) from error
    return manager.AdbcDatabase(driver=library._driver_path(), uri=uri)


def driver_errors() -> tuple[type[Exception], ...]:
    """Return the classes of errors that a driver's calls and streams raise."""
    from adbc_driver_manager import Error
    from pyarrow import ArrowException

    return Error, ArrowException, OSError


class Connection:
    """A connection of ADBC's; one statement at a time."""

    def __init__(self, database: Any) -> None:
        from adbc_driver_manager import AdbcConnection

        self._connection = AdbcConnection(database)
        self._ending = Lock()
        self._open = True

    def run(self, sql: str) -> None:
        """Run a statement that has no rows."""
        with self._statement({}) as statement:
            statement.set_sql_query(sql)
            statement.execute_update()

    def value(self, sql: str) -> Any:
        """Return the one value of a query to PostgreSQL."""
        with self.stream(sql, _ONE_VALUE) as rows:
            return rows.read_all().column(0)[0].as_py()

    def stream(self, sql: str, options: Mapping[str, str] | None = None) -> Stream:
        """Return the rows of a query; the statement ends with them."""
        import pyarrow as pa

        statement = self._statement(options or {})
        try:
            statement.set_sql_query(sql)
            handle, _ = statement.execute_query()
            reader = pa.RecordBatchReader.from_stream(handle)
        except BaseException:
            statement.close()
            raise

        def close() -> None:
            reader.close()
            statement.close()

        return Stream(reader.schema, _batches(reader), close)

    def ingest(self, table: str, rows: pa.RecordBatchReader | Stream, *, temporary: bool) -> int:
        """Make a table of rows and return their number."""
        options = {
            "adbc.ingest.target_table": table,
            "adbc.ingest.mode": "adbc.ingest.mode.create",
            "adbc.ingest.temporary": str(temporary).lower(),
        }
        with self._statement(options) as statement:
            statement.bind_stream(rows)
            count: int = statement.execute_update()
        return count

    def append(self, schema: str, table: str, rows: pa.RecordBatchReader | Stream) -> int:
        """Add rows to a table, by the names of their columns, and return their number."""
        options = {
            "adbc.ingest.target_table": table,
            "adbc.ingest.target_db_schema": schema,
            "adbc.ingest.mode": "adbc.ingest.mode.append",
        }
        with self._statement(options) as statement:
            statement.bind_stream(rows)
            count: int = statement.execute_update()
        return count

    def cancel(self) -> None:
        """Make the server give up the statement under way; from any thread.

        One that cannot be reached any more has given it up.
        """
        with self._ending, suppress(*driver_errors()):
            if self._open:
                self._connection.cancel()

    def close(self) -> None:
        """End the connection."""
        with self._ending:
            self._connection.close()
            self._open = False

    def _statement(self, options: Mapping[str, str]) -> Any:
        from adbc_driver_manager import AdbcStatement

        statement = AdbcStatement(self._connection)
        statement.set_options(**options)
        return statement


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    # Not iter(reader): a reader that is closed while a generator waits on it must not be read.
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        yield batch
