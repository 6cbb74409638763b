"""The alternative rules: equivalents of a relation of which only cost can choose."""

from typing import Final

from wayfed_optimizer.relations import Relation
from wayfed_optimizer.rewrite.alternatives.joins import associate_joins

ALTERNATIVES: Final = (associate_joins,)


def alternatives_of(relation: Relation) -> tuple[Relation, ...]:
    """Return the equivalents of a relation that the rules know, itself left out; finitely many."""
    found = (other for rule in ALTERNATIVES for other in rule(relation))
    return tuple(dict.fromkeys(other for other in found if other != relation))
