"""Times written by a format, in SQLite, whose own function rounds seconds and knows no names."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.functions.formats import TimeField, parse_format
from wayfed_optimizer.types import DATE
from wayfed_sql.dialects.formats import format_of
from wayfed_sql.dialects.patterns import quoted
from wayfed_sql.templates import OTHER, Template, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed_sql.templates import Site


def _name(names: Sequence[str], number: str) -> str:
    """Return the text of one of several names, by its number from 0."""
    width = max(map(len, names))
    table = "".join(name.ljust(width) for name in names)
    return f"RTRIM(SUBSTR('{table}', {number} * {width} + 1, {width}))"


_MONTH: Final = "(SUBSTR({0}, 6, 2) - 1)"
_WEEKDAY: Final = "CAST(STRFTIME('%w', SUBSTR({0}, 1, 10)) AS INTEGER)"
_DAYS: Final = [*calendar.day_name[6:], *calendar.day_name[:6]]
_FIELDS: Final = MappingProxyType(
    {
        "Y": "SUBSTR({0}, 1, 4)",
        "y": "SUBSTR({0}, 3, 2)",
        "m": "SUBSTR({0}, 6, 2)",
        "d": "SUBSTR({0}, 9, 2)",
        "H": "SUBSTR({0}, 12, 2)",
        "M": "SUBSTR({0}, 15, 2)",
        "S": "SUBSTR({0}, 18, 2)",
        "f": "SUBSTR({0}, 21, 6)",
        "j": "STRFTIME('%j', SUBSTR({0}, 1, 10))",
        "b": _name(calendar.month_abbr[1:], _MONTH),
        "B": _name(calendar.month_name[1:], _MONTH),
        "a": _name([name[:3] for name in _DAYS], _WEEKDAY),
        "A": _name(_DAYS, _WEEKDAY),
    }
)
_OF_MIDNIGHT: Final = MappingProxyType({"H": "'00'", "M": "'00'", "S": "'00'", "f": "'000000'"})


@dataclass(frozen=True, slots=True)
class Assembled:
    """The fields of a time and what stands between them, joined."""

    def render(self, site: Site) -> Text:
        """Write the call."""
        clock = _OF_MIDNIGHT if site.args[0].type == DATE else {}
        parts = [
            Template(clock.get(part.letter, _FIELDS[part.letter])).render(site).sql
            if isinstance(part, TimeField)
            else quoted(part)
            for part in parse_format(format_of(site))
        ]
        if clock:
            # NULL stays NULL, where only midnight is written.
            parts.append(Template("SUBSTR({0}, 1, 0)").render(site).sql)
        return Text(" || ".join(parts), OTHER)
