"""What lies on Spark already: a frame of the user's, or a table of her session's catalog."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4
from weakref import WeakValueDictionary

from wayfed_arrow import from_arrow_type
from wayfed_optimizer.errors import (
    InvalidOption,
    SourceChanged,
    SourceError,
    TypeMismatch,
    Unsupported,
)
from wayfed_optimizer.platform import Channel, Snapshot
from wayfed_optimizer.statistics.estimates import Estimate, Provenance, TableStatistics
from wayfed_optimizer.types import Field, Schema
from wayfed_spark.names import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from wayfed_optimizer.platform import SourceRequest

_MOST_BYTES: Final = 1 << 50
"""What Spark takes a size for that it does not know is far beyond."""
_OPAQUE: Final = re.compile(r"\b(variant|udt|geometry|geography)\b(?!:)")
_OFF_BY: Final = 4.0
_DEFAULT_WIDTH: Final = 20.0


def frames_of(platform: str) -> Channel:
    """Return the channel of frames, as Spark alone can use it; its value is a DataFrame."""
    return Channel("frame", owner=platform)


def is_spark(target: object) -> bool:
    """Say whether something is a frame or session of pyspark's; imports nothing."""
    return type(target).__module__.startswith("pyspark.sql.") and type(target).__name__ in (
        "DataFrame",
        "SparkSession",
    )


def session_of(target: Any) -> SparkSession:
    """Return the session of a frame; a session itself.

    Raises
    ------
    Unsupported
        For those of Spark Connect.
    """
    session: SparkSession = target.sparkSession if hasattr(target, "sparkSession") else target
    if ".connect." in type(session).__module__:
        raise Unsupported("a session of Spark Connect", "spark", "it has no JVM to run jobs in")
    return session


class FrameSource:
    """A frame, or a table, of a session; its rows stay in Spark as long as they are needed there.

    Parameters
    ----------
    frame
        The frame; None for a table.
    session, table
        The session, and the table's name in its catalog.
    platform
        The name of the platform that runs on the session's Spark.
    """

    bounded: Final = True

    def __init__(
        self, session: SparkSession, frame: DataFrame | None, table: str | None, platform: str
    ) -> None:
        self._session = session
        self._frame = frame
        self._table = table
        self._opened: WeakValueDictionary[str, DataFrame] = WeakValueDictionary()
        self.channel = frames_of(platform)
        self.description = f"table {table} of Spark" if table else "a frame of Spark"
        self.schema = _schema(self._rows(), self.description)

    def statistics(self) -> TableStatistics:
        """Return what Spark's own planner knows; runs no job."""
        from py4j.protocol import Py4JError

        try:
            known = self._rows()._jdf.queryExecution().optimizedPlan().stats()
            count = known.rowCount()
            if count.isDefined():
                rows = Estimate.around(float(str(count.get())), Provenance.DATABASE, _OFF_BY)
                return TableStatistics(rows)
            size = float(str(known.sizeInBytes()))
        except (Py4JError, SourceError, OSError):
            return TableStatistics.unknown()
        if size >= _MOST_BYTES:
            return TableStatistics.unknown()
        width = _DEFAULT_WIDTH * len(self.schema)
        return TableStatistics(Estimate.around(max(1.0, size / width), Provenance.DERIVED))

    def snapshot(self) -> Snapshot:
        """Return a version that nothing else has: Spark does not say when rows change."""
        self._require_same_columns()
        return Snapshot(uuid4().hex, repeatable=False)

    def open(self, snapshot: Snapshot) -> DataFrame:
        """Return the frame: within a run the same one each time."""
        return self._opened.setdefault(snapshot.version, self._rows())

    def verify(self, snapshot: Snapshot) -> None:
        """Raise SourceChanged where a table is gone, or its columns are others."""
        self._require_same_columns()

    def _require_same_columns(self) -> None:
        try:
            now = _schema(self._rows(), self.description)
        except (SourceError, TypeMismatch) as error:
            raise SourceChanged(
                f"{self.description} is not what it was: {error.message}"
            ) from error
        if now != self.schema:
            raise SourceChanged(
                f"the columns of {self.description} are others than when the plan was made",
                available=[str(field) for field in now],
                hint="read it again with ctx.read()",
            )

    def _rows(self) -> DataFrame:
        if self._session.sparkContext._jsc is None:
            raise SourceError(f"the Spark session of {self.description} is stopped")
        if self._frame is not None:
            return self._frame
        from pyspark.errors import AnalysisException

        try:
            return self._session.table(str(self._table))
        except AnalysisException as error:
            raise SourceError(
                f"Spark has no table '{self._table}'",
                available=[table.name for table in self._session.catalog.listTables()],
                hint="name it as in its catalog, for example 'sales.orders'",
            ) from error


