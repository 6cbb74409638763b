"""``wayfed engines``: which engines there are, what they still need, and whether they work."""

from __future__ import annotations

import sys
from pathlib import Path  # typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from wayfed.engines import Engine, Finding

engines_app = typer.Typer(help="Show, install and check the engines.", add_completion=False)

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", help="All by default.")]
Config = Annotated[
    Path | None,
    typer.Option(help="TOML file with the engines' options.", exists=True, dir_okay=False),
]


@engines_app.callback(invoke_without_command=True)
def show(called: typer.Context) -> None:
    """Show which engines there are, and what they need; `install` and `doctor` do more."""
    if called.invoked_subcommand is None:
        from rich.text import Text

        from wayfed.engines import engines

        table = _table("engine", "version", "Java", "jars", "pip install")
        for engine in engines():
            table.add_row(*map(Text, _row(engine)))
        _print(table)


@engines_app.command()
def install(names: Names = None) -> None:
    """Fetch now what engines would fetch on first use, so that they work without a network."""
    from wayfed.engines import engines, fetch_jars

    for engine in engines(names or ()):
        if not engine.requirements.jars or not (engine.installed or names):
            continue
        count = fetch_jars(engine)
        sys.stdout.write(f"{engine.name}: {count} jars are here, as tested\n")
        if not engine.installed:
            sys.stdout.write(f"{engine.name} itself is not: pip install '{engine.extra}'\n")


@engines_app.command()
def doctor(
    names: Names = None,
    *,
    config: Config = None,
) -> None:
    """Start each engine that is installed on a tiny plan, and say what is wrong and what to do.

    The exit code is 1 where something that is installed does not work.
    """
    from wayfed.engines import engines, examine
    from wayfed.engines.doctor import Verdict

    problems = 0
    for finding in examine(engines(names or ()), config=config, insist=bool(names)):
        sys.stdout.write(_line(finding))
        sys.stdout.flush()
        problems += finding.verdict is Verdict.PROBLEM
    if problems:
        raise typer.Exit(1)


def _row(engine: Engine) -> tuple[str, str, str, str, str]:
    from wayfed_java.jars import wrong_jars
    from wayfed_java.sets import jar_set

    needs = engine.requirements
    state = engine.version if engine.installed else "not installed"
    jars = ", ".join(
        f"{name} ({'on first use' if wrong_jars(jar_set(name)) else 'here'})" for name in needs.jars
    )
    return engine.name, state or "", _java() if needs.java else "", jars, _installed_by(engine)


def _installed_by(engine: Engine) -> str:
    return engine.extra or "comes with wayfed"


def _java() -> str:
    from wayfed_java.runtime import installed

    found = next((java for java in installed() if java.usable), None)
    return f"Java {found.version}" if found else "no Java"


def _line(finding: Finding) -> str:
    line = f"{finding.verdict:<8}{finding.about:<10}{finding.says}\n"
    return f"{line}{'':18}-> {finding.remedy}\n" if finding.remedy else line


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column)
    return table


def _print(table: Table) -> None:
    from rich.console import Console

    Console().print(table)
