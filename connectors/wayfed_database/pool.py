"""Connections to PostgreSQL that outlive runs."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from wayfed_database.adbc import Connection, driver_errors, open_database
from wayfed_database.failures import connection_failure
from wayfed_database.limits import Places

if TYPE_CHECKING:
    from wayfed_database.location import ServerLocation

_IDLE_KEPT: Final = 4
_SETTINGS: Final = (
    "SELECT set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO, YMD', false), "
    "set_config('standard_conforming_strings', 'on', false)"  # a backslash is a backslash
)


class ConnectionPool:
    """Connections to one database that outlive runs: a new one reads 4,300 rows of the catalog.

    Parameters
    ----------
    location
        Of the database.
    limit
        How many connections may be in use at once: one for writing, the others for reading.
    """

    def __init__(self, location: ServerLocation, limit: int | None = None) -> None:
        self.reading: Final = Places(None if limit is None else limit - 1)
        self.writing: Final = Places(None if limit is None else 1)
        self._location = location
        self._most_idle = _IDLE_KEPT if limit is None else min(limit, _IDLE_KEPT)
        self._lock = Lock()
        self._database: Any = None
        self._idle: list[Connection] = []

    @property
    def started(self) -> bool:
        """Whether there is a connection."""
        return self._database is not None

    def begin(self, statement: str) -> Connection:
        """Return a connection on which `statement` has begun a transaction.

        Raises
        ------
        SourceError
            Where the server cannot be reached, or does not let us in.
        """
        while (kept := self._take()) is not None:
            try:
                kept.run(statement)
            except driver_errors():  # the server was restarted, or ended a connection that was idle
                close_quietly(kept)
                continue
            return kept
        connection = self._connect()
        connection.run(statement)
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose transaction has ended, or close it where enough are kept."""
        with self._lock:
            if self._database is not None and len(self._idle) < self._most_idle:
                self._idle.append(connection)
                return
        close_quietly(connection)

    def close(self) -> None:
        """Close every connection that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._database = None
        for connection in idle:
            close_quietly(connection)

    def _take(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _connect(self) -> Connection:
        try:
            with self._lock:
                if self._database is None:
                    self._database = open_database("postgresql", self._location.libpq)
                database = self._database
            connection = Connection(database)
            connection.value(_SETTINGS)
        except driver_errors() as error:
            raise connection_failure(error, self._location) from error
        return connection


def close_quietly(connection: Connection) -> None:
    """Close a connection that may be broken already."""
    with suppress(*driver_errors(), RuntimeError):  # RuntimeError: rows are still open
        connection.close()
