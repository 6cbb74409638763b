"""Regular expressions of our subset, written for an engine that has its own."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import Literal
from wayfed_optimizer.functions.patterns import (
    LAST,
    Anchor,
    Characters,
    Either,
    Group,
    Part,
    Pattern,
    Ranges,
    Repeated,
    Sequence,
    complement,
    parse_pattern,
)
from wayfed_optimizer.functions.replacements import (
    check_group,
    check_replacement,
    parse_replacement,
)
from wayfed_sql.dialects.patterns import quoted
from wayfed_sql.templates import ATOM, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed_sql.templates import Site

_CONTROLS: Final = MappingProxyType({"\n": r"\n", "\t": r"\t", "\r": r"\r", "\f": r"\f"})
_SPECIAL: Final = frozenset(r"\^$.|?*+()[]{}-&/#~'")


@dataclass(frozen=True, slots=True)
class Syntax:
    """How an engine writes regular expressions.

    Parameters
    ----------
    start, end, anything
        The ends of the text, and any code point.
    group
        What stands for a group in a replacement; ``{}`` is its number.
    whole
        What stands for all that matched there.
    escapes
        What needs a backslash before it in a replacement.
    quote
        Writes a constant.
    """

    start: str
    end: str
    anything: str
    group: str
    whole: str
    escapes: str
    quote: Callable[[str], str]

    def write(self, part: Part) -> str:
        """Write a pattern."""
        match part:
            case Characters(ranges):
                return self._characters(ranges)
            case Anchor(is_start):
                return self.start if is_start else self.end
            case Group(inner, number):
                return f"({'?:' if number is None else ''}{self.write(inner)})"
            case Repeated(inner, least, most):
                return self.write(inner) + _times(least, most)
            case Sequence(parts):
                return "".join(map(self.write, parts))
            case Either(branches):
                return "|".join(map(self.write, branches))

    def _characters(self, ranges: Ranges) -> str:
        if ranges == ((0, LAST),):
            return self.anything
        if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
            return _point(ranges[0][0])
        # The last code points are part of what is the opposite of something.
        opposite = ranges[-1][1] == LAST
        shown = complement(ranges) if opposite else ranges
        return f"[{'^' if opposite else ''}{''.join(map(_range, shown))}]"

    def replacement(self, parts: tuple[str | int, ...]) -> str:
        """Write a replacement of texts and numbers of groups."""
        written = []
        after_group = False
        for part in parts:
            if isinstance(part, str):
                # A digit would be part of the number before it.
                escapes = self.escapes + (part[0] if after_group and part[0].isdigit() else "")
                written.append("".join(f"\\{c}" if c in escapes else c for c in part))
            else:
                written.append(self.group.format(part) if part else self.whole)
            after_group = isinstance(part, int) and self.group == "${}"
        return "".join(written)


def _times(least: int, most: int | None) -> str:
    match least, most:
        case 0, None:
            return "*"
        case 1, None:
            return "+"
        case 0, 1:
            return "?"
        case _, None:
            return f"{{{least},}}"
    return f"{{{least}}}" if least == most else f"{{{least},{most}}}"


def _point(code: int) -> str:
    point = chr(code)
    return _CONTROLS.get(point) or (f"\\{point}" if point in _SPECIAL else point)


def _range(ends: tuple[int, int]) -> str:
    first, last = ends
    if first == last:
        return _point(first)
    return f"{_point(first)}{'' if last == first + 1 else '-'}{_point(last)}"


@dataclass(frozen=True, slots=True)
class RegularExpression:
    """A call of a function of regular expressions, whose pattern and the like are constants.

    Parameters
    ----------
    syntax
        The engine's.
    form
        The call: ``{text}``, ``{pattern}``, ``{grouped}`` (the pattern in parentheses),
        ``{group}``, ``{next}`` (the number of a group in it), ``{replacement}`` and ``{options}``
        are filled in.
    once
        The call that replaces the first match only, where that is another; ``{headed}`` is the
        pattern behind all that goes before it, ``{shifted}`` a replacement that keeps that.
    flat
        Why patterns that are not flat have other matches, if they have.
    level
        How tightly the call binds.
    """

    syntax: Syntax
    form: str
    once: str | None = None
    flat: str | None = None
    level: int = ATOM

    def render(self, site: Site) -> Text:
        """Write the call."""
        constants = [arg.value if isinstance(arg, Literal) else None for arg in site.args[1:]]
        if None in constants:
            raise Unsupported(site.function, site.platform, "its patterns are constants")
        pattern = parse_pattern(str(constants[0]))
        if self.flat and not pattern.is_flat:
            raise Unsupported(f"{site.function} of '{constants[0]}'", site.platform, self.flat)
        holes = self._holes(pattern, constants[1:])
        first_only = constants[2:] == [False]
        form = self.once if first_only and self.once else self.form
        text = site.texts[0].within(self.level)
        return Text(form.format(text=text, **holes), self.level)

    def _holes(self, pattern: Pattern, rest: list[Any]) -> Mapping[str, str]:
        syntax = self.syntax
        written = syntax.write(pattern.part)
        grouped = f"({written})"
        holes = {"pattern": syntax.quote(written), "grouped": syntax.quote(grouped)}
        match rest:
            case [int(group)]:
                check_group(group, pattern)
                holes |= {"group": str(group), "next": str(group + 1)}
            case []:
                holes |= {"group": "0", "next": "1"}
            case [str(replacement), bool(everywhere)]:
                check_replacement(replacement, pattern, everywhere=everywhere)
                parts = parse_replacement(replacement, pattern.groups)
                head = f"{syntax.start}({syntax.anything}*?){grouped}"
                shifted = (1, *(p if isinstance(p, str) else p + 2 for p in parts))
                holes |= {
                    "replacement": syntax.quote(syntax.replacement(parts)),
                    "options": ", 'g'" if everywhere else "",
                    "headed": syntax.quote(head),
                    "shifted": syntax.quote(syntax.replacement(shifted)),
                }
        return holes


JAVA: Final = Syntax(
    start=r"\A",
    end=r"\z",
    anything="(?s:.)",
    group="${}",
    whole="$0",
    escapes="\\$",
    quote=quoted,
)
