"""Connections that stay open for what a catalog is asked: one trip to the server a question."""

from __future__ import annotations

from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from wayfed_database.failures import connection_failure
from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection
    from psycopg.rows import DictRow

    from wayfed_database.location import ServerLocation

    Asking: TypeAlias = Connection[DictRow]

Answer = TypeVar("Answer")

_MOST: Final = 2
"""One that may wait for an answer about statistics, and one for what a run has to know."""
_SETTINGS: Final = "SET statement_timeout TO '5s'; SET DateStyle TO 'ISO, YMD'"


class KeptConnections:
    """Connections on which each statement is a transaction of its own; safe across threads.

    A pool would ask whether a connection is alive, begin and roll back: four trips for one.

    Parameters
    ----------
    location
        Of the database.
    """

    def __init__(self, location: ServerLocation) -> None:
        self._location = location
        self._places = BoundedSemaphore(_MOST)
        self._lock = Lock()
        self._idle: list[Asking] = []
        self._times_closed = 0

    def ask(self, question: Callable[[Asking], Answer]) -> Answer:
        """Return the answer to a question; a connection that broke since the last is replaced.

        Raises
        ------
        SourceError
            Where the server does not let us in.
        """
        with self._places:
            with self._lock:
                kept, times_closed = self._idle.pop() if self._idle else None, self._times_closed
            if kept is not None:
                try:
                    return question(kept)
                except _errors():
                    if not kept.broken:
                        raise
                finally:
                    self._give_back(kept, times_closed)
            opened = self._opened()
            try:
                return question(opened)
            finally:
                self._give_back(opened, times_closed)

    def close(self) -> None:
        """Close the connections; others are opened when something is asked again.

        One on which a server has yet to answer is left to the thread that waits for it.
        """
        with self._lock:
            idle, self._idle = self._idle, []
            self._times_closed += 1
        for connection in idle:
            connection.close()

    def _give_back(self, connection: Asking, times_closed: int) -> None:
        from psycopg.pq import TransactionStatus

        with self._lock:
            if (
                connection.info.transaction_status is TransactionStatus.IDLE
                and times_closed == self._times_closed
            ):
                self._idle.append(connection)
                return
        connection.close()

    def _opened(self) -> Asking:
        try:
            import psycopg
            from psycopg.rows import dict_row
        except ImportError as error:
            raise Unsupported(
                "reading postgresql",
                reason=f"{error.name} is not installed",
                hint="pip install 'wayfed[sql]'",
            ) from error
        try:
            connection = psycopg.connect(
                self._location.libpq, autocommit=True, row_factory=dict_row
            )
        except psycopg.Error as error:
            raise connection_failure(error, self._location) from error
        try:
            connection.execute(_SETTINGS)
        except BaseException:
            connection.close()
            raise
        return connection


def _errors() -> tuple[type[Any], ...]:
    from psycopg import Error

    return (Error,)
