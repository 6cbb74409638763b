"""What an error of Spark's says, in one line instead of its two hundred."""

from __future__ import annotations

import re
from typing import Final

from wayfed_optimizer.errors import ExecutionError, Failure
from wayfed_spark.functions import failure_on_worker

# Spark's own messages begin with their class in brackets and end with an SQLSTATE and a position.
_CONDITION: Final = re.compile(r"\[[A-Z][A-Z0-9_]+(?:\.[A-Z0-9_]+)*\] .*")
_STATE: Final = re.compile(r"\s*SQLSTATE: \w+[; ]*|[; ]+$")
_JAVA: Final = re.compile(r"^\s*(?:Caused by: )?(?:[a-z]\w*\.)+(?P<name>[A-Z]\w*): (?P<text>.+)$")
_WRAPPERS: Final = frozenset(["Py4JJavaError", "SparkException", "ExecutionException"])


_NO_PROGRAM: Final = re.compile(r'Cannot run program "(?P<program>[^"]*)"')
_ENDED: Final = "does not exist in the JVM"
"""What py4j says of all it asks for where the JVM ended while it told of an error."""
_EMPTY_WORDS: Final = ("An error occurred", "Exception thrown in awaitResult", "Job aborted")
_PASSING: Final = re.compile(
    r"ExecutorLostFailure|ExecutorLost|FetchFailed|MetadataFetchFailedException"
    r"|RpcTimeoutException|Connection reset by peer"
)
EXCHANGE_HINT: Final = (
    "workers on other machines do not see this one's files: exchange= of the engine names a "
    "directory that all of them share"
)
_REMEDIES: Final = (
    (
        re.compile(r"java\.io\.FileNotFoundException|FILE_NOT_EXIST|PATH_NOT_FOUND"),
        EXCHANGE_HINT,
    ),
    (
        re.compile(r"No module named '(wayfed\w*|pyarrow)'|PACKAGE_NOT_INSTALLED"),
        "install 'wayfed[spark]' for the Python of the workers, in the version that is here",
    ),
    (
        re.compile(r"Cannot run program|PYTHON_VERSION_MISMATCH"),
        "PYSPARK_PYTHON says which Python the workers run; it must be this one's version",
    ),
    (
        re.compile(r"java\.lang\.OutOfMemoryError|Answer from Java side is empty|" + _ENDED),
        "give it more with memory=, for example '8g', or less to hold at once",
    ),
)


def failure(error: BaseException, fragment: str, asked: str) -> ExecutionError:
    """Return the error to raise for one of Spark's; its cause, where it has none, is that one."""
    if (told := failure_on_worker(error, fragment)) is not None:
        return told
    text = str(error)
    hint = next((remedy for pattern, remedy in _REMEDIES if pattern.search(text)), None)
    return ExecutionError(
        summary(error),
        platform="spark",
        fragment=fragment,
        sql=asked,
        hint=hint,
        failure=_failure(error),
    )


def _failure(error: BaseException) -> Failure:
    if _is_ended(error):
        return Failure.LOST
    return Failure.TRANSIENT if _PASSING.search(str(error)) else Failure.FINAL


def _is_ended(error: BaseException) -> bool:
    """Say whether the JVM is gone."""
    from py4j.protocol import Py4JNetworkError

    return isinstance(error, Py4JNetworkError | ConnectionError) or _ENDED in str(error)


def summary(error: BaseException) -> str:
    r"""Return the line of an error that says what is wrong.

    Examples
    --------
    >>> text = "Job aborted.\norg.apache.spark.X: [DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22"
    >>> summary(RuntimeError(text))
    '[DIVIDE_BY_ZERO] Division by zero.'
    """
    if _is_ended(error):
        return "its JVM has ended, perhaps for lack of memory; the next run starts another"
    if found := _NO_PROGRAM.search(str(error)):
        return f"workers cannot run {found['program']}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    for line in lines:
        if found := _CONDITION.search(line):
            return _STATE.sub("", found[0])
    told = [found for line in lines if (found := _JAVA.match(line))]
    for found in reversed(told):
        if found["name"] not in _WRAPPERS:
            return f"{found['name']}: {found['text']}"
    for found in reversed(told):
        if not found["text"].startswith(_EMPTY_WORDS):
            return found["text"]
    return lines[0] if lines else type(error).__name__
