"""DuckDB in this process: one in-memory database for a context, started by its first fragment."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from wayfed_duckdb.capabilities import CAPABILITIES, COSTS
from wayfed_duckdb.channels import ACCEPTS, PRODUCES, view_names
from wayfed_duckdb.connections import Connections
from wayfed_duckdb.memory import least, room
from wayfed_duckdb.session import DuckDBSession
from wayfed_optimizer.platform import Compiled, TableReference
from wayfed_optimizer.relations import reads
from wayfed_sql import DUCKDB, to_sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Conversion, Run, Source

# Meaning and safety do not depend on the machine: instants are shown in UTC, a name that is no
# table is an error instead of a Python variable, and nothing is downloaded behind one's back.
SETTINGS: Final = {
    "TimeZone": "UTC",
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
}
LEFT_OUT: Final = ("partial_aggregate_pushdown",)
"""Steps of DuckDB's optimizer that are left out, of those that it has.

It aggregates a table before joins with few rows that would leave almost nothing of it: it takes
tables of its own to lose no rows of what they are joined with. Plans that come here have been
asked already whether that pays.
"""


class DuckDBPlatform:
    """DuckDB as one context sees it.

    Parameters
    ----------
    settings
        DuckDB's, by its own names; see `DuckDBConnector.platform`.
    """

    name = "duckdb"
    capabilities = CAPABILITIES
    accepts = ACCEPTS
    produces = PRODUCES
    conversions: tuple[Conversion, ...] = ()

    def __init__(self, settings: Mapping[str, str | int]) -> None:
        self._settings = settings
        self.costs = replace(
            COSTS, memory=room(settings.get("memory_limit")), least=least(settings)
        )
        self._database: DuckDBPyConnection | None = None
        self._used = False
        self._closed = False
        self._lock = Lock()
        self._connections = Connections(self._cursor)

    def compile(self, fragment: Fragment, sources: Mapping[str, Source]) -> Compiled:
        """Return the fragment as SQL over views that are called as its inputs are."""
        names = view_names(fragment)
        tables = {
            table: TableReference((name,), bounds=_bounds(table, fragment, sources))
            for table, name in names.items()
        }
        return Compiled(to_sql(fragment.relation, DUCKDB, tables))

    def open(self, run: Run) -> DuckDBSession:
        """Start taking part in a run."""
        return DuckDBSession(run, self._connections)

    def prepare(self) -> None:
        """Open the database."""
        with self._lock, suppress(ImportError, *_errors()):  # who uses it is told the same
            if not self._closed:
                self._opened()

    def started(self) -> bool:
        """Say whether the database has been used already."""
        return self._used

    def version(self) -> str:
        """Return DuckDB's version."""
        return version("duckdb")

    def close(self) -> None:
        """Close the database; what its cursors still read ends first."""
        self._connections.close()
        with self._lock:
            database, self._database = self._database, None
            self._used, self._closed = False, True
        if database is not None:
            database.close()

    def _cursor(self) -> DuckDBPyConnection:
        with self._lock:
            self._used = True
            return self._opened().cursor()

    def _opened(self) -> DuckDBPyConnection:
        import duckdb

        if self._database is None:
            config: dict[str, Any] = {**SETTINGS, **self._settings}
            database = duckdb.connect(":memory:", config=config)
            _leave_out(database, LEFT_OUT)
            self._database = database
        return self._database


def _errors() -> tuple[type[Exception], ...]:
    try:
        from duckdb import Error
    except ImportError:
        return ()
    return (Error,)


def _leave_out(database: DuckDBPyConnection, steps: Sequence[str]) -> None:
    there = {name for (name,) in database.execute("FROM duckdb_optimizers()").fetchall()}
    names = ",".join(step for step in steps if step in there)
    database.execute(f"SET disabled_optimizers = '{names}'")


def _bounds(
    table: str, fragment: Fragment, sources: Mapping[str, Source]
) -> Mapping[str, tuple[object, object]]:
    """Return the ends of the columns that a fragment reads of a table, where they are known."""
    source = sources.get(table)
    if source is None:
        return {}
    known = source.statistics().columns
    return {
        name: (known[name].low, known[name].high)
        for read in reads(fragment.relation)
        if read.table == table
        for name in read.schema.names
        if name in known and known[name].low is not None
    }
