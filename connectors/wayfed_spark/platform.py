"""Spark as a platform: each fragment is one SQL statement, run as one group of jobs."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, suppress
from dataclasses import replace
from importlib.metadata import version
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import Cancelled, Unsupported, starting
from wayfed_optimizer.platform import (
    ARROW_TABLE,
    PARQUET_FILES,
    Compiled,
    FileSet,
    JdbcQuery,
)
from wayfed_spark.capabilities import CAPABILITIES, COSTS
from wayfed_spark.channels import (
    ACCEPTS,
    ASKED,
    LARGE,
    PRODUCES,
    conversions,
    placed,
    read_files,
    stream_of_files,
    to_parquet,
    to_table,
    write_parquet,
)
from wayfed_spark.failures import failure
from wayfed_spark.functions import mapped_on_workers
from wayfed_spark.jdbc import driver_jars, knows_driver, read_jdbc
from wayfed_spark.jvm import require_pyarrow
from wayfed_spark.keeping import kept_rows
from wayfed_spark.memory import room_of
from wayfed_spark.metrics import counted, wait_for_counts
from wayfed_spark.names import quoted
from wayfed_spark.parameters import arguments_of
from wayfed_spark.session import Spark
from wayfed_spark.source import frames_of, in_session, is_deterministic
from wayfed_spark.statements import Statement, statement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    from wayfed_optimizer.cost import CostProfile
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Channel, Run, Source
    from wayfed_spark.jvm import Settings
    from wayfed_spark.session import SharedSpark

_DESCRIPTION: Final = 200
_NO_METRICS: Final[Mapping[str, float]] = MappingProxyType({})


class SparkPlatform:
    """Spark as one context sees it: started by its first fragment, given back when it closes."""

    name: str = "spark"
    capabilities = CAPABILITIES
    produces = PRODUCES

    def __init__(self, shared: SharedSpark, settings: Settings, session: SparkSession | None):
        self._shared = shared
        self._settings = settings
        self._session = session
        self._spark: Spark | None = None
        self._lock = Lock()
        self._asks_databases: bool | None = None
        self._costs: CostProfile | None = None
        self.conversions = conversions(settings.exchange)

    @property
    def costs(self) -> CostProfile:
        """What work takes, and how much an operator may hold, if that is this machine's to say."""
        if self._costs is None:
            held = room_of(self._session) if self._session else self._settings.room
            self._costs = replace(COSTS, memory=held)
        return self._costs

    @property
    def accepts(self) -> tuple[Channel, ...]:
        """Its own frames, and files; queries to databases too, where a driver is at hand."""
        if self._asks_databases is None:
            session = self._session
            self._asks_databases = knows_driver(session) if session else bool(driver_jars())
        own = (frames_of(self.name), *ACCEPTS)
        return (*own, ASKED) if self._asks_databases else own

    def compile(self, fragment: Fragment, sources: Mapping[str, Source]) -> Compiled:
        """Return the fragment as Spark SQL over views that are called as its inputs are."""
        return statement(fragment)

    def open(self, run: Run) -> SparkRun:
        """Start taking part in a run; the JVM starts with its first fragment."""
        return SparkRun(run, self._running, self._settings.exchange)

    def started(self) -> bool:
        """Say whether a JVM runs already."""
        return self._session is not None or self._shared.running

    def version(self) -> str:
        """Return the version of Spark."""
        return version("pyspark")

    def close(self) -> None:
        """Give Spark back; the last context to do so stops a JVM that we started."""
        with self._lock:
            spark, self._spark = self._spark, None
        if spark is None:
            return
        if self._session is None:
            self._shared.release(spark)
        else:
            spark.close()

    def _running(self) -> Spark:
        with self._lock:
            foreign = self._session
            if self._spark is not None and foreign is None and self._spark.gone:
                self._shared.release(self._spark)
                self._spark = None
            if self._spark is None:
                with starting():
                    require_pyarrow()
                    own = Spark(foreign) if foreign else self._shared.acquire(self._settings)
                self._spark = own
            return self._spark


