"""A relation that asks another store only for the first few rows that are wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from wayfed_optimizer.errors import InvalidOption
from wayfed_optimizer.relations.base import Relation

if TYPE_CHECKING:
    from wayfed_optimizer.types import Schema


@dataclass(frozen=True, slots=True, eq=False)
class FirstMatches(Relation):
    """The rows of `body` for the first of `candidates`, so many that there are `count`, or for all.

    In `body` some candidates, next to each other in their order, are ``Read(variable, …)``; it
    gives for each of them rows that depend on no other. Only the optimizer makes it: in a plan
    that people write it would be a promise about an order, of which relations know nothing.
    """

    _below: ClassVar[tuple[str, ...]] = ("candidates", "body")
    candidates: Relation
    body: Relation
    variable: str
    count: int
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InvalidOption("first matches are 1 or more")
        self.derive(schema=self.body.schema)
