"""Any database that SQLAlchemy has a dialect for: tables are read and written row by row.

Nothing is known of how it computes, so only columns are chosen there; everything else is done by
another platform. Slow beside PostgreSQL and SQLite, whose rows never become Python's.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from wayfed_database.capabilities import GENERIC_PROFILE
from wayfed_database.catalog import Place, Reading, Standing, TableName
from wayfed_database.columns import ColumnDescription
from wayfed_database.failures import first_line
from wayfed_database.generic_session import GenericSession
from wayfed_database.generic_target import GenericTarget
from wayfed_database.generic_types import GENERIC_TYPES, described_type
from wayfed_optimizer.errors import SourceError, TableNotFound, Unsupported
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.relations import Read
from wayfed_optimizer.statistics.estimates import TableStatistics, Told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from wayfed_database.catalog import Asked
    from wayfed_database.location import GenericLocation
    from wayfed_optimizer.platform import Run, TargetRequest
    from wayfed_optimizer.relations import Relation

_KEEPING_KEYS: Final = frozenset({"duckdb", "mariadb", "mssql", "mysql"})
"""Databases that see to it that a key is one; warehouses take their users' word for it."""


class GenericDatabase:
    """A database of which only SQLAlchemy knows the kind."""

    profile = GENERIC_PROFILE
    asked_by_others = False
    readers = 1

    def __init__(self, location: GenericLocation) -> None:
        self.location = location
        self.kind = location.url.get_backend_name()
        self.catalog: Final = GenericCatalog(self)
        self._lock = Lock()
        self._engine: Engine | None = None

    def engine(self) -> Engine:
        """Return SQLAlchemy's engine, made when it is first asked for."""
        from sqlalchemy import create_engine
        from sqlalchemy.exc import NoSuchModuleError
        from sqlalchemy.pool import NullPool

        with self._lock:
            if self._engine is None:
                try:
                    # Nothing is kept open: an embedded database would keep others out.
                    self._engine = create_engine(
                        self.location.url, hide_parameters=True, poolclass=NullPool
                    )
                except (ImportError, NoSuchModuleError) as error:
                    raise Unsupported(
                        f"a {self.kind} database",
                        reason=f"its driver cannot be loaded: {error}",
                        hint=f"install the driver, or name one: {self.kind}+driver://…",
                    ) from error
            return self._engine

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """Give a connection for short questions."""
        from sqlalchemy.exc import DBAPIError

        try:
            connection = self.engine().connect()
        except DBAPIError as error:
            raise SourceError(
                f"no answer from {self.location}: {first_line(error.orig or error)}",
                hint="is it running, and is the URL right?",
            ) from error.orig
        with connection:
            yield connection

    def compile(self, relation: Relation, tables: Mapping[str, Any]) -> str:
        """Return the statement for the columns of a table."""
        from sqlalchemy import column, select, table

        assert isinstance(relation, Read)  # noqa: S101  # the only relation of the capabilities
        *schema, name = tables[relation.table].name
        source = table(name, schema=schema[0] if schema else None)
        columns: list[Any] = [column(field.name) for field in relation.schema]
        return str(select(*columns).select_from(source).compile(self.engine()))

    def temporary_table(self, name: str) -> TableReference:
        """Refuse: rows of others do not get in."""
        raise Unsupported("reading other rows", self.kind, "only its own tables are read there")

    def open(self, run: Run, platform: str) -> GenericSession:
        """Start a session; each result has a connection of its own."""
        return GenericSession(self, run, platform)

    def target(self, request: TargetRequest) -> GenericTarget:
        """Return the table that rows are to go to."""
        return GenericTarget(self, request)

    def prepare(self) -> None:
        """Do nothing: drivers differ in whether they can be used across threads."""

    def started(self) -> bool:
        """Say whether something was asked already."""
        return self._engine is not None

    def version(self) -> str:
        """Return the server's version, as far as its driver tells."""
        with self.connected() as connection:
            told = connection.dialect.server_version_info
        return ".".join(map(str, told)) if told else "unknown"

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()


