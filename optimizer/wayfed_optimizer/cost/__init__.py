"""What running a part of a plan takes: seconds by part, and bytes moved."""

from wayfed_optimizer.cost.model import Cost, CostProfile, operator_seconds

__all__ = ["Cost", "CostProfile", "operator_seconds"]
