"""Dates and timestamps, in Flink."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row

TIMES: Final[Mapping[str, Row]] = MappingProxyType({})

CASTS: Final[Mapping[tuple[str, str], Row]] = MappingProxyType({})
