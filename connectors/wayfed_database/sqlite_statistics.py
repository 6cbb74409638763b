"""What SQLite tells of its tables without a scan: what ANALYZE wrote, keys, the ends of indexes.

How many values columns have, and how numbers lie, is estimated from a few rows spread evenly.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from math import isfinite
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wayfed_database.catalog import quoted
from wayfed_optimizer.errors import SourceError
from wayfed_optimizer.statistics.estimates import (
    ColumnStatistics,
    Estimate,
    Provenance,
    TableStatistics,
    Told,
)
from wayfed_optimizer.statistics.sampled import distinct_of, histogram_of
from wayfed_optimizer.types import BINARY, DATE, FLOAT64, INT64, TEXT, DataType, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from wayfed_database.catalog import Asked, TableName

_ESTIMATED_OFF_BY: Final = 2.0
_ANALYSED_OFF_BY: Final = 1.2
_SAMPLED: Final = 400
"""So many rows are looked at, each by its number: 2 ms, however many there are."""
_GOLDEN: Final = 0.618033988749895
"""Its multiples are spread evenly between whole numbers, and in step with nothing in the rows."""
_SHORT: Final = "CASE WHEN typeof({0}) IN ('integer', 'real') THEN {0} ELSE substr({0}, 1, 64) END"
_COUNTABLE: Final = frozenset({INT64, FLOAT64, TEXT, DATE})
_ONE_FORM: Final = frozenset({INT64, TEXT, BINARY, DATE})
"""Types of whose values SQLite has one form each: an index over others may hold equal ones."""


class SQLiteStatistics:
    """What one file tells of its tables; asked again when the file has changed.

    Parameters
    ----------
    connected
        Gives a connection to the file.
    version
        Gives what changes with the file.
    """

    def __init__(
        self,
        connected: Callable[[], AbstractContextManager[sqlite3.Connection]],
        version: Callable[[], str],
    ) -> None:
        self._connected = connected
        self._version = version
        self._lock = Lock()
        self._of = ""
        self._kept: dict[TableName, TableStatistics] = {}

    def told(self, asked: Sequence[Asked]) -> list[Told]:
        """Return what is known of tables, in their order; nothing of queries and views."""
        with self._lock:
            version = self._version()
            if version != self._of:
                self._of, self._kept = version, {}
            missing = [each for each in asked if each.name not in self._kept]
            if missing:
                with self._connected() as connection:
                    for each in missing:
                        self._kept[each.name] = _known(connection, each.name, each.schema)
            return [Told(self._kept[each.name], version) for each in asked]


class _Index(NamedTuple):
    """An index of a table: its columns, whether each is there only once, values of the first."""

    columns: tuple[str, ...]
    is_unique: bool
    distinct: float | None


def _known(connection: sqlite3.Connection, table: TableName, schema: Schema) -> TableStatistics:
    if table.query is not None:
        return TableStatistics.unknown()
    name = table.parts[-1]
    try:
        counted = dict(_counted(connection, name))
        rows = _rows(connection, name, counted)
        if rows is None:
            return TableStatistics.unknown()
        indexes = tuple(_indexes(connection, name, rows.likely, counted))
        sampled = _sampled(connection, name, schema, rows.likely)
        columns = {**sampled, **_columns(connection, name, schema, indexes, sampled)}
    except (sqlite3.Error, SourceError):
        return TableStatistics.unknown()
    keys = tuple(
        frozenset(index.columns)
        for index in indexes
        if index.is_unique
        and all(c in schema and schema[c].type in _ONE_FORM for c in index.columns)
    )
    return TableStatistics(rows, columns, tuple(dict.fromkeys(keys)))


def _rows(
    connection: sqlite3.Connection, table: str, counted: dict[str | None, list[float]]
) -> Estimate | None:
    """Return the rows that ANALYZE counted, or the greatest row id; None for views."""
    if counted:
        most = max(numbers[0] for numbers in counted.values())
        return Estimate.around(max(1.0, most), Provenance.DATABASE, _ANALYSED_OFF_BY)
    kind = connection.execute(
        "SELECT type FROM main.sqlite_schema WHERE name = ?", (table,)
    ).fetchone()
    if kind != ("table",):
        return None
    sql = f"SELECT max(rowid) FROM {quoted('main', table)}"
    (greatest,) = connection.execute(sql).fetchone()
    return Estimate.around(float(greatest or 1), Provenance.DATABASE, _ESTIMATED_OFF_BY)


def _counted(
    connection: sqlite3.Connection, table: str
) -> Iterator[tuple[str | None, list[float]]]:
    """Yield what ANALYZE wrote: for each index rows, and rows a value of its first column …."""
    there = "SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_stat1'"
    if connection.execute(there).fetchone() is None:
        return
    sql = "SELECT idx, stat FROM main.sqlite_stat1 WHERE tbl = ?"
    for index, stat in connection.execute(sql, (table,)).fetchall():
        numbers = [float(word) for word in (stat or "").split() if word.isdigit()]
        if numbers:
            yield index, numbers


def _indexes(
    connection: sqlite3.Connection,
    table: str,
    rows: float,
    counted: dict[str | None, list[float]],
) -> Iterator[_Index]:
    """Yield the indexes over columns and over all rows, the row's own number first."""
    columns = connection.execute(f"PRAGMA main.table_xinfo({quoted(table)})").fetchall()
    keys = [column for column in columns if column[5]]
    if len(keys) == 1 and keys[0][2].upper() == "INTEGER":
        yield _Index((keys[0][1],), is_unique=True, distinct=rows)
    listed = connection.execute(f"PRAGMA main.index_list({quoted(table)})").fetchall()
    for _, name, unique, _origin, partial in listed:
        parts = connection.execute(f"PRAGMA main.index_info({quoted(name)})").fetchall()
        if partial or any(part[2] is None for part in parts):
            continue
        numbers = counted.get(name, [])
        distinct = numbers[0] / numbers[1] if len(numbers) > 1 and numbers[1] else None
        if unique and len(parts) == 1:
            distinct = rows
        yield _Index(tuple(part[2] for part in parts), bool(unique), distinct)


