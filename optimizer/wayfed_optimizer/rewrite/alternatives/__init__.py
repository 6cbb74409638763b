"""The alternative rules: equivalents of a relation of which only cost can choose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.relations import Aggregate, Join, Limit
from wayfed_optimizer.rewrite.alternatives.aggregates import aggregate_before_join
from wayfed_optimizer.rewrite.alternatives.first_matches import look_up_after_top
from wayfed_optimizer.rewrite.alternatives.joins import associate_joins
from wayfed_optimizer.rewrite.alternatives.orders import order_joins
from wayfed_optimizer.rewrite.alternatives.ranges import range_left, range_right
from wayfed_optimizer.rewrite.alternatives.reductions import reduce_left, reduce_right
from wayfed_optimizer.rewrite.alternatives.semi_joins import lower_semi_join
from wayfed_optimizer.rewrite.alternatives.surroundings import Alternative, Stores, Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wayfed_optimizer.relations import Relation

__all__ = ["ALTERNATIVES", "Alternative", "Stores", "Surroundings", "alternatives_of"]

ALTERNATIVES: Final = (
    Alternative(Join, lower_semi_join),
    Alternative(Join, associate_joins),
    Alternative(Join, order_joins),
    Alternative(Aggregate, aggregate_before_join),
    Alternative(Limit, look_up_after_top),
    Alternative(Join, reduce_right),
    Alternative(Join, reduce_left),
    Alternative(Join, range_right),
    Alternative(Join, range_left),
)
"""In the order in which they are tried: a group holds a dozen, the first found stay."""


def alternatives_of(
    relation: Relation, around: Surroundings, rules: Iterable[Alternative] = ALTERNATIVES
) -> tuple[Relation, ...]:
    """Return the equivalents of a relation that rules know, itself left out; finitely many."""
    found = (rule.apply(relation, around) for rule in rules if isinstance(relation, rule.on))
    return tuple(other for other in found if other is not None and other != relation)
