"""What PostgreSQL's planner knows of tables: asked for all of a plan's at once, and kept."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed_database.catalog import body_of, quoted
from wayfed_database.columns import split_type
from wayfed_optimizer.statistics.estimates import (
    ColumnStatistics,
    Estimate,
    Provenance,
    TableStatistics,
    Told,
)
from wayfed_optimizer.types import (
    BOOL,
    DATE,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    DataType,
    Decimal,
    Schema,
    is_float,
    is_integer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wayfed_database.catalog import Asked, TableName
    from wayfed_database.columns import ColumnDescription
    from wayfed_database.kept_connections import Asking

# A key is no promise where it is checked late (not immediate), over a part of the rows, over
# expressions, or not over the rows of tables that inherit from this one.
_SIZES: Final = """
SELECT w.place::int AS place, c.oid::bigint AS id, c.relkind::text AS kind,
       c.reltuples::float8 AS rows, c.relpages AS pages,
       coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int AS pages_now,
       current_setting('block_size')::int AS page,
       concat_ws(' ', c.relfilenode, pg_stat_get_last_analyze_time(c.oid),
                 pg_stat_get_last_autoanalyze_time(c.oid)) AS analysed,
       pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid)
           + pg_stat_get_tuples_deleted(c.oid) AS changes,
       CASE WHEN c.oid = t.oid AND NOT (c.relkind = 'r' AND c.relhassubclass) THEN (
           SELECT json_agg((
               SELECT json_agg(a.attname)
               FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) k
               JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k
           ) ORDER BY i.indexrelid)
           FROM pg_index i
           WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
             AND i.indpred IS NULL AND i.indexprs IS NULL
       ) END AS keys
FROM unnest(CAST(%(names)s AS text[])) WITH ORDINALITY w(name, place),
     LATERAL (SELECT to_regclass(w.name)::oid AS oid) t,
     LATERAL (SELECT t.oid UNION
              SELECT relid::oid FROM pg_partition_tree(t.oid::regclass) WHERE isleaf) part(oid)
JOIN pg_class c ON c.oid = part.oid
ORDER BY w.place, c.oid
"""
# Asked by constants, besides, the server finds the tables by an index: by rows that it joins them
# with, it first looks whether we may read each column of the database.
_COLUMNS: Final = """
SELECT DISTINCT ON (w.place, s.attname) w.place::int AS place, s.attname AS name,
       s.n_distinct::float8 AS distinct, s.null_frac::float8 AS nulls, s.avg_width AS width,
       s.most_common_vals::text::text[] AS common,
       s.most_common_freqs::float8[] AS shares,
       s.histogram_bounds::text::text[] AS histogram
FROM unnest(CAST(%(schemas)s AS text[]), CAST(%(names)s AS text[]))
     WITH ORDINALITY w(schema, name, place)
JOIN pg_stats s ON s.schemaname = w.schema AND s.tablename = w.name
WHERE s.schemaname = ANY(%(schemas)s) AND s.tablename = ANY(%(names)s)
ORDER BY w.place, s.attname, s.inherited DESC
"""
_WITHIN_SECONDS: Final = "BEGIN; SET LOCAL statement_timeout = '2s'"
_PLANNED_OFF_BY: Final = 10.0
_ANALYSED_OFF_BY: Final = 1.2
_ROW_OVERHEAD: Final = 28
"""Bytes that a stored row takes besides its values."""
_TELLING_CHANGE: Final = 0.05
"""A table that grew by less is planned with as it was: plans do not change with each row."""
_PADDED: Final = frozenset({"character", "bpchar", "char"})


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was told of a table, and what it was when it told so."""

    analysed: tuple[object, ...]
    columns: Mapping[str, Mapping[str, Any]]
    statistics: TableStatistics


