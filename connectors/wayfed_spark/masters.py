"""The masters of a cluster, asked for before a JVM is started, which would try for long."""

from __future__ import annotations

import re
import socket
from typing import Final

from wayfed_optimizer.errors import ExecutionError

_STANDALONE: Final = re.compile(r"spark://(?P<places>.+)")
_PORT: Final = 7077
_PATIENCE: Final = 5.0


def masters(url: str) -> tuple[tuple[str, int], ...]:
    """Return host and port of each master of a standalone cluster; none for other ways to run.

    Examples
    --------
    >>> masters("spark://one:7077,two:7078")
    (('one', 7077), ('two', 7078))
    >>> masters("local[2]")
    ()
    """
    found = _STANDALONE.fullmatch(url)
    if found is None:
        return ()
    places = (place.rpartition(":") for place in found["places"].split(","))
    return tuple((h or p, int(p) if h and p.isdigit() else _PORT) for h, _, p in places)


def require_master(url: str) -> None:
    """Raise ExecutionError unless one of the masters of a URL answers, in some seconds."""
    reasons = []
    for host, port in masters(url):
        try:
            socket.create_connection((host, port), _PATIENCE).close()
        except OSError as error:
            reasons.append(f"{host}:{port}: {error.strerror or error}")
        else:
            return
    if reasons:
        raise ExecutionError(
            f"no master of Spark is at {'; '.join(reasons)}",
            platform="spark",
            hint="is the cluster up, and is master= what its page calls its URL?",
        )
