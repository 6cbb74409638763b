"""PostgreSQL's catalog: tables, columns with their collations, and the planner's statistics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from wayfed_database.catalog import Place, Reading, Standing, TableName, body_of, quoted, selecting
from wayfed_database.columns import POSTGRESQL_TYPES, ColumnDescription, split_type
from wayfed_database.failures import connection_failure, first_line
from wayfed_database.kept_connections import KeptConnections
from wayfed_database.postgresql_statistics import PostgreSQLStatistics
from wayfed_optimizer.errors import SourceError, TableNotFound, suggestion
from wayfed_optimizer.platform import TableReference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wayfed_database.catalog import Asked
    from wayfed_database.kept_connections import Asking
    from wayfed_database.location import ServerLocation
    from wayfed_optimizer.statistics.estimates import Told

_FIND: Final = """
SELECT n.nspname, c.relname, c.relkind::text,
       has_any_column_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass(%(name)s)
"""
_PLACE: Final = """
SELECT n.nspname, c.relname, c.relkind::text,
       has_table_privilege(c.oid, 'INSERT') AND has_schema_privilege(n.oid, 'USAGE'),
       (SELECT conrelid::regclass::text FROM pg_constraint
        WHERE confrelid = c.oid AND contype = 'f' AND confdeltype IN ('c', 'n', 'd') LIMIT 1)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass(%(name)s)
"""
_SCHEMA: Final = """
SELECT nspname, has_schema_privilege(oid, 'CREATE')
FROM pg_namespace WHERE nspname = coalesce(%(schema)s::text, current_schema())
"""
_SCHEMAS: Final = """
SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
ORDER BY nspname
"""
_TABLES: Final = """
SELECT n.nspname AS schema, c.relname AS name, n.nspname = current_schema() AS own
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY own DESC, n.nspname, c.relname
"""
_PATIENTLY: Final = "BEGIN; SET LOCAL statement_timeout TO 0"
"""A query's tables may be locked for a while; those of the catalog are not."""
_READABLE: Final = {"r": "table", "v": "view", "m": "view", "f": "table", "p": "table"}

# A domain is described as the type it stands on. Rows of older servers lack some columns, hence
# to_jsonb: what is not there is NULL. A table that is gone has one row, of NULLs. The version is
# which transactions have ended, and which not yet: only one that ends changes rows for others.
_STANDINGS: Final = """
SELECT w.place::int AS place, w.id::oid::text AS id,
       txid_current_snapshot()::text AS version, a.attname AS name,
       CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod)
                      ELSE format_type(a.atttypid, a.atttypmod) END AS type,
       NOT (a.attnotnull OR t.typnotnull) AS nullable,
       a.atthasdef OR a.attidentity <> '' AS filled,
       CASE l.collprovider WHEN 'd' THEN d.datcollate ELSE l.collname END AS collation,
       CASE l.collprovider WHEN 'd' THEN d.datcollate ELSE l.collcollate END AS collate,
       CASE l.collprovider WHEN 'd' THEN coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
                           ELSE l.collprovider::text END AS provider,
       coalesce((to_jsonb(l) ->> 'collisdeterministic')::boolean, true) AS deterministic,
       concat_ws(' ', a.attnum, a.xmin, CASE t.typtype WHEN 'd' THEN t.xmin END) AS mark
FROM (SELECT place, to_regclass(name) AS id
      FROM unnest(CAST(%(names)s AS text[])) WITH ORDINALITY u(name, place)) w
JOIN pg_database d ON d.datname = current_database()
LEFT JOIN pg_attribute a ON a.attrelid = w.id AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_collation l ON l.oid = a.attcollation
ORDER BY w.place, a.attnum
"""
# What each column was last changed by says, in a third of the time, whether it is as it was.
_MARKS: Final = """
SELECT w.place::int AS place, c.id::text AS id,
       txid_current_snapshot()::text AS version,
       (SELECT string_agg(concat_ws(' ', a.attnum, a.xmin,
                                    CASE t.typtype WHEN 'd' THEN t.xmin END),
                          ',' ORDER BY a.attnum)
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = c.id AND a.attnum > 0 AND NOT a.attisdropped) AS marks
FROM unnest(CAST(%(names)s AS text[])) WITH ORDINALITY w(name, place),
     LATERAL (SELECT to_regclass(w.name)::oid AS id) c
ORDER BY w.place
"""
_BY_CODE_POINT: Final = frozenset({"c", "posix", "c.utf-8", "c.utf8"})

_VERSION: Final = "SELECT txid_current_snapshot()::text AS version"
_PADDED: Final = frozenset({"character", "bpchar", "name", '"char"', "char"})


