"""What Spark counted while it ran the jobs of a group."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql import SparkSession

_PATIENCE_MS: Final = 5_000
_MILLISECONDS: Final = 1e-3
_NANOSECONDS: Final = 1e-9


def counted(session: SparkSession, group: str) -> Mapping[str, float]:
    """Return rows and bytes read, shuffled and spilled, and seconds, by the jobs of `group`."""
    context = session.sparkContext._jsc.sc()
    # Counts arrive by a queue; what is not in it by now is not of these jobs.
    context.listenerBus().waitUntilEmpty(_PATIENCE_MS)
    store = context.statusStore()
    total = {
        "jobs": 0.0,
        "tasks": 0.0,
        "rows_read": 0.0,
        "bytes_read": 0.0,
        "bytes_shuffled": 0.0,
        "bytes_spilled": 0.0,
        "cpu_seconds": 0.0,
        "task_seconds": 0.0,
    }
    for job_id in session.sparkContext.statusTracker().getJobIdsForGroup(group):
        total["jobs"] += 1
        for stage_id in _each(store.job(job_id).stageIds()):
            stage = _stage(store, stage_id)
            if stage is None:
                continue
            total["tasks"] += stage.numCompleteTasks()
            total["rows_read"] += stage.inputRecords()
            total["bytes_read"] += stage.inputBytes()
            total["bytes_shuffled"] += stage.shuffleWriteBytes()
            total["bytes_spilled"] += stage.diskBytesSpilled()
            total["cpu_seconds"] += stage.executorCpuTime() * _NANOSECONDS
            total["task_seconds"] += stage.executorRunTime() * _MILLISECONDS
    return MappingProxyType(total)


def _stage(store: Any, stage_id: int) -> Any:
    """Return what was counted of a stage; None where it never ran, or is forgotten by now."""
    from py4j.protocol import Py4JJavaError

    try:
        return store.lastStageAttempt(stage_id)
    except Py4JJavaError as error:
        if "NoSuchElementException" not in str(error.java_exception.getClass()):
            raise
        return None


def _each(sequence: Any) -> Iterator[Any]:
    """Yield what a Scala sequence holds."""
    for index in range(sequence.length()):
        yield sequence.apply(index)
