"""Which part of the rows a condition is true of.

Conditions on one value are taken together: two ends of a range are one range. Those on different
values count the less the weaker they are, because they are seldom independent (exponential
back-off, as in SQL Server's estimator since 2014, but slower).
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Final, NamedTuple

from wayfed_optimizer.expressions import (
    Call,
    Column,
    Expression,
    InList,
    Literal,
    Subquery,
    columns_of,
    conjuncts,
)
from wayfed_optimizer.statistics.computed import statistics_of
from wayfed_optimizer.statistics.positions import position
from wayfed_optimizer.statistics.shares import (
    EVEN,
    GUESSED,
    KNOWN,
    RANGE,
    Range,
    Share,
    equal_share,
    is_constant,
    matching_share,
    range_share,
    values_share,
)
from wayfed_optimizer.types import BOOL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wayfed_optimizer.statistics.estimates import ColumnStatistics

    Columns = Callable[[str], ColumnStatistics]

_OTHER: Final = Share(0.3, GUESSED)
_PATTERN: Final = 0.05
_PREFIX: Final = 0.05
_CONDITIONS_COUNTED: Final = 6
_INDEPENDENT: Final = 0.8
_STEPS: Final = 8
_FLIPPED: Final = {
    "equal": "equal",
    "not_equal": "not_equal",
    "less": "greater",
    "less_equal": "greater_equal",
    "greater": "less",
    "greater_equal": "less_equal",
}
_NEGATED: Final = {
    "equal": "not_equal",
    "not_equal": "equal",
    "less": "greater_equal",
    "less_equal": "greater",
    "greater": "less_equal",
    "greater_equal": "less",
    "is_null": "is_not_null",
    "is_not_null": "is_null",
}
_TEXTS: Final = frozenset({"like", "ilike", "contains", "starts_with", "ends_with"})


class Bound(NamedTuple):
    """A comparison of a value with a constant, which is None where it is not known yet."""

    value: Expression
    comparison: str
    constant: object

    def as_range(self) -> Range | None:
        """Return the values it is true of, where it is a range that is known."""
        if self.constant is None:
            return None
        match self.comparison:
            case "less" | "less_equal":
                return Range(high=self.constant, with_high=self.comparison == "less_equal")
            case "greater" | "greater_equal":
                return Range(low=self.constant, with_low=self.comparison == "greater_equal")
        return None


def share_of(predicate: Expression, columns: Columns) -> Share:
    """Return the part of the rows that a condition is true of.

    Parameters
    ----------
    columns
        Gives what is known of each column of the rows.
    """
    parts = tuple(conjuncts(predicate))
    ranges, others = ranges_of(parts, columns)
    found = [range_share(statistics_of(value, columns), each) for value, each in ranges.items()]
    return _all_of((*found, *(_part(part, columns) for part in others)))


def ranges_of(
    parts: Iterable[Expression], columns: Columns
) -> tuple[dict[Expression, Range], list[Expression]]:
    """Return the ranges that conditions keep values in, and the other conditions."""
    ranges: dict[Expression, Range] = {}
    others: list[Expression] = []
    for part in parts:
        bound = bound_of(part, columns)
        wanted = bound.as_range() if bound is not None else None
        if bound is None or wanted is None:
            others.append(part)
        else:
            known = ranges.get(bound.value)
            ranges[bound.value] = wanted if known is None else known.meet(wanted)
    return ranges, others


def bound_of(part: Expression, columns: Columns) -> Bound | None:
    """Return a comparison with a constant, the constant on the right; None for all else."""
    match part:
        case Call(name, (left, right)) if name in _FLIPPED:
            for value, other, comparison in ((left, right, name), (right, left, _FLIPPED[name])):
                if columns_of(value) and not columns_of(other):
                    against = statistics_of(other, columns)
                    known = against.low if is_constant(against) else None
                    return Bound(value, comparison, known)
    return None


def _all_of(shares: Iterable[Share]) -> Share:
    ordered = sorted(shares)
    likely = prod(
        each.likely ** (_INDEPENDENT**place)
        for place, each in enumerate(ordered[:_CONDITIONS_COUNTED])
    )
    return Share(likely, min(10.0, prod(each.off_by for each in ordered)))


def _part(part: Expression, columns: Columns) -> Share:
    match part:
        case Literal(value):
            return Share(1.0 if value else 0.0, 1.0)
        case Call("and"):
            return share_of(part, columns)
        case Call("or", args):
            return _any_of(args, columns)
        case Call("not", (arg,)):
            return _none_of(arg, columns)
        case Call("is_null", (arg,)):
            nulls = statistics_of(arg, columns).null_fraction
            return Share(0.05, GUESSED) if nulls is None else Share(nulls, KNOWN)
        case Call("is_not_null", (arg,)):
            nulls = statistics_of(arg, columns).null_fraction
            return Share(0.95, EVEN) if nulls is None else Share(1.0 - nulls, KNOWN)
        case InList(arg, values):
            known = statistics_of(arg, columns)
            each = [equal_share(known, v.value) for v in set(values) if v.value is not None]
            return _sum(each, values_share(known))
        case Call(name, (arg, Literal(str(text)), *others)) if name in _TEXTS:
            escape = others[0].value if others and isinstance(others[0], Literal) else None
            test = _tester(name, text, escape)
            prefix = _prefix(name, text, escape)
            guess = _PREFIX if prefix else _PATTERN
            return matching_share(statistics_of(arg, columns), test, guess, prefix)
        case Call(name) if name in (*_TEXTS, "regexp_matches"):
            return Share(_PATTERN, GUESSED)
        case Column() if part.type == BOOL:
            return equal_share(statistics_of(part, columns), True)
        case Subquery():
            return Share(0.5, EVEN)
    return _compared(part, columns)


def _compared(part: Expression, columns: Columns) -> Share:
    bound = bound_of(part, columns)
    if bound is not None:
        known = statistics_of(bound.value, columns)
        match bound.comparison:
            case "equal":
                return equal_share(known, bound.constant)
            case "not_equal":
                same = equal_share(known, bound.constant)
                return Share(max(0.0, values_share(known) - same.likely), KNOWN)
        wanted = bound.as_range()
        return Share(RANGE, GUESSED) if wanted is None else range_share(known, wanted)
    match part:
        case Call("equal", (left, right)):
            a, b = statistics_of(left, columns), statistics_of(right, columns)
            distinct = max(a.distinct or 0.0, b.distinct or 0.0)
            present = values_share(a) * values_share(b)
            return Share(present / distinct if distinct >= 1 else 0.05)
        case Call("less" | "less_equal" as name, (left, right)):
            return _ordered(name, left, right, columns)
        case Call("greater" | "greater_equal" as name, (left, right)):
            return _ordered(_FLIPPED[name], right, left, columns)
        case Call("not_equal" | "is_distinct"):
            return Share(0.95, KNOWN)
    return _OTHER


def _ordered(name: str, left: Expression, right: Expression, columns: Columns) -> Share:
    """Return how often one value is below another, both evenly spread and independent."""
    a, b = statistics_of(left, columns), statistics_of(right, columns)
    places = [position(value) for value in (a.low, a.high, b.low, b.high)]
    if None in places:
        return Share(RANGE, GUESSED)
    low, high, other_low, other_high = (place or 0.0 for place in places)
    steps = 8
    met = sum(
        low + (high - low) * (i + 0.5) / steps
        < other_low + (other_high - other_low) * (j + 0.5) / steps
        for i in range(steps)
        for j in range(steps)
    )
    met += 0 if low != high or other_low != other_high else steps * steps * (name == "less_equal")
    return Share(min(1.0, met / steps**2) * values_share(a) * values_share(b), GUESSED)


def _any_of(args: tuple[Expression, ...], columns: Columns) -> Share:
    """Return the part that one of several conditions is true of, those on one value excluding."""
    shares = [share_of(arg, columns) for arg in args]
    compared = {b.value for a in args if (b := bound_of(a, columns)) and b.comparison == "equal"}
    if len(compared) == 1 and all(bound_of(arg, columns) for arg in args):
        return _sum(shares, 1.0)
    return Share(
        1.0 - prod(1.0 - each.likely for each in shares),
        max((each.off_by for each in shares), default=1.0),
    )


def _sum(shares: list[Share], most: float) -> Share:
    total = sum(each.likely for each in shares)
    return Share(min(most, total), max((each.off_by for each in shares), default=1.0))


def _none_of(arg: Expression, columns: Columns) -> Share:
    match arg:
        case Call(name, args) if name in _NEGATED:
            return share_of(Call(_NEGATED[name], args), columns)
        case Call("not", (inner,)):
            return share_of(inner, columns)
        case Call("or", args):
            return _all_of(_none_of(each, columns) for each in args)
    found = share_of(arg, columns)
    present = prod(1.0 - (columns(name).null_fraction or 0.0) for name in sorted(columns_of(arg)))
    likely = max(0.0, present - found.likely)
    # What is taken from a whole is off by less, relative to what stays.
    return Share(likely, KNOWN if likely > found.likely else found.off_by)


@lru_cache(256)
def _tester(name: str, text: str, escape: str | None) -> Callable[[str], bool]:
    match name:
        case "starts_with":
            return lambda value: value.startswith(text)
        case "ends_with":
            return lambda value: value.endswith(text)
        case "contains":
            return lambda value: text in value
    flags = re.DOTALL | (re.IGNORECASE if name == "ilike" else 0)
    pattern = re.compile("".join(_as_regular(kind, c) for kind, c in _tokens(text, escape)), flags)
    return lambda value: pattern.fullmatch(value) is not None


def _as_regular(kind: str, character: str) -> str:
    return {"%": ".*", "_": "."}.get(kind, re.escape(character))


def _tokens(text: str, escape: str | None) -> Iterable[tuple[str, str]]:
    """Yield the parts of a LIKE pattern: (% or _ or nothing, the character)."""
    escaped = False
    for character in text:
        if character == escape and not escaped:
            escaped = True
            continue
        yield (character if character in "%_" and not escaped else "", character)
        escaped = False


def _prefix(name: str, text: str, escape: str | None) -> str:
    """Return what all texts that match begin with."""
    if name == "starts_with":
        return text
    if name != "like":
        return ""
    found = ""
    for kind, character in _tokens(text, escape):
        if kind:
            return found
        found += character
    return found
