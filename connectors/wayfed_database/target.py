"""What rows that go to a table have to do there, decided before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from wayfed_database.catalog import quoted
from wayfed_database.storage import appended, is_same_table
from wayfed_optimizer.errors import InvalidOption, SourceChanged, SourceError
from wayfed_optimizer.relations import WriteMode

if TYPE_CHECKING:
    from wayfed_database.catalog import Catalog, Place
    from wayfed_database.storage import Storage
    from wayfed_optimizer.platform import TargetRequest
    from wayfed_optimizer.types import Schema


class Work(Enum):
    """What is to be done with a table."""

    CREATE = "create"
    APPEND = "append"
    REFILL = "refill"
    """Its rows go; the table stays, with its indexes, grants and whatever refers to it."""
    REPLACE = "replace"
    """The table goes, since it has other columns."""


@dataclass(frozen=True, slots=True)
class Task:
    """Rows for a table.

    Parameters
    ----------
    table
        As it was asked for.
    place
        Where it is.
    work
        What to do.
    schema
        The columns of the rows as the table has them.
    """

    table: str
    place: Place
    work: Work
    schema: Schema
    description: str

    @property
    def name(self) -> str:
        """The table as SQL has it."""
        return quoted(*self.place.name.parts)

    @property
    def columns(self) -> str:
        """The columns as SQL has them, separated by commas."""
        return ", ".join(quoted(name) for name in self.schema.names)

    def definition(self, storage: Storage, *, name: str | None = None) -> str:
        """Return the statement that makes the table."""
        columns = ", ".join(f"{quoted(f.name)} {storage.declaration(f)}" for f in self.schema)
        return f"CREATE TABLE {name or self.name} ({columns})"

    def require_unchanged(self, catalog: Catalog) -> None:
        """Raise SourceChanged unless the table still has the columns that rows were fitted to."""
        if catalog.columns(self.place.name) != self.place.columns:
            raise SourceChanged(
                f"{self.description} has other columns than when the writing was asked for",
                hint="write again",
            )


def task_of(request: TargetRequest, catalog: Catalog, storage: Storage, *, of: str) -> Task:
    """Return what a request for a table means.

    Raises
    ------
    InvalidOption
        Where no table is named.
    SourceError
        Where it exists, is no table, or may not be written.
    TypeMismatch, ColumnNotFound
        Where columns do not fit; names the cast.
    """
    if request.partition_by:
        raise InvalidOption("partition_by= is for directories of files")
    for option in request.options:
        raise InvalidOption.unknown(option, ("mode", "table"), of="writing to a database")
    if not request.table:
        raise InvalidOption(
            f"writing to {of} needs a table=", hint='for example write(url, table="transactions")'
        )
    table = request.table
    described = f"{table} of {of}"
    place = catalog.place(table)
    if place.columns is None:
        return Task(table, place, Work.CREATE, storage.schema(request.schema), described)
    if request.mode is WriteMode.ERROR:
        raise SourceError(
            f"{described} exists already", hint="mode='append' adds rows, 'overwrite' replaces them"
        )
    if request.mode is WriteMode.APPEND:
        schema = appended(request.schema, place, catalog.types, to=described)
        return Task(table, place, Work.APPEND, schema, described)
    schema = storage.schema(request.schema)
    same = is_same_table(schema, place, catalog.types)
    if same and place.cascades is not None:
        raise SourceError(
            f"rows of {place.cascades} go, or change, with the rows of {described}",
            hint="delete them yourself, and write with mode='append'",
        )
    return Task(table, place, Work.REFILL if same else Work.REPLACE, schema, described)
