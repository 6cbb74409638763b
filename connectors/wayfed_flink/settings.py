"""How Flink is started, or which cluster it is; the settings that give SQL our meaning."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_LOOPBACK: Final = "127.0.0.1"
_SUFFIXES: Final = MappingProxyType({"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40})
_JAVA_OPTIONS: Final = "env.java.opts.all"
_JARS: Final = "pipeline.jars"
_DIRECT: Final = 128 << 20
_RESTARTS: Final = 3
# It gives up where it does little else than collect, five times in a row, and finds little: by its
# defaults (98 and 2 %) it would go on for hours.
_COLLECTOR: Final = ("-XX:+UseParallelGC", "-XX:GCTimeLimit=80", "-XX:GCHeapFreeLimit=20")
_SLOTS_EACH: Final = 4
"""Jobs that run side by side on an embedded Flink; more wait."""

MEANING: Final = MappingProxyType(
    {
        "execution.runtime-mode": "BATCH",
        "table.local-time-zone": "UTC",
        "table.exec.legacy-cast-behaviour": "DISABLED",
        "table.exec.sink.not-null-enforcer": "ERROR",
    }
)
"""The settings that give SQL the meaning of docs/semantics.md."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How Flink is started, or where it runs.

    Parameters
    ----------
    address
        ``host:port`` of a session cluster's REST interface; None for a Flink of ours.
    memory
        Of the JVM of a Flink of ours: half of it for the heap, a third for sorting and joining.
    parallelism
        Tasks of each operator; by default as many as there are processors, or as the cluster says.
    restarts
        How often a job begins again of which a part was lost: on a cluster 3 times, else never.
    exchange
        A directory that this process and all of a cluster's machines see.
    config
        More Flink settings, by name.
    """

    address: str | None = None
    memory: str = "2g"
    parallelism: int | None = None
    restarts: int | None = None
    exchange: Path | None = None
    config: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        parts = [
            f"address=flink://{self.address}" if self.address else f"memory={self.memory}",
            *([f"parallelism={self.parallelism}"] if self.parallelism else []),
            *([f"restarts={self.restarts}"] if self.restarts is not None else []),
            *([f"exchange={self.exchange}"] if self.exchange else []),
            *(f"{name}={value}" for name, value in self.config.items()),
        ]
        return " ".join(parts)

    @property
    def bytes(self) -> int:
        """What `memory` says, in bytes."""
        size = self.memory.lower().removesuffix("b")
        return int(size[:-1]) * _SUFFIXES[size[-1]]

    def tasks(self, slots: int | None = None) -> int:
        """Return how many tasks an operator has, on a cluster with so many slots or here."""
        return self.parallelism or slots or os.cpu_count() or 1

    @property
    def _network(self) -> int:
        """Bytes for the buffers between tasks."""
        return min(max(self.bytes // 16, 32 << 20), 128 << 20)

    def java_options(self, directory: Path) -> tuple[str, ...]:
        """Return the options of the JVM that runs the jobs, or only submits them."""
        heap = self.bytes // 2 if self.address is None else 256 << 20
        more = self.config.get(_JAVA_OPTIONS, "").split()
        return (
            f"-Xmx{heap}",
            f"-XX:MaxDirectMemorySize={_DIRECT + self._network}",
            f"-Djava.io.tmpdir={directory}",
            "-Duser.timezone=UTC",
            "-XX:-UsePerfData",
            # A Flink that has no memory left is half alive: better none, and a word about it.
            "-XX:+ExitOnOutOfMemoryError",
            *(more or _COLLECTOR),
        )

    def embedded(self, directory: Path) -> dict[str, str]:
        """Return Flink's settings for a cluster in our JVM, and for its jobs."""
        parallelism = self.tasks()
        return self._jobs(self.restarts or 0) | {
            "io.tmp.dirs": str(directory),
            "parallelism.default": str(parallelism),
            "rest.address": _LOOPBACK,
            "rest.bind-address": _LOOPBACK,
            "rest.bind-port": "0",
            "taskmanager.numberOfTaskSlots": str(_SLOTS_EACH * parallelism),
            "taskmanager.memory.managed.size": f"{self.bytes // 3}b",
            "taskmanager.memory.network.min": f"{self._network}b",
            "taskmanager.memory.network.max": f"{self._network}b",
            **self.config,
            **MEANING,
        }

    def remote(self, jars: Iterable[Path], slots: int) -> dict[str, str]:
        """Return Flink's settings for jobs, with jars, on a cluster with so many slots."""
        theirs = [self.config.get(_JARS)]
        host, _, port = (self.address or "").rpartition(":")
        return self._jobs(_RESTARTS if self.restarts is None else self.restarts) | {
            "parallelism.default": str(self.tasks(slots)),
            "rest.address": host,
            "rest.port": port,
            # A job whose client is gone is of no use to anyone.
            "client.heartbeat.timeout": "60 s",
            "execution.shutdown-on-attached-exit": "true",
            **self.config,
            **MEANING,
            _JARS: ";".join([*(jar.as_uri() for jar in jars), *filter(None, theirs)]),
        }

    @staticmethod
    def _jobs(restarts: int) -> dict[str, str]:
        return {
            "pipeline.object-reuse": "true",
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": str(restarts),
            "restart-strategy.fixed-delay.delay": "1 s",
        }
