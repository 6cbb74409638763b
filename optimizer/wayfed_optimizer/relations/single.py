"""Relations that cannot have several rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.relations.groups import Aggregate
from wayfed_optimizer.relations.rows import Filter, Hint, Limit, Select, Sort

if TYPE_CHECKING:
    from wayfed_optimizer.relations.base import Relation


def has_one_row(relation: Relation) -> bool:
    """Say whether a relation has one row at most, whatever is read."""
    match relation:
        case Aggregate(_, ()):
            return True
        case Limit(_, int(count)) if count <= 1:
            return True
        case Select(input) | Filter(input) | Sort(input) | Limit(input) | Hint(input):
            return has_one_row(input)
    return False
