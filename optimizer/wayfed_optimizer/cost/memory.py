"""What an operator holds at once, and what it costs where that is more than there is room for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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

# What hash tables and sorts need besides the rows themselves.
_OVERHEAD: Final = 1.5
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
    return _OVERHEAD * rows


def spilling_seconds(profile: CostProfile, held: float, bytes_in: Sequence[float]) -> float:
    """Return the seconds that go to disk where an operator holds more than a platform has room for.

    The part of the input that does not fit is written once and read once, as in the hybrid hash
    join (DeWitt et al., SIGMOD 1984).
    """
    if held <= profile.memory:
        return 0.0
    return 2 * profile.per_byte_spilled * sum(bytes_in) * (1 - profile.memory / held)
