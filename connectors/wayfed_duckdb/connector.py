"""The door to DuckDB: a platform, and no tables of its own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from wayfed_duckdb.memory import is_size
from wayfed_duckdb.platform import DuckDBPlatform
from wayfed_optimizer.errors import InvalidOption, Unsupported
from wayfed_optimizer.requirements import Package, Requirements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.platform import Platform, Source, SourceRequest, Target, TargetRequest


class DuckDBConnector:
    """DuckDB in this process, the engine that a context has where nothing else is said."""

    name = "duckdb"
    extra: str | None = None
    options = ("threads", "memory_limit", "temp_directory")
    requirements = Requirements((Package("duckdb"),))

    def claims(self, target: object, format: str | None) -> bool:  # read()'s own word
        """Say no: DuckDB reads what others hold."""
        return False

    def platform(self, options: Mapping[str, Any]) -> DuckDBPlatform:
        """Return DuckDB for a context, not started yet.

        Parameters
        ----------
        options
            ``threads`` (all cores), ``memory_limit`` (``"4GB"``, or ``"50%"`` of the machine's;
            80 % where nothing is said) and ``temp_directory``, where what does not fit is put.

        Raises
        ------
        InvalidOption
            Where one is unknown or its value cannot be.

        Examples
        --------
        >>> DuckDBConnector().platform({"threads": 2, "memory_limit": "1GB"}).started()
        False
        """
        for name in options:
            if name not in self.options:
                raise InvalidOption.unknown(name, self.options, of="duckdb")
        return DuckDBPlatform(_settings(options))

    def place(self, target: object) -> str:
        """Return the target itself: each has its store."""
        return str(target)

    def store(
        self, target: object, options: Mapping[str, Any], *, new: bool = False
    ) -> Platform | None:
        """Return None: no tables live here."""
        return None

    def source(self, request: SourceRequest, store: Platform | None) -> Source:
        """Refuse: no tables live here."""
        raise Unsupported(f"reading {request.target!r:.80}", "duckdb", "it holds no tables of ours")

    def target(self, request: TargetRequest, store: Platform | None) -> Target:
        """Refuse: no tables live here."""
        raise Unsupported(f"writing to {request.target!r:.80}", self.name, "it holds no tables")


def _settings(options: Mapping[str, Any]) -> dict[str, str | int]:
    spill = Path(tempfile.gettempdir()) / f"wayfed_duckdb_{os.getpid()}_{uuid4().hex[:8]}"
    settings: dict[str, str | int] = {"temp_directory": str(options.get("temp_directory", spill))}
    if (threads := options.get("threads")) is not None:
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
            raise InvalidOption(f"threads={threads!r} is not a number of threads of 1 or more")
        settings["threads"] = threads
    if (limit := options.get("memory_limit")) is not None:
        if not isinstance(limit, str) or not is_size(limit):
            raise InvalidOption(f"memory_limit={limit!r} is not a size", hint="for example '4GB'")
        settings["memory_limit"] = limit
    return settings


CONNECTOR = DuckDBConnector()
