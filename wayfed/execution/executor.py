"""Runs the fragments of a plan, each as soon as what it reads is there.

Engines work in threads of their own, also while the result is read: the calling thread only waits,
so that Ctrl-C reaches it at once and is passed on to every engine by the run's token.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from wayfed.execution.keeping import keep
from wayfed.execution.loops import Loop, producers
from wayfed.execution.meter import Meter, State
from wayfed.execution.report import FragmentReport, Report
from wayfed.execution.run import RunResources
from wayfed.execution.scope import Scope
from wayfed_arrow import Stream
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import (
    Cancelled,
    ExecutionError,
    NotConverged,
    WayfedError,
    warn_user,
)
from wayfed_optimizer.physical import LoopInput, SourceInput
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE
from wayfed_optimizer.relations import Iterate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    import pyarrow as pa

    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Channel, Conversion, Run
    from wayfed_optimizer.stages import Stages

_THREADS: Final = 8
_GRACE_SECONDS: Final = 10.0
"""How long an engine may take to notice that its run was stopped."""

_STEP_SECONDS: Final = 0.1
"""Waits are in steps: polars, once imported, lets no signal end a wait that has no timeout."""

_IN_PROCESS: Final[Mapping[tuple[Channel, Channel], Callable[[Any, Run], Any]]] = {
    (ARROW_STREAM, ARROW_TABLE): keep,
    (ARROW_TABLE, ARROW_STREAM): lambda table, _: table.to_reader(),
}


def execute(
    stages: Stages,
    environment: Environment,
    *,
    token: CancellationToken | None = None,
    watch: Callable[[Execution], None] = lambda execution: None,
) -> Execution:
    """Start a planned run and return it as soon as its first rows can be read.

    Parameters
    ----------
    stages
        From `wayfed_optimizer.stages.plan`.
    environment
        The one that the plan was made in.
    token
        Stops the run from elsewhere.
    watch
        Is told of the run before it starts.

    Raises
    ------
    ExecutionError, SourceChanged, Cancelled
        What went wrong first; every other engine of the run is stopped and everything released.
    """
    execution = Execution(stages, environment, token or CancellationToken())
    watch(execution)
    execution.start()
    return execution


class Execution:
    """A run: its result as a stream, and what it counted.

    Reading the stream to its end, closing, or leaving the ``with`` block ends the run and releases
    what it held.

    Attributes
    ----------
    stream
        The result with exactly the plan's schema; closed like a pyarrow.RecordBatchReader.
    """

    stream: Stream

    def __init__(self, stages: Stages, environment: Environment, token: CancellationToken) -> None:
        self._stages = stages
        self._plan = stages.physical
        self._token = token
        self._resources = RunResources(environment.platforms, environment.sources, token)
        self._workers = ThreadPoolExecutor(
            min(_THREADS, len(self._plan.fragments)), thread_name_prefix=self._resources.run.id
        )
        self._working: set[Future[Any]] = set()
        self._meters = {fragment.id: Meter() for fragment in self._plan.fragments}
        self._metrics: dict[str, Mapping[str, float]] = {}
        self._loops = {
            fragment.id: Loop(fragment, self._plan, self, environment.lines.get(variable))
            for fragment in self._plan.fragments
            if (variable := getattr(fragment.relation, "variable", None)) is not None
        }
        self._began = perf_counter()
        self._ended: float | None = None
        self._ending = Lock()
        # Whoever cancels the run, a context that is closed too, ends it also where nobody reads.
        self._registered = ExitStack()
        self._registered.enter_context(token.calling(self._end))

    @property
    def name(self) -> str:
        """The run's id, with which its jobs and temporary things are named."""
        return self._resources.run.id

    @property
    def ended(self) -> bool:
        """Whether the run is over."""
        return self._ended is not None

    @property
    def report(self) -> Report:
        """What the run counted so far; complete at the end of the stream.

        Any thread may ask for it while the run goes on.
        """
        seconds = (self._ended or perf_counter()) - self._began
        counted = {
            f.id: FragmentReport(
                f.id,
                f.platform,
                self._meters[f.id].rows,
                self._meters[f.id].bytes,
                self._meters[f.id].seconds,
                self._counted(f),
                runs=self._meters[f.id].runs,
                loop=loop.count if (loop := self._loops.get(f.id)) else None,
                state=self._meters[f.id].state,
            )
            for f in self._plan.fragments
        }
        return Report(counted, seconds)

    def _counted(self, fragment: Fragment) -> Mapping[str, float]:
        """Return what its engine counted of a fragment: by now, where it runs."""
        meter, session = self._meters[fragment.id], self._resources.opened(fragment.platform)
        if fragment.id in self._metrics or session is None or meter.state is State.WAITING:
            return self._metrics.get(fragment.id, {})
        return session.metrics(fragment)

    def start(self) -> None:
        """Run everything up to the first rows of the result."""
        from wayfed_arrow import arrow_schema, conform

        with self._ending_on_failure():
            tables = [
                table
                for fragment in self._plan.fragments
                for table, source in fragment.inputs.items()
                if isinstance(source, SourceInput)
            ]
            self._resources.take_snapshots(list(dict.fromkeys(tables)))
            value = self._run_fragments()
            self._warn_of_unfinished_loops()
            schema = self._stages.logical.schema
            moved = self._await(self._submit(self._as_stream, value), self._plan.result)
            reader = conform(moved, schema)
            self.stream = Stream(arrow_schema(schema), self._pull(reader), self._end, self.close)

    def _warn_of_unfinished_loops(self) -> None:
        for loop in self._loops.values():
            if loop.unfinished:
                warn_user(f"{loop.unfinished}: raise max_iterations", NotConverged)

    def keep(self) -> pa.Table:
        """Read the result to its end; where it is large it takes a file's space, not memory."""
        return keep(self.stream, self._resources.run)

    def _as_stream(self, value: Any) -> Any:
        for conversion in self._stages.placed.way.conversions:
            value = self._convert(conversion, value, self._plan.result)
        return value

    def close(self) -> None:
        """End the run; what is still running is stopped. A second call does nothing."""
        if self._ended is None:
            self._token.cancel("the result was closed before its end")
            self._end()

    def __enter__(self) -> Execution:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _run_fragments(self) -> Any:
        """Run every fragment after those it reads, independent ones at the same time.

        Those inside of loops are run by their loops, one after the other.
        """
        waiting = [f for f in self._plan.fragments if f.inside is None]
        running: dict[Future[Any], Fragment] = {}
        scope = Scope()
        while waiting or running:
            ready = [f for f in waiting if self._needed_by(f) <= scope.values.keys()]
            for fragment in ready:
                waiting.remove(fragment)
                future = self._submit(self.run_fragment, fragment, scope)
                running[future] = fragment
            wait(running, _STEP_SECONDS, FIRST_COMPLETED)
            # Asked one by one: to wait(), work that was cancelled before it began is never done.
            for future in [each for each in running if each.done()]:
                fragment = running.pop(future)
                scope.values[fragment.id] = self._await(future, fragment)
        return scope.values[self._plan.result.id]

    def _needed_by(self, fragment: Fragment) -> set[str]:
        """Return the fragments outside of loops that one reads, itself or in its loop's body."""
        found: set[str] = set()
        waiting = producers(fragment.inputs)
        while waiting:
            each = self._plan.fragment(waiting.pop())
            if each.inside is None:
                found.add(each.id)
            else:
                waiting += producers(each.inputs)
        return found

    def run_fragment(self, fragment: Fragment, scope: Scope) -> Any:
        """Run one fragment and return the value of its output channel."""
        self._token.raise_if_cancelled()
        meter = self._meters[fragment.id]
        meter.state = State.RUNNING
        try:
            if isinstance(fragment.relation, Iterate):
                return meter.through(self._run_loop(fragment, scope))
            inputs = {name: self.input(name, fragment, scope) for name in fragment.inputs}
            session = self._resources.session(fragment.platform)
            before = perf_counter()
            value = session.execute(fragment, self._stages.compiled[fragment.id], inputs)
            meter.seconds += perf_counter() - before
            return meter.through(value)
        except WayfedError:
            raise
        except Exception as error:  # noqa: BLE001  # raised again, with its first cause
            failure = self._failure(error, fragment)
            raise failure from failure.__cause__ or error

    def _run_loop(self, fragment: Fragment, scope: Scope) -> Any:
        before = perf_counter()
        rows = self._loops[fragment.id].run(scope)
        self._meters[fragment.id].seconds += perf_counter() - before
        return rows if fragment.output == ARROW_TABLE else rows.to_reader()

    def input(self, name: str, fragment: Fragment, scope: Scope) -> Any:
        """Return an input of a fragment, in the channel in which the fragment reads it."""
        source = fragment.inputs[name]
        match source:
            case SourceInput(table):
                return self._resources.open_source(table)
            case LoopInput(variable):
                return scope.rows(variable)
        holder = scope.holder(source.fragment)
        producer = self._plan.fragment(source.fragment)

        def convert(conversion: Conversion, value: Any) -> Any:
            self._token.raise_if_cancelled()
            return self._convert(conversion, value, producer)

        if source.kept:
            return holder.kept(source, convert)
        value = holder.values[source.fragment]
        for conversion in source.conversions:
            value = convert(conversion, value)
        return value

    def _convert(self, conversion: Conversion, value: Any, producer: Fragment) -> Any:
        if conversion.by is not None:
            session = self._resources.session(conversion.by)
            return session.ingest(producer.id, value, conversion.source, conversion.target)
        if conversion.convert is not None:
            return conversion.convert(value, self._resources.run)
        return _IN_PROCESS[conversion.source, conversion.target](value, self._resources.run)

    def _pull(self, reader: Any) -> Iterator[Any]:
        """Yield the batches of the result, the next one being made while one is used."""
        result = self._plan.result
        with self._ending_on_failure():
            coming = self._submit(next, reader, None)
            while (batch := self._await(coming, result)) is not None:
                coming = self._submit(next, reader, None)
                yield batch
            self._resources.verify_sources()
            for fragment in self._plan.fragments:
                session = self._resources.session(fragment.platform)
                self._metrics[fragment.id] = session.metrics(fragment)
            self._end()

    def _submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        try:
            future = self._workers.submit(work, *args)
        except RuntimeError:  # the run was ended by another thread
            self._token.raise_if_cancelled()
            raise
        self._working.add(future)
        future.add_done_callback(self._working.discard)
        return future

    def _await(self, coming: Future[Any], fragment: Fragment) -> Any:
        try:
            while not coming.done():
                wait((coming,), _STEP_SECONDS)
            return coming.result()
        except WayfedError:
            raise
        except Exception as error:  # noqa: BLE001  # raised again, with its first cause
            failure = self._failure(error, fragment)
            raise failure from failure.__cause__ or error

    def _failure(self, error: Exception, fragment: Fragment) -> WayfedError:
        """Return the error to raise for what an engine or a transfer raised."""
        told = _first_of_ours(error)
        if told is not None:
            return told
        if self._token.cancelled:
            return Cancelled(f"the run was stopped: {self._token.reason}")
        return ExecutionError(
            f"{type(error).__name__}: {error}",
            platform=fragment.platform,
            fragment=fragment.id,
            sql=self._stages.compiled[fragment.id].text,
        )

    def _ending_on_failure(self) -> _EndingOnFailure:
        return _EndingOnFailure(self._abort)

    def _abort(self, error: BaseException) -> None:
        reason = "Ctrl-C" if isinstance(error, KeyboardInterrupt) else type(error).__name__
        if self._ended is None:
            self._token.cancel(reason)
            self._end()

    def _end(self) -> None:
        with self._ending:
            if self._ended is not None:
                return
            self._ended = perf_counter()
            self._registered.close()
            self._workers.shutdown(wait=False, cancel_futures=True)
            try:
                # A session must not be closed while a worker is inside its engine.
                wait(tuple(self._working), timeout=_GRACE_SECONDS)
            finally:
                self._resources.close()


class _EndingOnFailure:
    """Calls back when its block is left by an error, by Ctrl-C, or as an unfinished generator."""

    def __init__(self, abort: Callable[[BaseException], None]) -> None:
        self._abort = abort

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._abort(error)


def _first_of_ours(error: BaseException | None) -> WayfedError | None:
    """Return our own error that an engine wrapped in one of its own, if it did."""
    while error is not None:
        if isinstance(error, WayfedError):
            return error
        error = error.__cause__ or error.__context__
    return None
