"""A database as a platform: what lies in it runs there, as one statement a fragment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wayfed_database.channels import PRODUCES, conversions_of, temporary_name, values_of
from wayfed_database.jdbc import Parts, carried, is_for_others, key_of
from wayfed_database.key_filters import with_key_filters
from wayfed_database.partitioned import partitioned
from wayfed_database.source import DatabaseSource
from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.physical import Exchange, LoopInput
from wayfed_optimizer.platform import JDBC_QUERY, Compiled, TableReference, tables_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_database.engine import Engine
    from wayfed_optimizer.capabilities import Capabilities
    from wayfed_optimizer.cost import CostProfile
    from wayfed_optimizer.physical import Fragment, Input
    from wayfed_optimizer.platform import Channel, Conversion, Run, Session, Source


class DatabasePlatform:
    """One database of a context; connects when the first of its tables is read.

    Parameters
    ----------
    engine
        The database.

    Attributes
    ----------
    name
        ``postgresql:core`` after its database, ``sqlite:bank`` after its file. A context that has
        two of one name gives the second another.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine: Final = engine
        self.name = f"{engine.kind}:{engine.location.database}"

    def __repr__(self) -> str:
        return f"DatabasePlatform({self.name} at {self.engine.location})"

    @property
    def capabilities(self) -> Capabilities:
        """What the database does with our meaning."""
        return self.engine.profile.capabilities

    @property
    def costs(self) -> CostProfile:
        """What its work costs."""
        return self.engine.profile.costs

    @property
    def accepts(self) -> tuple[Channel, ...]:
        """Its own tables, and rows that are written into a statement."""
        if self.engine.profile.inline_seconds is None:
            return (tables_of(self.name),)
        return tables_of(self.name), values_of(self.name)

    @property
    def produces(self) -> tuple[Channel, ...]:
        """Rows as Arrow; of PostgreSQL also the query, for engines that ask it themselves."""
        if self.engine.asked_by_others:
            return (*PRODUCES, JDBC_QUERY)
        return PRODUCES

    @property
    def conversions(self) -> tuple[Conversion, ...]:
        """How rows become its temporary tables, or constants of a statement."""
        return conversions_of(self.name, self.engine.profile)

    def compile(self, fragment: Fragment, sources: Mapping[str, Source]) -> Compiled:
        """Return a fragment as one statement.

        Raises
        ------
        Unsupported
            Where the database does not do something with our meaning.
        """
        tables: dict[str, Any] = {}
        readings = []
        for name, origin in fragment.inputs.items():
            if isinstance(origin, Exchange):
                tables[name] = self._arriving(origin)
                continue
            if isinstance(origin, LoopInput):
                raise Unsupported("reading a loop's rows", self.name, "they are in memory")
            source = sources[origin.table]
            if not isinstance(source, DatabaseSource):
                raise Unsupported(f"reading {source.description}", self.name, "it lies elsewhere")
            readings.append(source.reading)
            tables[name] = source.reading.reference
        few = frozenset(n for n, o in fragment.inputs.items() if self._is_few(o))
        if few and self.engine.profile.looks_up_keys:
            text, filters = with_key_filters(fragment.relation, tables, few, self.engine.compile)
            if filters is not None:
                return Compiled(text, payload=filters)
        text = self.engine.compile(fragment.relation, tables)
        if fragment.output == JDBC_QUERY and is_for_others(fragment):
            schema = fragment.relation.schema
            return Compiled(carried(text, schema), payload=Parts(schema, key_of(fragment, sources)))
        parts = partitioned(fragment, sources, self.engine.compile, self.engine.readers)
        return Compiled(text, payload=parts or tuple(readings))

    def _arriving(self, origin: Exchange) -> TableReference:
        """Return what a statement calls rows that come from elsewhere."""
        if self._is_few(origin):
            return TableReference((temporary_name(origin.fragment),), temporary=True)
        return self.engine.temporary_table(origin.fragment)

    def _is_few(self, origin: Input) -> bool:
        """Say whether rows are to stand in the statement."""
        conversions = origin.conversions if isinstance(origin, Exchange) else ()
        return bool(conversions) and conversions[-1].target == values_of(self.name)

    def open(self, run: Run) -> Session:
        """Start taking part in a run."""
        return self.engine.open(run, self.name)

    def prepare(self) -> None:
        """Connect."""
        self.engine.prepare()

    def started(self) -> bool:
        """Say whether it is connected already."""
        return self.engine.started()

    def version(self) -> str:
        """Return the engine's version."""
        return self.engine.version()

    def close(self) -> None:
        """Close what is open; it opens again when it is used again."""
        self.engine.close()
