"""Formats of times: the fields of ``strftime`` that every engine writes alike, in English.

``%Y %y %m %d %H %M %S %f %j %b %B %a %A`` and ``%%``; whatever else stands there is itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wayfed_optimizer.errors import Unsupported

FIELDS: Final = ("Y", "y", "m", "d", "H", "M", "S", "f", "j", "b", "B", "a", "A")
_MONTHS: Final = frozenset("mbB")


@dataclass(frozen=True, slots=True)
class TimeField:
    """A part of a time, by the letter that it has in ``strftime``."""

    letter: str


def parse_format(text: str) -> tuple[str | TimeField, ...]:
    """Return the parts of a format: text as it is, and fields.

    Raises
    ------
    Unsupported
        Where a field is none of those, or there is none.

    Examples
    --------
    >>> parse_format("%d.%m")
    (TimeField(letter='d'), '.', TimeField(letter='m'))
    """
    parts: list[str | TimeField] = []
    points = iter(text)
    plain = ""
    for point in points:
        letter = next(points, "") if point == "%" else None
        if letter in (None, "%"):
            plain += point
        elif letter in FIELDS:
            parts += [plain, TimeField(letter)] if plain else [TimeField(letter)]
            plain = ""
        else:
            known = [f"%{field}" for field in FIELDS]
            raise Unsupported(f"'%{letter}' in the format '{text}'", available=known)
    if not parts:
        raise Unsupported(f"the format '{text}', which has no part of a time")
    return (*parts, plain) if plain else tuple(parts)


def check_readable(text: str) -> None:
    """Raise Unsupported where a format does not say the year and the day, each part once.

    Examples
    --------
    >>> check_readable("%Y-%j")
    """
    letters = [part.letter for part in parse_format(text) if isinstance(part, TimeField)]
    given = set(letters)
    a_day = "j" in given or ("d" in given and len(given & _MONTHS) == 1)
    both = "j" in given and given & {"d", *_MONTHS}
    if "Y" not in given or not a_day or both or len(given) < len(letters) or given & set("yaA"):
        raise Unsupported(
            f"reading times by the format '{text}'", hint="it says %Y, and %m and %d, or %j, once"
        )
