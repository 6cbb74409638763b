"""Text, in Spark."""

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
        "length": Template("CAST(LENGTH({0}) AS BIGINT)"),
        "trim": function("TRIM"),
        "ltrim": function("LTRIM"),
        "rtrim": function("RTRIM"),
        "substring": SUBSTRING,
        "starts_with": function("STARTSWITH"),
        "ends_with": function("ENDSWITH"),
        "contains": function("CONTAINS"),
        "like": Template("{0} LIKE REPLACE({1}, '\\\\', '\\\\\\\\')", COMPARISON),
        "ilike": Template("{0} ILIKE REPLACE({1}, '\\\\', '\\\\\\\\')", COMPARISON),
        "hash": Template("CAST(CONV(SUBSTRING(MD5({0}), 1, 15), 16, 10) AS BIGINT)"),
    }
)
