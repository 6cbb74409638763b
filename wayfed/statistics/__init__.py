"""What a context knows of its tables: gathered from their stores, and seen in earlier runs."""

from __future__ import annotations

from wayfed.statistics.gathering import SECONDS, Gathered, Gatherer
from wayfed.statistics.observations import Observations

__all__ = ["SECONDS", "Gathered", "Gatherer", "Observations"]
