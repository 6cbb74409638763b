"""What this package offers under ``wayfed.platforms``: databases, by URL or path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from wayfed_database.limits import checked, checked_readers
from wayfed_database.location import is_database, locate
from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.requirements import Package, Requirements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_database.platform import DatabasePlatform
    from wayfed_database.source import DatabaseSource
    from wayfed_optimizer.platform import Platform, SourceRequest, Target, TargetRequest


class DatabaseConnector:
    """PostgreSQL and SQLite; each database that is read is a platform of its own.

    Its option ``connections``, under ``[engines.database]``, is how many connections to each
    PostgreSQL database may be in use at once for reading and writing rows: one writes, the others
    read. What is more waits, or goes over the same connection; engines that would open their own
    are given the rows instead. Besides them up to two ask the catalog.

    Its option ``readers`` is how many of them read the rows of one large table at the same time,
    in no order; one where it is not said. More of them pay where a link gives each connection so
    many bytes a second and no more, and cost where all share it.

    Examples
    --------
    >>> connector = DatabaseConnector()
    >>> connector.claims("postgresql://ada@localhost/core", None), connector.claims("a.csv", None)
    (True, False)
    """

    name: ClassVar = "database"
    extra: ClassVar[str | None] = "sql"
    options: ClassVar[tuple[str, ...]] = ("connections", "readers")
    requirements: ClassVar = Requirements((Package("adbc-driver-manager", "adbc_driver_manager"),))

    def claims(self, target: object, format: str | None) -> bool:  # read()'s own word
        """Say whether `target` is a database's URL, or a file that SQLite holds."""
        return is_database(target, format)

    def platform(self, options: Mapping[str, Any]) -> None:
        """Return None: there are only the databases that are read; checks the options.

        Raises
        ------
        InvalidOption
            Where ``connections`` is no number, or below two; where ``readers`` is none, or more.
        """
        checked_readers(options.get("readers"), checked(options.get("connections")))

    def place(self, target: object) -> str:
        """Return the target itself: each has its store."""
        return str(target)

    def store(
        self, target: object, options: Mapping[str, Any], *, new: bool = False
    ) -> DatabasePlatform:
        """Return the platform of a database, not connected yet.

        Raises
        ------
        InvalidOption
            Where the URL cannot be read. Options of reading are for `source` to judge.
        SourceError
            Where a SQLite file is not there, unless it is `new`.
        Unsupported
            For databases of other kinds.
        """
        from wayfed_database.engines import engine_at
        from wayfed_database.platform import DatabasePlatform

        connections = checked(options.get("connections"))
        readers = checked_readers(options.get("readers"), connections)
        return DatabasePlatform(engine_at(locate(target, new=new), connections, readers))

    def source(self, request: SourceRequest, store: Platform | None) -> DatabaseSource:
        """Return the table, view or query that a request means.

        Raises
        ------
        InvalidOption
            Unless either ``table=`` or ``query=`` is given.
        SourceError
            Where the database cannot be reached or the table not be read.
        TableNotFound
            With the tables there are.
        TypeMismatch
            Where a column's type has no counterpart; names the cast.
        """
        from wayfed_database.platform import DatabasePlatform
        from wayfed_database.source import source_of

        if not isinstance(store, DatabasePlatform):
            raise Unsupported(f"reading {request.target}", self.name, "it is not a database")
        return source_of(request, store.engine, store.name)

    def target(self, request: TargetRequest, store: Platform | None) -> Target:
        """Return the table that a request wants rows in; a SQLite file may be new.

        Raises
        ------
        InvalidOption
            Unless ``table=`` is given.
        SourceError
            Where the database cannot be reached, or the table exists or may not be written.
        TypeMismatch, ColumnNotFound
            Where a column does not fit; names the cast.
        """
        from wayfed_database.platform import DatabasePlatform

        if not isinstance(store, DatabasePlatform):
            raise Unsupported(f"writing to {request.target}", self.name, "it is not a database")
        return store.engine.target(request)