@dataclass(frozen=True, slots=True)
class _Known:
    """A table as it was found before, and what tells whether it still is."""

    standing: Standing
    marks: str


class PostgreSQLCatalog:
    """The catalog of a database on a server, asked over connections that are kept."""

    types = POSTGRESQL_TYPES

    def __init__(self, location: ServerLocation) -> None:
        self._location = location
        self._kept = KeptConnections(location)
        self._known: dict[TableName, _Known] = {}
        self._statistics = PostgreSQLStatistics(self._kept.ask)

    def find(self, table: str) -> TableName:
        """Return the table meant by ``table`` or ``schema.table``."""
        row = self._kept.ask(lambda connection: _named(connection, _FIND, table))
        if row is None:
            known = self._kept.ask(lambda connection: _tables(connection, table))
            raise TableNotFound(table, known, of=str(self._location))
        return self._readable(table, *row)

    def _readable(self, asked: str, schema: str, name: str, kind: str, allowed: bool) -> TableName:
        if kind not in _READABLE:
            raise SourceError(f"'{asked}' of {self._location} is neither a table nor a view")
        if not allowed:
            user = self._location.user or "the user"
            raise SourceError(
                f"{user} may not read {_READABLE[kind]} '{asked}' of {self._location}",
                hint=f"ask its owner to GRANT SELECT ON {quoted(schema, name)} TO {user}",
            )
        return TableName((schema, name))

    def place(self, table: str) -> Place:
        """Return the table meant, or where it is to be made."""
        row = self._kept.ask(lambda connection: _named(connection, _PLACE, table))
        if row is not None:
            self._require_writable(table, *row[:4])
            there = TableName((row[0], row[1]))
            return Place(there, self.columns(there), cascades=row[4])
        schema, _, name = table.partition(".")
        wanted = schema if name else None
        home = self._kept.ask(lambda connection: _first(connection, _SCHEMA, schema=wanted))
        if home is None:
            rows = self._kept.ask(lambda connection: _rows(connection, _SCHEMAS))
            known = [row["nspname"] for row in rows]
            raise SourceError(
                f"{self._location} has no schema '{schema}' for a table '{table}'",
                available=known,
                hint=suggestion(schema, known) or f"CREATE SCHEMA {quoted(schema)}",
            )
        if not home[1]:
            raise self._may_not("make tables in", home[0], f"CREATE ON SCHEMA {quoted(home[0])}")
        return Place(TableName((home[0], name or table)))

    def _require_writable(
        self, asked: str, schema: str, name: str, kind: str, allowed: bool
    ) -> None:
        if kind not in "rp":
            raise SourceError(f"'{asked}' of {self._location} is not a table, so nothing is put in")
        if not allowed:
            raise self._may_not("write to", asked, f"INSERT ON {quoted(schema, name)}")

    def _may_not(self, what: str, where: str, right: str) -> SourceError:
        user = self._location.user or "the user"
        return SourceError(
            f"{user} may not {what} '{where}' of {self._location}",
            hint=f"ask its owner to GRANT {right} TO {user}",
        )

    def columns(self, table: TableName) -> tuple[ColumnDescription, ...] | None:
        """Return a table's columns; those of a query as the server would answer it."""
        return self.standings((table,))[0].columns

    def standings(self, tables: Sequence[TableName]) -> list[Standing]:
        """Return what there is; the identity is the object identifier, and none of a query.

        A table that took another's place is empty to older snapshots.
        """
        return self._kept.ask(lambda connection: self._standings(connection, tables))

    def _standings(self, connection: Asking, tables: Sequence[TableName]) -> list[Standing]:
        stored = [table for table in tables if table.query is None]
        found = self._unchanged(connection, stored)
        others = [table for table in stored if table not in found]
        if others:
            rows = _rows(connection, _STANDINGS, names=[quoted(*t.parts) for t in others])
            for place, table in enumerate(others, start=1):
                of_table = [row for row in rows if row["place"] == place]
                found[table] = _standing(of_table)
                self._known[table] = _Known(found[table], ",".join(r["mark"] for r in of_table))
        for table in tables:
            if table.query is not None:
                version = str(_rows(connection, _VERSION)[0]["version"])
                columns = self._columns_of_query(connection, table.query)
                found[table] = Standing(columns, "", version)
        return [found[table] for table in tables]

    def _unchanged(
        self, connection: Asking, tables: Sequence[TableName]
    ) -> dict[TableName, Standing]:
        """Return what there is of those tables that are as they were found before."""
        known = [(table, self._known.get(table)) for table in tables]
        before = [(table, each) for table, each in known if each is not None]
        if not before or len(before) < len(known):  # the others have to be asked for anyway
            return {}
        rows = _rows(connection, _MARKS, names=[quoted(*table.parts) for table in tables])
        return {
            table: replace(each.standing, version=row["version"])
            for (table, each), row in zip(before, rows, strict=True)
            if each.standing.identity == row["id"] and each.marks == row["marks"]
        }

    def _columns_of_query(self, connection: Asking, query: str) -> tuple[ColumnDescription, ...]:
        from psycopg import Error

        connection.execute(_PATIENTLY)
        try:
            result = connection.execute(f"SELECT * FROM ({body_of(query)}) AS q LIMIT 0")
            described: Sequence[Any] = result.description or ()
        except Error as error:
            raise SourceError(
                f"{self._location} does not take the query: {first_line(error)}",
                hint="it must be one SELECT",
            ) from error
        finally:
            if not connection.closed:
                connection.execute("ROLLBACK")
        # Whatever orders the texts of a query, it is not known here to be their code points.
        return tuple(
            ColumnDescription(
                column.name, column.type_display, True, "unknown" if _is_text(column) else None
            )
            for column in described
        )

    def reading(self, table: TableName, columns: Sequence[ColumnDescription]) -> Reading:
        """Return how to read a table: CHAR(n) without its padding, equal texts only if the same."""
        adapted = {}
        for column in columns:
            name = quoted(column.name)
            if split_type(column.type)[0] in _PADDED:
                adapted[column.name] = name = f"{name}::text"
            if column.equates:
                adapted[column.name] = f'{name} COLLATE "C"'
        collations = {
            c.name: c.collation for c in columns if c.collation is not None and not c.equates
        }
        query = None if table.query is None else body_of(table.query)
        if adapted:
            source = quoted(*table.parts) if query is None else f"({query}) AS q"
            query = selecting(columns, adapted, source)
        parts = table.parts if query is None else ()
        return Reading(TableReference(parts, query, collations=collations))

    def told(self, sources: Sequence[Asked]) -> list[Told]:
        """Return the planner's statistics; for views and queries the rows that it expects."""
        from psycopg import Error, OperationalError

        try:
            return self._statistics.told(sources)
        except OperationalError as error:
            raise connection_failure(error, self._location) from error
        except Error as error:
            raise SourceError(
                f"{self._location} does not tell what it knows of its tables: {first_line(error)}"
            ) from error

    def server_version(self) -> str:
        """Return the server's version."""
        rows = self._kept.ask(lambda connection: _rows(connection, "SHOW server_version"))
        return str(rows[0]["server_version"])

    def close(self) -> None:
        """Close the connections that were kept."""
        self._kept.close()
        self._known.clear()


