"""What an operator holds at once, and what it costs where that is more than there is room for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.cost.work import collects_values
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Join,
    JoinKind,
    Relation,
    SetKind,
    SetOperation,
    Sort,
    Window,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed_optimizer.cost.model import CostProfile

OVERHEAD: Final = 1.5
"""What hash tables and sorts take, as a multiple of the rows themselves."""

_HOPELESS: Final = 1e6
"""Seconds of what cannot be done: any plan that can be run is better."""

_ONE_SIDED: Final = frozenset([JoinKind.SEMI, JoinKind.ANTI])


def held_bytes(relation: Relation, bytes_in: Sequence[float], bytes_out: float) -> float:
    """Return the bytes that an operator holds until it can hand out its first, or last, row.

    Parameters
    ----------
    relation
        What is computed.
    bytes_in, bytes_out
        Of the rows of its inputs, in their order, and of its own.
    """
    match relation:
        case Join(kind=kind):
            rows = bytes_in[1] if kind in _ONE_SIDED else min(bytes_in)
        case Aggregate(aggregates=aggregates) if any(
            collects_values(named.expression) for named in aggregates
        ):
            rows = max(bytes_in[0], bytes_out)
        case Aggregate() | Distinct():
            rows = bytes_out
        case SetOperation(kind=SetKind.UNION, all=True):
            return 0.0
        case SetOperation():
            rows = bytes_out
        case Sort() | Window():
            rows = bytes_in[0]
        case _:
            return 0.0
    return OVERHEAD * rows


def least_bytes(profile: CostProfile, held: float) -> float:
    """Return the bytes without which an operator that holds so many cannot be run at all.

    Examples
    --------
    >>> from wayfed_optimizer.cost import CostProfile
    >>> least_bytes(CostProfile(), 1e9), least_bytes(CostProfile(least=2e7), 1e9)
    (0.0, 20000000.0)
    """
    return min(held, profile.least)


def spilled_bytes(profile: CostProfile, held: float, bytes_in: Sequence[float]) -> float:
    """Return the bytes that go to disk, and come back, where an operator has too little room.

    The part of the input that does not fit is written once and read once, as in the hybrid hash
    join (DeWitt et al., SIGMOD 1984).

    Examples
    --------
    >>> from wayfed_optimizer.cost import CostProfile
    >>> spilled_bytes(CostProfile(memory=1e6), 4e6, [2e6])
    3000000.0
    """
    return 2 * sum(bytes_in) * (1 - profile.memory / held) if held > profile.memory else 0.0


def spilling_seconds(profile: CostProfile, held: float, bytes_in: Sequence[float]) -> float:
    """Return the seconds that go to disk where an operator holds more than a platform has room for.

    What cannot be run at all costs more than anything else.
    """
    if held > profile.memory and least_bytes(profile, held) > profile.memory:
        return _HOPELESS
    return profile.per_byte_spilled * spilled_bytes(profile, held, bytes_in)
