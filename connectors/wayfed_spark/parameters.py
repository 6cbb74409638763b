"""The values of a plan's parameters, as Spark takes them beside the text of a statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wayfed_optimizer.expressions import Literal, Parameter
from wayfed_sql import SPARK
from wayfed_sql.literals import literal_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wayfed_optimizer.node import Node
    from wayfed_optimizer.relations import Relation


def arguments_of(relation: Relation, values: Mapping[str, object]) -> dict[str, Any]:
    """Return the argument of each parameter that a relation has.

    Python's own values would not do: pyspark reads a naive timestamp in the machine's zone.
    """
    from pyspark.sql.functions import expr, lit

    def argument(parameter: Parameter) -> Any:
        constant = Literal(values[parameter.name], parameter.type)
        if constant.value is None or isinstance(constant.value, float):
            return lit(constant.value)
        return expr(literal_text(constant, SPARK).sql)

    return {parameter.name: argument(parameter) for parameter in _parameters(relation)}


def _parameters(node: Node) -> Iterator[Parameter]:
    if isinstance(node, Parameter):
        yield node
    for below in node.nodes():
        yield from _parameters(below)
