"""Text, in SQLite."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.patterns import EscapedLike, Parts, quoted
from wayfed_sql.dialects.shared import code_point, either_like, is_known_positive, is_three
from wayfed_sql.templates import COMPARISON, OTHER, Choice, Template, Text, by_count, function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row, Site

_GLOB: Final = (
    "REPLACE(REPLACE(REPLACE(REPLACE(REPLACE({1}, '[', '[[]'), '*', '[*]'), '?', '[?]'), "
    "'%', '*'), '_', '?')"
)

_FILL: Final = (
    "SUBSTR(REPLACE(HEX(ZEROBLOB(MAX({1} - LENGTH({0}), 0))), '00', {2}), "
    "1, MAX({1} - LENGTH({0}), 0))"
)
_LITERALLY: Final = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}


def _glob_constant(parts: Parts, _: str) -> str:
    """Write the GLOB that means what a LIKE does."""
    points = iter(parts)
    written = (next(points) or "" if p is None else _LITERALLY.get(p, p) for p in points)
    return quoted("".join(written))


@dataclass(frozen=True, slots=True)
class ConcatenationWithSeparator:
    """CONCAT_WS, which came to SQLite later than the versions that we work with."""

    def render(self, site: Site) -> Text:
        """Put the separator before each text that there is, and cut off the first."""
        separator, *rest = (text.within(OTHER) for text in site.texts)
        parts = (f"COALESCE({separator} || {text}, '')" for text in rest)
        joined = " || ".join(parts) or f"{separator}"
        return Text(f"SUBSTR({joined}, LENGTH({separator}) + 1)")


TEXTS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        # SQLite's own gives x where the old text is empty, even if the new one is NULL.
        "replace": Choice(
            ((lambda site: not site.args[2].nullable, function("REPLACE")),),
            Template("CASE WHEN {2} IS NOT NULL THEN REPLACE({0}, {1}, {2}) END"),
        ),
        "length": function("LENGTH"),
        "octet_length": Template("LENGTH(CAST({0} AS BLOB))"),
        "lpad": Template(f"{_FILL} || SUBSTR({{0}}, 1, MAX({{1}}, 0))", OTHER),
        "rpad": Template(f"SUBSTR({{0}}, 1, MAX({{1}}, 0)) || {_FILL}", OTHER),
        "left": Template(
            "SUBSTR({0}, 1, CASE WHEN {1} < 0 THEN MAX(LENGTH({0}) + {1}, 0) ELSE {1} END)"
        ),
        "right": Template(
            "SUBSTR({0}, CASE WHEN {1} < 0 THEN 1 - {1} ELSE MAX(LENGTH({0}) - {1}, 0) + 1 END)"
        ),
        "repeat": Template(
            "CASE WHEN {1} IS NOT NULL THEN REPLACE(HEX(ZEROBLOB(MAX({1}, 0))), '00', {0}) END"
        ),
        "position": function("INSTR"),
        "ascii": Template("CASE {0} WHEN '' THEN 0 ELSE UNICODE({0}) END"),
        "chr": code_point("CHAR({0})"),
        "concat_ws": ConcatenationWithSeparator(),
        "trim": function("TRIM"),
        "ltrim": function("LTRIM"),
        "rtrim": function("RTRIM"),
        "substring": Choice(
            ((is_known_positive, function("SUBSTR")),),
            by_count(
                Template(""),
                Template("SUBSTR({0}, MAX({1}, 1))"),
                Template("SUBSTR({0}, MAX({1}, 1), MAX(MAX({1} + {2}, 1) - MAX({1}, 1), 0))"),
            ),
        ),
        "starts_with": Template("SUBSTR({0}, 1, LENGTH({1})) = {1}", COMPARISON),
        "ends_with": Template("SUBSTR({0}, LENGTH({0}) - LENGTH({1}) + 1) = {1}", COMPARISON),
        "contains": Template("INSTR({0}, {1}) > 0", COMPARISON),
        "like": Choice(
            ((is_three, EscapedLike("{text} GLOB {pattern}", _glob_constant)),),
            Template(f"{{0}} GLOB {_GLOB}", COMPARISON),
        ),
        "ilike": either_like("LIKE"),
    }
)
