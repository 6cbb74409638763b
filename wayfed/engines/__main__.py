"""A tiny plan on one engine, in a process that it may take down."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

import wayfed
from wayfed.connectors import connectors, engine_names
from wayfed_optimizer.errors import ExecutionError, WayfedError
from wayfed_optimizer.requirements import requirements_of


def run(name: str, config: str | None) -> bool:
    """Filter three rows on the engine; of a connector that only has stores, import the package.

    Returns whether a plan was run.

    Raises
    ------
    ExecutionError
        Where the rows that come back are others.
    """
    if package := requirements_of(connectors()[name]).installed:
        import_module(package.imported)
    started: dict[str, Any] = {name: {}} if name in engine_names() else {}
    with wayfed.context(config, **started) as ctx:
        if name not in ctx.platform_names:
            return False
        plan = ctx.read({"n": [1, 2, 3]}).filter(lambda t: t.n > 1).on(name)
        rows = sorted(plan.to_numpy()["n"].tolist())
    if rows != [2, 3]:
        raise ExecutionError(f"the rows of 1, 2, 3 above 1 are {rows}", platform=name)
    return True


def main(name: str, config: str | None = None) -> None:
    """Run it, and write how it went as the last line of output; what is unforeseen is raised."""
    failure, hint, ran = None, None, True
    try:
        ran = run(name, config)
    except WayfedError as error:
        failure, hint = error.message, error.hint
    sys.stdout.write(f"\n{json.dumps({'failure': failure, 'hint': hint, 'ran': ran})}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
