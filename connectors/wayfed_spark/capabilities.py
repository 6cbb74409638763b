"""What Spark does with our meaning, and what that costs."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from wayfed_optimizer.cost import CostProfile
from wayfed_sql import SPARK, capabilities_of

CAPABILITIES: Final = capabilities_of(SPARK)

# Spark 4.1 on two cores: a scan 0.08 us a row, a filter 0.04, a join 0.05, an aggregation 0.11;
# an empty job 0.15 s. Sorts and windows are guesses from the shuffles in joins.
COSTS: Final = CostProfile(
    startup=6.0,
    per_fragment=0.15,
    per_row=MappingProxyType(
        {
            "Read": 8e-8,
            "Filter": 4e-8,
            "Join": 5e-8,
            "Aggregate": 1.1e-7,
            "Distinct": 1.1e-7,
            "Sort": 1.5e-7,
            "Window": 2.5e-7,
        }
    ),
    default_per_row=2e-8,
    per_byte_out=6e-9,
)
