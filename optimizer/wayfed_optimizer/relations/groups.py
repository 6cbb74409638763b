"""Relations that compute over groups of rows."""

from __future__ import annotations

from dataclasses import dataclass, field

from wayfed_optimizer.errors import TypeMismatch
from wayfed_optimizer.expressions import Call, Named, WindowCall, require_columns
from wayfed_optimizer.functions import Kind
from wayfed_optimizer.relations.base import Relation
from wayfed_optimizer.relations.checks import require_no, schema_of
from wayfed_optimizer.types import Schema


@dataclass(frozen=True, slots=True, eq=False)
class Aggregate(Relation):
    """One row for each distinct value of `keys`, or one row in all where there are no keys."""

    input: Relation
    keys: tuple[Named, ...]
    aggregates: tuple[Named, ...]
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        require_no(self.keys, Kind.AGGREGATE, "a grouping key", "group by single-row values")
        for named in (*self.keys, *self.aggregates):
            require_columns(named.expression, self.input.schema)
        for named in self.aggregates:
            inner = named.expression
            if not isinstance(inner, Call) or inner.row.kind is not Kind.AGGREGATE:
                raise TypeMismatch(f"{named.expression} is not an aggregate")
            require_no(
                tuple(Named(named.name, arg) for arg in inner.args),
                Kind.AGGREGATE,
                f"the argument of {inner.function}",
                "aggregate in two steps",
            )
        self.derive(schema=schema_of((*self.keys, *self.aggregates)))


@dataclass(frozen=True, slots=True, eq=False)
class Window(Relation):
    """The columns of `input`, and one more for each window call of `outputs`."""

    input: Relation
    outputs: tuple[Named, ...]
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        for output in self.outputs:
            require_columns(output.expression, self.input.schema)
            if not isinstance(output.expression, WindowCall):
                raise TypeMismatch(f"{output.expression} is not a window function")
        self.derive(schema=Schema((*self.input.schema, *schema_of(self.outputs))))
