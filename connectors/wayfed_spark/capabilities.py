"""What Spark does with our meaning: its SQL table says which functions and joins, and why not."""

from __future__ import annotations

from typing import Final

from wayfed_optimizer.capabilities import Capabilities
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    Limit,
    Read,
    Sample,
    Select,
    SetOperation,
    Sort,
    Window,
)
from wayfed_sql import SPARK

CAPABILITIES: Final = Capabilities(
    relations=frozenset(
        {
            Read,
            Select,
            Filter,
            Join,
            Aggregate,
            Window,
            Sort,
            Limit,
            Distinct,
            SetOperation,
            Sample,
        }
    ),
    functions=frozenset(SPARK.functions),
    joins=SPARK.joins,
    without=SPARK.without,
)
