"""Nodes of parsed SQL: where they stand in the text, and what of them is understood."""

from __future__ import annotations

from typing import Final

from sqlglot import ErrorLevel
from sqlglot import expressions as exp

from wayfed_optimizer.errors import Unsupported, user_location

PLACE: Final = "SQL line"
"""How a place in SQL text begins, in the place of an error."""


def unwrapped(node: exp.Expr) -> exp.Expr:
    """Return a query without the parentheses around it."""
    while isinstance(node, exp.Subquery) and not node.args.get("alias") and len(_set(node)) == 1:
        node = node.this
    return node


def _set(node: exp.Expr) -> list[str]:
    return [key for key, value in node.args.items() if value]


def require(node: exp.Expr, *known: str) -> None:
    """Raise Unsupported where a node has an argument that is not among those `known`."""
    for key, value in node.args.items():
        if value and key not in known:
            name = key.strip("_").upper().replace("_", " ")
            raise Unsupported(f"{name} in {node.key.upper()}", where=position(node))


def written(node: exp.Expr, *, functions: str = "upper") -> str:
    """Return a node as SQL, for people; what DuckDB would not read is no matter."""
    level = ErrorLevel.IGNORE
    return str(node.sql(dialect="duckdb", unsupported_level=level, normalize_functions=functions))


def refuse(node: exp.Expr, *, hint: str | None = None) -> Unsupported:
    """Return the error for SQL that plans cannot say."""
    text = written(node)
    shown = text if len(text) <= 40 else f"{text[:39]}…"
    return Unsupported(f"{node.key.upper()} in SQL ({shown})", hint=hint, where=position(node))


def position(node: exp.Expr) -> str:
    """Say where in the text a node stands, and where in the program the text does."""
    program = user_location()
    starts = [
        (meta["line"], meta["col"] - (meta["end"] - meta["start"]))
        for each in node.walk()
        if (meta := each.meta).get("line")
    ]
    if not starts:
        return program or "SQL"
    line, column = min(starts)
    place = f"{PLACE} {line}, column {column}"
    return f"{program}, {place}" if program else place
