"""What PostgreSQL and SQLite do with our meaning, and what it costs."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.capabilities import Capabilities
from wayfed_optimizer.cost import CostProfile
from wayfed_optimizer.relations import RELATIONS, JoinKind, Read
from wayfed_sql import POSTGRESQL, SQLITE, capabilities_of

if TYPE_CHECKING:
    from wayfed_sql import Dialect

_OLD: Final = "its library is older than 3.39"
_MISSING: Final = (
    {JoinKind.RIGHT: _OLD, JoinKind.FULL: _OLD} if sqlite3.sqlite_version_info < (3, 39) else {}
)


@dataclass(frozen=True, slots=True)
class Profile:
    """An engine as the optimizer sees it.

    Parameters
    ----------
    capabilities, costs
        What it does, and in how many seconds.
    dialect
        Its SQL; None where only SQLAlchemy knows it.
    ingest_seconds, ingest_seconds_per_byte
        What making a temporary table costs; None where rows of others do not get in.
    inline_seconds, inline_seconds_per_byte
        What writing rows into a statement costs; None where that is no way.
    looks_up_keys
        Whether an array of constants is looked up in an index where a join with them is not.
    """

    capabilities: Capabilities
    costs: CostProfile
    dialect: Dialect | None = None
    ingest_seconds: float | None = None
    ingest_seconds_per_byte: float = 0.0
    inline_seconds: float | None = None
    inline_seconds_per_byte: float = 0.0
    looks_up_keys: bool = False


# PostgreSQL 18 on two cores, as `wayfed calibrate` fits it: 1 M rows of 5 numbers leave in 0.39 s.
# A group costs what it does where they outgrow work_mem: 130,000 of them take twice as long each as
# 13,000.
POSTGRESQL_PROFILE: Final = Profile(
    capabilities_of(POSTGRESQL),
    CostProfile(
        startup=0.03,
        per_fragment=0.0007,
        rates=MappingProxyType(
            {
                "read": 3.4e-08,
                "read_byte": 2.1e-10,
                "call": 3.6e-09,
                "pattern": 8.1e-08,
                "text": 1e-07,
                "build": 2.8e-07,
                "probe": 2.3e-09,
                "match": 4.3e-08,
                "pair": 2e-08,
                "aggregate": 9.7e-08,
                "group": 5e-07,
                "fold": 1.3e-08,
                "collect": 1.7e-07,
                "sort": 1.5e-08,
                "top": 3.2e-08,
                "window": 2e-08,
                "frame": 6.2e-08,
                "out": 9.4e-08,
                "out_number": 4.4e-08,
                "out_text": 1.1e-07,
                "out_nested": 3.6e-07,
            }
        ),
        default_per_row=5e-8,
        per_byte_out=1.6e-09,
    ),
    POSTGRESQL,
    ingest_seconds=0.004,
    ingest_seconds_per_byte=2.5e-8,
    inline_seconds=2e-4,
    inline_seconds_per_byte=1.2e-7,
    looks_up_keys=True,
)

# SQLite 3.40, as `wayfed calibrate` fits it: 1 M rows of 5 columns leave in 0.9 s. One thread, so
# everything that touches a row counts in full. It joins by an index that it makes of the right side
# and looks the left one up in: 40,000 rows take 0.1 s to index, be they looked for by 1,600 or by
# 80,000, and a Bloom filter passes over most of those that are not there. Rows are not written into
# its statements: it makes no index for constants, so that 200,000 rows look 50 of them up in 3.8 s,
# and in 0.05 s where they are in a table.
SQLITE_PROFILE: Final = Profile(
    capabilities_of(SQLITE, missing=_MISSING),
    CostProfile(
        startup=0.002,
        per_fragment=0.0005,
        rates=MappingProxyType(
            {
                "read": 6.5e-08,
                "read_byte": 3.2e-10,
                "call": 5.6e-08,
                "pattern": 2.3e-07,
                "text": 4e-07,
                "build": 0.0,
                "probe": 0.0,
                "index": 1.9e-06,
                "seek": 1e-07,
                "match": 1.5e-07,
                "pair": 1.8e-07,
                "aggregate": 5.2e-07,
                "group": 2.6e-07,
                "fold": 1.2e-07,
                "collect": 5.9e-07,
                "sort": 3e-08,
                "top": 2.1e-07,
                "window": 6e-08,
                "frame": 2.9e-07,
                "out": 1.1e-07,
                "out_number": 1.8e-07,
                "out_text": 1.5e-08,
            }
        ),
        default_per_row=2e-7,
        per_byte_out=3.3e-09,
    ),
    SQLITE,
    ingest_seconds=0.01,
    ingest_seconds_per_byte=2.5e-8,
)

_UNKNOWN: Final = "what it means by it is not known: only SQLAlchemy knows its kind"

# 1 M rows of 5 columns become Python's and then Arrow's in 3 s.
GENERIC_PROFILE: Final = Profile(
    Capabilities(
        relations=frozenset({Read}),
        functions=frozenset(),
        expressions=frozenset(),
        joins=frozenset(),
        without=MappingProxyType({kind.__name__: _UNKNOWN for kind in RELATIONS}),
    ),
    CostProfile(startup=0.1, per_fragment=0.01, default_per_row=3e-6, per_byte_out=5e-8),
)
