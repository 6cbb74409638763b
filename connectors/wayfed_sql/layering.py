"""Deep expressions in layers: parts computed by a query below, each named and so written once.

A function that an engine lacks is often written with an argument twice, as ``sqrt`` is:
``CASE WHEN x >= 0 THEN SQRT(x) END``. Nested n deep, the innermost argument is there 2^n times.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import (
    Call,
    Case,
    Column,
    Expression,
    Literal,
    Named,
    facts_of,
)
from wayfed_optimizer.functions import Kind
from wayfed_optimizer.relations import Aggregate, Filter, Relation, Select, transform
from wayfed_sql.overflow import may_fail

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wayfed_optimizer.node import Node

LONGEST: Final = 4_000
"""Characters of a call that a text must not reach by repeating its arguments."""

_HEIGHT: Final = 2
"""How many calls upon another a layer holds."""
_CONDITIONAL: Final = frozenset({"and", "or", "coalesce"})


class TooLong(Exception):  # a signal between printers, never seen outside
    """A call's text repeats its arguments beyond `LONGEST`."""


def in_layers(root: Relation) -> Relation:
    """Return a plan whose deep expressions are computed step by step, one Select below another.

    Nothing that may end the query is computed on rows that the plan as written excludes.

    Examples
    --------
    >>> from wayfed_optimizer.expressions import call, column
    >>> from wayfed_optimizer.relations import Read
    >>> from wayfed_optimizer.text import describe
    >>> from wayfed_optimizer.types import Schema
    >>> read = Read("t", Schema.of(x="float64"))
    >>> root = column(read.schema, "x")
    >>> for _ in range(4):
    ...     root = call("sqrt", root)
    >>> print(describe(in_layers(Select(read, (Named("y", root),)))))
    Select y = sqrt(sqrt(step_1))
      Select x, step_1 = sqrt(sqrt(x))
        Read t: x
    """
    return transform(root, _layered)


def _layered(relation: Relation) -> Relation:
    match relation:
        case Select(input, outputs):
            below, changed = _layers(input, [output.expression for output in outputs])
            return relation if below is input else Select(below, _renamed(outputs, changed))
        case Filter(input, predicate):
            below, changed = _layers(input, [predicate])
            if below is input:
                return relation
            kept = tuple(Named(f.name, Column(f.name, f.type, f.nullable)) for f in input.schema)
            return Select(Filter(below, changed[0]), kept)
        case Aggregate(input, keys, aggregates):
            both = (*keys, *aggregates)
            below, changed = _layers(input, [output.expression for output in both])
            if below is input:
                return relation
            new = _renamed(both, changed)
            return Aggregate(below, new[: len(keys)], new[len(keys) :])
    return relation


def _renamed(outputs: Sequence[Named], changed: Sequence[Expression]) -> tuple[Named, ...]:
    return tuple(Named(o.name, new) for o, new in zip(outputs, changed, strict=True))


def _layers(input: Relation, expressions: list[Expression]) -> tuple[Relation, list[Expression]]:
    """Return what to compute the expressions from, and what is left of them."""
    names = (f"step_{n}" for n in count(1) if f"step_{n}" not in input.schema)
    while cuts := tuple(dict.fromkeys(cut for e in expressions for cut in _cuts(e))):
        steps = {cut: next(names) for cut in cuts}
        kept = (Named(f.name, Column(f.name, f.type, f.nullable)) for f in input.schema)
        input = Select(input, (*kept, *(Named(name, cut) for cut, name in steps.items())))
        replaced = {cut: Column(name, cut.type, cut.nullable) for cut, name in steps.items()}
        expressions = [_replace(expression, replaced) for expression in expressions]
    return input, expressions


def _cuts(root: Expression) -> Iterator[Expression]:
    """Yield the calls of a layer's height below the root that can be computed beforehand."""

    def visit(node: Expression, always: bool) -> Iterator[Expression]:
        if facts_of(node).fixed or _height(node) < _HEIGHT:
            return
        movable = isinstance(node, Call) and node.row.kind is Kind.SCALAR
        if movable and _height(node) == _HEIGHT:
            if node is not root and (always or not may_fail(node)):
                yield node
            return
        branches = isinstance(node, Case)
        for part in _parts(node):
            conditional = branches or (isinstance(node, Call) and node.function in _CONDITIONAL)
            yield from visit(part, always and not conditional)

    yield from visit(root, True)


def _parts(node: Node) -> Iterator[Expression]:
    for part in node.nodes():
        if isinstance(part, Expression):
            yield part
        else:
            yield from _parts(part)


def _height(node: Expression) -> int:
    """Count the calls on the longest way down, as far as it matters here."""
    return _capped(node, _HEIGHT + 1)


def _capped(node: Expression, most: int) -> int:
    if most == 0 or isinstance(node, Column | Literal):
        return 0
    return 1 + max((_capped(part, most - 1) for part in _parts(node)), default=0)


def _replace(root: Expression, replaced: dict[Expression, Column]) -> Expression:
    def change(node: Node) -> Node:
        if isinstance(node, Expression) and node in replaced:
            return replaced[node]
        return node if isinstance(node, Relation) else node.map_nodes(change)

    changed = change(root)
    assert isinstance(changed, Expression)  # noqa: S101  # what an expression becomes
    return changed
