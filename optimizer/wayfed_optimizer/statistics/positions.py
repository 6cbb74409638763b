"""Where values lie among others: on a line, or between two bounds."""

from __future__ import annotations

import datetime
import decimal
from itertools import takewhile
from typing import Final

_DAY: Final = 86_400.0
_EPOCH: Final = datetime.date(1970, 1, 1).toordinal()
_FARTHEST: Final = 1e100
"""Numbers beyond it have no place: a double does not hold sums of their squares."""
_DIGITS: Final = 8
"""So many characters of a text decide where it lies; more are beyond what a double holds."""


def position(value: object) -> float | None:
    """Return where a number or a time lies on a line; None where that has no meaning.

    Examples
    --------
    >>> position(datetime.date(1970, 1, 2)), position("text")
    (86400.0, None)
    """
    match value:
        case bool() | None:
            return None
        case int() | float() | decimal.Decimal():
            return _finite(value)
        case datetime.datetime():
            return value.replace(tzinfo=value.tzinfo or datetime.UTC).timestamp()
        case datetime.date():
            return (value.toordinal() - _EPOCH) * _DAY
    return None


def step_of(value: object) -> float:
    """Return how far a value is from the next one of its type; 0 where there is none between."""
    if isinstance(value, int):
        return 1.0
    is_day = isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)
    return _DAY if is_day else 0.0


def is_below(value: object, other: object) -> bool | None:
    """Say whether a value comes before another; None where they cannot be compared."""
    a, b = position(value), position(other)
    if a is not None and b is not None:
        return a < b
    if isinstance(value, str) and isinstance(other, str):
        return value < other
    return None


def share_below(low: object, high: object, value: object) -> float | None:
    """Return which part of the range between two bounds lies below a value, 0 to 1.

    Texts are taken as numbers whose digits are their first characters after what both bounds
    begin with, as PostgreSQL takes them.

    Examples
    --------
    >>> share_below(0, 10, 4), share_below("aa", "ac", "ab"), share_below(0, 10, "4")
    (0.4, 0.5, None)
    """
    if isinstance(low, str) and isinstance(high, str) and isinstance(value, str):
        if value <= low:
            return 0.0
        if value >= high:
            return 1.0
        pairs = zip(low, high, strict=False)
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        a, b, at = (_fraction(text[shared:]) for text in (low, high, value))
    else:
        found = position(low), position(high), position(value)
        if None in found:
            return None
        a, b, at = found  # type: ignore[assignment]  # none of them is None
    if b <= a:
        return 0.0 if at <= a else 1.0
    return min(1.0, max(0.0, (at - a) / (b - a)))


def _finite(value: float | decimal.Decimal) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) < _FARTHEST else None


def _fraction(text: str) -> float:
    return sum(
        min(ord(character), 255) / 256.0 ** (place + 1)
        for place, character in enumerate(text[:_DIGITS])
    )