def _columns(
    connection: sqlite3.Connection,
    table: str,
    schema: Schema,
    indexes: Sequence[_Index],
    sampled: Mapping[str, ColumnStatistics],
) -> dict[str, ColumnStatistics]:
    """Return what the indexes tell of the columns that they begin with."""
    found: dict[str, ColumnStatistics] = {}
    for index in indexes:
        first = index.columns[0]
        if first not in schema:
            continue
        distinct = index.distinct
        if distinct is None and first in found:
            distinct = found[first].distinct
        if distinct is None and first in sampled:
            distinct = sampled[first].distinct
        low, high = _ends(connection, table, first, schema[first].type)
        spread = sampled[first].histogram if first in sampled else ()
        found[first] = ColumnStatistics(distinct=distinct, low=low, high=high, histogram=spread)
    return found


def _sampled(
    connection: sqlite3.Connection, table: str, schema: Schema, rows: float
) -> dict[str, ColumnStatistics]:
    """Return how many values columns have, as some rows, spread evenly, tell.

    Nothing is known of a table whose rows have no numbers.
    """
    names = [field.name for field in schema if field.type in _COUNTABLE]
    if not names or any(name.lower() == "rowid" for name in schema.names):
        return {}
    cut = ", ".join(_SHORT.format(quoted(name)) for name in names)
    sql = (
        "WITH RECURSIVE places(place) AS (SELECT 0 UNION ALL SELECT place + 1 FROM places "
        f"WHERE place + 1 < {_SAMPLED}) SELECT {cut} FROM places CROSS JOIN "
        f"{quoted('main', table)} AS sampled ON sampled.rowid = "
        f"1 + CAST((place * {_GOLDEN} - CAST(place * {_GOLDEN} AS INTEGER)) * ? AS INTEGER)"
    )
    try:
        found = connection.execute(sql, (rows,)).fetchall()
    except sqlite3.OperationalError:
        return {}
    told: dict[str, ColumnStatistics] = {}
    for name, values in zip(names, zip(*found, strict=True), strict=False):
        present = [value for value in values if value is not None]
        share = 1 - len(present) / len(values)
        told[name] = ColumnStatistics(
            distinct=distinct_of(Counter(present).values(), rows * (1 - share))
            if present
            else None,
            null_fraction=share or None,  # that a few rows have none does not say that none has
            histogram=_spread(present),
        )
    return told


def _spread(values: Sequence[Any]) -> tuple[object, ...]:
    """Return how numbers are spread; nothing of other values, of which SQLite has several forms."""
    if not all(isinstance(value, int | float) and isfinite(value) for value in values):
        return ()
    return histogram_of(len(values), sorted(values).__getitem__)


def _ends(
    connection: sqlite3.Connection, table: str, column: str, kind: DataType
) -> tuple[Any, Any]:
    """Return the least and greatest number that an index holds: one look at each of its ends."""
    if kind not in (INT64, FLOAT64):
        return None, None
    name, source = quoted(column), quoted("main", table)
    sql = f"SELECT (SELECT min({name}) FROM {source}), (SELECT max({name}) FROM {source})"
    low, high = connection.execute(sql).fetchone()
    numbers = isinstance(low, int | float) and isinstance(high, int | float)
    return (low, high) if numbers else (None, None)
