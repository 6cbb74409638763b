"""``wayfed runs``: the runs of training that were kept, side by side, and their models as files."""

from __future__ import annotations

import sys
from itertools import accumulate
from pathlib import Path  # typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from wayfed.federated.runs.results import FederatedRun
    from wayfed.federated.runs.store import RunStore

runs_app = typer.Typer(
    help="Look at the runs of training that were kept, and export their models.",
    no_args_is_help=True,
    add_completion=False,
)

Store = Annotated[
    str | None,
    typer.Option(
        help="A SQLite file or SQLAlchemy URL; WAYFED_RUNS, or your own file, by default."
    ),
]
Run = Annotated[str, typer.Argument(metavar="ID", help="A run's id, or how it begins.")]
_SHOWN = 20


@runs_app.command("list")
def list_runs(
    *,
    store: Store = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Show so many at most.")] = _SHOWN,
) -> None:
    """List the runs, the newest first."""
    from wayfed.display import counted

    opened = _opened(store)
    found = opened.runs()
    table = _table("run", "status", "rounds", "measure", "model")
    for column in table.columns[:-1]:
        column.no_wrap = True
    for each in found[:most]:
        table.add_row(each.id, each.status, each.rounds, _first(each.metrics), each.model)
    _print(table)
    sys.stdout.write(f"{counted(len(found), 'run')} in {opened.place}\n")


@runs_app.command()
def show(run: Run, *, store: Store = None) -> None:
    """Show a run: its rounds, its parties, and why some were left out."""
    from wayfed.federated.runs.results import failed_in

    opened = _opened(store)
    found = _run(opened, run)
    sys.stdout.write(f"{found.id}\n{found!r}\n")
    if plan := opened.record(found.id)[0]["plan_hash"]:
        sys.stdout.write(f"  plan {plan[:8]}, by which the parties' audit logs call it\n")
    measured = list(dict.fromkeys(name for each in found.history for name in each.metrics))
    names = _fitting(measured, [max(map(len, found.parties), default=0), *map(len, _COUNTED)])
    if hidden := measured[len(names) :]:
        sys.stdout.write(f"  too wide for this terminal: {', '.join(hidden)}; | cat shows all\n")
    table = _table("round", *names, "parties", "left out", "seconds")
    for each in found.history:
        lost = ", ".join(sorted({failure.party for failure in each.failures}))
        values = [_number(each.metrics.get(name)) for name in names]
        table.add_row(
            str(each.number), *values, str(len(each.weights)), lost, f"{each.seconds:.2f}"
        )
    _print(table)
    table = _table("party", *_COUNTED, *names)
    last = found.history[-1].parties if found.history else {}
    for name, report in found.parties.items():
        counts = [f"{count:,}" for count in (report.rows, report.training, report.testing)]
        values = [_number(last.get(name, {}).get(each)) for each in names]
        table.add_row(name, *counts, *values)
    _print(table)
    for told in failed_in(found.failures):
        sys.stdout.write(f"{told}\n")


@runs_app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="ID ID…", help="Two runs or more.")],
    *,
    store: Store = None,
) -> None:
    """Show runs side by side: what was asked where they differ, and what came of it."""
    if len(runs) < _LEAST_COMPARED:
        told = f"two runs or more are compared; `wayfed runs show {runs[0]}` shows one"
        raise typer.BadParameter(told, param_hint="ID")
    opened = _opened(store)
    known = [_run(opened, each) for each in runs]
    facts = [_facts(opened, each) for each in known]
    names = list(dict.fromkeys(name for each in facts for name in each))
    table = _table("", *(each.id for each in known))
    for name in names:
        values = [each.get(name, "") for each in facts]
        if name in _ALWAYS or len(set(values)) > 1:
            table.add_row(name, *values)
    table.add_section()
    for name in dict.fromkeys(name for each in known for name in each.metrics):
        table.add_row(name, *(_number(each.metrics.get(name)) for each in known))
    _print(table)


@runs_app.command()
def export(
    run: Run,
    *,
    output: Annotated[
        Path | None, typer.Option(help="A directory, or FILE.zip; the run's id by default.")
    ] = None,
    store: Store = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Write a run's model to files: arrays, and a card that says what they mean."""
    from wayfed.federated.runs.exported import export_run

    found = _run(_opened(store), run)
    target = output or Path(found.id)
    if target.exists() and not overwrite:
        raise typer.BadParameter(f"{target} exists; --overwrite replaces it", param_hint="--output")
    written = export_run(found, target)
    sys.stderr.write(f"wf.models.load('{written}') loads it\n")


_COUNTED = ("rows", "training", "testing")
_LEAST_COMPARED = 2
_BESIDE_A_COLUMN = 3
_WIDE = 10_000
_ALWAYS = ("model", "strategy", "rounds", "parties", "seconds")


def _opened(store: str | None) -> RunStore:
    from wayfed.federated.runs.places import store_place
    from wayfed.federated.runs.store import RunStore

    return RunStore(store_place(store))


def _run(store: RunStore, begins: str) -> FederatedRun:
    """Return the run whose id begins so."""
    from wayfed.federated.runs.kept import open_run

    ids = [each.id for each in store.runs() if each.id.startswith(begins)]
    if len(ids) > 1 and begins not in ids:
        raise typer.BadParameter(f"{begins} begins {len(ids)} runs: {', '.join(ids[:5])}")
    return open_run(store, ids[0] if len(ids) == 1 else begins)


def _facts(store: RunStore, run: FederatedRun) -> dict[str, str]:
    """Say what was asked of a run, and what became of it, in the order of a table's lines."""
    facts, _ = store.record(run.id)
    request = dict(facts["request"] or {})
    question = dict(request.pop("question", {}))
    parameters = dict(question.pop("model", {}).get("parameters", {}))
    asked = {**parameters, **question, **request, "plan": (facts["plan_hash"] or "")[:12]}
    return {
        "model": run.description,
        **{name: str(value) for name, value in asked.items() if value is not None},
        "strategy": run.strategy,
        "rounds": f"{len(run.history)} of {run.rounds}",
        "parties": str(len(run.parties) - len(run.left_out)),
        "status": run.status,
        "seconds": f"{sum(each.seconds for each in run.history):.2f}",
    }


def _first(metrics: Mapping[str, float]) -> str:
    return next((f"{name} {value:.4f}" for name, value in metrics.items()), "")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _print(*tables: Table) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)  # what goes into a file or a pipe is not folded
    for table in tables:
        console.print(table)


def _fitting(names: list[str], beside: list[int]) -> list[str]:
    """Return the first of these columns of numbers, as many as fit a terminal beside others."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        return names
    taken = sum(beside) + len(beside) * _BESIDE_A_COLUMN
    widths = accumulate((max(len(name), 6) + _BESIDE_A_COLUMN for name in names), initial=taken)
    return [
        name for name, width in zip(names, list(widths)[1:], strict=True) if width < console.width
    ]
