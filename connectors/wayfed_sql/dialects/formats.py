"""Times written and read by a format, in the notation of an engine."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import Literal
from wayfed_optimizer.functions.formats import TimeField, check_readable, parse_format
from wayfed_sql.dialects.patterns import backslashed, quoted
from wayfed_sql.templates import Template, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed_sql.templates import Site

_MARK: Final = "\0format\0"
"""What no SQL has in it; a format may look like a hole of a template."""
_UNREAD: Final = "a time that is not written by the format"
NO_FIELDS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Notation:
    """How an engine writes formats.

    Parameters
    ----------
    fields
        What each field is called, by its letter; ``%`` and the letter unless said.
    plain
        Writes text that stands for itself.
    quote
        Writes a constant.
    """

    fields: Mapping[str, str]
    plain: Callable[[str], str]
    quote: Callable[[str], str]

    def write(self, text: str) -> str:
        """Write a format as a constant."""
        parts = (
            self.fields.get(part.letter, f"%{part.letter}")
            if isinstance(part, TimeField)
            else self.plain(part)
            for part in parse_format(text)
        )
        return self.quote("".join(parts))


@dataclass(frozen=True, slots=True)
class Formatted:
    """A call with a constant format; ``{format}`` is where it goes.

    Parameters
    ----------
    reads
        Whether it reads times, instead of writing them.
    """

    notation: Notation
    form: str
    reads: bool = False

    def render(self, site: Site) -> Text:
        """Write the call."""
        text = format_of(site)
        if self.reads:
            check_readable(text)
        written = Template(self.form.replace("{format}", _MARK)).render(site)
        return written._replace(sql=written.sql.replace(_MARK, self.notation.write(text)))


def strptime(notation: Notation, read: str, written: str, failure: str) -> Formatted:
    """Make the row that reads times just as they would be written.

    Parameters
    ----------
    read, written
        The engine's functions; ``{read}`` is where the second has what the first has read.
    failure
        What ends the query where there is anything else; ``{why}`` is why.
    """
    again = written.replace("{read}", read)
    raised = failure.replace("{why}", _UNREAD)
    found = f"{again} = {{0}} AND EXTRACT(YEAR FROM {read}) > 0"
    form = f"CASE WHEN {found} THEN {read} WHEN {{0}} IS NOT NULL THEN {raised} END"
    return Formatted(notation, form, reads=True)


def format_of(site: Site) -> str:
    """Return the format of a call, which is a constant."""
    known = site.args[1]
    if not isinstance(known, Literal) or not isinstance(known.value, str):
        raise Unsupported(site.function, site.platform, "its formats are constants")
    return known.value


def _percents(text: str) -> str:
    return text.replace("%", "%%")


def _in_double_quotes(text: str) -> str:
    if not any(point.isalnum() or point in '"\\' for point in text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


STRFTIME: Final = Notation(NO_FIELDS, _percents, quoted)
TO_CHAR: Final = Notation(
    MappingProxyType(
        {
            **{"Y": "YYYY", "y": "YY", "m": "MM", "d": "DD", "H": "HH24", "M": "MI", "S": "SS"},
            **{"f": "US", "j": "DDD", "b": "Mon", "B": "FMMonth", "a": "Dy", "A": "FMDay"},
        }
    ),
    _in_double_quotes,
    quoted,
)
JAVA: Final = Notation(
    MappingProxyType(
        {
            **{"Y": "yyyy", "y": "yy", "m": "MM", "d": "dd", "H": "HH", "M": "mm", "S": "ss"},
            **{"f": "SSSSSS", "j": "DDD", "b": "MMM", "B": "MMMM", "a": "E", "A": "EEEE"},
        }
    ),
    quoted,
    backslashed,
)
