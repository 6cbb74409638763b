"""Another order of inner joins: tables of one store can so be joined there before rows move."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wayfed_optimizer.relations import Relation


def associate_joins(relation: Relation) -> tuple[Relation, ...]:
    """Join(Join(a, b), c) as Join(Join(a, c), b), and its mirrored forms."""
    return ()
