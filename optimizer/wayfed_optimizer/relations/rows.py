"""Relations that look at rows one by one, or at the whole of each row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from wayfed_optimizer.errors import InvalidOption, TypeMismatch
from wayfed_optimizer.expressions import (
    contains_kind,
    require_boolean,
    require_columns,
    require_ordered,
)
from wayfed_optimizer.functions import Kind
from wayfed_optimizer.relations.base import Relation
from wayfed_optimizer.relations.checks import require_no, schema_of
from wayfed_optimizer.types import Field, List, Schema

if TYPE_CHECKING:
    from wayfed_optimizer.expressions import Expression, Named, SortKey


@dataclass(frozen=True, slots=True, eq=False)
class Select(Relation):
    """For each row of `input` the values of `outputs` (SQL: SELECT)."""

    _flows: ClassVar[bool] = True
    input: Relation
    outputs: tuple[Named, ...]
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        require_no(self.outputs, Kind.AGGREGATE, "a select", "aggregate in group_by().agg()")
        for output in self.outputs:
            require_columns(output.expression, self.input.schema)
        self.derive(schema=schema_of(self.outputs))


@dataclass(frozen=True, slots=True, eq=False)
class Filter(Relation):
    """Rows of `input` for which `predicate` is true (SQL: WHERE)."""

    _flows: ClassVar[bool] = True
    input: Relation
    predicate: Expression
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        require_boolean(self.predicate, what="the condition of a filter")
        require_columns(self.predicate, self.input.schema)
        if contains_kind(self.predicate, Kind.AGGREGATE):
            raise TypeMismatch(
                f"{self.predicate} aggregates, and a filter looks at single rows",
                hint="filter after group_by().agg()",
            )
        self.derive(schema=self.input.schema)


@dataclass(frozen=True, slots=True, eq=False)
class Sort(Relation):
    """The rows of `input` in the order of `keys`; rows that are equal on them in any order."""

    input: Relation
    keys: tuple[SortKey, ...]
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        require_ordered(self.keys)
        for key in self.keys:
            require_columns(key.expression, self.input.schema)
        self.derive(schema=self.input.schema)


@dataclass(frozen=True, slots=True, eq=False)
class Limit(Relation):
    """At most `count` rows of `input` (all, where None) after the first `offset`."""

    _flows: ClassVar[bool] = True
    input: Relation
    count: int | None
    offset: int = 0
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        if (self.count is not None and self.count < 0) or self.offset < 0:
            raise InvalidOption("a limit and its offset are 0 or more")
        self.derive(schema=self.input.schema)

    @property
    def _stops(self) -> bool:
        """Whether there are only so many."""
        return self.count is not None


@dataclass(frozen=True, slots=True, eq=False)
class Distinct(Relation):
    """The different rows of `input`; with `on`, some one row for each value of those columns."""

    input: Relation
    on: tuple[str, ...] = ()
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        for name in self.on:
            self.input.schema.field(name)
        self.derive(schema=self.input.schema)


@dataclass(frozen=True, slots=True, eq=False)
class Explode(Relation):
    """A row for each element of the list `column`, which then holds the element.

    A row whose list is NULL or empty gives no row; with `keep_empty` one, in which `column` is
    NULL.
    """

    input: Relation
    column: str
    keep_empty: bool = False
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        kind = self.input.schema.field(self.column).type
        if not isinstance(kind, List):
            raise TypeMismatch(
                f"{self.column} is {kind}, and only lists have elements to make rows of"
            )
        self.derive(
            schema=Schema(
                Field(f.name, kind.element) if f.name == self.column else f
                for f in self.input.schema
            )
        )


@dataclass(frozen=True, slots=True, eq=False)
class Sample(Relation):
    """Rows whose keys hash into [`low`, `high`) of the unit interval, the same everywhere."""

    input: Relation
    keys: tuple[str, ...]
    low: float
    high: float
    seed: int = 0
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1:
            raise InvalidOption(f"a sample is a part of 0 to 1, not {self.low} to {self.high}")
        for name in self.keys:
            self.input.schema.field(name)
        self.derive(schema=self.input.schema)


@dataclass(frozen=True, slots=True, eq=False)
class Cache(Relation):
    """The rows of `input`, computed once and kept by the context under `key`."""

    input: Relation
    key: str
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        self.derive(schema=self.input.schema)


@dataclass(frozen=True, slots=True, eq=False)
class Hint(Relation):
    """The rows of `input`, and what the user knows: the platform to use, the number of rows."""

    _flows: ClassVar[bool] = True
    input: Relation
    platform: str | None = None
    rows: int | None = None
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        rows = self.rows
        if rows is not None and (not isinstance(rows, int) or isinstance(rows, bool) or rows < 0):
            raise InvalidOption(f"rows={rows!r} is not a number of rows: a row count is 0 or more")
        self.derive(schema=self.input.schema)
