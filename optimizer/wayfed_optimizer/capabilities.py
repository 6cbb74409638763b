"""What a platform can do, as data that the optimizer, the errors and the documentation read."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from wayfed_optimizer.expressions import (
    Call,
    Case,
    Cast,
    Column,
    Expression,
    InList,
    Literal,
    Opaque,
    Parameter,
    Subquery,
    WindowCall,
    walk,
)
from wayfed_optimizer.relations import Join, JoinKind, Relation, Sample, expressions_of
from wayfed_optimizer.types import List, Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.types import DataType, Schema


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The relations, functions and types of a platform; what is missing has the engine's reason.

    Parameters
    ----------
    relations
        Classes of relations that it runs.
    functions
        Names of functions that it runs with the meaning of the function table.
    expressions
        Classes of expressions that it evaluates.
    joins
        Kinds of joins.
    without
        Reasons, by name of function, relation, join kind, expression or type, shown to people.
    types
        Names of types that its columns can have.
    """

    relations: frozenset[type[Relation]]
    functions: frozenset[str]
    expressions: frozenset[type[Expression]] = frozenset(
        {Column, Literal, Call, Cast, Case, InList, WindowCall, Parameter, Subquery}
    )
    joins: frozenset[JoinKind] = frozenset(JoinKind) - {JoinKind.ASOF}
    types: frozenset[str] = frozenset(
        [
            "bool",
            "int8",
            "int16",
            "int32",
            "int64",
            "float32",
            "float64",
            "decimal",
            "text",
            "binary",
            "date",
            "timestamp",
            "timestamp_utc",
        ]
    )
    without: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def refusal(self, relation: Relation) -> tuple[str, str] | None:
        """Return (what, why) for the first thing of `relation` itself that is not done here.

        Returns None where the platform can run it, its inputs aside.
        """
        kind = type(relation)
        if kind not in self.relations:
            return self._refused(kind.__name__)
        if isinstance(relation, Join) and relation.kind not in self.joins:
            return self._refused(f"{relation.kind.value} join")
        if isinstance(relation, Sample) and "hash" not in self.functions:
            return self._refused("hash")
        for each in relation.schema.types:
            if not self.has_type(each):
                return self._refused(each.name)
        for root in expressions_of(relation):
            for expression in (root,) if type(root) is Column else walk(root):
                if found := self._refused_expression(expression):
                    return found
        return None

    def refused_rows(self, schema: Schema) -> tuple[str, str] | None:
        """Return (what, why) for the first column of rows from elsewhere that is not kept here."""
        for kind in schema.types:
            if not self.keeps(kind):
                return self._refused(kind.name)
        return None

    def keeps(self, kind: DataType) -> bool:
        """Say whether every value of a type is kept as it is when it comes from elsewhere."""
        return self.has_type(kind)

    def _refused_expression(self, expression: Expression) -> tuple[str, str] | None:
        if type(expression) not in self.expressions:
            return self._refused(type(expression).__name__)
        if isinstance(expression, Call | WindowCall) and expression.function not in self.functions:
            return self._refused(expression.function)
        if isinstance(expression, Opaque) or not self.has_type(expression.type):
            return self._refused(expression.type.name)
        return None

    def has_type(self, kind: DataType) -> bool:
        """Say whether columns can have a type, and what is in it."""
        if kind.name not in self.types:
            return kind.name == "null"
        if isinstance(kind, List):
            return self.has_type(kind.element)
        if isinstance(kind, Struct):
            return all(self.has_type(member) for _, member in kind.fields)
        return True

    def _refused(self, name: str) -> tuple[str, str]:
        return name, self.without.get(name, "not available there")
