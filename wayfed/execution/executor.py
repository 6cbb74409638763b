"""A run as its caller sees it: a stream of rows, what was counted, and an end.

What fails before the first row was handed out is tried again, or elsewhere, where that may help.
"""

from __future__ import annotations

from contextlib import ExitStack
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wayfed.execution.attempt import Attempt
from wayfed.execution.journal import Journal
from wayfed.execution.keeping import keep
from wayfed.execution.recovering import Recoveries, pause
from wayfed.execution.report import Report
from wayfed_arrow import Stream
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import WayfedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    import pyarrow as pa

    from wayfed.execution.run import RunResources
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.stages import Stages


def execute(
    stages: Stages,
    environment: Environment,
    *,
    token: CancellationToken | None = None,
    watch: Callable[[Execution], None] = lambda execution: None,
    done: Callable[[Execution], None] = lambda execution: None,
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
    done
        Is told of it when its result was read to the end.

    Raises
    ------
    ExecutionError, SourceChanged, Cancelled
        What went wrong first; every other engine of the run is stopped and everything released.
    """
    execution = Execution(stages, environment, token or CancellationToken(), done)
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

    def __init__(
        self,
        stages: Stages,
        environment: Environment,
        token: CancellationToken,
        done: Callable[[Execution], None],
    ) -> None:
        self._token = token
        self._done = done
        self._journal = Journal()
        self._recoveries = Recoveries(stages, environment)
        self._began = perf_counter()
        self._ended: float | None = None
        self._ending = Lock()
        self._attempt = Attempt(stages, environment, self._journal)
        # Whoever cancels the run, a context that is closed too, ends it also where nobody reads.
        self._registered = ExitStack()
        self._registered.enter_context(token.calling(self._stop))

    @property
    def name(self) -> str:
        """The run's id, with which its jobs and temporary things are named."""
        return self._resources.run.id

    @property
    def ended(self) -> bool:
        """Whether the run is over."""
        return self._ended is not None

    @property
    def stages(self) -> Stages:
        """The plan that is followed: another one than at first, where it was changed on the way."""
        return self._attempt.stages

    @property
    def environment(self) -> Environment:
        """What that plan was placed in; the rows of fragments that were kept are sources there."""
        return self._attempt.environment

    @property
    def kept(self) -> tuple[Fragment, ...]:
        """The fragments that are not of that plan, but of one before, and whose rows it reads."""
        return tuple(self._attempt.kept)

    @property
    def report(self) -> Report:
        """What the run counted so far; complete at the end of the stream.

        Any thread may ask for it while the run goes on.
        """
        seconds = (self._ended or perf_counter()) - self._began
        journal = self._journal
        return Report(
            self._attempt.counted(),
            seconds,
            tuple(journal.replannings),
            tuple(journal.recoveries),
        )

    def start(self) -> None:
        """Run everything up to the first rows of the result."""
        from wayfed_arrow import arrow_schema

        with self._ending_on_failure():
            rows = self._first()
            schema = arrow_schema(self.stages.logical.schema)
            self.stream = Stream(schema, self._pull(rows), self._end, self.close)

    def keep(self) -> pa.Table:
        """Read the result to its end; where it is large it takes a file's space, not memory."""
        return keep(self.stream, self._resources.run)

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

    @property
    def _resources(self) -> RunResources:
        return self._attempt.resources

    def _first(self) -> Any:
        """Return the stream of the result, from an attempt that got so far."""
        while True:
            try:
                return self._attempt.first()
            except WayfedError as error:
                self._begin_anew(error)

    def _begin_anew(self, error: WayfedError) -> None:
        """Make another attempt; raise the error where that is of no use, or forbidden."""
        failed = self._attempt
        if not failed.resources.can_begin_again:
            raise error
        recovery = self._recoveries.recover(error, failed.culprit, self._token)
        self._journal.recoveries.append(recovery)
        failed.end("it is begun anew")
        pause(recovery.seconds, self._token)
        with self._ending:
            self._token.raise_if_cancelled()
            self._attempt = Attempt(
                self._recoveries.stages, self._recoveries.environment, self._journal
            )

    def _pull(self, rows: Any) -> Iterator[Any]:
        """Yield the batches of the result, the next one being made while one is used."""
        with self._ending_on_failure():
            coming = self._attempt.next_of(rows)
            while True:
                try:
                    batch = self._attempt.batch(coming)
                    break
                except WayfedError as error:  # nobody has seen a row yet
                    self._begin_anew(error)
                    rows = self._first()
                    coming = self._attempt.next_of(rows)
            attempt = self._attempt
            while batch is not None:
                coming = attempt.next_of(rows)
                yield batch
                batch = attempt.batch(coming)
            attempt.finish()
            self._end()
            self._done(self)

    def _ending_on_failure(self) -> _EndingOnFailure:
        return _EndingOnFailure(self._abort)

    def _abort(self, error: BaseException) -> None:
        reason = "Ctrl-C" if isinstance(error, KeyboardInterrupt) else type(error).__name__
        if self._ended is None:
            self._token.cancel(reason)
            self._end()

    def _stop(self) -> None:
        """Pass on that the run was cancelled, and end it."""
        self._attempt.token.cancel(self._token.reason)
        self._end()

    def _end(self) -> None:
        with self._ending:
            if self._ended is not None:
                return
            self._ended = perf_counter()
            self._registered.close()
            # Of an attempt that has just been made, nobody has stopped anything yet.
            self._attempt.end(self._token.reason if self._token.cancelled else None)


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
