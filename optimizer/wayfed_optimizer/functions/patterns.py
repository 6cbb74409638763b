r"""Regular expressions: the subset that every engine that has any takes for the same.

A pattern is code points, ``.`` (all but a line break), classes in brackets, ``\d \w \s`` and
their opposites (of ASCII), ``^`` and ``$`` (the ends of the text), groups, ``|`` and greedy
repetitions ``* + ? {m} {m,} {m,n}``. What is not of it is refused with its place: references back,
looking around, lazy repetitions, options within, and repetitions of what may be empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

LAST: Final = 0x10FFFF
MOST_GROUPS: Final = 9
_MOST_TIMES: Final = 255
"""PostgreSQL's limit of repetitions."""
_DEEPEST: Final = 50

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Code points, from and to, in order and apart."""


@dataclass(frozen=True, slots=True)
class Characters:
    """One code point of a set."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Anchor:
    """The start or the end of the text."""

    is_start: bool


@dataclass(frozen=True, slots=True)
class Group:
    """What stands in parentheses; with a number if it captures."""

    inner: Part
    number: int | None


@dataclass(frozen=True, slots=True)
class Repeated:
    """As many as there are of what can be repeated; `most` is None without a limit."""

    inner: Part
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """The first that matches."""

    branches: tuple[Part, ...]


