"""A plan at work: what its fragments have given, what was counted of them, and its loops.

Where the rest of a run is planned again, another one takes its place.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from wayfed.execution.bodies import producers
from wayfed.execution.keeping import keep
from wayfed.execution.lookups import Lookup
from wayfed.execution.loops import Loop
from wayfed.execution.meter import Meter, State
from wayfed.execution.recovering import AGAIN, line_of
from wayfed.execution.report import FragmentReport, Recovery
from wayfed.execution.scope import Scope
from wayfed.execution.watching import Watch
from wayfed_optimizer.errors import Cancelled, ExecutionError, Failure, WayfedError
from wayfed_optimizer.physical import Exchange, LoopInput, SourceInput
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE, Abandoning
from wayfed_optimizer.relations import FirstMatches, Iterate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wayfed.execution.journal import Journal
    from wayfed.execution.run import RunResources
    from wayfed.execution.watching import Seen
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Channel, Conversion, Run
    from wayfed_optimizer.stages import Stages

_IN_PROCESS: Final[Mapping[tuple[Channel, Channel], Callable[[Any, Run], Any]]] = {
    (ARROW_STREAM, ARROW_TABLE): keep,
    (ARROW_TABLE, ARROW_STREAM): lambda table, _: table.to_reader(),
}


class Following:
    """A plan that a run follows; its methods may be called by any thread of the run.

    Parameters
    ----------
    stages, environment
        The plan, and what it was placed in.
    resources
        The run's sessions and snapshots.
    journal
        Is told of fragments that were tried again.
    meters
        Of fragments that another plan had begun, and this one goes on with.
    """

    def __init__(
        self,
        stages: Stages,
        environment: Environment,
        resources: RunResources,
        journal: Journal,
        meters: Mapping[str, Meter],
    ) -> None:
        self.stages, self.environment, self.plan = stages, environment, stages.physical
        self.scope = Scope()
        self.watch = Watch(stages, environment)
        self._resources = resources
        self._token = resources.run.token
        self._journal = journal
        self._meters = {f.id: meters.get(f.id) or Meter() for f in self.plan.fragments}
        self._metrics: dict[str, Mapping[str, float]] = {}
        self._abandoned: set[str] = set()
        self._loops = dict(self._loops_of(environment))

    def _loops_of(self, environment: Environment) -> Iterator[tuple[str, Loop | Lookup]]:
        for fragment in self.plan.fragments:
            match fragment.relation:
                case Iterate(variable=variable):
                    line = environment.lines.get(variable)
                    yield fragment.id, Loop(fragment, self.plan, self, line)
                case FirstMatches():
                    yield fragment.id, Lookup(fragment, self.plan, self)

    @property
    def tables(self) -> list[str]:
        """The sources that the plan reads."""
        tables = [
            source.table
            for fragment in self.plan.fragments
            for source in fragment.inputs.values()
            if isinstance(source, SourceInput)
        ]
        return list(dict.fromkeys(tables))

    @property
    def unfinished(self) -> list[str]:
        """What to warn of: loops that came to their limits."""
        return [loop.unfinished for loop in self._loops.values() if loop.unfinished]

    def left(self) -> list[Fragment]:
        """Return the fragments that are still to be run, those inside of loops aside."""
        done = self.scope.values
        return [f for f in self.plan.fragments if f.inside is None and f.id not in done]

    def needed_by(self, fragment: Fragment) -> set[str]:
        """Return the fragments outside of loops that one reads, itself or in its loop's body."""
        found: set[str] = set()
        waiting = producers(fragment.inputs)
        while waiting:
            each = self.plan.fragment(waiting.pop())
            if each.inside is None:
                found.add(each.id)
            else:
                waiting += producers(each.inputs)
        return found

    def note(self, fragment: Fragment, seen: Seen) -> None:
        """Take what a fragment gave, which may have been begun by an earlier plan."""
        self.scope.values[fragment.id] = seen.value
        self.watch.note(fragment, seen)

    def meter(self, fragment: str) -> Meter:
        """Return what counts the rows of a fragment."""
        return self._meters[fragment]

    def can_abandon(self, fragment: Fragment) -> bool:
        """Say whether a fragment at work can be stopped for itself."""
        session = self._resources.opened(fragment.platform)
        return fragment.id not in self._loops and isinstance(session, Abandoning)

    def abandon(self, fragment: Fragment) -> None:
        """Stop a fragment at work whose rows nobody will read."""
        self._abandoned.add(fragment.id)
        session = self._resources.opened(fragment.platform)
        if isinstance(session, Abandoning):
            session.abandon(fragment.id)

    def run_watched(self, fragment: Fragment) -> Seen:
        """Run a fragment and count its first rows; again where it fails in a way that may pass.

        Nobody has seen any of its rows before, and what it reads can be read again.
        """
        pauses = iter(AGAIN if self._reads_again(fragment) else ())
        while True:
            try:
                return self.watch.look_ahead(fragment, self.run_fragment(fragment, self.scope))
            except WayfedError as error:
                pause = next(pauses, None)
                wanted = fragment.id not in self._abandoned
                if error.failure is not Failure.TRANSIENT or pause is None or not wanted:
                    raise
                self._journal.recoveries.append(
                    Recovery(fragment.id, fragment.platform, line_of(error), "retried", pause)
                )
                self._token.wait(pause)
                self._meters[fragment.id].reset()

    def _reads_again(self, fragment: Fragment) -> bool:
        sources = fragment.inputs.values()
        if fragment.id in self._loops:
            return False
        return all(
            self.plan.fragment(each.fragment).output.reusable
            if isinstance(each, Exchange)
            else isinstance(each, SourceInput) and self._resources.repeatable(each.table)
            for each in sources
        )

    def run_fragment(self, fragment: Fragment, scope: Scope) -> Any:
        """Run one fragment and return the value of its output channel."""
        self._token.raise_if_cancelled()
        meter = self._meters[fragment.id]
        meter.state = State.RUNNING
        try:
            if fragment.id in self._loops:
                return meter.through(self._run_loop(fragment, scope))
            inputs = {name: self.input(name, fragment, scope) for name in fragment.inputs}
            session = self._resources.session(fragment.platform)
            before = perf_counter()
            value = session.execute(fragment, self.stages.compiled[fragment.id], inputs)
            meter.seconds += perf_counter() - before
            return meter.through(value)
        except WayfedError:
            raise
        except Exception as error:  # noqa: BLE001  # raised again, with its first cause
            failure = self.failure(error, fragment)
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
        producer = self.plan.fragment(source.fragment)

        def convert(conversion: Conversion, value: Any) -> Any:
            self._token.raise_if_cancelled()
            return self._convert(conversion, value, producer)

        if source.kept:
            return holder.kept(source, convert)
        value = holder.values[source.fragment]
        for conversion in source.conversions:
            value = convert(conversion, value)
        return value

    def as_stream(self, value: Any) -> Any:
        """Return the result's rows, which the last fragment gave in its channel, as a stream."""
        for conversion in self.stages.placed.way.conversions:
            value = self._convert(conversion, value, self.plan.result)
        return value

    def _convert(self, conversion: Conversion, value: Any, producer: Fragment) -> Any:
        if conversion.by is not None:
            session = self._resources.session(conversion.by)
            return session.ingest(producer.id, value, conversion.source, conversion.target)
        if conversion.convert is not None:
            return conversion.convert(value, self._resources.run)
        return _IN_PROCESS[conversion.source, conversion.target](value, self._resources.run)

    def finish(self) -> None:
        """Ask the engines what they counted."""
        for fragment in self.plan.fragments:
            session = self._resources.session(fragment.platform)
            self._metrics[fragment.id] = session.metrics(fragment)

    def report(self, fragment: Fragment) -> FragmentReport:
        """Return what was counted so far of a fragment."""
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
        meter, session = self._meters[fragment.id], self._resources.opened(fragment.platform)
        if fragment.id in self._metrics or session is None or meter.state is State.WAITING:
            return self._metrics.get(fragment.id, {})
        return session.metrics(fragment)

    def failure(self, error: Exception, fragment: Fragment) -> WayfedError:
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
            sql=self.stages.compiled[fragment.id].text,
            failure=Failure.LOST if isinstance(error, ImportError) else Failure.FINAL,
        )


def _first_of_ours(error: BaseException | None) -> WayfedError | None:
    """Return our own error that an engine wrapped in one of its own, if it did."""
    while error is not None:
        if isinstance(error, WayfedError):
            return error
        error = error.__cause__ or error.__context__
    return None
