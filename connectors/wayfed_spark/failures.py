"""What an error of Spark's says, in one line instead of its two hundred."""

from __future__ import annotations

import re
from typing import Final

# Spark's own messages begin with their class in brackets and end with an SQLSTATE and a position.
_CONDITION: Final = re.compile(r"\[[A-Z][A-Z0-9_]+(?:\.[A-Z0-9_]+)*\] .*")
_STATE: Final = re.compile(r"\s*SQLSTATE: \w+[; ]*|[; ]+$")
_JAVA: Final = re.compile(r"^\s*(?:Caused by: )?(?:[a-z]\w*\.)+(?P<name>[A-Z]\w*): (?P<text>.+)$")
_WRAPPERS: Final = frozenset(["Py4JJavaError", "SparkException", "ExecutionException"])


def summary(error: BaseException) -> str:
    r"""Return the line of an error that says what is wrong.

    Examples
    --------
    >>> text = "Job aborted.\norg.apache.spark.X: [DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22"
    >>> summary(RuntimeError(text))
    '[DIVIDE_BY_ZERO] Division by zero.'
    """
    from py4j.protocol import Py4JNetworkError

    if isinstance(error, Py4JNetworkError | ConnectionError):
        return "its JVM has ended, perhaps for lack of memory; make a new context"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    for line in lines:
        if found := _CONDITION.search(line):
            return _STATE.sub("", found[0])
    for line in reversed(lines):
        found = _JAVA.match(line)
        if found and found["name"] not in _WRAPPERS:
            return f"{found['name']}: {found['text']}"
    return lines[0] if lines else type(error).__name__
