"""Whether what was placed has the memory that it cannot do without; said before anything runs.

An engine that puts on disk what does not fit needs little; one that has no disk holds all of it.
Only what is certain is refused: the fewest rows that there may be, and none of an engine's own.
"""

from __future__ import annotations

from math import ceil, isfinite
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.cost import held_bytes, least_bytes
from wayfed_optimizer.cost.memory import OVERHEAD
from wayfed_optimizer.errors import NotEnoughMemory
from wayfed_optimizer.expressions import WindowCall
from wayfed_optimizer.relations import Aggregate, Join, Sort, Window
from wayfed_optimizer.text import headline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.placement.choices import Choice, Placed
    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.statistics import Cardinalities

_ENOUGH: Final = 4.0
"""How much more than the rows that are held suffices: engines keep their hashes and copies too."""

_MEGABYTE: Final = 1e6
_SHOWN: Final = 80


def require_room(placed: Placed, environment: Environment, rows: Cardinalities) -> None:
    """Raise NotEnoughMemory where an operator of a placed plan can surely not be run.

    The search avoids such plans: where one is chosen, there is no other.
    """
    for choice in _choices(placed.choice):
        profile = environment.costs_of(choice.platform)
        relation = choice.relation
        held = placed.held.get(relation, 0.0)
        if least_bytes(profile, held) <= profile.memory:
            continue
        # Of the values that an aggregate collects, those that are alike may be held once.
        once = isinstance(relation, Aggregate)
        fewest = [0.0 if once else _fewest(rows, below) for below in relation.below]
        surely = held_bytes(relation, fewest, _fewest(rows, relation)) / OVERHEAD
        needed = least_bytes(profile, surely)
        has_disk = isfinite(profile.least)
        if needed <= profile.memory or (has_disk and not _needs_least(relation)):
            continue
        disk = "whatever goes to disk" if has_disk else "and has no directory to go to disk"
        raise NotEnoughMemory(
            f"{choice.platform} may take {_told(profile.memory)} of memory; "
            f"'{headline(relation)[:_SHOWN]}' needs more than {_told(needed)}, {disk}",
            hint=f"{_told(_ENOUGH * least_bytes(profile, held))} would do: raise the limit, filter "
            "the rows first, or let another engine do it",
        )


def _needs_least(relation: Relation) -> bool:
    """Say whether an operator surely needs its least, even where the rest is on disk.

    Groups, and the partitions of windows, are put there part by part.
    """
    if isinstance(relation, Window):
        calls = (output.expression for output in relation.outputs)
        return not all(isinstance(call, WindowCall) and call.partition_by for call in calls)
    return isinstance(relation, Sort | Join)


def _fewest(rows: Cardinalities, relation: Relation) -> float:
    return rows.rows(relation).low * rows.width(relation)


def _told(size: float) -> str:
    return f"{ceil(size / _MEGABYTE)} MB"


def _choices(root: Choice) -> Iterator[Choice]:
    waiting, seen = [root], {id(root)}
    while waiting:
        choice = waiting.pop()
        yield choice
        for arrival in choice.inputs:
            if id(arrival.choice) not in seen:
                seen.add(id(arrival.choice))
                waiting.append(arrival.choice)
