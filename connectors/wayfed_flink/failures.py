"""What an error of Flink's says, in one line instead of its two hundred."""

from __future__ import annotations

import re
from typing import Final

from wayfed_optimizer.errors import Failure

_JAVA: Final = re.compile(
    r"^(?:Caused by: |: )?(?:[a-z]\w*\.)+(?P<name>[A-Z][\w$]*): (?P<text>.+)$"
)
# These say only that there is a cause below.
_WRAPPERS: Final = frozenset(
    [
        "CompletionException",
        "ExecutionException",
        "FlinkException",
        "JobExecutionException",
        "Py4JJavaError",
        "SerializedThrowable",
        "TableException",
    ]
)
_NOTHING: Final = re.compile(r"Recovery is suppressed|^[\w.$]+Exception$")
_PASSING: Final = re.compile(
    r"TaskManager .*(?:no longer reachable|heartbeat.* timed out)|RemoteTransportException"
    r"|Connection unexpectedly closed by remote task manager|PartitionNotFoundException"
    r"|JobManager is no longer reachable"
)


def failure(error: BaseException) -> Failure:
    """Say whether what Flink said may pass, or Flink itself is gone."""
    if is_lost(error):
        return Failure.LOST
    return Failure.TRANSIENT if _PASSING.search(str(error)) else Failure.FINAL


def is_lost(error: BaseException) -> bool:
    """Say whether an error is that nobody answers in the JVM."""
    from py4j.protocol import Py4JError, Py4JJavaError

    lost = isinstance(error, Py4JError) and not isinstance(error, Py4JJavaError)
    return lost or isinstance(error, ConnectionError)


def summary(error: BaseException) -> str:
    r"""Return the line of an error that says what is wrong.

    Examples
    --------
    >>> text = "An error occurred.\njava.util.X: Job failed.\nCaused by: java.lang.Y: / by zero"
    >>> summary(RuntimeError(text))
    'Y: / by zero'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [found for line in lines if (found := _JAVA.match(line))]
    for found in reversed(told):
        if found["name"] not in _WRAPPERS and not _NOTHING.search(found["text"]):
            return f"{found['name']}: {found['text']}"
    if told:
        return told[-1]["text"]
    return lines[0] if lines else type(error).__name__
