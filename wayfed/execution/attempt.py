"""One try at a run: fragments, each as soon as what it reads is there, up to the first rows.

Engines work in threads of their own, also while the result is read: the calling thread only waits,
so that Ctrl-C reaches it at once and is passed on to every engine by the run's token.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from wayfed.execution.following import Following
from wayfed.execution.report import Placement, Replanning
from wayfed.execution.run import RunResources
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import NotConverged, WayfedError, warn_user
from wayfed_optimizer.replanning import replan, same_work

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from wayfed.execution.journal import Journal
    from wayfed.execution.meter import Meter
    from wayfed.execution.report import FragmentReport
    from wayfed_arrow import Stream
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import Fragment
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
        """The platform of the fragment that failed."""
        self.kept: list[Fragment] = []
        """The fragments of plans that were followed before, whose rows were kept."""
        self._journal = journal
        self._workers = ThreadPoolExecutor(_THREADS, thread_name_prefix=self.resources.run.id)
        self._working: set[Future[Any]] = set()
        self._kept: dict[str, FragmentReport] = {}
        self._taken: set[str] = set()
        self._learned: Mapping[Relation, Estimate] = {}
        self._replannings = 0
        self._follow(stages, environment, {})

    def _follow(
        self, stages: Stages, environment: Environment, meters: Mapping[str, Meter]
    ) -> None:
        self._taken.update(fragment.id for fragment in stages.physical.fragments)
        self._following = Following(stages, environment, self.resources, self._journal, meters)

    @property
    def stages(self) -> Stages:
        """The plan that is followed."""
        return self._following.stages

    @property
    def environment(self) -> Environment:
        """What that plan was placed in."""
        return self._following.environment

    def first(self) -> Any:
        """Run everything up to the first rows of the result, and return the stream of them."""
        from wayfed_arrow import conform

        tables = self._following.tables
        for store in self.resources.stores_of(tables):
            self._opened(store)
        self.wait_for(self.submit(self.resources.take_snapshots, tables))
        value = self._run_fragments()
        for told in self._following.unfinished:
            warn_user(f"{told}: raise max_iterations", NotConverged)
        coming = self.submit(self._following.as_stream, value)
        moved = self.wait_for(coming, self._following.plan.result)
        return conform(moved, self.stages.logical.schema)

    def _opened(self, platform: str) -> None:
        """Open the run's session on a platform, which may let it wait for its turn."""
        try:
            self.wait_for(self.submit(self.resources.session, platform))
        except WayfedError:
            self.culprit = platform
            raise

    def next_of(self, rows: Stream) -> Future[Any]:
        """Return the next batch of the result, or None at its end, once it is there."""
        return self.submit(next, rows, None)

    def batch(self, coming: Future[Any]) -> Any:
        """Wait for a batch of the result."""
        return self.wait_for(coming, self._following.plan.result)

    def finish(self) -> None:
        """Look at the sources again, and ask the engines what they counted.

        Raises
        ------
        SourceChanged
            Where a source is not what it was at the beginning.
        """
        self.resources.verify_sources()
        self._following.finish()

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
        following = self._following
        return self._kept | {f.id: following.report(f) for f in following.plan.fragments}

    def _run_fragments(self) -> Any:
        """Run every fragment after those it reads, independent ones at the same time.

        Those inside of loops are run by their loops, one after the other.
        """
        waiting = self._following.left()
        running: dict[Future[Any], Fragment] = {}
        while waiting or running:
            following = self._following
            surprise = self._surprise()
            if surprise is not None and all(map(following.can_abandon, running.values())):
                running = self._plan_again(surprise, running)
                at_work = {fragment.id for fragment in running.values()}
                waiting = [f for f in self._following.left() if f.id not in at_work]
                continue
            done = following.scope.values.keys()
            ready = [f for f in waiting if surprise is None and following.needed_by(f) <= done]
            for fragment in ready:
                waiting.remove(fragment)
                running[self.submit(following.run_watched, fragment)] = fragment
            wait(running, _STEP_SECONDS, FIRST_COMPLETED)
            # Asked one by one: to wait(), work that was cancelled before it began is never done.
            for future in [each for each in running if each.done()]:
                fragment = running.pop(future)
                try:
                    seen = self.wait_for(future, fragment)
                except WayfedError:
                    self.culprit = fragment.platform
                    raise
                following.note(fragment, seen)
        self._following.watch.ended.clear()
        return self._following.scope.values[self._following.plan.result.id]

    def _surprise(self) -> Fragment | None:
        # What has begun may be asked for once more by another plan.
        if self._replannings >= _MOST_REPLANNINGS or not self.resources.can_begin_again:
            return None
        return self._following.watch.surprise(self._following.plan.fragments)

    def _plan_again(
        self, surprise: Fragment, running: dict[Future[Any], Fragment]
    ) -> dict[Future[Any], Fragment]:
        """Plan the rest again, because a fragment gave other rows than were believed.

        Returns what goes on running.
        """
        self._replannings += 1
        following, began = self._following, perf_counter()
        watch = following.watch
        rest = replan(
            self.stages,
            self.environment,
            watch.counted,
            watch.ended,
            taken=self._taken,
            learned=self._learned,
        )
        seconds = perf_counter() - began
        self._learned = rest.learned
        before = tuple(f for f in following.plan.fragments if f.id not in rest.kept)
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
            return running
        return self._change_to(rest.stages, rest, running)

    def _change_to(
        self, stages: Stages, rest: Rest, running: dict[Future[Any], Fragment]
    ) -> dict[Future[Any], Fragment]:
        before = self._following
        old, values = before.plan.fragments, before.scope.values
        self.resources.add_sources({name: before.watch.ended[name] for name in rest.kept})
        kept = [f for f in old if f.id in rest.kept]
        self.kept += kept
        self._kept |= {f.id: replace(before.report(f), kept=True) for f in kept}
        begun = {f.id for f in old if f.id in values} | {f.id for f in running.values()}
        read = {name for f in old if f.id in begun for name in before.needed_by(f)}
        whole = [f for f in old if f.id in begun and (f.output.reusable or f.id not in read)]
        going_on = dict(_going_on(whole, stages.physical.fragments))
        if self._leave(before, running, going_on.keys()):
            for name in values.keys() - going_on.keys() - set(rest.kept):
                _close(values[name])
        meters = {new.id: before.meter(name) for name, new in going_on.items()}
        self._follow(stages, rest.environment, meters)
        scope = self._following.scope
        scope.values.update(
            {going_on[name].id: values[name] for name in going_on.keys() & values.keys()}
        )
        return {
            future: going_on[fragment.id]
            for future, fragment in running.items()
            if fragment.id in going_on
        }

    def _leave(
        self,
        following: Following,
        running: Mapping[Future[Any], Fragment],
        going_on: Collection[str],
    ) -> bool:
        """Stop the fragments that the next plan has no use for; say whether all have ended in time.

        What they read can be closed then. The rows of those that have not are let go of when they
        come, and what they read at the run's end.
        """
        left = {future: f for future, f in running.items() if f.id not in going_on}
        for fragment in left.values():
            following.abandon(fragment)
        end = perf_counter() + _GRACE_SECONDS
        while not all(future.done() for future in left) and perf_counter() < end:
            wait(left, _STEP_SECONDS)
            self.token.raise_if_cancelled()
        for future in left:
            future.add_done_callback(_let_go)
        return all(future.done() for future in left)

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
            self.token.raise_if_cancelled()  # it is what comes of that
            if fragment is None:
                raise
            failure = self._following.failure(error, fragment)
            raise failure from failure.__cause__ or error


def _going_on(old: Iterable[Fragment], new: Iterable[Fragment]) -> Iterable[tuple[str, Fragment]]:
    """Yield the fragments that a new plan goes on with: their old ids, and what they are there."""
    left = list(old)
    for fragment in new:
        same = next((f for f in left if same_work(f, fragment)), None)
        if same is not None:
            left.remove(same)
            yield same.id, fragment


def _let_go(future: Future[Any]) -> None:
    """Let go of the rows of a fragment that nobody reads, once it has ended."""
    if not future.cancelled() and future.exception() is None:
        _close(future.result().value)


def _close(value: Any) -> None:
    """Let go of a fragment's rows, where they are a stream."""
    if (close := getattr(value, "close", None)) is not None:
        close()


def _placements(fragments: Iterable[Fragment]) -> tuple[Placement, ...]:
    return tuple(Placement(fragment.id, fragment.platform) for fragment in fragments)
