"""The local context: the engines, the catalog, and everything else that plans need to run."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self
from weakref import WeakSet, finalize

from wayfed.caching import Caches
from wayfed.calibration import Calibration
from wayfed.catalog import Catalog
from wayfed.dataset import Dataset
from wayfed.display import Listing, counted
from wayfed.ending import begun
from wayfed.plans import Plans
from wayfed.preparing import preparing
from wayfed.queries import Queries
from wayfed.reading import described, request_of, require_plain
from wayfed.selecting import fresh_name
from wayfed.training import Training
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.environment import Environment
from wayfed_optimizer.errors import (
    InvalidPlan,
    PlanError,
    user_location,
)
from wayfed_optimizer.placement import Loops
from wayfed_optimizer.relations import Cache, transform, walk_once
from wayfed_optimizer.types import check_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    import pyarrow as pa

    from wayfed.catalog import TableInfo
    from wayfed.configuration import ContextConfiguration
    from wayfed.execution import Execution
    from wayfed.explain import Explanation
    from wayfed.mapping import SchemaLike
    from wayfed.plans import Planned
    from wayfed.progress import FragmentProgress
    from wayfed_optimizer.platform import Connector, Platform, Source, SourceRequest, TargetRequest
    from wayfed_optimizer.relations import Relation

OBJECTIVES: Final = ("time", "bytes")
"""What the optimizer can keep small: seconds of work, or bytes moved between stores."""


@dataclass(frozen=True, slots=True)
class PlatformInfo:
    """An engine or store, as `Context.platforms` lists it.

    Parameters
    ----------
    name
        What `Dataset.on` takes.
    started
        Whether its start-up is already paid for.
    version
        Of the engine; None before it was started.
    """

    name: str
    started: bool
    version: str | None


class Context(Training):
    """Reads data, keeps the catalog, runs plans; made by `wayfed.context`.

    It owns the engines it starts and the connections it opens, and closes them: use it in a
    ``with`` block, or call `close`. It may be used from many threads.

    Parameters
    ----------
    configuration
        The engines and the catalog.
    optimize_for
        ``time`` or ``bytes``.
    engines
        Options of the engines to use besides, by name.

    Examples
    --------
    >>> import wayfed as wf
    >>> with wf.context() as ctx:
    ...     ctx.register("orders", {"id": [1, 2], "amount": [10.0, 20.0]}, key="id")
    ...     ctx.sql("select sum(amount) as total from orders").to_numpy()["total"]
    array([30.])
    """

    def __init__(
        self,
        configuration: ContextConfiguration | None = None,
        *,
        optimize_for: str = "time",
        engines: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:
        from wayfed.connectors import EMBEDDED, open_platform
        from wayfed.execution.losses import Losses

        self._lock = RLock()
        self._closed = False
        self._running: WeakSet[CancellationToken] = WeakSet()
        self._executions: WeakSet[Execution] = WeakSet()
        self._objective = check_option(optimize_for, OBJECTIVES, name="optimize_for")
        self._catalog = Catalog(self._open_source)
        self._caches = Caches(self._catalog.put)
        self._queries = Queries(self._table, self._catalog.__contains__)
        self._lines: dict[str, str] = {}
        planning = configuration.planning if configuration else None
        self._plans = (
            Plans(seconds=planning.statistics_seconds, remembers=planning.remember_runs)
            if planning
            else Plans()
        )
        self._runs_place = configuration.runs.store if configuration else None
        self._calibration = Calibration()
        self._losses = Losses()
        self._stores: dict[tuple[str, str], Platform] = {}
        options: dict[str, dict[str, Any]] = {name: {} for name in EMBEDDED}
        for given in (configuration.engines if configuration else {}, engines):
            for name, each in given.items():
                options[name] = {**options.get(name, {}), **each}
        opened = {name: open_platform(name, each) for name, each in options.items()}
        self._platforms = {name: each for name, each in opened.items() if each is not None}
        self._engine_options = options
        # Also closes what a context leaves open that is just dropped, or alive at the very end.
        self._release = finalize(self, _close_all, self._stores, self._platforms)
        for name, table in (configuration.tables if configuration else {}).items():
            self.register(
                name,
                table.source,
                key=table.key,
                table=table.table,
                query=table.query,
                schema=table.columns,
                format=table.format,
                rename=table.rename,
                **table.options,
            )

    def read(
        self,
        source: object,
        *,
        table: str | None = None,
        query: str | None = None,
        schema: SchemaLike | None = None,
        format: str | None = None,  # what everyone calls it
        **options: Any,
    ) -> Dataset:
        """Return the rows of a source as a dataset; reads its schema, not its rows.

        Parameters
        ----------
        source
            A name of the catalog; a path or glob (.parquet .csv .ndjson .arrow); a database's URL;
            or a pyarrow, pandas, polars or numpy object, or a dict of columns.
        table, query
            Which table of a database, or a query instead.
        schema
            Columns and types, where the source does not say them or says them wrong.
        format
            The format of files whose names do not say it.
        options
            What the source takes besides, such as ``delimiter=";"`` of CSV files.

        Raises
        ------
        SourceError, TableNotFound, InvalidOption

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     ctx.read({"id": [1, 2], "name": ["a", "b"]}).columns
        ('id', 'name')
        """
        self._require_open()
        request = request_of(
            source, table=table, query=query, schema=schema, format=format, options=options
        )
        if isinstance(source, str) and source in self._catalog:
            require_plain(source, request)
            return self.dataset(self._catalog.relation(source))
        return self.dataset(self._catalog.read(request))

    def sql(self, query: str) -> Dataset | Explanation:
        """Return what a query over names of the catalog means; ``explain select …`` explains it.

        A path or glob in quotes is a table too: ``select * from 'lake/orders.parquet'``.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     ctx.register("orders", {"id": [1, 2], "amount": [10.0, 20.0]})
        ...     ctx.sql("select id from orders where amount > 15").to_numpy()["id"]
        array([2])
        """
        from wayfed_sql import split_explain

        self._require_open()
        mode, text = split_explain(query)
        dataset = self.dataset(self._queries.relation(text))
        if mode is None:
            return dataset
        return dataset.explain(analyze=mode == "analyze")

    def _table(self, name: str) -> Relation:
        """Return what a table of SQL text is: one of the catalog, or else a file."""
        from wayfed.connectors import connectors

        if name not in self._catalog and connectors()["files"].claims(name, None):
            return self.read(name).relation
        return self._catalog.relation(name)

    def register(
        self,
        name: str,
        source: object,
        *,
        key: str | Sequence[str] = (),
        table: str | None = None,
        query: str | None = None,
        schema: SchemaLike | None = None,
        format: str | None = None,  # what everyone calls it
        rename: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        """Give a dataset or source a name in the catalog, for `read` and `sql`.

        Parameters
        ----------
        name
            Not yet in the catalog.
        source
            A dataset of this context, or anything that `read` takes; opened when it is first used.
        key
            Columns by which rows are joined where ``join`` is given no keys.
        table, query, schema, format, options
            As in `read`.
        rename
            Names in the source -> names here.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     ctx.register("customers", {"id": [1, 2]}, key="id")
        ...     ctx.tables()
        1 table of the catalog
          name       source             key  columns
          customers  a dict in memory   id
        """
        self._require_open()
        keys = (key,) if isinstance(key, str) else tuple(key)
        if isinstance(source, Dataset):
            if source.context is not self:
                raise PlanError("the dataset belongs to another context", hint="read it with this")
            renamed = source.rename(rename) if rename else source
            self._catalog.declare(name, renamed.relation, key=keys, description="a dataset")
            return
        self._catalog.declare(
            name,
            request_of(
                source, table=table, query=query, schema=schema, format=format, options=options
            ),
            key=keys,
            rename=rename,
            description=described(source, table),
        )

    def tables(self) -> Listing[TableInfo]:
        """List the catalog; opens nothing."""
        self._require_open()
        return Listing("table", self._catalog.describe(), of=" of the catalog")

    def platforms(self) -> Listing[PlatformInfo]:
        """List the engines and stores there are.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     [platform.name for platform in ctx.platforms()]
        ['duckdb', 'python']
        """
        environment = self.environment
        return Listing(
            "platform",
            (
                PlatformInfo(name, started, each.version() if started else None)
                for name, each in environment.platforms.items()
                for started in [each.started()]
            ),
        )

    def progress(self) -> Listing[FragmentProgress]:
        """List what runs now, fragment by fragment; any thread may ask, a callback of batches too.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     for batch in ctx.read({"id": [1, 2, 3]}).to_batches():
        ...         (fragment,) = ctx.progress()
        ...         fragment.platform, fragment.rows
        ('duckdb', 3)
        """
        from wayfed.progress import progress_of

        with self._lock:
            self._require_open()
            executions = tuple(self._executions)
        return Listing("fragment", progress_of(executions), of=" of what runs now")

    @property
    def platform_names(self) -> tuple[str, ...]:
        """The names of the engines and stores there are."""
        return tuple(self.environment.platforms)

    @property
    def environment(self) -> Environment:
        """The engines, stores and sources, as the optimizer sees them now."""
        with self._lock:
            self._require_open()
            platforms = {**self._platforms, **{p.name: p for p in self._stores.values()}}
            places = {p.name: place for (_, place), p in self._stores.items()}
            sources = dict(self._catalog.sources)
        costs = self._calibration.costs(platforms, places)
        return Environment(platforms, sources, self._objective, self._lines, costs)

    def dataset(self, relation: Relation) -> Dataset:
        """Return a dataset of this context for a plan."""
        return Dataset(self, relation)

    def declared_keys(self, table: str) -> tuple[tuple[str, ...], ...]:
        """Return the keys that the catalog declares for the table of a read."""
        return self._catalog.keys_of(table)

    def describe_table(self, table: str) -> str:
        """Return where the table of a read lies, for people."""
        if table in self._lines:
            return f"the current rows of the loop at {self._lines[table]}"
        source = self._catalog.sources.get(table)
        return source.description if source is not None else "not a source of this context"

    def unique_name(self, stem: str) -> str:
        """Return a name like `stem` that nothing in this context has."""
        return self._catalog.unique_name(stem)

    def loop_variable(self) -> str:
        """Return a name for the rows of a loop; errors in it tell the line that asked for it."""
        name = self.unique_name("iteration")
        if line := user_location():
            self._lines[name] = line
        return name

    def run(self, relation: Relation) -> Execution:
        """Plan and start a run of a plan; closing its stream, or this context, ends it."""
        token = self.new_token()
        try:
            with _saying_too_deep():
                return self._run(self._with_caches(relation, token), token)
        except BaseException:
            if self._closed:  # meanwhile: nobody else closes what was opened since then
                for store in tuple(self._stores.values()):
                    store.close()
            raise

    def _run(self, relation: Relation, token: CancellationToken) -> Execution:
        environment = self.environment
        with preparing(environment, relation):
            return self._started(self._planned(relation, environment), token)

    def _planned(self, relation: Relation, environment: Environment) -> Planned:
        return self._losses.planned(environment, lambda each: self._plans.plan(relation, each))

    def _started(self, planned: Planned, token: CancellationToken) -> Execution:
        from wayfed.execution import execute

        return execute(
            planned.stages,
            planned.environment,
            token=token,
            watch=self._watch,
            done=lambda execution: self._note(planned, execution),
        )

    def _note(self, planned: Planned, execution: Execution) -> None:
        self._plans.learn(planned, execution)
        self._losses.note(execution.report.recoveries)
        with self._lock:
            places = {p.name: place for (_, place), p in self._stores.items()}
        self._calibration.note(execution.stages.physical, execution.report, places)

    def _watch(self, execution: Execution) -> None:
        with self._lock:
            self._executions.add(execution)

    def _with_caches(self, relation: Relation, token: CancellationToken | None) -> Relation:
        """Return a plan that reads what its caches keep, computed now where there is a token.

        A cache of a loop's rows is nothing: it would be another one in each iteration.
        """
        if not any(isinstance(node, Cache) for node in walk_once(relation)):
            return relation
        loops = Loops(relation)

        def resolve(node: Relation) -> Relation:
            if not isinstance(node, Cache):
                return node
            if loops.innermost(node) is not None:
                return node.input
            if token is None:
                return self._caches.known(node)

            def compute() -> pa.Table:
                with self._run(node.input, token) as execution:
                    return execution.keep()

            return self._caches.computed(node, compute, token)

        return transform(relation, resolve)

    def write(self, relation: Relation, request: TargetRequest) -> int:
        """Run a plan and put its rows where a request says; return their number."""
        from wayfed.connectors import writer
        from wayfed.writing import put

        connector = writer(request)
        store = self._store(connector, request.target, request.options, new=True)
        target = connector.target(request, store)
        with self.run(relation).stream as rows:
            return put(rows, target, self.new_token())

    def explain(
        self, relation: Relation, *, stage: str, analyze: bool, alternatives: bool
    ) -> Explanation:
        """Explain a plan; with `analyze`, or as it was executed, run it first."""
        from wayfed.explain import STAGES, explain

        check_option(stage, STAGES, name="stage")
        token = self.new_token() if analyze or stage == "executed" else None
        with _saying_too_deep():
            planned = self._planned(self._with_caches(relation, token), self.environment)
            stages, environment, report = planned.stages, planned.environment, None
            if token is not None:
                with self._started(planned, token) as execution:
                    for _ in execution.stream:
                        pass
                    report = execution.report
                # The plan that was followed in the end.
                stages, environment = execution.stages, execution.environment
            return explain(
                stages, environment, stage=stage, report=report, alternatives=alternatives
            )

    def new_token(self) -> CancellationToken:
        """Return a token that closing this context cancels."""
        token = CancellationToken()
        with self._lock:
            self._require_open()  # a run that began to be planned before would never be told
            self._running.add(token)
        begun(token)
        return token

    def close(self) -> None:
        """Stop what runs, and close every engine and connection; closing twice does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        for token in tuple(self._running):
            token.cancel("the context was closed")
        self.close_runs()
        self._release()
        self._plans.clear()
        self._caches.clear()
        self._catalog.clear()

    def __enter__(self) -> Self:
        self._require_open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._closed:
            return "Context: closed"
        tables = counted(len(self._catalog.names), "table")
        return f"Context: {', '.join(self.platform_names)}; {tables}"

    def _require_open(self) -> None:
        if self._closed:
            raise PlanError(
                "this context is closed", hint="make another one, or stay in its with block"
            )

    def _open_source(self, request: SourceRequest) -> Source:
        from wayfed.connectors import claimant

        connector = claimant(request, self._catalog.names)
        store = self._store(connector, request.target, request.options)
        return connector.source(request, store)

    def _store(
        self,
        connector: Connector,
        target: object,
        options: Mapping[str, Any] = MappingProxyType({}),
        *,
        new: bool = False,
    ) -> Platform | None:
        """Return the platform that the tables of a target live on, the same one each time."""
        key = (connector.name, connector.place(target))
        with self._lock:
            self._require_open()
            store = self._stores.get(key)
            if store is None:
                given = {**self._engine_options.get(connector.name, {}), **options}
                store = connector.store(target, given, new=new)
                if store is not None:
                    name = fresh_name(store.name, set(self.platform_names))
                    store.name = name  # type: ignore[misc]  # a store's name is its context's choice
                    self._stores[key] = store
        return store


def _close_all(stores: dict[tuple[str, str], Platform], engines: dict[str, Platform]) -> None:
    for platform in (*stores.values(), *engines.values()):
        platform.close()


@contextmanager
def _saying_too_deep() -> Iterator[None]:
    """Say in words of ours that a plan has more steps one upon another than can be looked into."""
    try:
        yield
    except RecursionError as error:
        raise InvalidPlan(
            "the plan is too deep: hundreds of steps, one upon another",
            hint="compute a part with to_arrow(), and go on from ctx.read() of it",
        ) from error
