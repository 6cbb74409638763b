"""The plans of a context: made with what is known of tables, kept, and corrected by what was seen.

A plan is used again where it would be made again: for the same relation, over tables of which the
same is known, on the same platforms. What a run counts is remembered; a plan whose estimates were
wrong is made anew the next time.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from wayfed.statistics import SECONDS, Gatherer, Observations
from wayfed_optimizer.errors import StatisticsMissing, warn_user
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE
from wayfed_optimizer.relations import reads
from wayfed_optimizer.statistics import Provenance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.execution import Execution
    from wayfed_optimizer.cost import CostProfile
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.stages import Stages

    Key: TypeAlias = tuple[Any, ...]

MOST_PLANS: Final = 256
"""So many plans are kept, the last used the longest."""
_COUNTED: Final = frozenset({ARROW_STREAM, ARROW_TABLE})
"""The channels whose rows pass through this process."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what it was made with.

    Parameters
    ----------
    stages
        The plan.
    environment
        The platforms and sources, and what is known of the tables.
    key
        Under which the plan is kept.
    versions
        Of the rows of its tables, where they are known.
    """

    stages: Stages
    environment: Environment
    key: Key
    versions: Mapping[str, str]


class Plans:
    """Makes plans, and keeps them; safe across threads.

    Parameters
    ----------
    seconds
        How long a plan waits for stores to tell what they know.
    remembers
        Whether counts of earlier runs are used.
    """

    def __init__(self, *, seconds: float = SECONDS, remembers: bool = True) -> None:
        self._gatherer = Gatherer(seconds)
        self._observations = Observations()
        self._remembers = remembers
        self._lock = Lock()
        self._kept: OrderedDict[Key, tuple[Stages, Mapping[str, CostProfile]]] = OrderedDict()

    def plan(self, relation: Relation, environment: Environment) -> Planned:
        """Return a plan for a relation: one that was made before, where it still holds."""
        from wayfed_optimizer.stages import plan

        began = perf_counter()
        tables = sorted({read.table for read in reads(relation)} & environment.sources.keys())
        gathered = self._gatherer.gather({name: environment.sources[name] for name in tables})
        for trouble in gathered.troubles:
            warn_user(trouble, StatisticsMissing)
        environment = replace(environment, statistics=gathered.statistics)
        if self._remembers:
            environment = replace(environment, observed=self._observations.of(gathered.versions))
        key = (
            relation,
            environment.objective,
            tuple((name, gathered.numbers[name]) for name in tables),
            tuple((name, each.started()) for name, each in environment.platforms.items()),
        )
        costs = {name: environment.costs_of(name) for name in environment.platforms}
        asked = perf_counter()
        stages = self._known(key, costs, environment)
        if stages is not None:
            seconds = {"statistics": asked - began, "cache": perf_counter() - asked}
            stages = replace(stages, logical=relation, seconds=seconds, cached=True)
        else:
            stages = plan(relation, environment)
            seconds = {**stages.seconds, "statistics": stages.seconds["statistics"] + asked - began}
            stages = replace(stages, seconds=seconds)
            self._keep(key, stages, costs)
        return Planned(stages, environment, key, gathered.versions)

    def learn(self, planned: Planned, execution: Execution) -> None:
        """Remember what a run counted that was read to its end.

        Where a count was not what the plan was made for, the next plan is another one.
        """
        if not self._remembers:
            return
        surprised = False
        report = execution.report
        for fragment in (*execution.kept, *execution.stages.physical.fragments):
            counted = report.fragments.get(fragment.id)
            if counted is None or not _is_whole(fragment, counted) or fragment.computes is None:
                continue
            if self._observations.record(fragment.computes, counted.rows, planned.versions):
                surprised = surprised or _is_news(fragment, counted.rows)
        if surprised:
            with self._lock:
                self._kept.pop(planned.key, None)

    def clear(self) -> None:
        """Forget all plans."""
        with self._lock:
            self._kept.clear()

    def _known(
        self, key: Key, costs: Mapping[str, CostProfile], environment: Environment
    ) -> Stages | None:
        with self._lock:
            found = self._kept.get(key)
            if found is None or found[1] != costs:
                return None
            stages = found[0]
            # Fragments are read by their names; a table may have one of them by now.
            if any(f.id in environment.sources for f in stages.physical.fragments):
                return None
            self._kept.move_to_end(key)
            return stages

    def _keep(self, key: Key, stages: Stages, costs: Mapping[str, CostProfile]) -> None:
        with self._lock:
            self._kept[key] = stages, costs
            while len(self._kept) > MOST_PLANS:
                self._kept.popitem(last=False)


def _is_whole(fragment: Fragment, counted: Any) -> bool:
    """Say whether all rows of a fragment were counted, and once."""
    from wayfed.execution.meter import State

    once = fragment.inside is None and counted.runs == 1
    return once and counted.state is State.DONE and fragment.output in _COUNTED


def _is_news(fragment: Fragment, rows: int) -> bool:
    estimated = fragment.rows
    if estimated.provenance is Provenance.OBSERVED:
        return False
    return not estimated.low <= rows <= estimated.high
