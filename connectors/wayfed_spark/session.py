"""The one Spark of this process: its JVM is started by the first who needs it, stopped by the last.

A Spark session that the user hands over is used as it is: work runs in new sessions beside it,
which share its cluster and nothing else.
"""

from __future__ import annotations

import atexit
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from wayfed_optimizer.errors import ExecutionError
from wayfed_spark import jvm

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from wayfed_spark.jvm import Settings

T = TypeVar("T")

MEANING: Final = MappingProxyType(
    {
        "spark.sql.ansi.enabled": "true",
        "spark.sql.caseSensitive": "true",
        "spark.sql.session.timeZone": "UTC",
        # The product of decimals keeps its scale or fails; by default Spark rounds it to 6 digits.
        "spark.sql.decimalOperations.allowPrecisionLoss": "false",
        # A constant as key is a constant, never the number of a column.
        "spark.sql.groupByOrdinal": "false",
        "spark.sql.orderByOrdinal": "false",
        # Text in a literal is text, even where it reads ${…}.
        "spark.sql.variable.substitute": "false",
        # Nanoseconds come as numbers, of which none is cut off unnoticed.
        "spark.sql.legacy.parquet.nanosAsLong": "true",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
        "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
        "spark.sql.files.ignoreCorruptFiles": "false",
        "spark.sql.files.ignoreMissingFiles": "false",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    }
)
"""The settings that give SQL the meaning of docs/semantics.md, made in every session of ours."""

_THREADS: Final = 16
_STEP_SECONDS: Final = 0.1
"""Waits are in steps: polars, once imported, lets no signal end a wait that has no timeout."""
_THREAD_NAME: Final = "wayfed-spark"
# Where pyspark prints each error that it raises, as a page of JSON.
_LOGGERS: Final = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")


class Spark:
    """A running Spark, and threads in which its JVM is called.

    A call blocks in the JVM, where no signal reaches it; so it is made in a thread of its own, and
    the caller waits where Ctrl-C is served.

    Parameters
    ----------
    session
        Shows the Spark to use; nothing is set or registered in it.
    stop
        Ends what was started for it.
    """

    def __init__(self, session: SparkSession, stop: Callable[[], None] = lambda: None) -> None:
        self._session = session
        self._process = getattr(session.sparkContext._gateway, "proc", None)
        self._closed = False
        self._stop = stop
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=_THREAD_NAME)
        _quieten_pyspark()

    def is_of(self, session: SparkSession) -> bool:
        """Say whether a session is of this Spark."""
        return self._session.sparkContext is session.sparkContext

    @property
    def gone(self) -> bool:
        """Whether it was closed, or its JVM, if it is one that this process started, has ended."""
        return self._closed or (self._process is not None and self._process.poll() is not None)

    def new_session(self) -> SparkSession:
        """Return a session of its own, with the settings of `MEANING` and no views."""
        if self._session.sparkContext._jsc is None:
            raise ExecutionError("the Spark session that was handed over is stopped")
        session = self._session.newSession()
        for name, value in MEANING.items():
            session.conf.set(name, value)
        return session

    def call(self, work: Callable[[], T], cancel: Callable[[], None] = lambda: None) -> T:
        """Return the result of `work`, done in another thread; Ctrl-C calls `cancel` first."""
        return _wait(self._threads.submit(work), cancel)

    def cancel_group(self, group: str) -> None:
        """Stop the jobs of a group, those not begun yet too; does nothing where Spark is gone."""
        from py4j.protocol import Py4JError

        context = self._session.sparkContext._jsc
        if context is not None:
            with suppress(Py4JError, OSError):
                context.sc().cancelJobGroupAndFutureJobs(group)

    def close(self) -> None:
        """Stop what was started here."""
        self._closed = True
        self._threads.shutdown()
        self._stop()


class SharedSpark:
    """Keeps at most one Spark of ours running, for as long as somebody holds a lease on it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._spark: Spark | None = None
        self._settings: Settings | None = None
        self._leases = 0

    @property
    def running(self) -> bool:
        """Whether a JVM was started and not stopped again."""
        return self._spark is not None

    def is_of(self, session: SparkSession) -> bool:
        """Say whether a session is of the Spark that runs here."""
        return self._spark is not None and self._spark.is_of(session)

    def acquire(self, settings: Settings) -> Spark:
        """Return the running Spark, started if it is not; each `acquire` needs its `release`.

        Raises
        ------
        ExecutionError
            Where Spark does not start, and where it runs with other settings already.
        """
        with self._lock:
            if self._spark is not None and self._spark.gone:
                self._end()
            if self._spark is None:
                self._spark, self._settings = _start(settings), settings
                atexit.register(self._spark.close)
            elif self._settings != settings:
                raise ExecutionError(
                    f"this process runs Spark with {self._settings}, not with {settings}",
                    platform="spark",
                    hint="give both contexts the same options, or close the other one first",
                )
            self._leases += 1
            return self._spark

    def release(self, spark: Spark) -> None:
        """Give a lease back; the last one stops the JVM.

        One on a Spark whose JVM has ended, and in whose place another runs, is forgotten.
        """
        with self._lock:
            if spark is not self._spark:
                return
            self._leases -= 1
            if not self._leases:
                self._end()

    def _end(self) -> None:
        spark, self._spark, self._leases = self._spark, None, 0
        if spark is not None:
            atexit.unregister(spark.close)
            spark.close()


def _start(settings: Settings) -> Spark:
    with ThreadPoolExecutor(1, thread_name_prefix=_THREAD_NAME) as thread:
        future = thread.submit(jvm.start, settings)
        try:
            session, undo = _wait(future)
        except KeyboardInterrupt:
            if future.exception() is None:
                future.result()[1].close()
            raise
    return Spark(session, undo.close)


def _quieten_pyspark() -> None:
    from pyspark.logger import PySparkLogger

    for name in _LOGGERS:
        PySparkLogger.getLogger(name).addFilter(_is_not_ours)


def _is_not_ours(record: logging.LogRecord) -> bool:
    """Say whether somebody else's work is told of: what fails here, we raise."""
    return not (record.threadName or "").startswith(_THREAD_NAME)


def _wait(future: Future[T], cancel: Callable[[], None] = lambda: None) -> T:
    """Return the future's result; when interrupted, cancel and see the work end before leaving."""
    try:
        while not future.done():
            wait((future,), _STEP_SECONDS)
        return future.result()
    except KeyboardInterrupt:
        cancel()
        future.exception()
        raise
