"""What a session cluster says of itself, before work is sent there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from wayfed_optimizer.errors import ExecutionError

_PATIENCE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A session cluster that can take jobs of ours: how many tasks it has room for."""

    slots: int


def reach(address: str) -> Cluster:
    """Return what the cluster at ``host:port`` is.

    Raises
    ------
    ExecutionError
        Within seconds: where nobody answers, or somebody who is no Flink, or a Flink of another
        version than the one that plans the jobs here, or one without TaskManagers.
    """
    found = str(_ask(address, "config").get("flink-version", "unknown"))
    ours = version("apache-flink")
    if found.split(".")[:2] != ours.split(".")[:2]:
        raise ExecutionError(
            f"the cluster flink://{address} is Flink {found}, and jobs are planned by {ours} here",
            platform="flink",
            hint=f"run Flink {ours} there, or another wayfed here",
        )
    overview = _ask(address, "overview")
    if not overview.get("taskmanagers"):
        raise ExecutionError(
            f"the cluster flink://{address} has no TaskManager", platform="flink", hint="start one"
        )
    return Cluster(int(overview["slots-total"]))


def _ask(address: str, question: str) -> dict[str, Any]:
    # Slow to load, and every context imports this file.
    from urllib.request import ProxyHandler, build_opener

    try:
        opener = build_opener(ProxyHandler({}))
        with opener.open(f"http://{address}/{question}", timeout=_PATIENCE) as reply:
            answer = json.load(reply)
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise ExecutionError(
            f"no Flink answers at flink://{address}: {reason}",
            platform="flink",
            hint="the address is that of the JobManager's REST interface, port 8081 by default",
        ) from error
    except ValueError as error:
        raise ExecutionError(
            f"what answers at flink://{address} is no Flink", platform="flink"
        ) from error
    if not isinstance(answer, dict):
        raise ExecutionError(f"what answers at flink://{address} is no Flink", platform="flink")
    return answer