class PostgreSQLStatistics:
    """The planner's statistics of one database; those of columns are read again after ANALYZE.

    Parameters
    ----------
    ask
        Gives a connection to what asks, and returns its answer.
    """

    def __init__(
        self, ask: Callable[[Callable[[Asking], dict[TableName, Told]]], dict[TableName, Told]]
    ) -> None:
        self._ask = ask
        self._lock = Lock()
        self._kept: dict[TableName, _Kept] = {}

    def told(self, asked: Sequence[Asked]) -> list[Told]:
        """Return what is known of tables, views and queries, in their order."""
        found = self._ask(lambda connection: self._found(connection, asked))
        return [found[each.name] for each in asked]

    def _found(self, connection: Asking, asked: Sequence[Asked]) -> dict[TableName, Told]:
        tables = [each for each in asked if each.name.parts]
        sizes: list[list[Mapping[str, Any]]] = [[] for _ in tables]
        if tables:
            names = [quoted(*each.name.parts) for each in tables]
            for row in connection.execute(_SIZES, {"names": names}):
                sizes[row["place"] - 1].append(row)
        stored = {
            each.name: rows
            for each, rows in zip(tables, sizes, strict=True)
            if any(row["kind"] in "rmp" for row in rows)
        }
        columns = self._columns(connection, stored)
        found: dict[TableName, Told] = {}
        for each in asked:
            if each.name in stored:
                found[each.name] = self._table(each, stored[each.name], columns[each.name])
            else:
                found[each.name] = Told(self._planned(connection, each.name))
        return found

    def _columns(
        self, connection: Asking, stored: Mapping[TableName, Sequence[Mapping[str, Any]]]
    ) -> dict[TableName, Mapping[str, Mapping[str, Any]]]:
        """Return what is known of the columns of tables, asking for those analysed since."""
        found: dict[TableName, Mapping[str, Mapping[str, Any]]] = {}
        for name, sizes in stored.items():
            kept = self._kept.get(name)
            if kept is not None and kept.analysed == _analysed(sizes):
                found[name] = kept.columns
        missing = [name for name in stored if name not in found]
        if missing:
            rows: list[dict[str, Mapping[str, Any]]] = [{} for _ in missing]
            values = {
                "schemas": [name.parts[0] for name in missing],
                "names": [name.parts[1] for name in missing],
            }
            for row in connection.execute(_COLUMNS, values):
                rows[row["place"] - 1][row["name"]] = row
            found.update(zip(missing, rows, strict=True))
        return found

    def _table(
        self,
        asked: Asked,
        sizes: Sequence[Mapping[str, Any]],
        columns: Mapping[str, Mapping[str, Any]],
    ) -> Told:
        version = " ".join(
            f"{s['id']}.{s['analysed']}.{s['changes']}.{s['pages_now']}" for s in sizes
        )
        rows = _row_count(sizes, columns, asked.schema)
        keys = tuple(
            frozenset(key)
            for size in sizes
            for key in size["keys"] or ()
            if set(key) <= set(asked.schema.names)
        )
        analysed = _analysed(sizes)
        with self._lock:
            kept = self._kept.get(asked.name)
            if kept is not None and kept.analysed == analysed and _alike(kept, rows, keys):
                return Told(kept.statistics, version)
            known = LazyColumns(columns, rows.likely, asked.schema, asked.columns)
            statistics = TableStatistics(rows, known, keys)
            self._kept[asked.name] = _Kept(analysed, columns, statistics)
        return Told(statistics, version)

    def _planned(self, connection: Asking, table: TableName) -> TableStatistics:
        """Return how many rows the planner expects of a view or query."""
        source = f"({body_of(table.query)}) AS q" if table.query else quoted(*table.parts)
        connection.execute(_WITHIN_SECONDS)
        try:
            answer = connection.execute(f"EXPLAIN (FORMAT JSON) SELECT * FROM {source}")
            ((plan,),) = (row.values() for row in answer)
        finally:
            if not connection.closed:
                connection.execute("ROLLBACK")
        rows = float(plan[0]["Plan"]["Plan Rows"])
        estimate = Estimate.around(rows, Provenance.DATABASE, _PLANNED_OFF_BY)
        kept = self._kept.get(table)
        if kept is None or not _alike(kept, estimate, ()):
            self._kept[table] = kept = _Kept((), {}, TableStatistics(estimate))
        return kept.statistics


def _analysed(sizes: Sequence[Mapping[str, Any]]) -> tuple[object, ...]:
    return tuple((s["id"], s["rows"], s["pages"], s["analysed"]) for s in sizes)


def _alike(kept: _Kept, rows: Estimate, keys: tuple[frozenset[str], ...]) -> bool:
    before = kept.statistics.rows.likely
    return kept.statistics.keys == keys and abs(rows.likely - before) <= _TELLING_CHANGE * before


