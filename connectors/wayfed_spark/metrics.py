"""What Spark counted while it ran the jobs of a group."""

from __future__ import annotations

from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyspark.sql import SparkSession

_PATIENCE_MS: Final = 1_000
_MILLISECONDS: Final = 1e-3
_NANOSECONDS: Final = 1e-9
_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})
_SKIPPED: Final = "SKIPPED"


def wait_for_counts(session: SparkSession) -> None:
    """Wait until what ended is counted: counts arrive by a queue, which others fill as well."""
    from py4j.protocol import Py4JError

    context = session.sparkContext._jsc
    if context is not None:
        with suppress(Py4JError, OSError):
            context.sc().listenerBus().waitUntilEmpty(_PATIENCE_MS)


def counted(session: SparkSession, group: str) -> Mapping[str, float]:
    """Return what the jobs of `group` have done by now: tasks, rows, bytes, seconds.

    Waits for nothing, and returns nothing where Spark is gone.
    """
    from py4j.protocol import Py4JError

    context = session.sparkContext._jsc
    if context is None:
        return _NOTHING
    try:
        return MappingProxyType(_sums(context, group))
    except (Py4JError, OSError):
        return _NOTHING


def _sums(context: Any, group: str) -> dict[str, float]:
    store = context.sc().statusStore()
    jobs = tuple(context.statusTracker().getJobIdsForGroup(group))
    total = {
        "jobs": float(len(jobs)),
        "tasks": 0.0,
        "tasks_total": 0.0,
        "rows_read": 0.0,
        "bytes_read": 0.0,
        "bytes_shuffled": 0.0,
        "bytes_spilled": 0.0,
        "cpu_seconds": 0.0,
        "task_seconds": 0.0,
    }
    # A job also lists the stages of others whose rows it finds ready.
    for stage_id in {stage for job in jobs for stage in _stages_of(store, job)}:
        stage = _found(lambda: store.lastStageAttempt(stage_id))  # noqa: B023  # called at once
        if stage is None or stage.status().name() == _SKIPPED:
            continue
        total["tasks"] += stage.numCompleteTasks()
        total["tasks_total"] += stage.numTasks()
        total["rows_read"] += stage.inputRecords()
        total["bytes_read"] += stage.inputBytes()
        total["bytes_shuffled"] += stage.shuffleWriteBytes()
        total["bytes_spilled"] += stage.diskBytesSpilled()
        total["cpu_seconds"] += stage.executorCpuTime() * _NANOSECONDS
        total["task_seconds"] += stage.executorRunTime() * _MILLISECONDS
    return total


def _stages_of(store: Any, job_id: int) -> tuple[int, ...]:
    job = _found(lambda: store.job(job_id))
    return () if job is None else tuple(_each(job.stageIds()))


def _found(ask: Callable[[], Any]) -> Any:
    """Return what Spark kept of a job or stage; None where it is not counted yet, or no more."""
    from py4j.protocol import Py4JJavaError

    try:
        return ask()
    except Py4JJavaError as error:
        if "NoSuchElementException" not in str(error.java_exception.getClass()):
            raise
        return None


def _each(sequence: Any) -> Iterator[Any]:
    """Yield what a Scala sequence holds."""
    for index in range(sequence.length()):
        yield sequence.apply(index)
