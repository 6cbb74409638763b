"""Aggregates and windows, in DuckDB."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.templates import Template, by_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row


AGGREGATES: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "count_distinct": Template("COUNT(DISTINCT {0}){over}"),
        "sum": by_type(
            Template("SUM({0}){over}"), integer=Template("CAST(SUM({0}){over} AS BIGINT)")
        ),
        "median": Template("MEDIAN({0}){over}"),
        "any_value": Template("ANY_VALUE({0}){over}"),
    }
)
