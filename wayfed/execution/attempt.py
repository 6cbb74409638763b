"""One try at a run: fragments, each as soon as what it reads is there, up to the first rows.

Engines work in threads of their own, also while the result is read: the calling thread only waits,
so that Ctrl-C reaches it at once and is passed on to every engine by the run's token.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from wayfed.execution.bodies import producers
from wayfed.execution.keeping import keep
from wayfed.execution.lookups import Lookup
from wayfed.execution.loops import Loop
from wayfed.execution.meter import Meter, State
from wayfed.execution.recovering import AGAIN, line_of
from wayfed.execution.report import FragmentReport, Placement, Recovery, Replanning
from wayfed.execution.run import RunResources
from wayfed.execution.scope import Scope
from wayfed.execution.watching import Watch
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import (
    Cancelled,
    ExecutionError,
    Failure,
    NotConverged,
    WayfedError,
    warn_user,
)
from wayfed_optimizer.physical import Exchange, LoopInput, SourceInput
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE
from wayfed_optimizer.relations import FirstMatches, Iterate
from wayfed_optimizer.replanning import replan, same_work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wayfed.execution.journal import Journal
    from wayfed_arrow import Stream
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Channel, Conversion, Run
    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.replanning import Rest
    from wayfed_optimizer.stages import Stages
    from wayfed_optimizer.statistics import Estimate

_THREADS: Final = 8
_GRACE_SECONDS: Final = 10.0
"""How long an engine may take to notice that its run was stopped."""

_STEP_SECONDS: Final = 0.1
"""Waits are in steps: polars, once imported, lets no signal end a wait that has no timeout."""

_MOST_REPLANNINGS: Final = 3

_IN_PROCESS: Final[Mapping[tuple[Channel, Channel], Callable[[Any, Run], Any]]] = {
    (ARROW_STREAM, ARROW_TABLE): keep,
    (ARROW_TABLE, ARROW_STREAM): lambda table, _: table.to_reader(),
}


class Attempt:
    """A try at a run, with sessions, snapshots and threads of its own.

    Parameters
    ----------
    stages, environment
        The plan, and what it was placed in. While it runs, its rest may be planned again: then
        these are of the plan that is followed.
    journal
        Is told of what was changed on the way.
    """

    def __init__(self, stages: Stages, environment: Environment, journal: Journal) -> None:
        self.token = CancellationToken()
        self.resources = RunResources(environment.platforms, environment.sources, self.token)
        self.culprit: str | None = None
        """The platform of the fragment that failed first."""
        self.kept: list[Fragment] = []
        """The fragments of plans that were followed before, whose rows were kept."""
        self._journal = journal
        self._workers = ThreadPoolExecutor(_THREADS, thread_name_prefix=self.resources.run.id)
        self._working: set[Future[Any]] = set()
        self._metrics: dict[str, Mapping[str, float]] = {}
        self._scope = Scope()
        self._kept: dict[str, FragmentReport] = {}
        self._taken: set[str] = set()
        self._learned: Mapping[Relation, Estimate] = {}
        self._replannings = 0
        self._follow(stages, environment, {})

    def _follow(
        self, stages: Stages, environment: Environment, meters: Mapping[str, Meter]
    ) -> None:
        self.stages, self.environment, self._plan = stages, environment, stages.physical
        self._taken.update(fragment.id for fragment in self._plan.fragments)
        self._meters = {f.id: meters.get(f.id) or Meter() for f in self._plan.fragments}
        self._watch = Watch(stages, environment)
        self._loops = dict(self._loops_of(environment))

    def _loops_of(self, environment: Environment) -> Iterator[tuple[str, Loop | Lookup]]:
        for fragment in self._plan.fragments:
            match fragment.relation:
                case Iterate(variable=variable):
                    line = environment.lines.get(variable)
                    yield fragment.id, Loop(fragment, self._plan, self, line)
                case FirstMatches():
                    yield fragment.id, Lookup(fragment, self._plan, self)

    def first(self) -> Any:
        """Run everything up to the first rows of the result, and return the stream of them."""
        from wayfed_arrow import conform

        tables = [
            table
            for fragment in self._plan.fragments
            for table, source in fragment.inputs.items()
            if isinstance(source, SourceInput)
        ]
        self.wait_for(self.submit(self.resources.take_snapshots, list(dict.fromkeys(tables))))
        value = self._run_fragments()
        for loop in self._loops.values():
            if loop.unfinished:
                warn_user(f"{loop.unfinished}: raise max_iterations", NotConverged)
        moved = self.wait_for(self.submit(self._as_stream, value), self._plan.result)
        return conform(moved, self.stages.logical.schema)

    def next_of(self, rows: Stream) -> Future[Any]:
        """Return the next batch of the result, or None at its end, once it is there."""
        return self.submit(next, rows, None)

    def batch(self, coming: Future[Any]) -> Any:
        """Wait for a batch of the result."""
        return self.wait_for(coming, self._plan.result)

    def finish(self) -> None:
        """Look at the sources again, and ask the engines what they counted.

        Raises
        ------
        SourceChanged
            Where a source is not what it was at the beginning.
        """
        self.resources.verify_sources()
        for fragment in self._plan.fragments:
            session = self.resources.session(fragment.platform)
            self._metrics[fragment.id] = session.metrics(fragment)

    def end(self, reason: str | None = None) -> None:
        """Release everything; with a reason, stop what is still running."""
        if reason is not None:
            self.token.cancel(reason)
        self._workers.shutdown(wait=False, cancel_futures=True)
        try:
            # A session must not be closed while a worker is inside its engine.
            wait(tuple(self._working), timeout=_GRACE_SECONDS)
        finally:
            self.resources.close()

    def counted(self) -> dict[str, FragmentReport]:
        """Return what was counted so far, by fragment."""
        return self._kept | {f.id: self._report(f) for f in self._plan.fragments}

    def _report(self, fragment: Fragment) -> FragmentReport:
        meter, loop = self._meters[fragment.id], self._loops.get(fragment.id)
        return FragmentReport(
            fragment.id,
            fragment.platform,
            meter.rows,
            meter.bytes,
            meter.seconds,
            self._counted(fragment),
            runs=meter.runs,
            loop=loop.count if loop else None,
            state=meter.state,
        )

    def _counted(self, fragment: Fragment) -> Mapping[str, float]:
        """Return what its engine counted of a fragment: by now, where it runs."""
        meter, session = self._meters[fragment.id], self.resources.opened(fragment.platform)
        if fragment.id in self._metrics or session is None or meter.state is State.WAITING:
            return self._metrics.get(fragment.id, {})
        return session.metrics(fragment)

    def _as_stream(self, value: Any) -> Any:
        for conversion in self.stages.placed.way.conversions:
            value = self._convert(conversion, value, self._plan.result)
        return value

    def _run_fragments(self) -> Any:
        """Run every fragment after those it reads, independent ones at the same time.

        Those inside of loops are run by their loops, one after the other.
        """
        waiting = self._outside()
        running: dict[Future[Any], Fragment] = {}
        while waiting or running:
            surprise = self._surprise()
            if surprise is not None and not running:
                self._plan_again(surprise)
                waiting = self._outside()
                continue
            done = self._scope.values.keys()
            ready = [f for f in waiting if surprise is None and self._needed_by(f) <= done]
            for fragment in ready:
                waiting.remove(fragment)
                running[self.submit(self._run_watched, fragment)] = fragment
            wait(running, _STEP_SECONDS, FIRST_COMPLETED)
            # Asked one by one: to wait(), work that was cancelled before it began is never done.
            for future in [each for each in running if each.done()]:
                fragment = running.pop(future)
                self._scope.values[fragment.id] = self.wait_for(future, fragment)
        self._watch.ended.clear()
        return self._scope.values[self._plan.result.id]

    def _outside(self) -> list[Fragment]:
        """Return the fragments that are still to be run, those inside of loops aside."""
        done = self._scope.values
        return [f for f in self._plan.fragments if f.inside is None and f.id not in done]

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

    def _surprise(self) -> Fragment | None:
        # What has begun may be asked for once more by another plan.
        if self._replannings >= _MOST_REPLANNINGS or not self.resources.can_begin_again:
            return None
        return self._watch.surprise(self._plan.fragments)

    def _plan_again(self, surprise: Fragment) -> None:
        """Plan the rest again, because a fragment gave other rows than were believed."""
        self._replannings += 1
        watch, began = self._watch, perf_counter()
        ended = {name: rows for name, rows in watch.ended.items() if name in self._scope.values}
        rest = replan(
            self.stages,
            self.environment,
            watch.counted,
            ended,
            taken=self._taken,
            learned=self._learned,
        )
        seconds = perf_counter() - began
        self._learned = rest.learned
        before = tuple(f for f in self._plan.fragments if f.id not in rest.kept)
        after = rest.stages.physical.fragments if rest.stages else before
        self._journal.replannings.append(
            Replanning(
                surprise.id,
                surprise.platform,
                watch.believed(surprise.id),
                watch.counted[surprise.id].rows,
                watch.counted[surprise.id].complete,
                rest.kept,
                _placements(before),
                _placements(after),
                seconds,
            )
        )
        if rest.stages is None:
            watch.counted.clear()
        else:
            self._change_to(rest.stages, rest)

    def _change_to(self, stages: Stages, rest: Rest) -> None:
        old, values, ended = self._plan.fragments, self._scope.values, self._watch.ended
        self.resources.add_sources({name: ended[name] for name in rest.kept})
        self.kept += (f for f in old if f.id in rest.kept)
        self._kept |= {f.id: replace(self._report(f), kept=True) for f in old if f.id in rest.kept}
        going_on: dict[str, str] = {}
        read = {name for f in old if f.id in values for name in self._needed_by(f)}
        whole = [f for f in old if f.id in values and (f.output.reusable or f.id not in read)]
        for new in stages.physical.fragments:
            same = (f.id for f in whole if same_work(f, new))
            if (name := next(same, None)) is not None and name not in going_on.values():
                going_on[new.id] = name
        for name in values.keys() - set(going_on.values()) - set(rest.kept):
            if (close := getattr(values[name], "close", None)) is not None:
                close()
        self._scope = Scope()
        self._scope.values.update({new: values[name] for new, name in going_on.items()})
        meters = {new: self._meters[name] for new, name in going_on.items()}
        self._follow(stages, rest.environment, meters)

    def _run_watched(self, fragment: Fragment) -> Any:
        """Run a fragment and count its first rows; again where it fails in a way that may pass.

        Nobody has seen any of its rows before, and what it reads can be read again.
        """
        pauses = iter(AGAIN if self._reads_again(fragment) else ())
        while True:
            try:
                return self._watch.look_ahead(fragment, self.run_fragment(fragment, self._scope))
            except WayfedError as error:
                pause = next(pauses, None)
                if error.failure is not Failure.TRANSIENT or pause is None:
                    self.culprit = self.culprit or fragment.platform
                    raise
                self._journal.recoveries.append(
                    Recovery(fragment.id, fragment.platform, line_of(error), "retried", pause)
                )
                self.token.wait(pause)
                self._meters[fragment.id] = Meter()

    def _reads_again(self, fragment: Fragment) -> bool:
        sources = fragment.inputs.values()
        if fragment.id in self._loops:
            return False
        return all(
            self._plan.fragment(each.fragment).output.reusable
            if isinstance(each, Exchange)
            else isinstance(each, SourceInput) and self.resources.repeatable(each.table)
            for each in sources
        )

    def run_fragment(self, fragment: Fragment, scope: Scope) -> Any:
        """Run one fragment and return the value of its output channel."""
        self.token.raise_if_cancelled()
        meter = self._meters[fragment.id]
        meter.state = State.RUNNING
        try:
            if fragment.id in self._loops:
                return meter.through(self._run_loop(fragment, scope))
            inputs = {name: self.input(name, fragment, scope) for name in fragment.inputs}
            session = self.resources.session(fragment.platform)
            before = perf_counter()
            value = session.execute(fragment, self.stages.compiled[fragment.id], inputs)
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
                return self.resources.open_source(table)
            case LoopInput(variable):
                return scope.rows(variable)
        holder = scope.holder(source.fragment)
        producer = self._plan.fragment(source.fragment)

        def convert(conversion: Conversion, value: Any) -> Any:
            self.token.raise_if_cancelled()
            return self._convert(conversion, value, producer)

        if source.kept:
            return holder.kept(source, convert)
        value = holder.values[source.fragment]
        for conversion in source.conversions:
            value = convert(conversion, value)
        return value

    def _convert(self, conversion: Conversion, value: Any, producer: Fragment) -> Any:
        if conversion.by is not None:
            session = self.resources.session(conversion.by)
            return session.ingest(producer.id, value, conversion.source, conversion.target)
        if conversion.convert is not None:
            return conversion.convert(value, self.resources.run)
        return _IN_PROCESS[conversion.source, conversion.target](value, self.resources.run)

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        """Have work done in a thread of the run."""
        try:
            future = self._workers.submit(work, *args)
        except RuntimeError:  # the run was ended by another thread
            self.token.raise_if_cancelled()
            raise
        self._working.add(future)
        future.add_done_callback(self._working.discard)
        return future

    def wait_for(self, coming: Future[Any], fragment: Fragment | None = None) -> Any:
        """Wait for work, and return its result; `fragment` is whom its failure is blamed on."""
        try:
            while not coming.done():
                wait((coming,), _STEP_SECONDS)
            return coming.result()
        except WayfedError:
            raise
        except Exception as error:  # raised again, with its first cause
            if fragment is None:
                raise
            failure = self._failure(error, fragment)
            raise failure from failure.__cause__ or error

    def _failure(self, error: Exception, fragment: Fragment) -> WayfedError:
        """Return the error to raise for what an engine or a transfer raised."""
        told = _first_of_ours(error)
        if told is not None:
            return told
        if self.token.cancelled:
            return Cancelled(f"the run was stopped: {self.token.reason}")
        return ExecutionError(
            f"{type(error).__name__}: {error}",
            platform=fragment.platform,
            fragment=fragment.id,
            sql=self.stages.compiled[fragment.id].text,
            failure=Failure.LOST if isinstance(error, ImportError) else Failure.FINAL,
        )


def _placements(fragments: Iterable[Fragment]) -> tuple[Placement, ...]:
    return tuple(Placement(fragment.id, fragment.platform) for fragment in fragments)


def _first_of_ours(error: BaseException | None) -> WayfedError | None:
    """Return our own error that an engine wrapped in one of its own, if it did."""
    while error is not None:
        if isinstance(error, WayfedError):
            return error
        error = error.__cause__ or error.__context__
    return None
