"""The commands and their options; what they do is imported when they are called."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path  # typer reads the annotations
from typing import Annotated

import typer

from wayfed.cli.engines import engines_app
from wayfed.cli.federation import coordinator_app, party_app, requester_app
from wayfed.cli.runs import runs_app

app = typer.Typer(
    help="Plan and train over data where it lives.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(engines_app, name="engines")
app.add_typer(runs_app, name="runs")
app.add_typer(party_app, name="party")
app.add_typer(coordinator_app, name="coordinator")
app.add_typer(requester_app, name="requester")


class Format(StrEnum):
    """How an explanation is written."""

    TEXT = "text"
    HTML = "html"
    MERMAID = "mermaid"
    JSON = "json"


Query = Annotated[
    Path, typer.Argument(metavar="FILE.sql", exists=True, dir_okay=False, allow_dash=True)
]
Config = Annotated[
    Path | None,
    typer.Option(help="TOML file with the tables and engines.", exists=True, dir_okay=False),
]


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        sys.stdout.write(f"wayfed {version('wayfed')}\n")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Tell the version.")
    ] = False,
) -> None:
    """Plan and train over data where it lives."""


@app.command()
def explain(
    file: Query,
    *,
    config: Config = None,
    analyze: Annotated[
        bool, typer.Option("--analyze", help="Run it, and tell the actual rows and times.")
    ] = False,
    alternatives: Annotated[
        bool, typer.Option("--alternatives", help="Tell which engines and plans were rejected.")
    ] = False,
    stage: Annotated[
        str, typer.Option(help="logical, rewritten, placed, physical or executed.")
    ] = "physical",
    format: Annotated[  # the option's name, as people know it
        Format, typer.Option("--format", help="How to write it.")
    ] = Format.TEXT,
) -> None:
    """Say where each part of a query would run, what each store would be asked, and why.

    FILE.sql holds one SELECT; - reads it from the standard input.
    """
    from wayfed.cli.queries import explanation_of, written

    sys.stdout.write(
        written(explanation_of(file, config, stage, analyze, alternatives), format.value)
    )


@app.command()
def run(
    file: Query,
    *,
    config: Config = None,
    output: Annotated[
        Path | None,
        typer.Option(help="FILE.parquet, .csv, .ndjson or .arrow; a table here without it."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file where there is one.")
    ] = False,
    rows: Annotated[int, typer.Option(min=1, help="Rows of the table to show at most.")] = 50,
) -> None:
    """Run a query, and show its rows or write them to a file.

    FILE.sql holds one SELECT; - reads it from the standard input.
    """
    from wayfed.cli.queries import show, write

    if output is None:
        show(file, config, rows)
        return
    if output.exists() and not overwrite:
        raise typer.BadParameter(f"{output} exists; --overwrite replaces it", param_hint="--output")
    write(file, config, output, overwrite=overwrite)


@app.command()
def calibrate(
    *,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            "--engine",
            metavar="NAME",
            help="What to measure: duckdb, postgresql, sqlite, spark, flink; repeat it for more. "
            "All that starts fast by default.",
        ),
    ] = None,
    store: Annotated[
        list[str] | None,
        typer.Option(
            "--store",
            metavar="URL",
            help="A database whose link to measure; rows are made there, and nothing is written.",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small tables, once: in seconds, and rougher.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Show what was measured; measure nothing.")
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget what was measured; measure nothing.")
    ] = False,
) -> None:
    """Measure what work takes on this machine, in about a minute, so that plans go by it."""
    from wayfed.cli.calibrating import forget_all, measure, show_all

    if forget:
        forget_all()
    elif show:
        show_all()
    else:
        measure(engine or (), store or (), quick=quick)


class Grid(StrEnum):
    """How messages travel to the parties of the demo."""

    LOCAL = "local"
    PROCESSES = "processes"
    FLOWER = "flower"


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="The HTML report to write.", dir_okay=False)] = Path(
        "wayfed-demo.html"
    ),
    grid: Annotated[
        Grid, typer.Option(help="Airlines in this process, in processes, or at a SuperLink.")
    ] = Grid.LOCAL,
) -> None:
    """Train over sixteen airlines' flights of 2013, each in a store of its own."""
    from wayfed.demo import run as run_demo

    run_demo(output, grid=grid.value)
