"""The engines that the programs are forced to, and the optimizer's own choice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pyarrow as pa

from benchmarks.classics.programs import PROGRAMS
from wayfed.local import Context

FREE: Final = "free"
"""No engine is named: the optimizer chooses."""
ENGINES: Final = (FREE, "duckdb", "postgresql", "spark", "flink")

_OPTIONS: Final[dict[str, object]] = {"spark": {"master": "local[2]", "memory": "1g"}, "flink": {}}


def available(engines: Iterable[str], place: str) -> list[str]:
    """Return those of the engines that are there: a database is where tables lie in it."""
    return [each for each in engines if each != "postgresql" or place != "files"]


def options_of(engines: Iterable[str]) -> dict[str, object]:
    """Return the options of a context that has these engines."""
    return {name: _OPTIONS[name] for name in engines if name in _OPTIONS}


def answer_of(context: Context, program: str, engine: str) -> pa.Table:
    """Return a program's rows, computed by an engine."""
    plan = PROGRAMS[program](context)
    if engine != FREE:
        name = next(name for name in context.platform_names if name.startswith(engine))
        plan = plan.on(name)
    return plan.to_arrow()
