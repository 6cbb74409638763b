"""Relations: what a plan is made of. Immutable; each knows its schema and checks itself when made.

A column's name is unique within its relation, and the two sides of a join have no name in common:
whoever builds a join renames first. Rules can therefore move expressions by name alone.
"""

from __future__ import annotations

from typing import Final

from wayfed_optimizer.relations.base import Relation, expressions_of
from wayfed_optimizer.relations.groups import Aggregate, Window
from wayfed_optimizer.relations.lookups import FirstMatches
from wayfed_optimizer.relations.loops import Iterate
from wayfed_optimizer.relations.opaque import MapBatches, MapKind
from wayfed_optimizer.relations.pairs import Join, JoinKind, SetKind, SetOperation
from wayfed_optimizer.relations.rows import (
    Cache,
    Distinct,
    Explode,
    Filter,
    Hint,
    Limit,
    Sample,
    Select,
    Sort,
)
from wayfed_optimizer.relations.sources import Read, Values
from wayfed_optimizer.relations.times import TimeWindow, Watermark
from wayfed_optimizer.relations.walking import (
    everything_below,
    reads,
    transform,
    variables,
    walk,
    walk_once,
)
from wayfed_optimizer.relations.writes import Write, WriteMode

__all__ = [
    "RELATIONS",
    "Aggregate",
    "Cache",
    "Distinct",
    "Explode",
    "Filter",
    "FirstMatches",
    "Hint",
    "Iterate",
    "Join",
    "JoinKind",
    "Limit",
    "MapBatches",
    "MapKind",
    "Read",
    "Relation",
    "Sample",
    "Select",
    "SetKind",
    "SetOperation",
    "Sort",
    "TimeWindow",
    "Values",
    "Watermark",
    "Window",
    "Write",
    "WriteMode",
    "everything_below",
    "expressions_of",
    "reads",
    "transform",
    "variables",
    "walk",
    "walk_once",
]

RELATIONS: Final[tuple[type[Relation], ...]] = (
    Read,
    Values,
    Select,
    Filter,
    Join,
    Aggregate,
    Window,
    Sort,
    Limit,
    Distinct,
    SetOperation,
    Explode,
    MapBatches,
    Sample,
    Cache,
    Iterate,
    Watermark,
    TimeWindow,
    Write,
    Hint,
)
"""Every class of relation that plans are written with, as capabilities and the wire form list them.

The optimizer makes one more, `FirstMatches`.
"""
