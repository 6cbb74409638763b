"""Queries that Flink's tasks put to a database themselves, on as many connections as they are."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from wayfed_flink.tables import listed, table
from wayfed_java.jars import jars, wrong_jars
from wayfed_java.sets import jar_set

if TYPE_CHECKING:
    from pathlib import Path

    from wayfed_optimizer.platform import JdbcQuery

DRIVERS: Final = "postgresql"
"""The set of jars that the drivers are in."""


@cache
def driver_jars() -> tuple[Path, ...]:
    """Return the jars of the drivers, if they are on this machine; nothing is fetched for them."""
    return () if wrong_jars(jar_set(DRIVERS)) else jars(DRIVERS)


def query_table(name: str, query: JdbcQuery, parallelism: int) -> str:
    """Return the statement that makes a table of what a database answers."""
    asked = f"SELECT * FROM ({query.sql}) AS asked"  # noqa: S608  the query is our own
    parts = [asked + rows for rows in _parts(query, parallelism)]
    options = {
        "url": query.url,
        "driver": query.driver,
        "begin": query.begin,
        "queries": ";".join(map(listed, parts)),
    }
    if query.user is not None:
        options["user"] = query.user
    if query.password is not None:
        options["password"] = query.password
    return table(name, query.schema, "wayfed-query", options)


def _parts(query: JdbcQuery, count: int) -> list[str]:
    """Return conditions of which each row fulfils one, whatever the bounds of its key are."""
    if query.key is None:
        return [""]
    name, low, high = query.key
    key = '"' + name.replace('"', '""') + '"'
    inner = sorted({low + (high - low + 1) * part // count for part in range(1, count)} - {low})
    if not inner:
        return [""]
    return [
        f" WHERE {key} < {inner[0]} OR {key} IS NULL",
        *(f" WHERE {key} >= {start} AND {key} < {end}" for start, end in pairwise(inner)),
        f" WHERE {key} >= {inner[-1]}",
    ]
