"""The values of a plan's parameters, as constants: Flink SQL has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from wayfed_optimizer.expressions import Cast, Literal, Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.node import Node
    from wayfed_optimizer.relations import Relation


def with_values(relation: Relation, values: Mapping[str, object]) -> Relation:
    """Return a relation in which each parameter is its value, of its own type.

    Examples
    --------
    >>> from wayfed_optimizer.expressions import Named
    >>> from wayfed_optimizer.relations import Read, Select
    >>> from wayfed_optimizer.types import INT64, Schema
    >>> plan = Select(Read("t", Schema.of(n="int64")), (Named("k", Parameter("k", INT64)),))
    >>> with_values(plan, {"k": 3}).outputs[0].expression.arg.value
    3
    """

    def visit(node: Node) -> Node:
        if isinstance(node, Parameter):
            return Cast(Literal(values[node.name], node.type), node.type)
        return node.map_nodes(visit)

    return cast("Relation", visit(relation))
