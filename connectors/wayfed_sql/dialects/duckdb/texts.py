"""Text, in DuckDB."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.shared import SUBSTRING
from wayfed_sql.templates import COMPARISON, Template, function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row


TEXTS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "length": function("LENGTH"),
        "trim": Template("TRIM({0}, ' ')"),
        "ltrim": Template("LTRIM({0}, ' ')"),
        "rtrim": Template("RTRIM({0}, ' ')"),
        "substring": SUBSTRING,
        "starts_with": function("STARTS_WITH"),
        "ends_with": function("ENDS_WITH"),
        "contains": function("CONTAINS"),
        "like": Template("{0} LIKE {1}", COMPARISON),
        "hash": Template("CAST('0x' || SUBSTRING(MD5({0}), 1, 15) AS BIGINT)"),
    }
)
