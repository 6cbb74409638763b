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
    rates=MappingProxyType(
        {
            "read": 3e-09,
            "read_byte": 3e-10,
            "read.files.csv": 5e-08,
            "read_byte.files.csv": 6e-09,
            "read.files.ndjson": 1e-07,
            "read_byte.files.ndjson": 1e-08,
            "call": 2e-09,
            "pattern": 1.5e-08,
            "build": 3e-08,
            "probe": 1e-08,
            "match": 5e-09,
            "pair": 1e-09,
            "aggregate": 1e-08,
            "group": 5e-08,
            "fold": 2e-09,
            "collect": 3e-08,
            "sort": 5e-09,
            "top": 2e-09,
            "window": 8e-09,
            "frame": 1e-08,
            "out": 2e-09,
        }
    ),
    default_per_row=2e-9,
    per_byte_out=8e-10,
)
