"""PostgreSQL's catalog: tables, columns with their collations, and the planner's statistics."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from wayfed_database.catalog import Reading, Standing, TableName, body_of, quoted, selecting
from wayfed_database.columns import POSTGRESQL_TYPES, ColumnDescription, split_type
from wayfed_database.failures import connection_failure, first_line
from wayfed_database.kept_connection import KeptConnection
from wayfed_database.postgresql_statistics import PostgreSQLStatistics
from wayfed_database.storage import Place
from wayfed_optimizer.errors import SourceError, TableNotFound, Unsupported, suggestion
from wayfed_optimizer.platform import TableReference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from wayfed_database.catalog import Asked
    from wayfed_database.location import ServerLocation
    from wayfed_optimizer.statistics.estimates import Told

_FIND: Final = """
SELECT n.nspname, c.relname, c.relkind::text,
       has_any_column_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass(:name)
"""
_PLACE: Final = """
SELECT n.nspname, c.relname, c.relkind::text,
       has_table_privilege(c.oid, 'INSERT') AND has_schema_privilege(n.oid, 'USAGE'),
       (SELECT conrelid::regclass::text FROM pg_constraint
        WHERE confrelid = c.oid AND contype = 'f' AND confdeltype IN ('c', 'n', 'd') LIMIT 1)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass(:name)
"""
_SCHEMA: Final = """
SELECT nspname, has_schema_privilege(oid, 'CREATE')
FROM pg_namespace WHERE nspname = coalesce(:schema, current_schema())
"""
_SCHEMAS: Final = """
SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
ORDER BY nspname
"""
_READABLE: Final = {"r": "table", "v": "view", "m": "view", "f": "table", "p": "table"}

# A domain is described as the type it stands on. Rows of older servers lack some columns, hence
# to_jsonb: what is not there is NULL. A table that is gone has one row, of NULLs. The version is
# the server's next transaction: any change of rows takes one.
_STANDINGS: Final = """
SELECT w.place::int AS place, w.id::oid::text AS id,
       txid_snapshot_xmax(txid_current_snapshot())::text AS version, a.attname AS name,
       CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod)
                      ELSE format_type(a.atttypid, a.atttypmod) END AS type,
       NOT (a.attnotnull OR t.typnotnull) AS nullable,
       a.atthasdef OR a.attidentity <> '' AS filled,
       CASE l.collprovider WHEN 'd' THEN d.datcollate ELSE l.collname END AS collation,
       CASE l.collprovider WHEN 'd' THEN d.datcollate ELSE l.collcollate END AS collate,
       CASE l.collprovider WHEN 'd' THEN coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
                           ELSE l.collprovider::text END AS provider,
       coalesce((to_jsonb(l) ->> 'collisdeterministic')::boolean, true) AS deterministic
FROM (SELECT place, to_regclass(name) AS id
      FROM unnest(CAST(:names AS text[])) WITH ORDINALITY u(name, place)) w
