"""Which expressions may end a query with an error, and which integers cannot grow too large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import (
    Call,
    Cast,
    Column,
    Expression,
    Literal,
    may_raise,
)
from wayfed_optimizer.types import INT64, is_integer

if TYPE_CHECKING:
    from wayfed_optimizer.node import Node
    from wayfed_optimizer.types import DataType

SPREADS: Final = frozenset({"add", "subtract", "multiply", "negate"})
"""Integer arithmetic where an operand that is no integer makes a result that is none."""
OVERFLOWS: Final = SPREADS | {"floor_divide"}
_ARITHMETIC: Final = OVERFLOWS | {"abs"}
_BOUND: Final = 2**63


def may_fail(expression: Expression) -> bool:
    """Say whether evaluating an expression may end the query; bounded arithmetic does not."""
    if not may_raise(expression):
        return False
    if not is_bounded(expression) and may_raise(expression.map_nodes(_as_column)):
        return True
    return any(may_fail(node) for node in expression.nodes() if isinstance(node, Expression))


def _as_column(node: Node) -> Node:
    """Return a column of an operand's type: what is left of an expression may raise itself."""
    if isinstance(node, Literal) or not isinstance(node, Expression):
        return node
    return Column(f"operand of {node.type}", node.type, node.nullable)


def is_bounded(expression: Expression) -> bool:
    """Say whether an expression is integer arithmetic whose result fits whatever its operands."""
    if not isinstance(expression, Call) or expression.type != INT64:
        return False
    return expression.function in _ARITHMETIC and magnitude(expression) < _BOUND


def magnitude(expression: Expression) -> int:
    """Return a bound of an integer expression's absolute value.

    Examples
    --------
    >>> from wayfed_optimizer.expressions import call
    >>> from wayfed_optimizer.types import INT16
    >>> magnitude(call("add", Column("x", INT16), Literal(1, INT16)))
    32769
    """
    match expression:
        case Literal(int(value)):
            return abs(value)
        case Call("add" | "subtract", (a, b)):
            return magnitude(a) + magnitude(b)
        case Call("multiply", (a, b)):
            return magnitude(a) * magnitude(b)
        case Call("negate" | "abs", (a,)):
            return magnitude(a)
        case Call("floor_divide", (a, b)):
            return magnitude(a) + 1
        case Cast(arg, kind) if is_integer(kind) and is_integer(arg.type):
            return min(magnitude(arg), magnitude_of_type(kind))
    return magnitude_of_type(expression.type)


def magnitude_of_type(kind: DataType) -> int:
    """Return the largest absolute value that an integer type holds."""
    return int(2 ** (int(kind.name[3:]) - 1))
