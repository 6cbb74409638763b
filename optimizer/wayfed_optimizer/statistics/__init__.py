"""What is known about data without reading it, and what follows from it for the rows of a plan."""

from wayfed_optimizer.statistics.cardinality import Cardinalities, width_of
from wayfed_optimizer.statistics.estimates import (
    ColumnStatistics,
    Estimate,
    Provenance,
    TableStatistics,
    Told,
)

__all__ = [
    "Cardinalities",
    "ColumnStatistics",
    "Estimate",
    "Provenance",
    "TableStatistics",
    "Told",
    "width_of",
]
