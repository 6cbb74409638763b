"""How Flink is started, or which cluster it is; the settings that give SQL our meaning."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LOOPBACK: Final = "127.0.0.1"
_SUFFIXES: Final = MappingProxyType({"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40})
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
        How often a job begins again of which a part was lost.
    exchange
        A directory that this process and all of a cluster's machines see.
    config
        More Flink settings, by name.
    """

    address: str | None = None
    memory: str = "2g"
    parallelism: int | None = None
    restarts: int = 3
    exchange: Path | None = None
    config: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        parts = [
            f"address=flink://{self.address}" if self.address else f"memory={self.memory}",
            *([f"parallelism={self.parallelism}"] if self.parallelism else []),
            f"restarts={self.restarts}",
            *([f"exchange={self.exchange}"] if self.exchange else []),
            *(f"{name}={value}" for name, value in self.config.items()),
        ]
        return " ".join(parts)

    @property
    def bytes(self) -> int:
        """What `memory` says, in bytes."""
        size = self.memory.lower().removesuffix("b")
        return int(size[:-1]) * _SUFFIXES[size[-1]]

    def java_options(self, directory: Path) -> tuple[str, ...]:
        """Return the options of the JVM that runs the jobs, or only submits them."""
        heap = self.bytes // 2 if self.address is None else 256 << 20
        return (
            f"-Xmx{heap}",
            f"-Djava.io.tmpdir={directory}",
            "-Duser.timezone=UTC",
            "-XX:-UsePerfData",
            "-XX:+UseSerialGC" if (os.cpu_count() or 1) == 1 else "-XX:+UseParallelGC",
        )

    def flink_options(self, directory: Path, jar: Path) -> dict[str, str]:
        """Return Flink's own settings."""
        common = {
            **self._where(directory, jar),
            "pipeline.object-reuse": "true",
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": str(self.restarts),
            "restart-strategy.fixed-delay.delay": "1 s",
        }
        return common | dict(self.config) | MEANING

    def _where(self, directory: Path, jar: Path) -> dict[str, str]:
        if self.address is not None:
            host, _, port = self.address.rpartition(":")
            chosen = {"parallelism.default": str(self.parallelism)} if self.parallelism else {}
            return chosen | {
                "rest.address": host,
                "rest.port": port,
                "pipeline.jars": jar.as_uri(),
            }
        parallelism = self.parallelism or os.cpu_count() or 1
        return {
            "io.tmp.dirs": str(directory),
            "parallelism.default": str(parallelism),
            "rest.address": _LOOPBACK,
            "rest.bind-address": _LOOPBACK,
            "rest.bind-port": "0",
            "taskmanager.numberOfTaskSlots": str(_SLOTS_EACH * parallelism),
            "taskmanager.memory.managed.size": f"{self.bytes // 3}b",
            "taskmanager.memory.network.min": "128mb",
            "taskmanager.memory.network.max": "128mb",
        }
