"""How Spark writes functions of lists."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.templates import Template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row

NESTED: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "list": Template("CAST(ARRAY({args}) AS {type})"),
        # Outside of the list, and at 0, it raises errors.
        "element": Template(
            "CASE WHEN {1} <> 0 AND {1} BETWEEN -ARRAY_SIZE({0}) AND ARRAY_SIZE({0}) "
            "THEN ELEMENT_AT({0}, CAST({1} AS INT)) END"
        ),
        "list_length": Template("CAST(ARRAY_SIZE({0}) AS BIGINT)"),
        # A NULL among the elements makes it NULL where it finds nothing.
        "list_contains": Template(
            "CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL "
            "THEN COALESCE(ARRAY_CONTAINS({0}, {1}), FALSE) END"
        ),
        "list_sort": Template("ARRAY_SORT({0})"),
    }
)
