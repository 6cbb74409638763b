"""What a topic can be asked for without an engine, and what reading one costs."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_kafka.conditions import comparisons_of
from wayfed_kafka.table import OFFSET, PARTITION, TIMESTAMP
from wayfed_optimizer.capabilities import Capabilities
from wayfed_optimizer.cost import CostProfile
from wayfed_optimizer.expressions import Call, Column, InList, Literal
from wayfed_optimizer.relations import RELATIONS, Filter, Limit, Read, Select
from wayfed_optimizer.types import PLAIN

if TYPE_CHECKING:
    from wayfed_optimizer.relations import Relation

_NO_ENGINE: Final = "a topic is read, and nothing is computed there"
_FILTERS: Final = (
    f"only comparisons of {PARTITION}, {OFFSET} and {TIMESTAMP} with constants choose offsets"
)


@dataclass(frozen=True, slots=True)
class TopicCapabilities(Capabilities):
    """Columns are chosen, offsets cut, rows counted off; everything else is for an engine."""

    def refusal(self, relation: Relation) -> tuple[str, str] | None:
        """Return (what, why) for what cannot be said in offsets and columns."""
        # Not super(): with slots, a dataclass is made twice, and the name means the first.
        found = Capabilities.refusal(self, relation)
        match relation:
            case _ if found is not None:
                return found
            case Select(outputs=outputs):
                if not all(isinstance(output.expression, Column) for output in outputs):
                    return "Select", _NO_ENGINE
            case Filter(predicate=predicate):
                if comparisons_of(predicate) is None:
                    return "Filter", _FILTERS
        return None


CAPABILITIES: Final = TopicCapabilities(
    relations=frozenset({Read, Select, Filter, Limit}),
    functions=frozenset(
        {"and", "equal", "less", "less_equal", "greater", "greater_equal"},
    ),
    expressions=frozenset({Call, Column, InList, Literal}),
    joins=frozenset(),
    types=frozenset({*PLAIN, "decimal", "list", "struct"}),
    without=MappingProxyType({kind.__name__: _NO_ENGINE for kind in RELATIONS}),
)

# 1 M records of 123 bytes of JSON become Arrow in 3 s on two loaded cores; half of it is the
# client's, half the decoder's. It is a record that leaves that takes so long: one that a filter
# leaves out is not fetched.
COSTS: Final = CostProfile(
    startup=0.05,
    per_fragment=0.05,
    rates=MappingProxyType(
        {
            "read": 0.0,
            "read_byte": 0.0,
            "call": 0.0,
            "out": 3e-06,
        }
    ),
    default_per_row=1e-8,
    per_byte_out=1e-9,
)
