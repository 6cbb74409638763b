"""Connections to PostgreSQL that outlive runs."""

from __future__ import annotations

from concurrent.futures import Future
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
    "SET TimeZone TO 'UTC'; SET DateStyle TO 'ISO, YMD'; "
    "SET standard_conforming_strings TO on"  # a backslash is a backslash
)


class ConnectionPool:
    """Connections to one database that outlive runs: a new one reads 4,300 rows of the catalog.

    Parameters
    ----------
    location
        Of the database.
    limit
        How many connections may be in use at once: one for writing, the others for reading.
    readers
        How many of them a single statement may use.
    """

    def __init__(
        self, location: ServerLocation, limit: int | None = None, readers: int = 1
    ) -> None:
        self.reading: Final = Places(None if limit is None else limit - 1)
        self.writing: Final = Places(None if limit is None else 1)
        self._location = location
        most_idle = max(readers, _IDLE_KEPT)
        self._most_idle = most_idle if limit is None else min(limit, most_idle)
        self._lock = Lock()
        self._opening = Lock()
        self._database: Any = None
        self._coming: Future[Connection] | None = None
        self._idle: list[Connection] = []
        self._times_closed = 0
        self.started = False
        """Whether a connection has been used: one that was only prepared may be of no use yet."""

    def prepare(self) -> None:
        """Open the first connection, for whoever will want one."""
        with self._lock:
            if self._database is not None or self._coming is not None:
                return
            coming = self._coming = Future()
        self._open_for(coming)

    def begin(self, statement: str) -> Connection:
        """Return a connection on which `statement` has begun a transaction.

        Raises
        ------
        SourceError
            Where the server cannot be reached, or does not let us in.
        """
        self.started = True
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
            coming, self._coming = self._coming, None
            self._database = None
            self._times_closed += 1
            self.started = False
        if coming is not None:
            coming.add_done_callback(_close_when_there)
        for connection in idle:
            close_quietly(connection)

    def _take(self) -> Connection | None:
        with self._lock:
            if self._idle:
                return self._idle.pop()
            coming, self._coming = self._coming, None
        return None if coming is None else coming.result()

    def _open_for(self, coming: Future[Connection]) -> None:
        try:
            connection = self._connect()
        except BaseException as error:  # noqa: BLE001  # for the thread that waits for it
            with self._lock:
                if self._coming is coming:  # nobody waits: who wants one later, tries again
                    self._coming = None
            coming.set_exception(error)
        else:
            coming.set_result(connection)

    def _connect(self) -> Connection:
        try:
            connection = Connection(self._opened())
            connection.run(_SETTINGS)
        except driver_errors() as error:
            raise connection_failure(error, self._location) from error
        return connection

    def _opened(self) -> Any:
        """Return the driver's database, in which it keeps the server's types; opened once."""
        with self._opening:
            with self._lock:
                database, times_closed = self._database, self._times_closed
            if database is None:
                database = open_database("postgresql", self._location.libpq)
                with self._lock:
                    if self._times_closed == times_closed:
                        self._database = database
            return database


def close_quietly(connection: Connection) -> None:
    """Close a connection that may be broken already."""
    with suppress(*driver_errors(), RuntimeError):  # RuntimeError: rows are still open
        connection.close()


def _close_when_there(coming: Future[Connection]) -> None:
    if coming.exception() is None:
        close_quietly(coming.result())