def source_of(request: SourceRequest, platform: str) -> FrameSource:
    """Return the source that a request for a frame or session means.

    Raises
    ------
    InvalidOption
        Where a session is read without a table, or with options.
    SourceError
        Where there is no such table.
    TypeMismatch
        Where a column's type has no counterpart; names the column and the cast.
    """
    session = session_of(request.target)
    is_frame = session is not request.target
    for option in request.options:
        raise InvalidOption.unknown(option, ("table",), of="reading Spark")
    for name in ("query", "schema", "format"):
        if getattr(request, name) is not None:
            raise InvalidOption(
                f"{name}= is not for what lies on Spark",
                hint="make a frame of it, and read that: ctx.read(session.sql('…'))",
            )
    if is_frame == (request.table is not None):
        raise InvalidOption(
            "a frame is read alone, a session with the table= to read",
            hint="ctx.read(frame), or ctx.read(session, table='sales.orders')",
        )
    return FrameSource(session, request.target if is_frame else None, request.table, platform)


def in_session(frame: DataFrame, session: SparkSession) -> DataFrame:
    """Return a frame of another session as one of this, with the meaning that it had there.

    Raises
    ------
    SourceError
        Where the two run on different Sparks.
    """
    from pyspark.sql import DataFrame

    if frame.sparkSession.sparkContext is not session.sparkContext:
        raise SourceError(
            "the frame is of another Spark than this context's",
            hint="hand its session over: wf.context(spark=frame.sparkSession)",
        )
    jvm: Any = session.sparkContext._jvm
    plan = frame._jdf.queryExecution().analyzed()
    rows = jvm.org.apache.spark.sql.classic.Dataset.ofRows(session._jsparkSession, plan)
    return DataFrame(rows, session)


def is_deterministic(frame: DataFrame) -> bool:
    """Say whether Spark takes a frame for one that has the same rows each time."""
    return bool(frame._jdf.queryExecution().analyzed().deterministic())


def _schema(frame: DataFrame, what: str) -> Schema:
    from pyspark.errors import PySparkException
    from pyspark.sql.pandas.types import to_arrow_type

    names = frame.columns
    if twice := [name for name in names if names.count(name) > 1]:
        raise SourceError(
            f"two columns of {what} are called '{twice[0]}'",
            available=names,
            hint="rename one with withColumnRenamed() or select()",
        )
    if not names:
        raise SourceError(f"{what} has no columns")
    fields = []
    for field in frame.schema.fields:
        told = field.dataType.simpleString()
        try:
            if _OPAQUE.search(told):
                raise TypeMismatch(f"{told} is stored as other types are")
            kind = from_arrow_type(to_arrow_type(field.dataType, timestamp_utc=True), field.name)
        except (PySparkException, TypeMismatch) as error:
            raise TypeMismatch(
                f"column '{field.name}' of {what} is {told}, which has no counterpart here",
                hint=f'read frame.withColumn("{field.name}", frame[{quoted(field.name)!r}]'
                '.cast("string"))',
            ) from error
        fields.append(Field(field.name, kind, field.nullable))
    return Schema(fields)
