"""What running a part of a plan takes: seconds by part, and bytes moved."""

from wayfed_optimizer.cost.memory import held_bytes, least_bytes, spilled_bytes, spilling_seconds
from wayfed_optimizer.cost.model import Cost, CostProfile, seconds_of
from wayfed_optimizer.cost.work import (
    FLOORS,
    QUANTITIES,
    Quantity,
    Work,
    work_of,
    work_of_leaving,
)

__all__ = [
    "FLOORS",
    "QUANTITIES",
    "Cost",
    "CostProfile",
    "Quantity",
    "Work",
    "held_bytes",
    "least_bytes",
    "seconds_of",
    "spilled_bytes",
    "spilling_seconds",
    "work_of",
    "work_of_leaving",
]
