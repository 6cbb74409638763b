"""How many rows match across the keys of a join.

Keys are taken to be contained: each value of the side with fewer values is there on the other
(Selinger et al., SIGMOD 1979), as far as the two ranges of values overlap. The most frequent values
of both sides are matched one by one (PostgreSQL, `eqjoinsel` in selfuncs.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from wayfed_optimizer.statistics.computed import together
from wayfed_optimizer.statistics.estimates import ColumnStatistics
from wayfed_optimizer.statistics.positions import is_below, position
from wayfed_optimizer.statistics.shares import (
    EQUALITY,
    EVEN,
    GUESSED,
    KNOWN,
    Range,
    Share,
    range_share,
    values_share,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAST_UNMATCHED: Final = 0.05
"""Containment says that every key finds its match; who asks for those without one knows better."""


class Side(NamedTuple):
    """One side of a join: its rows, what is known of its keys, and whether each is there once."""

    rows: float
    keys: Sequence[ColumnStatistics]
    is_unique: bool = False

    @property
    def distinct(self) -> float:
        """How many different keys there are."""
        if self.is_unique:
            return max(1.0, self.rows)
        known = [self.rows if key.distinct is None else key.distinct for key in self.keys]
        return together(known, max(1.0, self.rows))

    @property
    def is_known(self) -> bool:
        """Whether there is more than the number of rows to go by."""
        return self.is_unique or all(key.distinct is not None for key in self.keys)


def matching_share(left: Side, right: Side) -> Share:
    """Return which part of all pairs of rows match."""
    present = _present(*left.keys, *right.keys)
    if len(left.keys) == 1:
        return _of_one(left, right, present)
    # Of composite keys it is more often the side with fewer that has each only once.
    rarer, other = sorted((left, right), key=lambda side: (not side.is_unique, side.distinct))
    met = 1.0
    for key, theirs in zip(rarer.keys, other.keys, strict=True):
        if key.distinct is not None and theirs.distinct:
            met *= min(1.0, key.distinct / theirs.distinct)
    known = left.is_known and right.is_known
    return Share(present * met / max(1.0, rarer.distinct), EVEN if known else GUESSED)


def matching_share_of_key(left: Side, right: Side, place: int) -> Share:
    """Return which part of all pairs of rows match where one of the columns is a key by itself.

    The columns besides it are conditions on the rows that it brings together.
    """
    found = 1.0
    for at, (a, b) in enumerate(zip(left.keys, right.keys, strict=True)):
        share = _of_one(Side(left.rows, (a,)), Side(right.rows, (b,)), _present(a, b))
        found *= share.likely
        if at != place and a.distinct is None and b.distinct is None:
            found *= max(1.0, left.rows, right.rows) * EQUALITY
    return Share(min(1.0, found), EVEN if left.is_known and right.is_known else GUESSED)


def _present(*keys: ColumnStatistics) -> float:
    present = 1.0
    for key in keys:
        present *= values_share(key)
    return present


def _of_one(left: Side, right: Side, present: float) -> Share:
    (a,), (b,) = left.keys, right.keys
    if a.common and b.common:
        return _by_common_values(a, b)
    here, there = overlap(a, b), overlap(b, a)
    most = max(1.0, left.distinct * here, right.distinct * there)
    known = left.is_known and right.is_known
    return Share(min(1.0, here * there * present / most), EVEN if known else GUESSED)


def _by_common_values(a: ColumnStatistics, b: ColumnStatistics) -> Share:
    shared = [value for value in a.common if value in b.common]
    matched = sum(a.common[value] * b.common[value] for value in shared)
    rest_a = max(0.0, values_share(a) - sum(a.common.values()))
    rest_b = max(0.0, values_share(b) - sum(b.common.values()))
    alone_a = sum(a.common.values()) - sum(a.common[value] for value in shared)
    alone_b = sum(b.common.values()) - sum(b.common[value] for value in shared)
    others_a = max(1.0, (a.distinct or 1.0) - len(a.common))
    others_b = max(1.0, (b.distinct or 1.0) - len(b.common))
    unseen = rest_a * rest_b / max(others_a, others_b)
    alone = alone_a * rest_b / others_b + alone_b * rest_a / others_a
    return Share(min(1.0, matched + unseen + alone), KNOWN)


def overlap(a: ColumnStatistics, b: ColumnStatistics) -> float:
    """Return which part of a column's values lies in the range of another's."""
    if a.low is None or b.low is None or a.high is None or b.high is None:
        return 1.0
    if is_below(a.low, b.low) is None or (isinstance(a.low, str) != isinstance(b.low, str)):
        return 1.0
    if not (is_below(a.low, b.low) or is_below(b.high, a.high)):
        return 1.0
    present = values_share(a)
    share = range_share(a, Range(b.low, b.high))
    return min(1.0, share.likely / present) if present else 0.0


def matched_share(left: Side, right: Side) -> Share:
    """Return which part of the left rows has a match at all: what a semi-join keeps."""
    present = _present(*left.keys)
    if right.rows < 1:
        return Share(0.0, KNOWN)
    within = overlap(left.keys[0], right.keys[0]) if len(left.keys) == 1 else 1.0
    share = min(1.0, right.distinct / max(1.0, left.distinct * within)) * within
    known = left.is_known and right.is_known
    return Share(present * share, EVEN if known else GUESSED)


def unmatched_share(left: Side, right: Side) -> Share:
    """Return which part of the left rows has no match: what an anti-join keeps."""
    matched = matched_share(left, right)
    return Share(max(_LEAST_UNMATCHED, 1.0 - matched.likely), GUESSED)


def both(a: ColumnStatistics, b: ColumnStatistics) -> ColumnStatistics:
    """Return what is known of the values of a key that are on both sides."""
    low = b.low if a.low is None or is_below(a.low, b.low) else a.low
    high = b.high if a.high is None or is_below(b.high, a.high) else a.high
    if position(low) is not None and is_below(high, low):
        low, high = a.low, a.high
    known = [c.distinct for c in (a, b) if c.distinct is not None]
    return ColumnStatistics(min(known, default=None), 0.0, low, high, a.width)
