"""Aggregates and windows, in Flink."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.templates import Template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row

AGGREGATES: Final[Mapping[str, Row]] = MappingProxyType(
    {"sum": Template("SUM({distinct}{0}){over}")}
)
