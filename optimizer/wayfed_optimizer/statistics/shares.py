"""Which part of a column's rows has a value, lies in a range, or passes a test.

The most frequent values count as they are known; the others are taken to be spread as the
histogram says, or evenly between the least and the greatest value (PostgreSQL documentation,
"Row Estimation Examples").
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, NamedTuple

from wayfed_optimizer.statistics.estimates import ColumnStatistics
from wayfed_optimizer.statistics.positions import is_below, position, share_below, step_of

if TYPE_CHECKING:
    from collections.abc import Callable

EQUALITY: Final = 0.05
RANGE: Final = 0.3
_BOTH_ENDS: Final = 0.1
_OUTSIDE: Final = 1e-6
"""The part that a value is taken for which statistics have never seen: they may be old."""
_TELLING: Final = 20
"""So many values of a column tell which part of the others passes a test."""

KNOWN, EVEN, GUESSED = 1.3, 2.0, 5.0
"""How far shares may be off: counted, taken to be evenly spread, not known at all."""


class Share(NamedTuple):
    """A part of the rows, 0 to 1, which may be off by a factor either way."""

    likely: float
    off_by: float = EVEN


@dataclass(frozen=True, slots=True)
class Range:
    """Values between two bounds, either of which may be missing (None)."""

    low: object = None
    high: object = None
    with_low: bool = True
    with_high: bool = True

    def meet(self, other: Range) -> Range:
        """Return the values of both ranges."""
        low, with_low = self.low, self.with_low
        if low is None or (other.low is not None and is_below(low, other.low)):
            low, with_low = other.low, other.with_low
        elif other.low is not None and not is_below(other.low, low):
            with_low = with_low and other.with_low
        high, with_high = self.high, self.with_high
        if high is None or (other.high is not None and is_below(other.high, high)):
            high, with_high = other.high, other.with_high
        elif other.high is not None and not is_below(high, other.high):
            with_high = with_high and other.with_high
        return Range(low, high, with_low, with_high)

    def __contains__(self, value: object) -> bool:
        if self.low is not None and not _follows(value, self.low, equal=self.with_low):
            return False
        return self.high is None or _follows(self.high, value, equal=self.with_high)


def _follows(value: object, other: object, *, equal: bool) -> bool:
    before = is_below(other, value)
    return bool(before) or (equal and not is_below(value, other) and before is not None)


@dataclass(frozen=True, slots=True)
class NormalValues(ColumnStatistics):
    """What is known of values that are normally distributed, as sums of many others are."""

    mean: float = 0.0
    deviation: float = 1.0

    def part(self, wanted: Range) -> float:
        """Return the part of the values that lies in a range."""
        curve = NormalDist(self.mean, self.deviation)
        low, high = position(wanted.low), position(wanted.high)
        below = 1.0 if high is None else curve.cdf(high)
        # Mirrored: one minus what is almost one has no digits left.
        above = 1.0 if low is None else curve.cdf(2 * self.mean - low)
        if 1.0 in (below, above):
            return min(below, above)
        return max(0.0, below + above - 1.0)


def is_constant(column: ColumnStatistics) -> bool:
    """Say whether all values that are not NULL are one and the same, which is known."""
    return column.distinct == 1 and column.low is not None and column.low == column.high


def values_share(column: ColumnStatistics) -> float:
    """Return the part of the rows that is not NULL."""
    return 1.0 - (column.null_fraction or 0.0)


def equal_share(column: ColumnStatistics, value: object) -> Share:
    """Return the part of the rows that has a value; None stands for one that is not known."""
    if value is not None and value in column.common:
        return Share(column.common[value], KNOWN)
    present = values_share(column)
    if value is not None and not _within(column, value):
        return Share(min(_OUTSIDE, present), GUESSED)
    if column.distinct is None:
        return Share(EQUALITY * present, GUESSED)
    if value is None:
        return Share(present / max(1.0, column.distinct))
    others = max(1.0, column.distinct - len(column.common))
    share = max(0.0, present - sum(column.common.values())) / others
    if column.common:
        share = min(share, *column.common.values())
    return Share(min(present, share), KNOWN if column.common else EVEN)


def range_share(column: ColumnStatistics, wanted: Range) -> Share:
    """Return the part of the rows whose values lie in a range."""
    present = values_share(column)
    among = sum(share for value, share in column.common.items() if value in wanted)
    others = max(0.0, present - sum(column.common.values()))
    off_by = KNOWN
    part: float | None = None
    if isinstance(column, NormalValues):
        part, off_by = column.part(wanted), GUESSED
    elif len(column.histogram) > 1:
        part = _histogram_part(column.histogram, wanted)
    if part is None:
        part, off_by = _even_part(column, wanted), EVEN
    if part is None:
        guess = _BOTH_ENDS if None not in (wanted.low, wanted.high) else RANGE
        return Share(guess * present, GUESSED)
    return Share(min(present, max(among + part * others, min(_OUTSIDE, present))), off_by)


def matching_share(
    column: ColumnStatistics, test: Callable[[str], bool], guess: float, prefix: str = ""
) -> Share:
    """Return the part of the rows whose texts pass a test.

    Parameters
    ----------
    guess
        The part that is taken where too few values are known.
    prefix
        What a text must begin with to pass.
    """
    present = values_share(column)
    among = sum(s for v, s in column.common.items() if isinstance(v, str) and test(v))
    others = max(0.0, present - sum(column.common.values()))
    part, off_by = guess, GUESSED
    bounds = [bound for bound in column.histogram if isinstance(bound, str)]
    if len(bounds) >= _TELLING:
        part, off_by = max(sum(map(test, bounds)) / len(bounds), 0.5 / len(bounds)), EVEN
    if prefix and (end := _after(prefix)):
        wanted = Range(prefix, end, with_high=False)
        if bounds:
            # Texts crowd where prefixes are words: half a bucket is as fine as this can tell.
            finest = 0.5 / len(bounds) if bounds[0] <= end and prefix <= bounds[-1] else _OUTSIDE
            part = max(min(part, _histogram_part(column.histogram, wanted) or 0.0), finest)
        elif is_below(end, column.low) or is_below(column.high, prefix):
            part = _OUTSIDE
    if column.common and others < EQUALITY:
        off_by = KNOWN
    return Share(min(present, among + part * others), off_by)


def _after(prefix: str) -> str | None:
    """Return the first text after all that begin with a prefix."""
    last = ord(prefix[-1])
    return prefix[:-1] + chr(last + 1) if last + 1 < 0xD800 else None


def _within(column: ColumnStatistics, value: object) -> bool:
    return not (is_below(value, column.low) or is_below(column.high, value))


def _histogram_part(bounds: tuple[object, ...], wanted: Range) -> float | None:
    low = 0.0 if wanted.low is None else _part_below(bounds, wanted.low, before=wanted.with_low)
    high = (
        1.0
        if wanted.high is None
        else _part_below(bounds, wanted.high, before=not wanted.with_high)
    )
    return None if low is None or high is None else max(0.0, high - low)


def _part_below(bounds: tuple[object, ...], value: object, *, before: bool) -> float | None:
    """Return which part of a histogram lies below a value, or up to it unless `before`."""
    try:
        place = bisect_left(bounds, value)  # type: ignore[call-overload]  # bounds are of one type
    except TypeError:
        return _part_below_on_line(bounds, value, before=before)
    return _interpolated(bounds, place, value, before=before)


def _part_below_on_line(bounds: tuple[object, ...], value: object, *, before: bool) -> float | None:
    """Compare as numbers what Python does not compare: a date with a timestamp, two zones."""
    at = position(value)
    places = tuple(position(bound) for bound in bounds)
    if at is None or None in places:
        return None
    numbers = tuple(place for place in places if place is not None)
    return _interpolated(numbers, bisect_left(numbers, at), at, before=before)


def _interpolated(
    bounds: tuple[object, ...], place: int, value: object, *, before: bool
) -> float | None:
    buckets = len(bounds) - 1
    if place > buckets:
        return 1.0
    if place == 0:
        return 0.0 if before or value != bounds[0] else 0.5 / buckets
    within = share_below(bounds[place - 1], bounds[place], value)
    if within is None:
        return None
    if not before and (step := step_of(value)):
        width = (position(bounds[place]) or 0.0) - (position(bounds[place - 1]) or 0.0)
        within = min(1.0, within + (step / width if width else 0.0))
    return (place - 1 + within) / buckets


def _even_part(column: ColumnStatistics, wanted: Range) -> float | None:
    """Return the part of a range of values that another covers, ends included where they are."""
    low, high = column.low, column.high
    if isinstance(low, str) and isinstance(high, str):
        start = 0.0 if wanted.low is None else share_below(low, high, wanted.low)
        end = 1.0 if wanted.high is None else share_below(low, high, wanted.high)
        return None if start is None or end is None else max(0.0, end - start)
    a, b = position(low), position(high)
    if a is None or b is None:
        return None
    step = step_of(low)
    start, end = a - step / 2, b + step / 2
    if end <= start:
        return 1.0 if low in wanted else 0.0
    for bound, inclusive, is_low in (
        (wanted.low, wanted.with_low, True),
        (wanted.high, wanted.with_high, False),
    ):
        if bound is None:
            continue
        at = position(bound)
        if at is None:
            return None
        shift = step / 2 if inclusive else -step / 2
        if is_low:
            start = max(start, at - shift)
        else:
            end = min(end, at + shift)
    whole = (b - a) + step
    return min(1.0, max(0.0, (end - start) / whole))
