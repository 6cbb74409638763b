"""A connection that stays open for what is asked before each plan: one trip to the server each."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

Answer = TypeVar("Answer")

_PATIENCE: Final = 0.5
_SECONDS: Final = "SET statement_timeout = '5s'"


class KeptConnection:
    """One connection on which each statement is a transaction of its own; safe across threads.

    A pool would ask whether the connection is alive, begin and roll back: four trips for one.

    Parameters
    ----------
    engine
        Gives the engine whose connection it is.
    """

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self._lock = Lock()
        self._connection: Connection | None = None

    def ask(self, question: Callable[[Connection], Answer]) -> Answer:
        """Return the answer to a question; a connection that broke since the last is replaced."""
        from sqlalchemy.exc import DBAPIError

        with self._lock:
            was_open = self._connection is not None
            try:
                return self._asked(question)
            except DBAPIError as error:
                if not (was_open and error.connection_invalidated):
                    raise
                return self._asked(question)

    def close(self) -> None:
        """Close the connection; it is opened again when something is asked again.

        One on which a server has yet to answer is left to the thread that waits for it.
        """
        if self._lock.acquire(timeout=_PATIENCE):
            try:
                self._drop()
            finally:
                self._lock.release()

    def _asked(self, question: Callable[[Connection], Answer]) -> Answer:
        if self._connection is None:
            self._connection = (
                self._engine()
                .connect()
                .execution_options(isolation_level="AUTOCOMMIT", no_parameters=True)
            )
            self._connection.exec_driver_sql(_SECONDS)
        try:
            answer = question(self._connection)
            self._connection.commit()  # no trip: there is no transaction
        except BaseException:
            self._drop()
            raise
        return answer

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
