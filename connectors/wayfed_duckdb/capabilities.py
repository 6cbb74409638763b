"""What DuckDB does with our meaning, and what that costs."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from wayfed_optimizer.cost import CostProfile
from wayfed_sql import DUCKDB, capabilities_of

CAPABILITIES: Final = capabilities_of(DUCKDB)

# DuckDB 2.0 on two cores: a scan 3 ns a row, a filter 10, a join 20, an aggregation 35; a result
# leaves as Arrow at 1.3 GB a second. Sorts and windows are guesses from aggregations.
COSTS: Final = CostProfile(
    startup=0.02,
    per_fragment=0.002,
    per_row=MappingProxyType(
        {
            "Read": 3e-9,
            "Filter": 1e-8,
            "Join": 2e-8,
            "Aggregate": 3.5e-8,
            "Distinct": 3.5e-8,
            "SetOperation": 2e-8,
            "Sort": 6e-8,
            "Window": 1e-7,
        }
    ),
    default_per_row=2e-9,
    per_byte_out=8e-10,
)
