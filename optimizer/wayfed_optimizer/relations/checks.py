"""What several relations ask of their expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.errors import TypeMismatch
from wayfed_optimizer.expressions import Column, contains_kind
from wayfed_optimizer.types import NULL, Field, Schema

if TYPE_CHECKING:
    from wayfed_optimizer.expressions import Named
    from wayfed_optimizer.functions import Kind


def schema_of(outputs: tuple[Named, ...]) -> Schema:
    """Return the schema of outputs; each has a type."""
    for output in outputs:
        if output.expression.type.name == NULL.name:
            raise TypeMismatch(
                f"column {output.name} is a bare NULL, which has no type",
                hint=f"cast it, for example .cast({output.name}='text')",
            )
    return Schema([Field(o.name, o.expression.type, o.expression.nullable) for o in outputs])


def require_no(outputs: tuple[Named, ...], kind: Kind, place: str, remedy: str) -> None:
    """Raise TypeMismatch where an output computes what `kind` of functions do, in a `place`."""
    for output in outputs:
        if not isinstance(output.expression, Column) and contains_kind(output.expression, kind):
            raise TypeMismatch(f"{output.expression} aggregates within {place}", hint=remedy)