def _standing(rows: Sequence[Mapping[str, Any]]) -> Standing:
    columns = tuple(_column(row) for row in rows if row["name"] is not None)
    return Standing(columns if rows[0]["id"] else None, rows[0]["id"] or "", rows[0]["version"])


def _column(row: Mapping[str, Any]) -> ColumnDescription:
    by_code_point = (
        row["collation"] is None
        or row["provider"] == "b"
        or (row["provider"] == "c" and row["collate"].lower() in _BY_CODE_POINT)
    )
    return ColumnDescription(
        row["name"],
        row["type"],
        row["nullable"],
        None if by_code_point else row["collation"],
        equates=not row["deterministic"],
        filled=row["filled"],
    )


def _rows(connection: Asking, sql: str, **values: object) -> list[dict[str, Any]]:
    return connection.execute(sql, values or None).fetchall()


def _first(connection: Asking, sql: str, **values: object) -> tuple[Any, ...] | None:
    found = _rows(connection, sql, **values)
    return tuple(found[0].values()) if found else None


def _named(connection: Asking, sql: str, table: str) -> tuple[Any, ...] | None:
    """Return what there is of a table called ``table``, or else ``schema.table``.

    Dots may be part of either name.
    """
    names = table.split(".")
    splits = ((".".join(names[:at]), ".".join(names[at:])) for at in range(1, len(names)))
    for candidate in (quoted(table), *(quoted(schema, name) for schema, name in splits)):
        if (row := _first(connection, sql, name=candidate)) is not None:
            return row
    return None


def _tables(connection: Asking, asked: str) -> list[str]:
    """Return the tables and views that one could have meant, named as one would write them."""
    rows = _rows(connection, _TABLES)
    schema = asked.partition(".")[0] if "." in asked else None
    if schema not in {row["schema"] for row in rows}:
        schema = None
    return [
        row["name"] if row["own"] and schema is None else f"{row['schema']}.{row['name']}"
        for row in rows
        if schema in (None, row["schema"])
    ]


def _is_text(column: Any) -> bool:
    return split_type(column.type_display)[0] in {"text", "varchar", *_PADDED}