class GenericCatalog:
    """What SQLAlchemy's inspector says about a database."""

    types = GENERIC_TYPES

    def __init__(self, database: GenericDatabase) -> None:
        self._database = database
        self._kept: dict[TableName, TableStatistics] = {}

    def find(self, table: str) -> TableName:
        """Return the table or view meant by ``table`` or ``schema.table``."""
        found, _ = self._found(table)
        if found is None:
            with self._inspecting() as inspector:
                names = (*inspector.get_table_names(), *inspector.get_view_names())
            raise TableNotFound(table, sorted(names), of=str(self._database.location))
        return found

    def place(self, table: str) -> Place:
        """Return the table meant, or where it is to be made."""
        found, is_view = self._found(table)
        if found is None:
            schema, _, name = table.partition(".")
            with self._inspecting() as inspector:
                is_schema = bool(name) and schema in inspector.get_schema_names()
            return Place(TableName((schema, name) if is_schema else (table,)))
        if is_view:
            raise SourceError(
                f"'{table}' of {self._database.location} is a view: nothing is put in it"
            )
        return Place(found, self.columns(found))

    def _found(self, table: str) -> tuple[TableName | None, bool]:
        schema, _, name = table.partition(".")
        with self._inspecting() as inspector:
            for parts in ((table,), *([(schema, name)] if name else [])):
                of = parts[0] if len(parts) > 1 else None
                if inspector.has_table(parts[-1], schema=of):
                    return TableName(parts), parts[-1] in inspector.get_view_names(schema=of)
        return None, False

    def columns(self, table: TableName) -> tuple[ColumnDescription, ...] | None:
        """Return a table's columns."""
        from sqlalchemy.exc import NoSuchTableError

        if table.query is not None:
            raise Unsupported(
                "query=",
                self._database.kind,
                "its driver does not say of what types a query's columns are",
                hint="make a view of it, and read that with table=",
            )
        *schema, name = table.parts
        with self._inspecting() as inspector:
            try:
                told = inspector.get_columns(name, schema=schema[0] if schema else None)
            except NoSuchTableError:
                return None
        return tuple(
            ColumnDescription(
                str(column["name"]),
                described_type(column["type"]),
                bool(column.get("nullable", True)),
                filled=bool(
                    column.get("default") or column.get("identity") or column.get("computed")
                ),
            )
            for column in told
        )

    def reading(self, table: TableName, columns: Sequence[ColumnDescription]) -> Reading:
        """Return the table itself."""
        return Reading(TableReference(table.parts))

    def told(self, sources: Sequence[Asked]) -> list[Told]:
        """Return the keys of tables: what else is known of them is told in no common way.

        They are asked for once: a table that is made anew is read anew.
        """
        return [Told(self._known(source)) for source in sources]

    def _known(self, source: Asked) -> TableStatistics:
        if source.name not in self._kept:
            self._kept[source.name] = TableStatistics(
                TableStatistics.unknown().rows, keys=self._keys(source)
            )
        return self._kept[source.name]

    def _keys(self, source: Asked) -> tuple[frozenset[str], ...]:
        if self._database.kind not in _KEEPING_KEYS:
            return ()
        *schema, name = source.name.parts
        where = schema[0] if schema else None
        with self._inspecting() as inspector:
            told = [inspector.get_pk_constraint(name, schema=where).get("constrained_columns")]
            with suppress(NotImplementedError):  # not every dialect knows them
                unique = inspector.get_unique_constraints(name, schema=where)
                told += [each["column_names"] for each in unique]
        known = set(source.schema.names)
        return tuple(frozenset(each) for each in told if each and known.issuperset(each))

    def standings(self, tables: Sequence[TableName]) -> list[Standing]:
        """Return columns, and another version each time: nobody knows whether rows have changed."""
        return [Standing(self.columns(table), "", uuid4().hex) for table in tables]

    @contextmanager
    def _inspecting(self) -> Iterator[Any]:
        from sqlalchemy import inspect

        with self._database.connected() as connection:
            yield inspect(connection)
