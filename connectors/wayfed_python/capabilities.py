"""What runs in Python: functions of the user's own, and nothing else."""

from __future__ import annotations

from typing import Final

from wayfed_optimizer.capabilities import Capabilities
from wayfed_optimizer.cost import CostProfile
from wayfed_optimizer.relations import MapBatches
from wayfed_optimizer.types import PLAIN

CAPABILITIES: Final = Capabilities(
    relations=frozenset({MapBatches}),
    functions=frozenset(),
    expressions=frozenset(),
    joins=frozenset(),
    types=frozenset({*PLAIN, "decimal", "list", "struct"}),
)

# A row through a Python function takes about a microsecond; a batch function far less.
COSTS: Final = CostProfile(per_fragment=1e-4, default_per_row=1e-6)
