"""Rules that write expressions shorter, where the shorter one is exactly the same."""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.expressions import (
    Call,
    Case,
    Cast,
    Column,
    Expression,
    Literal,
    Named,
    SortKey,
    cast_to,
    conjunction,
    conjuncts,
    is_volatile,
)
from wayfed_optimizer.relations import Aggregate, Filter, Join, Relation, Select
from wayfed_optimizer.types import BOOL, FLOATS, INT64, NULL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed_optimizer.node import Node
    from wayfed_optimizer.rewrite.engine import RewriteContext

_TRUE: Final = Literal(True, BOOL)
_FALSE: Final = Literal(False, BOOL)
_UNKNOWN: Final = Literal(None, BOOL)
_OPPOSITE: Final = {
    "equal": "not_equal",
    "not_equal": "equal",
    "less": "greater_equal",
    "greater_equal": "less",
    "greater": "less_equal",
    "less_equal": "greater",
}
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}
_COMPUTE: Final[Mapping[str, Callable[[int, int], int]]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
}


def simplify_filter(node: Filter, _: RewriteContext) -> Relation | None:
    """Write a filter's condition in its shortest form; unknown is as good as false."""
    if is_volatile(node.predicate):
        return None
    after = simplified(node.predicate)
    parts = tuple(
        dict.fromkeys(
            part for whole in conjuncts(after) for part in conjuncts(_common_factors(whole))
        )
    )
    if any(_is_never_true(part) for part in parts):
        after = _FALSE
    elif parts != conjuncts(node.predicate):
        after = conjunction(parts)
    return None if after == node.predicate else Filter(node.input, after)


def simplify_select(node: Select, _: RewriteContext) -> Relation | None:
    """Write the outputs of a select in their shortest form."""
    outputs = tuple(map(_simplified_output, node.outputs))
    return None if outputs == node.outputs else Select(node.input, outputs)


def simplify_aggregate(node: Aggregate, _: RewriteContext) -> Relation | None:
    """Write the keys and arguments of an aggregation in their shortest form."""
    keys = tuple(map(_simplified_output, node.keys))
    aggregates = tuple(map(_simplified_output, node.aggregates))
    if (keys, aggregates) == (node.keys, node.aggregates):
        return None
    return Aggregate(node.input, keys, aggregates)


def simplify_join(node: Join, _: RewriteContext) -> Relation | None:
    """Write a join's condition in its shortest form: none where it is always true."""
    if node.predicate is None:
        return None
    after = simplified(node.predicate)
    if after == node.predicate:
        return None
    predicate = None if after == _TRUE else after
    return Join(node.left, node.right, node.kind, node.on, predicate, node.asof)


def _simplified_output(output: Named) -> Named:
    if isinstance(output.expression, Column):
        return output
    after = simplified(output.expression)
    same_column = after.type == output.expression.type and (
        after.nullable == output.expression.nullable
    )
    if after is output.expression or not same_column:
        return output
    return Named(output.name, after)


def _is_never_true(part: Expression) -> bool:
    return isinstance(part, Literal) and part.value is not True


@lru_cache(maxsize=8192)
def simplified(root: Expression) -> Expression:
    """Return the shortest expression known to have the same value in every row.

    Examples
    --------
    >>> from wayfed_optimizer.expressions import Column, call, literal
    >>> late = call("greater", Column("delay", INT64), literal(15))
    >>> str(simplified(call("not", call("and", late, literal(True)))))
    'delay <= 15'
    """

    def change(node: Node) -> Node:
        if isinstance(node, Column | Literal):
            return node
        if isinstance(node, Expression):
            return simplified(node)
        return node.map_nodes(change) if isinstance(node, SortKey) else node

    return _simplified_root(root.map_nodes(change))


def _simplified_root(node: Expression) -> Expression:
    match node:
        case Call("and" | "or"):
            return _simplified_connective(node)
        case Call("not", (arg,)):
            return _negated(node, arg)
        case Call("is_null", (Literal(value=value),)):
            return Literal(value is None, BOOL)
        case Call("is_not_null", (Literal(value=value),)):
            return Literal(value is not None, BOOL)
        case Call(function, (Literal() as a, Literal() as b)):
            return _folded(node, function, a, b)
        case Cast(arg, kind, safe):
            return cast_to(arg, kind, safe=safe) if isinstance(arg, Literal) else node
        case Case(branches, otherwise):
            return _simplified_case(node, branches, otherwise)
    return node


def _simplified_connective(node: Call) -> Expression:
    neutral, absorbing = (_TRUE, _FALSE) if node.function == "and" else (_FALSE, _TRUE)
    flat: list[Expression] = []
    for arg in node.args:
        nested = isinstance(arg, Call) and arg.function == node.function
        flat.extend(arg.args if nested and isinstance(arg, Call) else (arg,))
    if absorbing in flat:
        return absorbing
    parts: dict[Expression, None] = {}
    for arg in flat:
        if arg != neutral:
            parts[_UNKNOWN if arg.type == NULL else arg] = None
    if any(map(is_volatile, parts)) or tuple(parts) == node.args:
        return node
    if len(parts) > 1:
        return Call(node.function, tuple(parts))
    return next(iter(parts), neutral)


def _negated(node: Call, arg: Expression) -> Expression:
    match arg:
        case Literal(value=value):
            return _UNKNOWN if value is None else Literal(not value, BOOL)
        case Call("not", (inner,)):
            return inner
        case Call(function, args) if function in _OPPOSITE:
            return Call(_OPPOSITE[function], args)
        case Call("is_null", args):
            return Call("is_not_null", args)
        case Call("is_not_null", args):
            return Call("is_null", args)
        case Call("or", args):
            return simplified(Call("and", tuple(Call("not", (part,)) for part in args)))
    return node


def _folded(node: Call, function: str, a: Literal, b: Literal) -> Expression:
    if function in _COMPARE and a.type == b.type and a.type not in FLOATS:
        if a.value is None or b.value is None:
            return _UNKNOWN
        return Literal(_COMPARE[function](a.value, b.value), BOOL)
    if function in _COMPUTE and node.type == INT64:
        if a.value is None or b.value is None:
            return Literal(None, INT64)
        value = _COMPUTE[function](a.value, b.value)
        return Literal(value, INT64) if -(2**63) <= value < 2**63 else node
    return node


def _simplified_case(
    node: Case, branches: tuple[tuple[Expression, Expression], ...], otherwise: Expression
) -> Expression:
    kept: list[tuple[Expression, Expression]] = []
    for condition, value in branches:
        if condition == _TRUE:
            otherwise = value
            break
        if not _is_never_true(condition):
            kept.append((condition, value))
    if not kept:
        return otherwise
    return node if tuple(kept) == branches else Case(tuple(kept), otherwise)


@lru_cache(maxsize=8192)
def _common_factors(part: Expression) -> Expression:
    """Return (a AND b) OR (a AND c) as a AND (b OR c): then `a` can go its own way."""
    if not isinstance(part, Call) or part.function != "or" or is_volatile(part):
        return part
    branches = [conjuncts(arg) for arg in part.args]
    common = tuple(p for p in branches[0] if all(p in branch for branch in branches[1:]))
    if not common:
        return part
    rests = [tuple(p for p in branch if p not in common) for branch in branches]
    if not all(rests):
        return conjunction(common)
    return conjunction((*common, Call("or", tuple(map(conjunction, rests)))))
