"""What alternative rules may ask about a plan's tables, and what makes a rule one of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from wayfed_optimizer.relations import Relation, reads
from wayfed_optimizer.rewrite.engine import no_keys

if TYPE_CHECKING:
    from wayfed_optimizer.dependencies import Keys
    from wayfed_optimizer.statistics import Cardinalities

Stores: TypeAlias = Callable[[Relation], Collection[str]]
"""Gives the names of the stores that hold the tables below a relation."""


def no_join_is_within(relation: Relation) -> bool:
    """Know no tree of joins."""
    return False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where tables lie, what they promise, and how many rows there are.

    Parameters
    ----------
    stores
        Gives the names of the stores that hold the tables below a relation.
    keys
        Gives the sets of columns of which a table has no two equal rows, NULLs aside.
    rows
        Estimates; without them, rules that go by sizes say nothing.
    is_large
        Whether there is so much to choose from that rules name only what is most likely to pay.
    is_within
        Says of joins whether they are part of a tree of joins of which all orders are known.
    """

    stores: Stores
    keys: Keys = no_keys
    rows: Cardinalities | None = None
    is_large: bool = False
    is_within: Callable[[Relation], bool] = no_join_is_within

    def knows(self, relation: Relation) -> bool:
        """Say whether all that a relation reads are tables of stores.

        A loop's rows and parts that are kept for several readers are not: their columns stay.
        """
        return all(map(self.stores, reads(relation)))

    def likely(self, relation: Relation) -> float | None:
        """Return the likely number of rows, where there are estimates."""
        return None if self.rows is None else self.rows.rows(relation).likely


@dataclass(frozen=True, slots=True)
class Alternative:
    """A function, and the class of relations of which it knows an equivalent.

    It gives None where it knows none. What it gives has the relation's schema and rows, and leads
    to the end of the search: applied to its own results again and again, it comes to give None.
    """

    on: type[Relation]
    apply: Callable[[Any, Surroundings], Relation | None]

    @property
    def name(self) -> str:
        """The function's name, by which explain and the fixtures know it."""
        return self.apply.__name__
