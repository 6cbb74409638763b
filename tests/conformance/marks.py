"""What is known to be wrong, by platform and case; strict: a case that passes may not be here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wayfed.testing import Mark

_WIDE = Mark("never", "it keeps 15 digits of decimals; others do not get in")

MARKS: Mapping[str, Mapping[str, Mark]] = MappingProxyType(
    {
        "duckdb": {},
        "postgresql": {},
        "spark": {},
        "sqlite": {
            "L4 is_null: is_null(a) of decimal(38,2)": _WIDE,
            "L4 is_not_null: is_not_null(a) of decimal(38,2)": _WIDE,
        },
    }
)
"""Marks by platform, and by what a case is about or by its name."""