def _row_count(
    sizes: Sequence[Mapping[str, Any]], columns: Mapping[str, Mapping[str, Any]], schema: Schema
) -> Estimate:
    """Estimate rows as PostgreSQL's planner does: the density of then times the pages of now."""
    likely, analysed = 0.0, True
    for size in sizes:
        if size["kind"] == "p":  # its partitions are counted
            continue
        if size["rows"] >= 0 and size["pages"] > 0:
            density = size["rows"] / size["pages"]
        else:
            analysed = analysed and size["pages_now"] == 0
            width = sum(row["width"] for row in columns.values()) or 8 * len(schema)
            density = size["page"] / (width + _ROW_OVERHEAD)
        likely += density * size["pages_now"]
    off_by = _ANALYSED_OFF_BY if analysed else _PLANNED_OFF_BY
    return Estimate.around(max(1.0, likely), Provenance.DATABASE, off_by)


class LazyColumns(Mapping[str, ColumnStatistics]):
    """What is known of columns, read from PostgreSQL's texts when it is asked for.

    A plan looks at few columns of a table, and each has a hundred frequent values and bounds.
    """

    def __init__(
        self,
        rows: Mapping[str, Mapping[str, Any]],
        count: float,
        schema: Schema,
        columns: Sequence[ColumnDescription],
    ) -> None:
        self._rows = {name: row for name, row in rows.items() if name in schema}
        self._count = count
        self._schema = schema
        self._described = {column.name: column for column in columns}
        self._read: dict[str, ColumnStatistics] = {}

    def __getitem__(self, name: str) -> ColumnStatistics:
        known = self._read.get(name)
        if known is None:
            known = _column(
                self._rows[name], self._count, self._schema[name].type, self._described.get(name)
            )
            self._read[name] = known
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def _column(
    row: Mapping[str, Any], count: float, kind: DataType, described: ColumnDescription | None
) -> ColumnStatistics:
    distinct = row["distinct"]
    compared = described is None or not described.equates
    ordered = described is None or described.collation is None
    read = _reader(kind, described)
    common = _pairs(row["common"], row["shares"], read) if compared else {}
    bounds = _values(row["histogram"], read) if ordered and row["histogram"] else ()
    ends = (*common, *bounds[:1], *bounds[-1:]) if ordered else ()
    return ColumnStatistics(
        # Negative: the part of the rows, for columns that grow with the table. Zero: unknown.
        distinct=max(1.0, -distinct * count if distinct < 0 else distinct) if distinct else None,
        null_fraction=row["nulls"],
        low=min(ends, default=None),
        high=max(ends, default=None),
        width=None if isinstance(kind, Decimal) else float(row["width"]),
        common=MappingProxyType(common),
        histogram=bounds,
    )


def _pairs(
    texts: Sequence[str] | None, shares: Sequence[float] | None, read: Callable[[str], Any]
) -> dict[Any, float]:
    found: dict[Any, float] = {}
    for text, share in zip(texts or (), shares or (), strict=False):
        value = read(text)
        if value is not None:
            found[value] = found.get(value, 0.0) + share
    return found


def _values(texts: Sequence[str], read: Callable[[str], Any]) -> tuple[Any, ...]:
    """Return the bounds of a histogram; none of them where one is no value of ours."""
    found = tuple(map(read, texts))
    return () if None in found or len(found) < 2 else found


def _reader(kind: DataType, described: ColumnDescription | None) -> Callable[[str], Any]:
    """Return how a value is read as PostgreSQL writes it; None stands for those we do not have."""
    read = _READERS.get(kind)
    if kind == TEXT and described is not None and split_type(described.type)[0] in _PADDED:
        return lambda text: text.rstrip(" ")
    if read is None:
        if is_integer(kind):
            read = int
        elif is_float(kind):
            read = _finite_float
        elif isinstance(kind, Decimal):
            read = _finite_decimal
        else:
            return lambda text: None

    def attempt(text: str) -> Any:
        try:
            return read(text)
        except (ValueError, decimal.InvalidOperation):
            return None

    return attempt


def _finite_decimal(text: str) -> decimal.Decimal | None:
    number = decimal.Decimal(text)
    return number if number.is_finite() else None


def _finite_float(text: str) -> float | None:
    number = float(text)
    return number if abs(number) < float("inf") else None


_READERS: Final[Mapping[DataType, Callable[[str], Any]]] = {
    TEXT: str,
    BOOL: lambda text: text == "t",
    DATE: datetime.date.fromisoformat,
    TIMESTAMP: datetime.datetime.fromisoformat,
    TIMESTAMP_UTC: datetime.datetime.fromisoformat,
}
