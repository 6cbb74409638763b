"""What alternative rules may ask about the tables of a plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from wayfed_optimizer.rewrite.engine import Keys, no_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from wayfed_optimizer.relations import Relation

Stores: TypeAlias = "Callable[[Relation], Collection[str]]"
"""Gives the names of the stores that hold the tables below a relation."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where tables lie and what they promise.

    Parameters
    ----------
    stores
        Gives the names of the stores that hold the tables below a relation.
    keys
        Gives the sets of columns of which a table has no two equal rows, NULLs aside.
    """

    stores: Stores
    keys: Keys = no_keys
