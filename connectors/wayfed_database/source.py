"""A table, view or query of a database as a source."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from wayfed_database.catalog import TableName, quoted
from wayfed_database.columns import changes
from wayfed_optimizer.errors import (
    ColumnNotFound,
    InvalidOption,
    SourceChanged,
    SourceError,
    TypeMismatch,
)
from wayfed_optimizer.platform import Snapshot, tables_of
from wayfed_optimizer.statistics.estimates import TableStatistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed_database.catalog import Catalog, Reading, Standing
    from wayfed_database.columns import ColumnDescription
    from wayfed_database.engine import Engine
    from wayfed_optimizer.platform import Channel, Keeper, SourceRequest, TableReference, Teller
    from wayfed_optimizer.types import Schema


class DatabaseSource:
    """A table of a database; its rows stay there until a statement asks for them.

    Parameters
    ----------
    name, columns
        The table as the catalog knows it, when the plan was made.
    schema
        The columns as ours.
    channel
        The platform's own tables.
    description
        Where it is, for people.
    """

    bounded: Final = True

    def __init__(
        self,
        catalog: Catalog,
        name: TableName,
        columns: tuple[ColumnDescription, ...],
        schema: Schema,
        *,
        channel: Channel,
        description: str,
    ) -> None:
        self.schema = schema
        self.channel = channel
        self.description = description
        self.reading: Reading = catalog.reading(name, columns)
        self.name = name
        self.columns = columns
        self.teller: Teller = catalog
        self.keeper: Keeper = CatalogKeeper(catalog)
        self._catalog = catalog

    def __repr__(self) -> str:
        return f"DatabaseSource({self.description})"

    def statistics(self) -> TableStatistics:
        """Return the database's own statistics, which are read again when they have changed."""
        try:
            (told,) = self._catalog.told((self,))
        except SourceError as error:  # the run will say so too, if there is one
            return TableStatistics.unknown(error.message)
        return told.statistics

    def snapshot(self) -> Snapshot:
        """Return the version there is now; a run's session keeps it for all its readers."""
        return self.keeper.snapshots((self,))[0]

    def open(self, snapshot: Snapshot) -> TableReference:
        """Return how statements name the table."""
        return self.reading.reference

    def part(self, condition: str) -> TableReference:
        """Return how statements name those rows of a table for which a condition holds."""
        rows = f"SELECT * FROM {quoted(*self.name.parts)} WHERE {condition}"  # names are quoted
        return self._catalog.reading(TableName(query=rows), self.columns).reference

    def verify(self, snapshot: Snapshot) -> None:
        """Raise SourceChanged where the table is gone, another one, or its columns are others.

        Its rows need no second look: a run reads them in one transaction.
        """
        self.keeper.verify((self,), (snapshot,))


@dataclass(frozen=True, slots=True)
class CatalogKeeper:
    """Looks at the tables of a database, all that a run reads at once.

    Parameters
    ----------
    catalog
        The database's.
    """

    catalog: Catalog

    def snapshots(self, sources: Sequence[DatabaseSource]) -> list[Snapshot]:
        """Return the versions there are now, of tables that are as their plan has them."""
        return [
            Snapshot(f"{_digest(source.columns)}:{standing.identity}:{standing.version}")
            for source, standing in self._unchanged(sources)
        ]

    def verify(self, sources: Sequence[DatabaseSource], snapshots: Sequence[Snapshot]) -> None:
        """Raise SourceChanged where a table is gone, another one, or its columns are others."""
        checked = zip(self._unchanged(sources), snapshots, strict=True)
        for (source, standing), snapshot in checked:
            if snapshot.version.split(":")[1] != standing.identity:
                raise SourceChanged(f"{source.description} was replaced while it was read")

    def _unchanged(
        self, sources: Sequence[DatabaseSource]
    ) -> list[tuple[DatabaseSource, Standing]]:
        found = self.catalog.standings([source.name for source in sources])
        for source, standing in zip(sources, found, strict=True):
            _require_same_columns(source, standing.columns)
        return list(zip(sources, found, strict=True))


def _digest(columns: tuple[ColumnDescription, ...]) -> str:
    return sha256(repr(columns).encode()).hexdigest()[:16]


def _require_same_columns(
    source: DatabaseSource, now: tuple[ColumnDescription, ...] | None
) -> None:
    if now is None:
        raise SourceChanged(
            f"{source.description} was dropped after the plan was made",
            hint="read another table, or make the plan again when it is back",
        )
    if told := changes(source.columns, now):
        raise SourceChanged(
            f"{source.description} changed after the plan was made: {'; '.join(told)}",
            hint="read it again with ctx.read(), and check the plan against its new columns",
        )


def source_of(request: SourceRequest, engine: Engine, platform: str) -> DatabaseSource:
    """Return the source that a request means.

    Raises
    ------
    InvalidOption
        Unless either a table or a query is named.
    TableNotFound, SourceError, TypeMismatch
        As the database's catalog has it.
    """
    for option in request.options:
        raise InvalidOption.unknown(option, ("table", "query", "schema"), of="reading a database")
    if (request.table is None) == (request.query is None):
        raise InvalidOption(
            f"reading {engine.location} needs a table= or a query=, one of them",
            hint='for example ctx.read(url, table="transactions")',
        )
    catalog = engine.catalog
    name = TableName(query=request.query) if request.table is None else catalog.find(request.table)
    what = "a query" if request.table is None else request.table
    columns = _wanted(catalog.columns(name) or (), request.schema, of=what)
    schema = catalog.types.schema(columns)
    _require_types(schema, request.schema, of=what)
    return DatabaseSource(
        catalog,
        name,
        columns,
        schema,
        channel=tables_of(platform),
        description=f"{what} of {engine.location}",
    )


def _wanted(
    columns: tuple[ColumnDescription, ...], wanted: Schema | None, *, of: str
) -> tuple[ColumnDescription, ...]:
    if wanted is None:
        return columns
    by_name = {column.name: column for column in columns}
    for field in wanted:
        if field.name not in by_name:
            raise ColumnNotFound(field.name, by_name, of=of)
    return tuple(by_name[field.name] for field in wanted)


def _require_types(schema: Schema, wanted: Schema | None, *, of: str) -> None:
    for field in wanted or ():
        found = schema[field.name].type
        if found != field.type:
            raise TypeMismatch(
                f"column '{field.name}' of {of} is {found}, not {field.type} as schema= says",
                hint="leave it out of schema= and cast it in the plan",
            )
