"""Relations that may have other rows when they are computed again, or elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Call, is_volatile, walk
from wayfed_optimizer.functions import Agreement
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    FirstMatches,
    Iterate,
    Join,
    JoinKind,
    Limit,
    MapBatches,
    Window,
    expressions_of,
)
from wayfed_optimizer.types import is_float

if TYPE_CHECKING:
    from wayfed_optimizer.expressions import Expression
    from wayfed_optimizer.relations import Relation

_ONE_ENGINE: Final = frozenset({Agreement.ASCII, Agreement.ENGINE})


def varies(relation: Relation) -> bool:
    """Say whether a relation, itself, may make other rows of the same rows another time."""
    match relation:
        case Limit() | FirstMatches() | MapBatches() | Window() | Iterate():
            return True
        case Join(kind=JoinKind.ASOF):
            return True
        case Distinct(on=on) if on:
            return True
    grouped = isinstance(relation, Aggregate)
    roots = expressions_of(relation)
    return any(is_volatile(root) or _differs(root, grouped=grouped) for root in roots)


def _differs(root: Expression, *, grouped: bool) -> bool:
    """Say whether a value depends on the engine, or on the order in which groups are seen."""
    for node in walk(root):
        if isinstance(node, Call):
            row = node.row
            rounds = grouped and row.agreement is not Agreement.EXACT and is_float(node.type)
            if rounds or row.agreement in _ONE_ENGINE or (grouped and row.ordered):
                return True
    return False
