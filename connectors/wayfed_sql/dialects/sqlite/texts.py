"""Text, in SQLite."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.shared import is_known_positive
from wayfed_sql.templates import COMPARISON, Choice, Template, by_count, function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row

_GLOB: Final = (
    "REPLACE(REPLACE(REPLACE(REPLACE(REPLACE({1}, '[', '[[]'), '*', '[*]'), '?', '[?]'), "
    "'%', '*'), '_', '?')"
)

TEXTS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        # SQLite's own gives x where the old text is empty, even if the new one is NULL.
        "replace": Choice(
            ((lambda site: not site.args[2].nullable, function("REPLACE")),),
            Template("CASE WHEN {2} IS NOT NULL THEN REPLACE({0}, {1}, {2}) END"),
        ),
        "length": function("LENGTH"),
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
        "like": Template(f"{{0}} GLOB {_GLOB}", COMPARISON),
        "ilike": Template("{0} LIKE {1}", COMPARISON),
    }
)
