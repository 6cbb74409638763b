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
    rates=MappingProxyType(
        {
            "stage": 0.1,
            "read": 2e-07,
            "read_byte": 1e-09,
            "call": 2e-08,
            "pattern": 1e-07,
            "text": 6e-07,
            "build": 4e-07,
            "probe": 4e-07,
            "match": 1e-07,
            "pair": 5e-08,
            "aggregate": 2e-07,
            "group": 3e-07,
            "fold": 3e-08,
            "collect": 5e-07,
            "sort": 3e-08,
            "top": 1e-07,
            "window": 5e-08,
            "frame": 2e-07,
            "out": 1e-07,
        }
    ),
    default_per_row=5e-8,
    per_byte_out=1e-8,
)
