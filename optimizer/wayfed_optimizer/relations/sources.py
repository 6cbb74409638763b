"""Relations without inputs: tables, and constants in the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from wayfed_optimizer.errors import TypeMismatch
from wayfed_optimizer.relations.base import Relation

if TYPE_CHECKING:
    from wayfed_optimizer.expressions import Literal
    from wayfed_optimizer.types import Schema


@dataclass(frozen=True, slots=True, eq=False)
class Read(Relation):
    """The rows of a table of the catalog; `schema` may leave out columns that nobody needs."""

    _below: ClassVar[tuple[str, ...]] = ()
    _flows: ClassVar[bool] = True
    table: str
    schema: Schema
    is_bounded: bool = True

    @property
    def _ends(self) -> bool:
        """Whether the table comes to an end."""
        return self.is_bounded


@dataclass(frozen=True, slots=True, eq=False)
class Values(Relation):
    """Rows of constants that stand in the plan itself (SQL: VALUES).

    One row without columns is what a SELECT without FROM selects from.
    """

    _below: ClassVar[tuple[str, ...]] = ()
    schema: Schema
    rows: tuple[tuple[Literal, ...], ...]

    def __post_init__(self) -> None:
        types = tuple(f.type for f in self.schema)
        for number, values in enumerate(self.rows):
            if tuple(value.type for value in values) != types:
                given = ", ".join(str(value.type) for value in values) or "nothing"
                raise TypeMismatch(
                    f"row {number} of the values holds {given}",
                    available=tuple(map(str, self.schema)),
                )
