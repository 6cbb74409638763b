"""What runs now, fragment by fragment: rows, rates, and what each engine says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wayfed.execution import Execution


@dataclass(frozen=True, slots=True)
class FragmentProgress:
    """How far a fragment of a run is, as `Context.progress` lists it.

    Parameters
    ----------
    run, fragment
        Their names.
    platform
        Where it runs.
    state
        ``waiting`` for what it reads, ``running`` or ``done``.
    rows
        Handed out so far.
    rate
        Rows a second since the run began.
    engine
        What the engine counted so far: tasks, lag, bytes spilled, as it has them.
    """

    run: str
    fragment: str
    platform: str
    state: str
    rows: int
    rate: float
    engine: Mapping[str, float]


def progress_of(executions: Iterable[Execution]) -> Iterator[FragmentProgress]:
    """Yield how far each fragment is of the runs that have not ended."""
    for execution in executions:
        if execution.ended:
            continue
        report = execution.report
        for name, each in report.fragments.items():
            yield FragmentProgress(
                execution.name,
                name,
                each.platform,
                each.state.value,
                each.rows,
                each.rows / report.seconds,
                each.metrics,
            )
