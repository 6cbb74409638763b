"""Relations that apply a plan again and again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from wayfed_optimizer.errors import InvalidOption, TypeMismatch
from wayfed_optimizer.relations.base import Relation
from wayfed_optimizer.types import BOOL

if TYPE_CHECKING:
    from wayfed_optimizer.types import Schema


@dataclass(frozen=True, slots=True, eq=False)
class Iterate(Relation):
    """`body` applied again and again, first to `initial`, then to its own result.

    In `body` and `until` the current rows are ``Read(variable, …)``. It ends after
    `max_iterations`, or as soon as `until`, a relation of one boolean, is true of what `body` gave.
    """

    _below: ClassVar[tuple[str, ...]] = ("initial", "body", "until")
    initial: Relation
    body: Relation
    variable: str
    max_iterations: int
    until: Relation | None = None
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        if type(self.max_iterations) is not int or self.max_iterations < 1:
            raise InvalidOption("a loop needs max_iterations of 1 or more, as an int")
        before, after = self.initial.schema, self.body.schema
        if [(f.name, f.type) for f in before] != [(f.name, f.type) for f in after]:
            ours, theirs = (
                ", ".join(f"{f.name} {f.type}" for f in each) for each in (before, after)
            )
            raise TypeMismatch(
                "the body of a loop must keep the columns and types of its input: "
                f"it makes ({theirs}) of ({ours})",
            )
        if self.until is not None and [f.type for f in self.until.schema] != [BOOL]:
            raise TypeMismatch(
                "the condition that ends a loop is one boolean",
                available=tuple(map(str, self.until.schema)),
                hint="for example until=lambda rows: rows.group_by().agg(done=wf.bool_and(…))",
            )
        self.derive(schema=after)
