"""The alternative rules: equivalents of a relation of which only cost can choose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.rewrite.alternatives.joins import associate_joins
from wayfed_optimizer.rewrite.alternatives.surroundings import Stores, Surroundings
from wayfed_optimizer.rewrite.engine import Keys, no_keys

if TYPE_CHECKING:
    from wayfed_optimizer.relations import Relation

ALTERNATIVES: Final = (associate_joins,)
"""An alternative's own inputs must not lead back to the relation: a search would never end."""


def alternatives_of(
    relation: Relation, stores: Stores, keys: Keys = no_keys
) -> tuple[Relation, ...]:
    """Return the equivalents of a relation that the rules know, itself left out; finitely many.

    Parameters
    ----------
    relation
        What to find equivalents of; they have its schema.
    stores
        Gives the names of the stores that hold the tables below a relation.
    keys
        Gives the sets of columns of which a table has no two equal rows, NULLs aside.
    """
    around = Surroundings(stores, keys)
    found = (rule(relation, around) for rule in ALTERNATIVES)
    return tuple(other for other in found if other is not None and other != relation)
