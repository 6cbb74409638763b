"""Relations of two inputs: joins and set operations."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from wayfed_optimizer.errors import DuplicateColumn, InvalidOption, TypeMismatch
from wayfed_optimizer.expressions import require_boolean, require_columns
from wayfed_optimizer.relations.base import Relation
from wayfed_optimizer.types import Field, Schema, is_numeric

if TYPE_CHECKING:
    from wayfed_optimizer.expressions import Expression


class JoinKind(Enum):
    """Which rows of a join there are besides the pairs that match."""

    INNER = "inner"
    LEFT = "left"
    RIGHT = "right"
    FULL = "full"
    SEMI = "semi"
    ANTI = "anti"
    CROSS = "cross"
    ASOF = "asof"

    __hash__ = object.__hash__  # there is one of each, and Enum's own takes four times as long


@dataclass(frozen=True, slots=True, eq=False)
class Join(Relation):
    """Pairs of rows for which all key pairs of `on` are equal and `predicate` is true.

    `on` pairs a column of `left` with one of `right`; NULL equals nothing. `semi` and `anti` keep
    the columns of `left` only. `asof` (left column, right column) pairs each left row with the one
    right row, equal on `on`, that has the greatest right value not above the left value; a left row
    without one is kept, as in a left join.
    """

    _below: ClassVar[tuple[str, ...]] = ("left", "right")
    left: Relation
    right: Relation
    kind: JoinKind = JoinKind.INNER
    on: tuple[tuple[str, str], ...] = ()
    predicate: Expression | None = None
    asof: tuple[str, str] | None = None
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        left, right = self.left.schema, self.right.schema
        pairs = (*self.on, *((self.asof,) if self.asof else ()))
        for left_name, right_name in pairs:
            _require_joinable(left.field(left_name), right.field(right_name))
        if clash := set(left.names) & set(right.names):
            raise DuplicateColumn(
                f"both sides of a join have {', '.join(sorted(clash))}",
                hint="rename one of them, or give join() another suffix=",
            )
        if (self.kind is JoinKind.ASOF) != (self.asof is not None):
            raise InvalidOption("an asof join needs the pair of columns to compare, others none")
        if self.kind is JoinKind.CROSS and (self.on or self.predicate):
            raise InvalidOption("a cross join has no keys and no condition", hint="use how='inner'")
        if self.predicate is not None:
            require_boolean(self.predicate, what="the condition of a join")
            require_columns(self.predicate, Schema((*left, *right)))
        self.derive(schema=_join_schema(self.kind, left, right))


def _require_joinable(left: Field, right: Field) -> None:
    both_numbers = is_numeric(left.type) and is_numeric(right.type)
    if left.type != right.type and not both_numbers:
        raise TypeMismatch(
            f"the join key {left.name} is {left.type}, but {right.name} is {right.type}",
            hint=f"cast one of them, for example .cast({right.name}='{left.type}')",
        )


def _join_schema(kind: JoinKind, left: Schema, right: Schema) -> Schema:
    match kind:
        case JoinKind.SEMI | JoinKind.ANTI:
            return left
        case JoinKind.LEFT | JoinKind.ASOF:
            return Schema((*left, *right.as_nullable()))
        case JoinKind.RIGHT:
            return Schema((*left.as_nullable(), *right))
        case JoinKind.FULL:
            return Schema((*left.as_nullable(), *right.as_nullable()))
        case JoinKind.INNER | JoinKind.CROSS:
            return Schema((*left, *right))


class SetKind(Enum):
    """How a set operation puts its inputs together."""

    UNION = "union"
    INTERSECT = "intersect"
    EXCEPT = "except"


@dataclass(frozen=True, slots=True, eq=False)
class SetOperation(Relation):
    """The rows of two inputs together; NULL equals NULL; `all` keeps duplicates as SQL does."""

    _below: ClassVar[tuple[str, ...]] = ("left", "right")
    kind: SetKind
    left: Relation
    right: Relation
    all: bool = False
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        left, right = self.left.schema, self.right.schema
        if len(left) != len(right):
            raise TypeMismatch(
                f"the sides of a {self.kind.value} have {len(left)} and {len(right)} columns"
            )
        for a, b in zip(left, right, strict=True):
            if a.name != b.name or a.type != b.type:
                raise TypeMismatch(
                    f"the sides of a {self.kind.value} differ: "
                    f"{a.name} {a.type} and {b.name} {b.type}",
                    hint="select() the same names in the same order, cast() to the same types",
                )
        self.derive(
            schema=Schema(
                Field(a.name, a.type, a.nullable or b.nullable)
                for a, b in zip(left, right, strict=True)
            )
        )
