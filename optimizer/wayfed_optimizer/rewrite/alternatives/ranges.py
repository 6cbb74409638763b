"""Joins across stores of which one side ships what its keys lie between.

Where there are so many keys that to ship them all costs more than they save, their least and their
greatest may still leave out most of a large table, by its index or by its row groups: Join(a, b) is
Join(a, b between the ends of a's keys). The join itself still asks for equal keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from wayfed_optimizer.expressions import Named, call, column, conjunction
from wayfed_optimizer.relations import Aggregate, Join, JoinKind, Relation
from wayfed_optimizer.rewrite.alternatives.reductions import (
    LEFT,
    RIGHT,
    can_push,
    is_shipped,
    may_reduce,
    pushed,
    shipped_names,
)
from wayfed_optimizer.statistics.shares import Range, range_share
from wayfed_optimizer.types import is_integer, is_temporal

if TYPE_CHECKING:
    from wayfed_optimizer.rewrite.alternatives.surroundings import Surroundings
    from wayfed_optimizer.types import DataType

_FEWEST_KEYS: Final = 10_000.0
"""Fewer are better shipped themselves."""
_FEWEST_SAVED: Final = 10_000.0
_KEPT_AT_MOST: Final = 0.5
_KEPT_AT_MOST_IN_LARGE: Final = 0.1
_Pair: TypeAlias = tuple[str, str]


def range_right(join: Join, around: Surroundings) -> Relation | None:
    """Join(a, b) as Join(a, b between the ends of a's keys), where b lies in another store."""
    if join.kind not in RIGHT or is_shipped(join.right):
        return None
    pairs = tuple((b, a) for a, b in join.on)
    reduced = _between(join.right, join.left, pairs, around)
    if reduced is None:
        return None
    return Join(join.left, reduced, join.kind, join.on, join.predicate, join.asof)


def range_left(join: Join, around: Surroundings) -> Relation | None:
    """Join(a, b) as Join(a between the ends of b's keys, b), where a lies in another store."""
    if join.kind not in LEFT or is_shipped(join.right):
        return None
    reduced = _between(join.left, join.right, join.on, around)
    if reduced is None:
        return None
    return Join(reduced, join.right, join.kind, join.on, join.predicate)


def _between(
    rows: Relation, by: Relation, pairs: tuple[_Pair, ...], around: Surroundings
) -> Relation | None:
    """Return the rows of which a key is not beyond those of another relation; None if vain."""
    before, keys = around.likely(rows), around.likely(by)
    if around.rows is None or before is None or keys is None or keys < _FEWEST_KEYS:
        return None
    if before < 2 * _FEWEST_SAVED or not may_reduce(rows, by, around, nested=1):
        return None
    shares = [(_share(rows, by, pair, around), pair) for pair in pairs]
    share, (name, by_name) = min(shares, default=(1.0, ("", "")))
    most = _KEPT_AT_MOST_IN_LARGE if around.is_large else _KEPT_AT_MOST
    if share > most or (1.0 - share) * before < _FEWEST_SAVED:
        return None
    if not can_push(rows, (name,), by, around):
        return None
    (low, high), ends = shipped_names(rows, 2), column(by.schema, by_name)
    found = Aggregate(by, (), (Named(low, call("min", ends)), Named(high, call("max", ends))))

    def within(node: Relation, names: tuple[str, ...]) -> Join:
        value = column(node.schema, names[0])
        parts = (
            call("greater_equal", value, column(found.schema, low)),
            call("less_equal", value, column(found.schema, high)),
        )
        semi = Join(node, found, JoinKind.SEMI, predicate=conjunction(parts))
        assert around.rows is not None  # noqa: S101  # seen above
        around.rows.assume(semi, around.rows.rows(node).scaled(share))
        return semi

    return pushed(rows, (name,), within)


def _share(rows: Relation, by: Relation, pair: _Pair, around: Surroundings) -> float:
    """Return the part of the rows between the ends of the other keys; 1.0 where it is not known."""
    name, by_name = pair
    kinds = rows.schema.field(name).type, by.schema.field(by_name).type
    if around.rows is None or not _has_one_order(*kinds):
        return 1.0
    own, theirs = around.rows.column(rows, name), around.rows.column(by, by_name)
    if None in (own.low, own.high, theirs.low, theirs.high):
        return 1.0
    distinct = theirs.distinct
    if distinct is not None and distinct < _FEWEST_KEYS:
        return 1.0
    return range_share(own, Range(theirs.low, theirs.high)).likely


def _has_one_order(kind: DataType, other: DataType) -> bool:
    """Say whether all engines order such values alike, and as they compare them.

    Text they may order by collations, floats have NaN, of which engines think differently, and
    some have decimals as floats.
    """
    return (is_integer(kind) and is_integer(other)) or (kind == other and is_temporal(kind))
