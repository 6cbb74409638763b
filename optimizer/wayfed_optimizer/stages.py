"""The stages of a plan, in order and each inspectable: logical, rewritten, placed, physical."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING

from wayfed_optimizer.errors import InvalidPlan, PlanError
from wayfed_optimizer.placement import Loops, Memo, Placed, cut, place, with_checkpoints
from wayfed_optimizer.placement.hints import require_consistent
from wayfed_optimizer.placement.room import require_room
from wayfed_optimizer.relations import Read, walk_once
from wayfed_optimizer.rewrite import ALTERNATIVES, Rewritten, alternatives_of, rewrite
from wayfed_optimizer.statistics import Cardinalities, TableStatistics

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from wayfed_optimizer.dependencies import Keys
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import PhysicalPlan
    from wayfed_optimizer.platform import Compiled
    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.rewrite import Alternative
    from wayfed_optimizer.statistics import Estimate


@dataclass(frozen=True, slots=True)
class Stages:
    """A plan at each stage of its way to execution.

    Parameters
    ----------
    logical
        As the user wrote it.
    rewritten
        After the normalising rules, and which of them did something.
    placed
        With a platform for each part.
    physical
        As fragments and exchanges.
    compiled
        For each fragment, by id, what its platform will be asked.
    seconds
        What planning itself took, by stage.
    cached
        Whether the plan was made before, and is used again.
    """

    logical: Relation
    rewritten: Rewritten
    placed: Placed
    physical: PhysicalPlan
    compiled: Mapping[str, Compiled]
    seconds: Mapping[str, float]
    cached: bool = False


def plan(relation: Relation, environment: Environment) -> Stages:
    """Take a logical plan through all stages; reads statistics, moves no rows.

    Raises
    ------
    Unsupported
        Where no platform can run some part; with each platform's reason.
    PlanError
        Where the plan is hundreds of operations deep.
    """
    try:
        return _plan(relation, environment)
    except RecursionError as error:
        raise PlanError(
            "the plan is nested too deeply to be planned",
            hint="keep an intermediate result with .cache(), and go on from there",
        ) from error


def _plan(relation: Relation, environment: Environment) -> Stages:
    clock = [perf_counter()]
    loops = Loops(relation, environment.sources)
    _require_tables(relation, loops, environment)
    require_consistent(relation)
    known = known_tables(relation, loops, environment)
    clock.append(perf_counter())
    rewritten = rewrite(relation, _keys_of(known))
    clock.append(perf_counter())
    stages = place_rewritten(relation, rewritten, environment, known)
    seconds = {"statistics": clock[1] - clock[0], "rewrite": clock[2] - clock[1]}
    return replace(stages, seconds={**seconds, **stages.seconds})


def known_tables(
    relation: Relation, loops: Loops, environment: Environment
) -> dict[str, TableStatistics]:
    """Return what is known of the tables that a plan reads."""
    return {
        node.table: environment.statistics_of(node.table)
        for node in walk_once(relation)
        if isinstance(node, Read) and node.table not in loops
    }


def place_rewritten(
    logical: Relation,
    rewritten: Rewritten,
    environment: Environment,
    known: Mapping[str, TableStatistics],
    *,
    assumed: Mapping[Relation, Estimate] = MappingProxyType({}),
    taken: Collection[str] = (),
    rules: Collection[Alternative] = ALTERNATIVES,
) -> Stages:
    """Take a plan that is rewritten already through the stages that are left.

    Parameters
    ----------
    logical, rewritten
        The plan, as it was written and as it is to be placed.
    environment
        What it is placed in.
    known
        What is known of its tables.
    assumed
        How many rows some of its relations have, whatever their tables' statistics say.
    taken
        Names that its fragments may not have.
    rules
        The alternative rules to choose among.
    """
    clock = [perf_counter()]
    loops = Loops(rewritten.relation, environment.sources)

    def statistics(table: str) -> TableStatistics:
        if table in loops:
            return TableStatistics(loops.rows(table, rows))
        return known.get(table) or environment.statistics_of(table)

    rows = Cardinalities(cache(statistics), environment.observed)
    rows.heed(rewritten.relation)
    for relation, estimate in assumed.items():
        rows.assume(relation, estimate)
    alternatives = partial(alternatives_of, rules=rules)
    memo = Memo(alternatives, environment.sources, _keys_of(known), rows)
    placed = place(rewritten.relation, environment, rows, memo, loops)
    require_room(placed, environment, rows)
    placed = with_checkpoints(placed, environment, rows)
    clock.append(perf_counter())
    physical = cut(placed, environment, rows, taken)
    clock.append(perf_counter())
    compiled = {
        fragment.id: environment.platforms[fragment.platform].compile(fragment, environment.sources)
        for fragment in physical.fragments
    }
    clock.append(perf_counter())
    names = ("place", "cut", "compile")
    seconds = {name: clock[i + 1] - clock[i] for i, name in enumerate(names)}
    return Stages(logical, rewritten, placed, physical, compiled, seconds)


def _keys_of(known: Mapping[str, TableStatistics]) -> Keys:
    return lambda table: known[table].keys if table in known else ()


def _require_tables(relation: Relation, loops: Loops, environment: Environment) -> None:
    """Raise InvalidPlan where a plan reads the rows of a loop that is no part of it."""
    for node in walk_once(relation):
        if not isinstance(node, Read) or node.table in loops:
            continue
        if node.table not in environment.sources:
            line = environment.lines.get(node.table, node.table)
            raise InvalidPlan(
                f"the rows of the loop at {line} are read outside of it",
                hint="what a loop's body is given is for the plan that it returns",
            )
