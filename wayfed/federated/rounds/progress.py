"""A run's progress while it runs: a bar in a terminal, a line now and then in a notebook."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wayfed.federated.runs.results import FederatedRun

Report: TypeAlias = "Callable[[FederatedRun], None]"

_LINES: Final = 10


@contextmanager
def reporting(rounds: int, progress: bool | None) -> Iterator[Report]:
    """Give what is to be called after each round.

    Parameters
    ----------
    rounds
        How many there will be.
    progress
        Whether to report; None does so where somebody watches: a terminal or a notebook.
    """
    if progress is False:
        yield _silent
    elif sys.stderr.isatty():
        with _bar(rounds) as report:
            yield report
    elif progress or _in_notebook():
        yield _lines(rounds)
    else:
        yield _silent


def _silent(run: FederatedRun) -> None:
    pass


@contextmanager
def _bar(rounds: int) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns: tuple[Any, ...] = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=rounds)

        def report(run: FederatedRun) -> None:
            bar.update(task, advance=1, description=_measures(run))

        yield report


def _lines(rounds: int) -> Report:
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    every = max(1, rounds // _LINES)

    def report(run: FederatedRun) -> None:
        number = len(run.history)
        if number % every == 0 or number == rounds or run.history[-1].failures:
            console.print(f"round {number}/{rounds}  {_measures(run)}")

    return report


def _measures(run: FederatedRun) -> str:
    last = run.history[-1]
    parts = [f"{name} {value:.4f}" for name, value in list(last.metrics.items())[:3]]
    if last.failures:
        parts.append("left out: " + ", ".join(sorted({f.party for f in last.failures})))
    return "  ".join(parts)


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules
