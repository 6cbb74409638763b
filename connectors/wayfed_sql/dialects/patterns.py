"""LIKE with an escape, on engines that take it only in some places or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import Literal
from wayfed_sql.templates import COMPARISON, Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed_sql.templates import Site

Parts: TypeAlias = tuple[str | None, ...]
"""A pattern: a code point each, ``%`` and ``_`` for what they stand for, or None before those that
stand for themselves."""

_SPECIAL: Final = "%_"


@dataclass(frozen=True, slots=True)
class EscapedLike:
    """LIKE of a constant pattern, rewritten without what the engine takes amiss.

    Parameters
    ----------
    form
        The call; ``{text}`` and ``{pattern}`` are filled in.
    write
        Writes the constant for the parts of a pattern, given the escape.
    """

    form: str
    write: Callable[[Parts, str], str]

    def render(self, site: Site) -> Text:
        """Write the call."""
        _, pattern, escape = (arg.value if isinstance(arg, Literal) else None for arg in site.args)
        if not isinstance(pattern, str) or not isinstance(escape, str):
            raise Unsupported(site.function, site.platform, "its escapes are those of constants")
        written = self.write(parts_of(pattern, escape), escape)
        subject = site.texts[0].within(COMPARISON)
        return Text(self.form.format(text=subject, pattern=written), COMPARISON)


def parts_of(pattern: str, escape: str) -> Parts:
    """Return the parts of a pattern.

    Raises
    ------
    Unsupported
        Where the escape is not one code point, or the last of the pattern.

    Examples
    --------
    >>> parts_of("a$%%", "$")
    ('a', None, '%', '%')
    """
    if len(escape) != 1:
        raise Unsupported(f"the escape '{escape}'", hint="it is one character")
    parts: list[str | None] = []
    points = iter(pattern)
    for point in points:
        if point != escape:
            parts.append(point)
            continue
        meant = next(points, None)
        if meant is None:
            raise Unsupported(f"the pattern '{pattern}', which ends with its escape")
        parts += [None, meant] if meant in _SPECIAL else [meant]
    return tuple(parts)


def quoted(text: str) -> str:
    """Write text as a constant of an engine that knows no backslashes in it."""
    return "'" + text.replace("'", "''") + "'"


def backslashed(text: str) -> str:
    """Write text as a constant of an engine in which a backslash is written twice."""
    return quoted(text.replace("\\", "\\\\"))
