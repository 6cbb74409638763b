"""What running a part of a plan takes: seconds by part, and bytes moved."""

from wayfed_optimizer.cost.memory import held_bytes, spilling_seconds
from wayfed_optimizer.cost.model import Cost, CostProfile, operator_seconds

__all__ = ["Cost", "CostProfile", "held_bytes", "operator_seconds", "spilling_seconds"]
