"""The demo from beginning to end; each phase says what it does."""

from __future__ import annotations

import logging
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from wayfed.demo.page import render
from wayfed.demo.plan import PUBLISHED, late_flights
from wayfed.demo.stores import AirlineStore, DemoData, lay_out
from wayfed.demo.training import MIN_ROWS, ROUNDS, Comparison, compare, settings

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wayfed.arrays import Arrays
    from wayfed.explain import Explanation
    from wayfed.federated.arrays import FederatedArrays
    from wayfed.federated.releases import Recorder
    from wayfed.federated.runs.results import FederatedRun

_GRIDS: Final = {
    "local": "in this process",
    "processes": "a process for each",
    "flower": "which meet at a Flower SuperLink",
}
_TOLD_ROUNDS: Final = 5


def run(
    output: str | os.PathLike[str],
    *,
    grid: str = "local",
    console: Console | None = None,
    on_release: Recorder | None = None,
) -> FederatedRun:
    """Lay the flights out, explain the plan, train over the airlines, compare, and write a report.

    Parameters
    ----------
    output
        Where the HTML report is written.
    grid
        How messages travel to the airlines: ``local``, ``processes`` or ``flower``.
    console
        Where progress is told; by default the terminal.
    on_release
        Called with each thing that an airline tells while the model is trained.

    Raises
    ------
    Unsupported
        Where the extra ``wayfed[demo]`` is not installed.
    """
    from wayfed_database.embedded import PostgresServer

    told = _Telling(console or Console())
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="wayfed_demo_"))
        with told.phase("Starting a PostgreSQL server of our own, on loopback"):
            server = stack.enter_context(PostgresServer.start())
        with told.phase("Laying out the flights, each airline's in a store of its own"):
            data = lay_out(Path(directory), server, told.say)
        run, compared, explanations = _play(data, grid, told, on_release)
    page = render(run, compared, data.airlines, explanations)
    path = Path(output)
    path.write_text(page, encoding="utf-8")
    told.say(f"The report with the curve, the table and the plans: {path}")
    return run


def _play(
    data: DemoData, grid: str, told: _Telling, on_release: Recorder | None
) -> tuple[FederatedRun, Sequence[Comparison], Mapping[str, Explanation]]:
    import wayfed as wf

    with wf.context(env="federated", parties=_federation(data)) as ctx:
        with told.phase("One plan, bound and run by every airline for itself"):
            arrays = ctx.arrays(late_flights(ctx).relation)
            explanations = _one_of_each_kind(data, arrays)
            told.explanations(explanations, data)
        with (
            told.phase(f"Training over the airlines, {_GRIDS[grid]}: only updates leave one"),
            told.grid(),
        ):
            run = ctx.run_federated(
                arrays, runner=grid, on_round=told.round, on_release=on_release, **settings()
            )
            told.say(repr(run))
    with told.phase("Comparing with each airline's own model, and with all rows in one place"):
        everything = _everything(data)
        flights = everything.partition_by("carrier")
        compared = compare(run, flights, everything, told.say)
        told.comparison(compared, data)
    return run, compared, explanations


def _federation(data: DemoData) -> dict[str, Any]:
    """Return the demo's parties.toml, as a dictionary."""
    parties = {}
    for airline in data.airlines:
        # These kinds of store have no type for instants: what they hold is the UTC reading.
        naive = airline.kind in ("SQLite", "PostgreSQL")
        cast = {"cast": {"time_hour": "timestamp_utc"}} if naive else {}
        tables = {name: {"source": path} for name, path in data.shared.items()}
        parties[airline.carrier] = {
            "tables": {"flights": {**airline.binding, **cast}, **tables},
            "policy": {"min_rows": MIN_ROWS},
        }
    return {"schema": PUBLISHED, "party": parties}


def _everything(data: DemoData) -> Arrays:
    import wayfed as wf

    with wf.context() as ctx:
        ctx.register("flights", data.everything)
        for name, path in data.shared.items():
            ctx.register(name, path)
        return late_flights(ctx).to_numpy()


def _one_of_each_kind(data: DemoData, arrays: FederatedArrays) -> dict[str, Explanation]:
    first: dict[str, AirlineStore] = {}
    for airline in data.airlines:
        first.setdefault(airline.kind, airline)
    return {airline.carrier: arrays.explain(airline.carrier) for airline in first.values()}


class _Saying(logging.Handler):
    """Hands what is logged to somebody who says it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(record.getMessage())


class _Telling:
    """Tells on the terminal what is going on."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._number = 0

    def say(self, text: str) -> None:
        self._console.print(f"   {text}", highlight=False)

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        self._number += 1
        self._console.print(f"[bold]{self._number}. {title}[/bold]", highlight=False)
        began = perf_counter()
        yield
        self.say(f"[dim]{perf_counter() - began:.1f} s[/dim]")

    @contextmanager
    def grid(self) -> Iterator[None]:
        """Say what the grid tells of itself: what it starts, and who is there."""
        logger = logging.getLogger("wayfed.federated.grid")
        level = logger.level
        handler = _Saying(self.say)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.setLevel(level)
            logger.removeHandler(handler)

    def round(self, run: FederatedRun) -> None:
        """Say now and then how far the training is."""
        if (number := len(run.history)) % _TOLD_ROUNDS == 0:
            self.say(f"round {number} of {ROUNDS}")

    def explanations(self, explanations: Mapping[str, Explanation], data: DemoData) -> None:
        kinds = {airline.carrier: airline for airline in data.airlines}
        for carrier, explanation in explanations.items():
            airline = kinds[carrier]
            self._console.rule(f"{airline.name}: {airline.kind}", align="left")
            self._console.print(str(explanation), markup=False, highlight=False)

    def comparison(self, compared: Sequence[Comparison], data: DemoData) -> None:
        names = {airline.carrier: airline for airline in data.airlines}
        table = Table(title="AUC on October to December")
        for column in ("airline", "store"):
            table.add_column(column)
        for column in ("flights", "its own model", "federated", "centralised"):
            table.add_column(column, justify="right")
        for each in compared:
            airline = names[each.carrier]
            if each.left_out:
                shown = [f"[dim]left out: {each.left_out}[/dim]", "", ""]
            else:
                values = (each.alone, each.federated, each.centralised)
                shown = ["" if value is None else f"{value:.3f}" for value in values]
            table.add_row(airline.name, airline.kind, f"{each.flights:,}", *shown)
        self._console.print(table)
