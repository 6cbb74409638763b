"""The seams between the optimizer and whatever holds or computes data.

A *source* is a table somewhere. A *platform* computes. A *channel* is a form that rows can have,
and a *conversion* leads from one channel to another at a cost. A *connector* is what a package
offers under the entry-point group ``wayfed.platforms``: how to open its platforms and sources.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from wayfed_optimizer.cost import Cost, CostProfile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from wayfed_optimizer.cancellation import CancellationToken
    from wayfed_optimizer.capabilities import Capabilities
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.relations import WriteMode
    from wayfed_optimizer.statistics.estimates import TableStatistics, Told
    from wayfed_optimizer.types import Schema

PLATFORM_ENTRY_POINTS: Final = "wayfed.platforms"


@dataclass(frozen=True, slots=True)
class Channel:
    """A form that rows can have.

    Parameters
    ----------
    name
        For example ``arrow.stream`` or ``files.parquet``.
    owner
        The platform that alone can use it, as with a database's tables.
    reusable
        Whether it can be read more than once.
    """

    name: str
    owner: str | None = None
    reusable: bool = True

    def __str__(self) -> str:
        return f"{self.name}@{self.owner}" if self.owner else self.name


ARROW_STREAM: Final = Channel("arrow.stream", reusable=False)
"""Value: a pyarrow.RecordBatchReader, read once."""
ARROW_TABLE: Final = Channel("arrow.table")
"""Value: a pyarrow.Table."""
PARQUET_FILES: Final = Channel("files.parquet")
CSV_FILES: Final = Channel("files.csv")
NDJSON_FILES: Final = Channel("files.ndjson")
ARROW_FILES: Final = Channel("files.arrow")
"""Arrow IPC. The value of each of the files channels is a FileSet."""


JDBC_QUERY: Final = Channel("jdbc.query")
"""Value: a JdbcQuery; or a stream, where only the connection that makes the rows sees them."""


def tables_of(platform: str) -> Channel:
    """Return the channel of a platform's own tables; its value is a TableReference."""
    return Channel("table", owner=platform)


@dataclass(frozen=True, slots=True)
class FileSet:
    """Files of one format and one schema, and how to read them.

    Parameters
    ----------
    paths
        The files, in order; absolute.
    schema
        The columns that they have.
    options
        What the format needs besides (CSV: delimiter, header, null text …).
    channel
        The one whose value it is, which says the format.
    """

    paths: tuple[Path, ...]
    schema: Schema
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    channel: Channel = PARQUET_FILES


