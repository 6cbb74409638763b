"""Plans as bytes: versioned JSON, read totally, the same on every machine; never code."""

from wayfed_optimizer.wire.read import from_wire
from wayfed_optimizer.wire.versions import FUNCTION_VERSIONS, PLAN_VERSIONS, negotiate
from wayfed_optimizer.wire.write import plan_hash, to_wire

__all__ = [
    "FUNCTION_VERSIONS",
    "PLAN_VERSIONS",
    "from_wire",
    "negotiate",
    "plan_hash",
    "to_wire",
]
