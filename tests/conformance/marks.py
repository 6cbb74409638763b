"""What is known to be wrong, by platform and case; strict: a case that passes may not be here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wayfed.testing import Mark

MARKS: Mapping[str, Mapping[str, Mark]] = MappingProxyType(
    {
        "duckdb": {},
        "flink": {},
        "postgresql": {},
        "spark": {},
        "sqlite": {},
    }
)
"""Marks by platform, and by what a case is about or by its name."""
