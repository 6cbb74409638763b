"""What runs in this process: functions of the user's own, and what goes on between engines."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from wayfed_optimizer.capabilities import Capabilities
from wayfed_optimizer.cost import CostProfile
from wayfed_optimizer.relations import Cache, FirstMatches, Iterate, MapBatches
from wayfed_optimizer.types import PLAIN

CAPABILITIES: Final = Capabilities(
    relations=frozenset({MapBatches, Iterate, Cache, FirstMatches}),
    functions=frozenset(),
    expressions=frozenset(),
    joins=frozenset(),
    types=frozenset({*PLAIN, "decimal", "list", "struct"}),
)

# A row through a Python function takes about a microsecond; a batch function far less. Loops and
# caches look at no row.
COSTS: Final = CostProfile(
    per_fragment=1e-4,
    rates=MappingProxyType({"map": 1e-6}),
)
