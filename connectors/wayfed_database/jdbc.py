"""Queries that other engines put to PostgreSQL themselves, in a run's own snapshot."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from wayfed_database.catalog import quoted
from wayfed_optimizer.expressions import Column, is_volatile
from wayfed_optimizer.physical import SourceInput
from wayfed_optimizer.platform import JdbcQuery
from wayfed_optimizer.relations import (
    Filter,
    Limit,
    Read,
    Relation,
    Select,
    Window,
    expressions_of,
    walk_once,
)
from wayfed_optimizer.types import DATE, TIMESTAMP, TIMESTAMP_UTC, Decimal, Field, is_integer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_database.location import ServerLocation
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Source
    from wayfed_optimizer.types import Schema

_DRIVER: Final = "org.postgresql.Driver"
_PASSED_ON: Final = {"sslmode": "sslmode", "application_name": "ApplicationName"}
_UNDERSTOOD: Final = frozenset({*_PASSED_ON, "connect_timeout"})
_FROM_ELSEWHERE: Final = ("PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSSLMODE", "PGOPTIONS")
_BEGIN: Final = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET TRANSACTION SNAPSHOT '{}'; "
    "SET LOCAL TimeZone TO 'UTC'"  # drivers say the zone of their machine
)
_EPOCH: Final = (
    "(EXTRACT(EPOCH FROM date_trunc('second', {0}))::bigint * 1000000 "
    "+ EXTRACT(MICROSECONDS FROM {0})::bigint % 1000000)"
)
_ROWS_TO_PART: Final = 100_000


@dataclass(frozen=True, slots=True)
class Parts:
    """What is known when a query is written: its columns, and the key by which it can be parted."""

    schema: Schema
    key: tuple[str, int, int] | None


def is_open_to_others(location: ServerLocation) -> bool:
    """Say whether a driver in Java gets in with what a URL says: libpq knows other ways too."""
    url = location.url
    plain = bool(url.host) and "/" not in str(url.host) and set(url.query) <= _UNDERSTOOD
    return plain and not any(name in os.environ for name in _FROM_ELSEWHERE)


def is_for_others(fragment: Fragment) -> bool:
    """Say whether another connection, asking once or twice, gets the rows that ours would get.

    It sees no temporary tables, and without an order, or where rows tie in one, any rows are the
    first ones.
    """
    if not all(isinstance(origin, SourceInput) for origin in fragment.inputs.values()):
        return False
    return not any(
        isinstance(relation, Limit | Window) or any(map(is_volatile, expressions_of(relation)))
        for relation in walk_once(fragment.relation)
    )


def carried(sql: str, schema: Schema) -> str:
    """Return the statement whose columns any driver reads exactly; see `JdbcQuery`."""
    outputs = ", ".join(f"{_carried(f)} AS {quoted(f.name)}" for f in schema)
    return f"SELECT {outputs} FROM ({sql}) AS carried"  # names are quoted


def _carried(field: Field) -> str:
    name = quoted(field.name)
    if field.type == DATE:
        return _within(name, f"({name} - DATE '1970-01-01')")
    if field.type in (TIMESTAMP, TIMESTAMP_UTC):
        return _within(name, _EPOCH.format(name))
    if isinstance(field.type, Decimal):
        return f"{name}::numeric({field.type.precision},{field.type.scale})"
    return name


def _within(name: str, value: str) -> str:
    """Return a value of a time, and an error for one that our calendar does not have."""
    return (
        f"CASE WHEN {name} >= '0001-01-01' AND {name} < '10000-01-01' THEN {value} "
        f"WHEN {name} IS NOT NULL THEN ('beyond the years 1 to 9999: ' || {name})::bigint END"
    )


def key_of(fragment: Fragment, sources: Mapping[str, Source]) -> tuple[str, int, int] | None:
    """Return the integer column of most values, with its bounds, of rows that are many.

    Only of rows that are those of one table: what is computed of it has other bounds.
    """
    relation: Relation = fragment.relation
    names = {name: name for name in relation.schema.names}
    while isinstance(relation, Filter | Select):
        if isinstance(relation, Select):
            plain = {o.name: o.expression for o in relation.outputs}
            names = {
                name: found.name
                for name, below in names.items()
                if isinstance(found := plain[below], Column)
            }
        relation = relation.input
    if not isinstance(relation, Read) or fragment.rows.likely < _ROWS_TO_PART:
        return None
    origin = fragment.inputs.get(relation.table)
    if not isinstance(origin, SourceInput):
        return None
    known = sources[origin.table].statistics().columns
    candidates = [
        (known[below].distinct or 0.0, name, known[below].low, known[below].high)
        for name, below in names.items()
        if is_integer(fragment.relation.schema[name].type) and below in known
    ]
    bounded = [
        (distinct, name, low, high)
        for distinct, name, low, high in candidates
        if isinstance(low, int) and isinstance(high, int) and low < high
    ]
    if not bounded:
        return None
    _, name, low, high = max(bounded)
    return name, low, high


def query(location: ServerLocation, sql: str, parts: Parts, snapshot: str) -> JdbcQuery:
    """Return what another engine is to ask; `snapshot` is one that an open transaction exports."""
    url = location.url
    options = {_PASSED_ON[k]: str(v) for k, v in url.query.items() if k in _PASSED_ON}
    host = f"[{url.host}]" if ":" in str(url.host) else url.host
    where = f"jdbc:postgresql://{host}:{url.port or 5432}/{quote(location.database, safe='')}"
    return JdbcQuery(
        f"{where}?{urlencode(options)}" if options else where,
        url.username,
        url.password,
        _DRIVER,
        sql,
        parts.schema,
        _BEGIN.format(snapshot),
        parts.key,
    )