class SparkRun:
    """Spark's part in one run: a session of its own, so that its views are nobody else's."""

    def __init__(
        self, run: Run, running: Callable[[], Spark], exchange: Path | None = None
    ) -> None:
        self._run = placed(run, exchange)
        self._exchanging = exchange is not None
        self._running = running
        self._lock = Lock()
        self._part: tuple[Spark, SparkSession] | None = None
        self._kept = ExitStack()
        self._frames: dict[DataFrame, DataFrame] = {}
        self._uncounted: set[str] = set()

    def execute(
        self, fragment: Fragment, compiled: Compiled, inputs: Mapping[str, object]
    ) -> object:
        """Run a fragment as one group of jobs, named after the run and the fragment."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        self._uncounted.discard(fragment.id)
        try:
            return self._run_job(fragment, compiled, inputs)
        except (Py4JError, PySparkException, OSError) as error:
            if self._run.token.cancelled:
                raise Cancelled(f"the run was stopped: {self._run.token.reason}") from error
            told = failure(error, fragment.id, compiled.text)
            raise told from told.__cause__ or error
        finally:
            self._uncounted.add(fragment.id)

    def ingest(self, name: str, value: object, source: Channel, target: Channel) -> object:
        """Refuse: rows come to Spark as files, which are written without it."""
        raise Unsupported(f"{source} to {target}", "spark", "rows come to it as Parquet files")

    def metrics(self, fragment: Fragment) -> Mapping[str, float]:
        """Return what Spark counted in the jobs of a fragment: at once, where they still run."""
        part = self._part  # without the lock, which is held while a JVM starts
        if part is None or part[0].gone:
            return _NO_METRICS
        spark, session = part
        if fragment.id in self._uncounted:
            self._uncounted.discard(fragment.id)
            with suppress(RuntimeError):  # its threads have ended
                spark.call(lambda: wait_for_counts(session))
        return counted(session, self._group(fragment))

    def close(self) -> None:
        """Drop the run's views; its session goes with the last reference to it."""
        with self._lock:
            part, self._part = self._part, None
        if self._exchanging:
            shutil.rmtree(self._run.directory(), ignore_errors=True)
        if part is None:
            return
        from py4j.protocol import Py4JError

        spark, session = part
        with suppress(Py4JError, OSError, RuntimeError):  # Spark, or its threads, may be gone
            spark.call(lambda: _release(session, self._kept))

    def _group(self, fragment: Fragment) -> str:
        return f"{self._run.id}.{fragment.id}"

    def _run_job(self, fragment: Fragment, compiled: Compiled, inputs: Mapping[str, Any]) -> object:
        spark, session = self._started()
        self._run.token.raise_if_cancelled()

        def work() -> object:
            with ExitStack() as once:
                return self._job(session, fragment, compiled, inputs, once)

        def cancel() -> None:
            spark.cancel_group(self._group(fragment))

        with self._run.token.calling(cancel):
            return spark.call(work, cancel)

    def _job(
        self,
        session: SparkSession,
        fragment: Fragment,
        compiled: Compiled,
        inputs: Mapping[str, Any],
        once: ExitStack,
    ) -> object:
        description = f"wayfed {fragment.id}: {compiled.text}"[:_DESCRIPTION]
        session.sparkContext.setJobGroup(self._group(fragment), description, True)
        asked = compiled.payload
        if not isinstance(asked, Statement):
            asked = Statement(compiled.text)
        for name, value in inputs.items():
            frame = self._frame(session, value, once, shared=name in asked.shared)
            frame.createOrReplaceTempView(quoted(name))
        arguments = arguments_of(fragment.relation, self._run.parameters) or None
        for view in asked.views:
            made = mapped_on_workers(session.sql(view.sql, arguments), view.mapped, fragment.id)
            if view.kept:
                made = kept_rows(made, once.callback)
            made.createOrReplaceTempView(quoted(view.name))
        frame = session.sql(asked.query, arguments)
        schema = fragment.relation.schema
        if fragment.output == PARQUET_FILES:
            return to_parquet(frame, schema, self._run)
        if fragment.output == ARROW_TABLE:
            return to_table(frame, schema)
        if fragment.rows.likely * fragment.width > LARGE:
            files = to_parquet(frame, schema, self._run)
            return stream_of_files(files, self._run)
        return to_table(frame, schema).to_reader()

    def _frame(
        self, session: SparkSession, value: Any, once: ExitStack, *, shared: bool
    ) -> DataFrame:
        from pyspark.sql import DataFrame

        match value:
            case DataFrame():
                return self._frame_of_the_users(session, value, shared=shared)
            case JdbcQuery():
                rows = read_jdbc(session, value)
                return kept_rows(rows, once.callback) if shared else rows
            case FileSet():
                return read_files(session, value, self._run)
        return read_files(session, write_parquet(value, self._run), self._run)

    def _frame_of_the_users(
        self, session: SparkSession, value: DataFrame, *, shared: bool
    ) -> DataFrame:
        """Return her frame, whose rows are the same each time that the run reads them."""
        if shared or not is_deterministic(value):
            with self._lock:
                if value not in self._frames:
                    rows = in_session(value, session)
                    self._frames[value] = kept_rows(rows, self._kept.callback)
                return self._frames[value]
        return in_session(value, session)

    def _started(self) -> tuple[Spark, SparkSession]:
        with self._lock:
            if self._part is None:
                spark = self._running()
                self._part = spark, spark.call(spark.new_session)
            return self._part


def _release(session: SparkSession, kept: ExitStack) -> None:
    kept.close()
    for table in session.catalog.listTables():
        if table.isTemporary:
            session.catalog.dropTempView(quoted(table.name))