JOIN pg_database d ON d.datname = current_database()
LEFT JOIN pg_attribute a ON a.attrelid = w.id AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_collation l ON l.oid = a.attcollation
ORDER BY w.place, a.attnum
"""
_BY_CODE_POINT: Final = frozenset({"c", "posix", "c.utf-8", "c.utf8"})

_VERSION: Final = "SELECT txid_snapshot_xmax(txid_current_snapshot())::text"
_PADDED: Final = frozenset({"character", "bpchar", "name", '"char"', "char"})


class PostgreSQLCatalog:
    """The catalog of a database on a server, asked through SQLAlchemy; connections are kept."""

    types = POSTGRESQL_TYPES

    def __init__(self, location: ServerLocation) -> None:
        self._location = location
        self._lock = Lock()
        self._engine: Engine | None = None
        self._kept = KeptConnection(self._pool)
        self._statistics = PostgreSQLStatistics(self._kept.ask)

    def find(self, table: str) -> TableName:
        """Return the table meant by ``table`` or ``schema.table``."""
        schema, _, name = table.partition(".")
        candidates = (quoted(table), *([quoted(schema, name)] if name else []))
        with self._connected() as connection:
            for candidate in candidates:
                row = _first(connection, _FIND, name=candidate)
                if row is not None:
                    return self._readable(table, *row)
            raise TableNotFound(table, _tables(connection, table), of=str(self._location))

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
        schema, _, name = table.partition(".")
        candidates = (quoted(table), *([quoted(schema, name)] if name else []))
        with self._connected() as connection:
            for candidate in candidates:
                row = _first(connection, _PLACE, name=candidate)
                if row is not None:
                    self._require_writable(table, *row[:4])
                    there = TableName((row[0], row[1]))
                    return Place(there, self.columns(there), cascades=row[4])
            home = _first(connection, _SCHEMA, schema=schema if name else None)
            if home is None:
                known = [row["nspname"] for row in _rows(connection, _SCHEMAS)]
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
        stored = [table for table in tables if table.query is None]
        found: dict[TableName, Standing] = {}
        with self._connected() as connection:
            rows = _rows(connection, _STANDINGS, names=[quoted(*t.parts) for t in stored])
            for place, table in enumerate(stored, start=1):
                found[table] = _standing([row for row in rows if row["place"] == place])
            for table in tables:
                if table.query is not None:
                    version = str(connection.exec_driver_sql(_VERSION).scalar_one())
                    columns = self._columns_of_query(connection, table.query)
                    found[table] = Standing(columns, "", version)
        return [found[table] for table in tables]

    def _columns_of_query(
        self, connection: Connection, query: str
    ) -> tuple[ColumnDescription, ...]:
        from sqlalchemy.exc import DBAPIError

        try:
            result = connection.exec_driver_sql(f"SELECT * FROM ({body_of(query)}) AS q LIMIT 0")
        except DBAPIError as error:
            raise SourceError(
                f"{self._location} does not take the query: {first_line(error.orig or error)}",
                hint="it must be one SELECT",
            ) from error.orig
        described: Sequence[Any] = result.cursor.description or ()
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
        from sqlalchemy.exc import OperationalError, SQLAlchemyError

        try:
            return self._statistics.told(sources)
        except OperationalError as error:
            raise connection_failure(error.orig or error, self._location) from error.orig
        except SQLAlchemyError as error:
            raise SourceError(
                f"{self._location} does not tell what it knows of its tables: "
                f"{first_line(getattr(error, 'orig', None) or error)}"
            ) from error

    def server_version(self) -> str:
        """Return the server's version."""
        with self._connected() as connection:
            return str(connection.exec_driver_sql("SHOW server_version").scalar_one())

    def close(self) -> None:
        """Close the connections that were kept."""
        self._kept.close()
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Give a connection for short questions, each a transaction of its own."""
        from sqlalchemy.exc import DBAPIError

        try:
            # Without parameters a percent sign is one: queries are the user's own text.
            connection = self._pool().connect().execution_options(no_parameters=True)
        except DBAPIError as error:
            raise connection_failure(error.orig or error, self._location) from error.orig
        with connection:
            yield connection

    def _pool(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = _engine(self._location)
            return self._engine


def _engine(location: ServerLocation) -> Engine:
    try:
        from sqlalchemy import create_engine

        # Without a transaction around each question, which takes two more.
        return create_engine(
            location.url, isolation_level="AUTOCOMMIT", pool_pre_ping=True, hide_parameters=True
        )
    except ImportError as error:
        raise Unsupported(
            "reading postgresql",
            reason=f"{error.name} is not installed",
            hint="pip install 'wayfed[sql]'",
        ) from error


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


def _rows(connection: Connection, sql: str, **values: object) -> list[Mapping[str, Any]]:
    from sqlalchemy import text

    return [dict(row) for row in connection.execute(text(sql), values).mappings()]


def _first(connection: Connection, sql: str, **values: object) -> tuple[Any, ...] | None:
    found = _rows(connection, sql, **values)
    return tuple(found[0].values()) if found else None


def _tables(connection: Connection, asked: str) -> list[str]:
    """Return the tables and views that one could have meant, named as one would write them."""
    from sqlalchemy import inspect

    inspector = inspect(connection)
    schema = asked.partition(".")[0] if "." in asked else None
    schemas = inspector.get_schema_names()
    own = inspector.default_schema_name
    told = [schema] if schema in schemas else [s for s in schemas if s != "information_schema"]
    return [
        name if of == own and schema is None else f"{of}.{name}"
        for of in sorted(told, key=lambda s: (s != own, s or ""))
        for name in sorted((*inspector.get_table_names(of), *inspector.get_view_names(of)))
    ]


def _is_text(column: Any) -> bool:
    return split_type(column.type_display)[0] in {"text", "varchar", *_PADDED}
