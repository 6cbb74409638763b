"""What is asked of a database's own catalog: which tables there are, their columns and sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wayfed_database.columns import ColumnDescription, TypeTable
    from wayfed_optimizer.platform import TableReference
    from wayfed_optimizer.statistics.estimates import Told
    from wayfed_optimizer.types import Schema


@dataclass(frozen=True, slots=True)
class TableName:
    """A table, view or query as the catalog knows it: either a name's parts, or SQL text."""

    parts: tuple[str, ...] = ()
    query: str | None = None

    def __str__(self) -> str:
        return ".".join(self.parts) if self.query is None else "query"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a database rows are to go.

    Parameters
    ----------
    name
        The table's.
    columns
        Those that it has; None where there is no such table yet.
    cascades
        A table whose rows would go with the rows of this one.
    """

    name: TableName
    columns: tuple[ColumnDescription, ...] | None = None
    cascades: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """How a statement reads a table so that values and comparisons are ours.

    Parameters
    ----------
    reference
        What the statement names.
    view
        SQL that makes, for a session, the view that `reference` names; None where there is none.
    checks
        Queries that return a value that is not of its column's type, where there is one; asked
        before the statement.
    """

    reference: TableReference
    view: str | None = None
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A query for a value that does not fit its column."""

    column: str
    type: str
    sql: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is of a table at the moment.

    Parameters
    ----------
    columns
        In order; None where there is no such table any more.
    identity
        What another table of the same name has otherwise, where readers may meet both.
    version
        Something that changes whenever rows of the database may have.
    """

    columns: tuple[ColumnDescription, ...] | None
    identity: str
    version: str


class Asked(Protocol):
    """A table whose statistics are asked for."""

    @property
    def name(self) -> TableName:
        """As the catalog knows it."""
        ...

    @property
    def schema(self) -> Schema:
        """Its columns as ours."""
        ...

    @property
    def columns(self) -> tuple[ColumnDescription, ...]:
        """Its columns as the database describes them."""
        ...


class Catalog(Protocol):
    """A database's answers about itself."""

    @property
    def types(self) -> TypeTable:
        """Our types for its types."""
        ...

    def find(self, table: str) -> TableName:
        """Return the table that somebody means by ``table`` or ``schema.table``.

        Raises
        ------
        TableNotFound
            With the names there are.
        SourceError
            Where the database cannot be reached, or the table not be read.
        """
        ...

    def place(self, table: str) -> Place:
        """Return where rows for ``table`` or ``schema.table`` go.

        Raises
        ------
        SourceError
            Where there is no such schema, it is no table, or it may not be written.
        """
        ...

    def columns(self, table: TableName) -> tuple[ColumnDescription, ...] | None:
        """Return a table's columns in order; None where there is no such table any more."""
        ...

    def reading(self, table: TableName, columns: Sequence[ColumnDescription]) -> Reading:
        """Return how statements read a table."""
        ...

    def told(self, sources: Sequence[Asked]) -> Sequence[Told]:
        """Return what is known of tables without a scan, in their order.

        Raises
        ------
        SourceError
            Where the database does not answer.
        """
        ...

    def standings(self, tables: Sequence[TableName]) -> Sequence[Standing]:
        """Return what there is of tables at the moment, in their order."""
        ...


def selecting(columns: Sequence[ColumnDescription], adapted: Mapping[str, str], source: str) -> str:
    """Return the SELECT of a table whose columns are read as they are, or by an expression.

    Parameters
    ----------
    adapted
        Expressions by column; columns without one are read as they are.
    source
        The table as it stands behind FROM.
    """
    outputs = ", ".join(
        f"{adapted[c.name]} AS {quoted(c.name)}" if c.name in adapted else quoted(c.name)
        for c in columns
    )
    return f"SELECT {outputs} FROM {source}"


def body_of(query: str) -> str:
    r"""Return a query without what may stand behind its end, fit to stand in parentheses.

    Examples
    --------
    >>> body_of(" select 1; "), body_of("select a from t -- all of them")
    ('select 1', 'select a from t -- all of them\n')
    """
    body = query.strip().rstrip(";").rstrip()
    return f"{body}\n" if "--" in body.rpartition("\n")[2] else body


def quoted(*parts: str) -> str:
    """Write a name's parts as SQL, whatever is in them.

    Examples
    --------
    >>> quoted("public", "Order lines")
    '"public"."Order lines"'
    """
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
