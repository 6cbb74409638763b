"""Plans the rest of a plan again, with what was counted while the first part of it ran.

What has ended is a table of the new plan, or is computed again where that is cheaper; what has
begun is estimated from what it gave so far. Planning again is worth its time only where the counts
are outside of what was believed, and could have led to another choice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from wayfed_optimizer.errors import PlanError
from wayfed_optimizer.physical import Exchange, SourceInput
from wayfed_optimizer.placement import Loops
from wayfed_optimizer.relations import Filter, Hint, Read, Relation, Select, Sort
from wayfed_optimizer.rewrite import ALTERNATIVES, Rewritten
from wayfed_optimizer.stages import known_tables, place_rewritten
from wayfed_optimizer.statistics import Estimate
from wayfed_optimizer.statistics.estimates import Provenance

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import Fragment, PhysicalPlan
    from wayfed_optimizer.placement import Arrival, Choice
    from wayfed_optimizer.platform import Source
    from wayfed_optimizer.rewrite import Alternative
    from wayfed_optimizer.stages import Stages

_SECONDS_A_ROW: Final = 2e-6
"""About what a row costs at most that is fetched from a store and joined elsewhere."""

_SECONDS_TO_PLAN: Final = 0.01
"""Not what it took here: the same counts lead to the same plan, however busy a machine is."""

_TIMES: Final = 2.0
"""What is left is planned once more only where it is so many times what planning takes."""

_TIMES_MORE: Final = 8.0
"""The same where a better plan is found already: one that is better still gains less."""

_WIDEST: Final = 10.0
"""An interval that is wider says nothing: what is as far from the likely value is news."""

_FARTHEST: Final = 1_000.0
_BETTER: Final = 0.95
"""What another plan may cost, as a part of what going on does: counts are not whole yet, and what
has begun is lost.
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """The rows that a fragment has given.

    Parameters
    ----------
    rows
        How many, so far.
    complete
        Whether there are no more.
    """

    rows: int
    complete: bool

    def differs(self, estimated: Estimate) -> bool:
        """Say whether that is not what was believed, or only in a way that says nothing.

        Examples
        --------
        >>> Counted(60, complete=False).differs(Estimate(50, 100, 200))
        False
        >>> Counted(3, complete=True).differs(Estimate(50, 100, 200))
        True
        """
        most = min(estimated.high, estimated.likely * _WIDEST)
        least = max(estimated.low, estimated.likely / _WIDEST)
        return self.rows > most or (self.complete and self.rows < least)

    def matters(self, estimated: Estimate) -> bool:
        """Say whether the difference may cost more than planning again does."""
        found = self.estimate(estimated).likely
        return abs(found - estimated.likely) * _SECONDS_A_ROW > _SECONDS_TO_PLAN

    def estimate(self, estimated: Estimate) -> Estimate:
        """Return what is to be believed now.

        A count that is not complete and has passed what was believed is taken to be as far, by
        its ratio, from the end as from what was believed.

        Examples
        --------
        >>> Counted(60_000, complete=False).estimate(Estimate(500, 1_000, 2_000)).likely
        3600000.0
        """
        if self.complete:
            return Estimate.exactly(self.rows, Provenance.OBSERVED)
        if self.rows <= estimated.high:
            return replace(
                estimated,
                low=max(estimated.low, self.rows),
                likely=max(estimated.likely, self.rows),
            )
        ratio = min(_FARTHEST, self.rows / max(1.0, estimated.likely))
        return Estimate(
            self.rows, self.rows * ratio, self.rows * ratio**2, 0.5, Provenance.OBSERVED
        )


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left to do of a plan, planned again.

    Parameters
    ----------
    stages
        The plan of it; None where that which is being followed is still the best.
    environment
        What it is placed in: the fragments that have ended are sources there, by their ids.
    kept
        The fragments whose rows it reads.
    learned
        What is to be believed of relations from now on, also when it is planned once more.
    """

    stages: Stages | None
    environment: Environment
    kept: tuple[str, ...]
    learned: Mapping[Relation, Estimate]


def replan(
    stages: Stages,
    environment: Environment,
    counted: Mapping[str, Counted],
    ended: Mapping[str, Source],
    *,
    taken: Collection[str],
    learned: Mapping[Relation, Estimate] = MappingProxyType({}),
) -> Rest:
    """Return the cheapest plan of what is left, if it is clearly cheaper than going on.

    Parameters
    ----------
    stages, environment
        The plan that is being followed.
    counted
        What its fragments have given, by id.
    ended
        The rows of those that have ended, and can be read again.
    taken
        The ids that fragments had before.
    learned
        What was learned when it was planned again before.
    """
    loops = Loops(stages.rewritten.relation, environment.sources)
    known = known_tables(stages.rewritten.relation, loops, environment)
    known |= {name: source.statistics() for name, source in ended.items()}
    larger = replace(environment, sources={**environment.sources, **ended})
    assumed = {**learned, **_assumed(stages, counted)}
    reads = _reads(stages.physical, ended)

    def planned(
        relation: Relation, rules: Collection[Alternative] = ALTERNATIVES
    ) -> tuple[float, Stages | None]:
        rest = Rewritten(relation, stages.rewritten.trace)
        try:
            found = place_rewritten(
                stages.logical, rest, larger, known, assumed=assumed, taken=taken, rules=rules
            )
        except PlanError:  # it cannot be placed so: not all that was chosen can be asked for
            return math.inf, None
        return _score(found, larger), found

    # As it is: an alternative that costs less now is another plan.
    going_on, _ = planned(_rebuilt(stages.placed.choice, reads, forced=True), rules=())
    worth = 0.0 if environment.objective == "bytes" else _SECONDS_TO_PLAN
    best, least = None, _BETTER * going_on
    for relation in dict.fromkeys(
        (
            _replaced(stages, reads),
            _rebuilt(stages.placed.choice, reads),
            stages.rewritten.relation,
        )
    ):
        if least <= (_TIMES if best is None else _TIMES_MORE) * worth:
            break
        score, found = planned(relation)
        if score < least:
            best, least = found, score
    left = [f for f in stages.physical.fragments if f.id not in ended]
    if best is None or _alike(left, best.physical.fragments):
        return Rest(None, environment, tuple(ended), assumed)
    return Rest(best, larger, _read_by(best.physical, ended), assumed)


def believed(stages: Stages) -> dict[str, Estimate]:
    """Return how many rows each fragment was placed for; a hint says more than the tables do."""
    fragments = stages.physical.fragments
    if not any(isinstance(relation, Hint) for relation in stages.physical.estimates):
        return {fragment.id: fragment.rows for fragment in fragments}
    asked = _asked(stages)
    found: dict[str, Estimate] = {}
    for fragment in fragments:
        computes = fragment.computes or fragment.relation
        hints = [r for r in asked.get((computes, fragment.platform), ()) if isinstance(r, Hint)]
        estimates = (stages.physical.estimates.get(hint) for hint in hints)
        found[fragment.id] = next(filter(None, estimates), fragment.rows)
    return found


def same_work(old: Fragment, new: Fragment) -> bool:
    """Say whether two fragments of two plans of a run give the same rows in the same form.

    What an old one reads of a fragment that has ended is a source, called as that, for a new one.
    """
    return (
        old.platform == new.platform
        and old.output == new.output
        and old.relation == new.relation
        and old.inside is None
        and new.inside is None
        and not any(isinstance(each, Exchange) for each in new.inputs.values())
    )


def _alike(old: Sequence[Fragment], new: Sequence[Fragment]) -> bool:
    """Say whether two plans of a rest do the same on the same platforms, whatever their names."""
    called: dict[str, str] = {}
    left = list(old)

    def as_before(relation: Relation) -> Relation:
        if isinstance(relation, Read) and relation.table in called:
            return Read(called[relation.table], relation.schema)
        return relation.with_below(as_before)

    for fragment in new:
        relation = as_before(fragment.relation)
        same = (f for f in left if (f.platform, f.relation) == (fragment.platform, relation))
        found = next(same, None)
        if found is None:
            return False
        left.remove(found)
        called[fragment.id] = found.id
    return not left


def _score(stages: Stages, environment: Environment) -> float:
    cost = stages.physical.cost
    return cost.moved if environment.objective == "bytes" else cost.seconds


def _read_by(plan: PhysicalPlan, ended: Mapping[str, Source]) -> tuple[str, ...]:
    read = {
        source.table
        for fragment in plan.fragments
        for source in fragment.inputs.values()
        if isinstance(source, SourceInput)
    }
    return tuple(name for name in ended if name in read)


_Ended: TypeAlias = "Mapping[tuple[Relation, str], Read]"


def _reads(plan: PhysicalPlan, ended: Mapping[str, Source]) -> _Ended:
    return {
        (fragment.computes, fragment.platform): Read(fragment.id, ended[fragment.id].schema)
        for fragment in plan.fragments
        if fragment.id in ended and fragment.computes is not None
    }


def _rebuilt(root: Choice, reads: _Ended, *, forced: bool = False) -> Relation:
    """Return the plan that is being followed, reading what has ended; the rest where it is."""
    done: dict[int, Relation] = {}

    def visit(choice: Choice) -> Relation:
        known = done.get(id(choice))
        if known is None:
            relation = choice.relation
            read = reads.get((relation, choice.platform))
            if read is not None:
                known = _with_columns_of(relation, read)
            elif choice.inputs:
                below = iter(choice.inputs)
                known = relation.with_below(lambda _: arriving(next(below)))
            else:
                known = relation
            done[id(choice)] = known
        return known

    def arriving(arrival: Arrival) -> Relation:
        below = visit(arrival.choice)
        if arrival.way is None or not forced or isinstance(below, Read):
            return below
        return Hint(below, arrival.choice.platform)

    rebuilt = visit(root)
    return Hint(rebuilt, root.platform) if forced else rebuilt


def _replaced(stages: Stages, reads: _Ended) -> Relation:
    """Return the plan as it was to be placed, reading what has ended wherever it has its like."""
    like: dict[Relation, Read] = {}
    for choice, asked in _with_asked(stages.placed.choice):
        read = reads.get((choice.relation, choice.platform))
        if read is not None:
            like.setdefault(choice.relation, read)
            like.setdefault(asked, read)
    done: dict[Relation, Relation] = {}

    def visit(relation: Relation) -> Relation:
        known = done.get(relation)
        if known is None:
            read = like.get(relation)
            known = _with_columns_of(relation, read) if read else relation.with_below(visit)
            done[relation] = known
        return known

    return visit(stages.rewritten.relation)


def _with_columns_of(relation: Relation, read: Read) -> Relation:
    """Return a read in the place of a relation; rows without columns were handed over with one."""
    return read if relation.schema.names else Select(read, ())


def _assumed(stages: Stages, counted: Mapping[str, Counted]) -> dict[Relation, Estimate]:
    """Return what is to be believed of relations, those below what was counted too."""
    asked = _asked(stages)
    rows = believed(stages)
    assumed: dict[Relation, Estimate] = {}
    for fragment in stages.physical.fragments:
        if fragment.id not in counted or fragment.computes is None:
            continue
        estimate = counted[fragment.id].estimate(rows[fragment.id])
        for relation in (fragment.computes, *asked.get((fragment.computes, fragment.platform), ())):
            assumed.update(_downwards(relation, estimate, stages.physical))
    return assumed


def _asked(stages: Stages) -> dict[tuple[Relation, str], dict[Relation, None]]:
    """Return, for what was chosen, the relations for which it was, in a fixed order."""
    asked: dict[tuple[Relation, str], dict[Relation, None]] = {}
    for choice, relation in _with_asked(stages.placed.choice):
        asked.setdefault((choice.relation, choice.platform), {})[relation] = None
    return asked


def _downwards(
    relation: Relation, estimate: Estimate, plan: PhysicalPlan
) -> Iterator[tuple[Relation, Estimate]]:
    """Yield a relation, and what lies below it and has as many rows, or at least as many."""
    yield relation, estimate
    while isinstance(relation, Select | Hint | Sort | Filter):
        filtered = isinstance(relation, Filter)
        relation = relation.input
        believed = plan.estimates.get(relation)
        if filtered and (believed is None or believed.likely >= estimate.likely):
            return
        yield relation, estimate


def _with_asked(root: Choice) -> Iterator[tuple[Choice, Relation]]:
    """Yield every choice, and the relation for which it was chosen among its equivalents."""
    waiting: list[tuple[Choice, Relation]] = [(root, root.relation)]
    seen: set[tuple[int, Relation]] = set()
    while waiting:
        choice, asked = waiting.pop()
        if (id(choice), asked) in seen:
            continue
        seen.add((id(choice), asked))
        yield choice, asked
        waiting.extend(
            (arrival.choice, below)
            for arrival, below in zip(choice.inputs, choice.relation.below, strict=False)
        )
