"""What Flink does with our meaning, and what that costs."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from wayfed_optimizer.cost import CostProfile
from wayfed_sql import FLINK, capabilities_of

CAPABILITIES: Final = capabilities_of(FLINK)

# Flink 2.3 on two cores: a scan 0.2 us a row, a filter 0.2, a join 0.45, an aggregation 0.35.
# Sorts and windows are guesses from the shuffles in joins.
COSTS: Final = CostProfile(
    startup=6.0,
    per_fragment=0.5,
    per_row=MappingProxyType(
        {
            "Read": 2e-7,
            "Filter": 2e-8,
            "Join": 4e-7,
            "Aggregate": 3e-7,
            "Distinct": 3e-7,
            "Sort": 5e-7,
            "Window": 8e-7,
        }
    ),
    default_per_row=5e-8,
    per_byte_out=1e-8,
)
