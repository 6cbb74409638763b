"""What DuckDB does with our meaning, and what that costs."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from wayfed_optimizer.cost import CostProfile
from wayfed_sql import DUCKDB, capabilities_of

CAPABILITIES: Final = capabilities_of(DUCKDB)

# DuckDB 2.0 on two cores, as `wayfed calibrate` fits it: a scan 3 ns a row and column, a row put to
# a group of few 2 ns, one of many 70.
COSTS: Final = CostProfile(
    startup=0.02,
    per_fragment=0.0012,
    rates=MappingProxyType(
        {
            "read": 8.8e-10,
            "read_byte": 2.3e-10,
            "read.arrow.table": 2.5e-10,
            "read_byte.arrow.table": 1e-11,
            "read.files.csv": 7.5e-08,
            "read_byte.files.csv": 1.4e-09,
            "read.files.ndjson": 1.1e-07,
            "read_byte.files.ndjson": 3.5e-09,
            "call": 9.6e-10,
            "pattern": 1.4e-09,
            "text": 4e-07,
            "build": 4.2e-08,
            "probe": 1.4e-09,
            "match": 2e-10,
            "pair": 1e-09,
            "aggregate": 2.1e-09,
            "group": 6.6e-08,
            "fold": 2.7e-10,
            "collect": 1.9e-08,
            "sort": 2.4e-09,
            "top": 2e-09,
            "window": 3.7e-09,
            "frame": 4.6e-09,
            "out": 3.1e-10,
        }
    ),
    default_per_row=2e-9,
    per_byte_out=1.7e-10,
)
