r"""What stands in the place of what a regular expression matches: text and numbers of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    from wayfed_optimizer.functions.patterns import Pattern


def parse_replacement(text: str, groups: int) -> tuple[str | int, ...]:
    r"""Return the parts of a replacement: text as it is, and numbers of groups, 0 for all.

    Raises
    ------
    Unsupported
        Where a backslash stands before anything else, or the pattern has no such group.

    Examples
    --------
    >>> parse_replacement(r"<\1>\\", groups=1)
    ('<', 1, '>\\')
    """
    parts: list[str | int] = []
    points = iter(text)
    plain = ""
    for point in points:
        if point != "\\":
            plain += point
            continue
        meant = next(points, "")
        if meant == "\\":
            plain += meant
        elif meant.isascii() and meant.isdigit() and int(meant) <= groups:
            parts += [plain, int(meant)] if plain else [int(meant)]
            plain = ""
        else:
            raise Unsupported(
                f"'\\{meant}' in the replacement '{text}' of a pattern with {groups} groups",
                hint=r"there are \0 for all that matched, \1 … for groups, \\ for a backslash",
            )
    return (*parts, plain) if plain else tuple(parts)


def check_group(group: int, pattern: Pattern) -> None:
    """Raise Unsupported where a pattern has no such group."""
    if not 0 <= group <= pattern.groups:
        raise Unsupported(f"group {group} of a pattern with {pattern.groups} groups")


def check_replacement(text: str, pattern: Pattern, *, everywhere: bool) -> None:
    """Raise Unsupported where engines do not replace the same, or by what is not there."""
    parse_replacement(text, pattern.groups)
    if everywhere and pattern.may_be_empty:
        hint = "write + for *, or replace the first match only"
        raise Unsupported("replacing every match of a pattern that may be empty", hint=hint)