@dataclass(frozen=True, slots=True)
class TableReference:
    """A table, view or query of a database; `name` is its parts, outermost first.

    `collations` gives the columns whose order or equality is not by code point, `bounds` the least
    and greatest value of columns where statistics tell them, `indexed` those in which an index of
    the table's own looks values up.
    """

    name: tuple[str, ...] = ()
    query: str | None = None
    temporary: bool = False
    collations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    bounds: Mapping[str, tuple[object, object]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    indexed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class JdbcQuery:
    """A query for other engines to put to a database, where they see what the run sees.

    Dates come as days and timestamps as microseconds since 1970, both as integers: drivers would
    take them through the zone and the calendar of their own machine.

    Parameters
    ----------
    url, user, password
        Of the database, as its driver reads them.
    driver
        The driver's class.
    sql, schema
        The query, and the columns that it means.
    begin
        The statements that each connection begins with.
    key
        An integer column and its least and greatest value, by which the rows can be parted.
    """

    url: str
    user: str | None
    password: str | None = field(repr=False)
    driver: str
    sql: str
    schema: Schema
    begin: str
    key: tuple[str, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The version of a source that a run reads; `version` changes whenever the rows may have.

    `repeatable` says whether reading it again within the run gives the same rows.
    """

    version: str
    repeatable: bool = True


class Source(Protocol):
    """A table somewhere, of which schema and size are known without reading it."""

    @property
    def schema(self) -> Schema:
        """Its columns."""
        ...

    @property
    def channel(self) -> Channel:
        """The form in which its rows lie."""
        ...

    @property
    def bounded(self) -> bool:
        """Whether the rows come to an end."""
        ...

    @property
    def description(self) -> str:
        """Where it is, for people: without secrets."""
        ...

    def statistics(self) -> TableStatistics:
        """Return what is known without scanning."""
        ...

    def snapshot(self) -> Snapshot:
        """Return the version there is now.

        Raises
        ------
        SourceChanged
            Where it is gone, or no longer has the columns of `schema`.
        """
        ...

    def open(self, snapshot: Snapshot) -> object:
        """Return the rows as the value of `channel`."""
        ...

    def verify(self, snapshot: Snapshot) -> None:
        """Raise SourceChanged unless the source is still what it was at `snapshot`."""
        ...


class Teller(Protocol):
    """A store that tells of several of its tables at once, as an attribute `teller` of a source.

    A source without one is asked by itself. Sources of one store have the same teller.
    """

    def told(self, sources: Sequence[Any]) -> Sequence[Told]:
        """Return what is known of the tables of sources of this store, in their order.

        It is asked before each plan: where nothing has changed since the last time, one question
        to the store has to do.

        Raises
        ------
        SourceError
            Where the store does not answer.
        """
        ...


class Keeper(Protocol):
    """A store that looks at several of its tables at once, as an attribute `keeper` of a source.

    A source without one is asked by itself. Sources of one store have equal keepers.
    """

    def snapshots(self, sources: Sequence[Any]) -> Sequence[Snapshot]:
        """Return what `Source.snapshot` does, for each of the sources in their order."""
        ...

    def verify(self, sources: Sequence[Any], snapshots: Sequence[Snapshot]) -> None:
        """Do what `Source.verify` does, for each of the sources with its snapshot."""
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a plan, as the platforms that work for it see it.

    Parameters
    ----------
    id
        Unique; a good prefix for names of temporary things and for job names.
    token
        Stops the run.
    directory
        Makes (on first use) and returns the run's own directory, removed when the run ends.
    parameters
        The values of the plan's parameters.
    """

    id: str
    token: CancellationToken
    directory: Callable[[], Path]
    parameters: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a platform will be asked for a fragment, readable: usually SQL."""

    text: str
    language: str = "sql"
    payload: object = None


class Session(Protocol):
    """A platform's part in one run: it keeps the run's snapshot, temporary tables and cursors."""

    def execute(
        self, fragment: Fragment, compiled: Compiled, inputs: Mapping[str, object]
    ) -> object:
        """Run a fragment and return its rows in its output channel.

        Parameters
        ----------
        fragment, compiled
            What to run.
        inputs
            For each table that the fragment reads, the value of the channel it arrives in.

        Raises
        ------
        ExecutionError, Cancelled
            The engine's own error is the cause.
        """
        ...

    def ingest(self, name: str, value: object, source: Channel, target: Channel) -> object:
        """Take rows in as a temporary thing of this platform's and return its channel's value."""
        ...

    def metrics(self, fragment: Fragment) -> Mapping[str, float]:
        """Return what the engine itself counted (rows, bytes, spilled …), as far as it does.

        It may be asked while the fragment runs, by any thread: then for what was counted so far.
        """
        ...

    def close(self) -> None:
        """Release everything the run held here; never raises."""
        ...


@runtime_checkable
class Abandoning(Protocol):
    """A session that can stop one of its fragments, while the others go on."""

    def abandon(self, fragment: str) -> None:
        """Stop a fragment, by its id, whose rows nobody will read; from any thread.

        Its `execute` raises, now or as soon as it is called. What cannot be stopped just ends.
        """
        ...


class Platform(Protocol):
    """Something that computes parts of plans."""

    @property
    def name(self) -> str:
        """By which plans and people know it."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    @property
    def costs(self) -> CostProfile:
        """What that takes."""
        ...

    @property
    def accepts(self) -> tuple[Channel, ...]:
        """The channels a fragment here can read, the cheapest first."""
        ...

    @property
    def produces(self) -> tuple[Channel, ...]:
        """The channels a fragment here can answer in, the cheapest first."""
        ...

    @property
    def conversions(self) -> tuple[Conversion, ...]:
        """The conversions that it offers."""
        ...

    def compile(self, fragment: Fragment, sources: Mapping[str, Source]) -> Compiled:
        """Say what the platform would be asked; pure, starts nothing."""
        ...

    def open(self, run: Run) -> Session:
        """Start taking part in a run."""
        ...

    def started(self) -> bool:
        """Say whether the start-up cost is already paid."""
        ...

    def version(self) -> str:
        """Return the engine's version."""
        ...

    def close(self) -> None:
        """Stop what was started here; a platform that is closed twice does nothing."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """A platform that takes a while to start, and can do so while a plan is made."""

    def prepare(self) -> None:
        """Start, for a plan that may run here; called in a thread of its own, raises nothing.

        To plans it is started when it has been used, so that they do not depend on time. What goes
        wrong is told to who uses it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Conversion:
    """A way from one channel to another.

    `by` names the platform whose session ingests the value, or None where `convert` does it here.
    """

    source: Channel
    target: Channel
    fixed: float
    per_byte: float
    by: str | None = None
    convert: Callable[[Any, Run], object] | None = None

    def cost(self, size: float) -> Cost:
        """Return what moving `size` bytes costs."""
        return Cost(network=self.fixed + self.per_byte * size, moved=size)


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """What somebody asked ``ctx.read`` for.

    Parameters
    ----------
    target
        A path, glob, URL or object.
    table, query, schema, format, options
        As given to ``read``.
    """

    target: Any
    table: str | None = None
    query: str | None = None
    schema: Schema | None = None
    format: str | None = None
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class TargetRequest:
    """Where somebody asked ``Dataset.write`` to put rows.

    Parameters
    ----------
    target
        A path or URL.
    schema
        The columns of the rows.
    mode
        What to do with what is there already.
    table, partition_by, options
        As given to ``write``.
    """

    target: Any
    schema: Schema
    mode: WriteMode
    table: str | None = None
    partition_by: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


class Target(Protocol):
    """Where rows are put: all of them, or none.

    Making one checks all that can be known before the rows are: that the place is there, that the
    columns fit, that nothing is in the way.
    """

    @property
    def description(self) -> str:
        """Where it is, for people: without secrets."""
        ...

    def write(self, rows: Any, token: CancellationToken) -> int:
        """Put the rows there and return their number; who reads there sees all of them or none.

        Parameters
        ----------
        rows
            A stream with the interface of a pyarrow.RecordBatchReader, read to its end before
            anything that was there is touched in a way that its readers notice.
        token
            Stops the writing; what was there is then as it was.

        Raises
        ------
        ExecutionError, Cancelled
            What was there is as it was.
        """
        ...


class Connector(Protocol):
    """What a package offers under ``wayfed.platforms``; importing it loads no engine.

    A connector that holds data (a database, files) has `store`, `source` and `target`; one that
    only computes has `platform`. What it does not have, it refuses with Unsupported. It may have
    an attribute `requirements` (``wayfed_optimizer.requirements``), for ``wayfed engines``.
    """

    @property
    def name(self) -> str:
        """What configuration and errors call it."""
        ...

    @property
    def extra(self) -> str | None:
        """The extra of wayfed that installs what it needs."""
        ...

    @property
    def options(self) -> tuple[str, ...]:
        """What may be set for it under ``[engines.NAME]``."""
        ...

    def claims(self, target: object, format: str | None) -> bool:  # read()'s own word
        """Say whether ``ctx.read(target)`` is for this connector; cheap, touches nothing."""
        ...

    def platform(self, options: Mapping[str, Any]) -> Platform | None:
        """Return the platform of a context, not started yet; None where there is only `store`."""
        ...

    def place(self, target: object) -> str:
        """Return what of a target says where its store is: targets of one place share a store."""
        ...

    def store(
        self, target: object, options: Mapping[str, Any], *, new: bool = False
    ) -> Platform | None:
        """Return the platform that a URL's tables live on; None where data needs no platform.

        The options are those of ``[engines.NAME]``, and over them those of ``read`` or ``write``.
        With `new`, what is not there counts as there: it is to be made.
        """
        ...

    def source(self, request: SourceRequest, store: Platform | None) -> Source:
        """Return the source that a request means.

        Raises
        ------
        SourceError, TableNotFound, InvalidOption, TypeMismatch
            Each with the place and the remedy.
        """
        ...

    def target(self, request: TargetRequest, store: Platform | None) -> Target:
        """Return where a request wants rows to be put; `store` is from `store`, with `new`.

        Raises
        ------
        SourceError, InvalidOption, TypeMismatch, ColumnNotFound
            Each with the place and the remedy.
        """
        ...