Part: TypeAlias = Characters | Anchor | Group | Repeated | Sequence | Either


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression of the subset.

    Parameters
    ----------
    part
        What it is made of.
    groups
        How many groups capture.
    """

    part: Part
    groups: int

    @property
    def may_be_empty(self) -> bool:
        """Whether it matches where there is nothing."""
        return _may_be_empty(self.part)

    @property
    def is_flat(self) -> bool:
        """Whether it is a sequence of repeated characters, in groups that are not repeated.

        What such a pattern matches first is also the longest, group by group: taking a character
        sooner never leaves less for what comes later. Engines that look for the longest match and
        those that look for the first then find the same.
        """
        return _is_flat(self.part)


_DIGITS: Final[Ranges] = ((48, 57),)
_WORD: Final[Ranges] = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Final[Ranges] = ((9, 10), (12, 13), (32, 32))
_ALL: Final[Ranges] = ((0, LAST),)
_SETS: Final[Mapping[str, Ranges]] = MappingProxyType({"d": _DIGITS, "w": _WORD, "s": _SPACE})
_CONTROLS: Final[Mapping[str, str]] = MappingProxyType({"n": "\n", "t": "\t", "r": "\r", "f": "\f"})
_TIMES: Final = MappingProxyType({"*": (0, None), "+": (1, None), "?": (0, 1)})


def parse_pattern(text: str, *, ignore_case: bool = False, dot_all: bool = False) -> Pattern:
    r"""Read a regular expression.

    Parameters
    ----------
    text
        The pattern.
    ignore_case
        Whether an ASCII letter stands for itself in both cases.
    dot_all
        Whether ``.`` stands for a line break too.

    Raises
    ------
    Unsupported
        With the place of what is not of the subset.

    Examples
    --------
    >>> parse_pattern(r"(\d+)-x?").groups
    1
    >>> parse_pattern("a*?")
    Traceback (most recent call last):
    wayfed_optimizer.errors.Unsupported: a lazy repetition at character 3 of the pattern 'a*?' ...
    """
    reader = _Reader(text, ignore_case, dot_all)
    part = reader.either()
    if reader.at < len(text):
        reader.refuse("a parenthesis that closes none")
    return Pattern(part, reader.groups)


def complement(ranges: Ranges) -> Ranges:
    """Return all other code points.

    Examples
    --------
    >>> complement(((10, 10),))
    ((0, 9), (11, 1114111))
    """
    found, start = [], 0
    for first, last in ranges:
        if first > start:
            found.append((start, first - 1))
        start = last + 1
    if start <= LAST:
        found.append((start, LAST))
    return tuple(found)


def _merged(ranges: list[tuple[int, int]]) -> Ranges:
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def _in_both_cases(ranges: Ranges) -> Ranges:
    found = list(ranges)
    for first, last in ranges:
        for start, end, shift in ((65, 90, 32), (97, 122, -32)):
            if first <= end and last >= start:
                found.append((max(first, start) + shift, min(last, end) + shift))
    return _merged(found)


def _may_be_empty(part: Part) -> bool:
    match part:
        case Characters():
            return False
        case Anchor():
            return True
        case Group(inner, _):
            return _may_be_empty(inner)
        case Repeated(inner, least, _):
            return least == 0 or _may_be_empty(inner)
        case Sequence(parts):
            return all(map(_may_be_empty, parts))
        case Either(branches):
            return any(map(_may_be_empty, branches))


def _copies(part: Part) -> int:
    """Return how many times an engine has to write the most repeated part."""
    match part:
        case Characters() | Anchor():
            return 1
        case Group(inner, _):
            return _copies(inner)
        case Repeated(inner, least, most):
            return _copies(inner) * max(least, most or 1)
        case Sequence(parts) | Either(parts):
            return max(map(_copies, parts), default=1)


def _is_flat(part: Part) -> bool:
    match part:
        case Characters() | Anchor():
            return True
        case Group(inner, _):
            return _is_flat(inner)
        case Repeated(inner, _, _):
            return isinstance(inner, Characters)
        case Sequence(parts):
            return all(map(_is_flat, parts))
        case Either():
            return False


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, text: str, ignore_case: bool, dot_all: bool) -> None:
        self.text = text
        self.at = 0
        self.groups = 0
        self._depth = 0
        self._ignore_case = ignore_case
        self._dot_all = dot_all

    def refuse(self, what: str, *, at: int | None = None, hint: str | None = None) -> NoReturn:
        """Say what stands where."""
        place = self.at if at is None else at
        operation = f"{what} at character {place + 1} of the pattern '{self.text}'"
        raise Unsupported(operation, hint=hint)

    def either(self) -> Part:
        """Read alternatives."""
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else Either(tuple(branches))

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _take(self, wanted: str) -> bool:
        if not self.text.startswith(wanted, self.at):
            return False
        self.at += len(wanted)
        return True

    def _sequence(self) -> Part:
        parts = []
        while (point := self._peek()) and point not in "|)":
            parts.append(self._repeated())
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _repeated(self) -> Part:
        start = self.at
        part = self._atom()
        times = self._times()
        if times is None:
            return part
        if _may_be_empty(part):
            self.refuse("a repetition of what may be empty", at=start)
        if self._peek() in ("?", "+"):
            what = "a lazy repetition" if self._peek() == "?" else "a possessive repetition"
            self.refuse(what, hint="repetitions take as much as they can")
        if self._peek() in ("*", "{"):
            self.refuse("a repetition of a repetition", hint="write parentheses")
        if _copies(part) * max(times[0], times[1] or 1) > _MOST_TIMES:
            self.refuse(f"more than {_MOST_TIMES} repetitions in each other", at=start)
        return Repeated(part, *times)

    def _times(self) -> tuple[int, int | None] | None:
        point = self._peek()
        if point and point in _TIMES:
            self.at += 1
            return _TIMES[point]
        start = self.at
        if not self._take("{"):
            return None
        least = self._number()
        most: int | None = least
        if self._take(","):
            most = None if self._peek() == "}" else self._number()
        if not self._take("}"):
            self.refuse("a '{' that is no repetition", at=start, hint=r"write \{ for the character")
        if most is not None and most < least:
            self.refuse("a repetition of fewer than none", at=start)
        return least, most

    def _number(self) -> int:
        start = self.at
        while self._peek().isdecimal() and self._peek().isascii():
            self.at += 1
        digits = self.text[start : self.at]
        if not digits:
            self.refuse("a '{' that is no repetition", hint=r"write \{ for the character")
        if len(digits) > 3 or int(digits) > _MOST_TIMES:
            self.refuse(f"a repetition of more than {_MOST_TIMES}", at=start)
        return int(digits)

    def _atom(self) -> Part:
        start, point = self.at, self._peek()
        self.at += 1
        match point:
            case "(":
                return self._group(start)
            case "[":
                return self._bracket(start)
            case "^" | "$":
                return Anchor(point == "^")
            case ".":
                return Characters(_ALL if self._dot_all else complement(((10, 10),)))
            case "\\":
                return Characters(self._escaped(start))
            case "*" | "+" | "?" | "{":
                self.refuse("a repetition of nothing", at=start, hint=f"write \\{point}")
            case "]" | "}":
                self.refuse(f"a '{point}' that closes none", at=start, hint=f"write \\{point}")
        return Characters(self._cased(((ord(point), ord(point)),)))

    def _cased(self, ranges: Ranges) -> Ranges:
        return _in_both_cases(ranges) if self._ignore_case else ranges

    def _group(self, start: int) -> Part:
        number = None
        if self._take("?"):
            if not self._take(":"):
                hint = "groups are (…) and (?:…)"
                self.refuse("options, names or looking around in a group", at=start, hint=hint)
        else:
            self.groups += 1
            number = self.groups
            if number > MOST_GROUPS:
                self.refuse(f"more than {MOST_GROUPS} groups", at=start)
        self._depth += 1
        if self._depth > _DEEPEST:
            self.refuse(f"groups more than {_DEEPEST} deep", at=start)
        inner = self.either()
        self._depth -= 1
        if not self._take(")"):
            self.refuse("a parenthesis that is not closed", at=start)
        return Group(inner, number)

    def _escaped(self, start: int) -> Ranges:
        point = self._peek()
        self.at += 1
        if point.lower() in _SETS:
            found = _SETS[point.lower()]
            return found if point.islower() else complement(found)
        if point in _CONTROLS:
            return ((ord(_CONTROLS[point]),) * 2,)
        if not point or point.isalnum() or not point.isascii():
            what = f"'\\{point}'" if point else "a backslash before nothing"
            self.refuse(what, at=start, hint=r"there are \d \w \s \D \W \S \n \t \r \f")
        return ((ord(point), ord(point)),)

    def _bracket(self, start: int) -> Part:
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        while self._peek() != "]" or not ranges:
            if not self._peek():
                self.refuse("a bracket that is not closed", at=start)
            ranges += self._member()
        self.at += 1
        merged = self._cased(_merged(ranges))
        found = complement(merged) if negated else merged
        if not found:
            self.refuse("a class of no characters", at=start)
        return Characters(found)

    def _member(self) -> Ranges:
        start = self.at
        first = self._single()
        if self._peek() != "-" or self.text[self.at + 1 : self.at + 2] in ("]", ""):
            return first
        self.at += 1
        last = self._single()
        if first[0][0] != first[-1][1] or last[0][0] != last[-1][1] or first > last:
            self.refuse("a range from and to no character", at=start)
        return ((first[0][0], last[0][0]),)

    def _single(self) -> Ranges:
        start, point = self.at, self._peek()
        self.at += 1
        if point == "\\":
            return self._escaped(start)
        if point == "[" or (point == "&" and self._peek() == "&"):
            self.refuse(f"a '{point}' in a class", at=start, hint=f"write \\{point}")
        return ((ord(point), ord(point)),)
