"""Conditions on join keys hold on both sides: a filter on one store's key filters the other's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import (
    Column,
    Expression,
    columns_of,
    conjuncts,
    substitute,
)
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    JoinKind,
    Limit,
    Relation,
    Sample,
    Select,
    Sort,
    Window,
    transform,
)
from wayfed_optimizer.rewrite.predicates import filtered, may_move, stays
from wayfed_optimizer.types import FLOATS

if TYPE_CHECKING:
    from wayfed_optimizer.expressions import Named
    from wayfed_optimizer.node import Node
    from wayfed_optimizer.rewrite.engine import RewriteContext

_TO_RIGHT: Final = frozenset(
    {JoinKind.INNER, JoinKind.LEFT, JoinKind.SEMI, JoinKind.ANTI, JoinKind.ASOF}
)
"""Joins in which a right row that no left row can match is as good as absent."""
_TO_LEFT: Final = frozenset({JoinKind.INNER, JoinKind.RIGHT, JoinKind.SEMI})


def infer_filters(root: Relation, context: RewriteContext) -> Relation:
    """Return the plan in which what is known of one side's keys also filters the other side."""
    facts = _Facts()

    def infer(node: Relation) -> Relation:
        if not isinstance(node, Join):
            return node
        left, right = facts.of(node.left), facts.of(node.right)
        to_right = _implied(left - right, node, right, flip=False) if node.kind in _TO_RIGHT else ()
        to_left = _implied(right - left, node, left, flip=True) if node.kind in _TO_LEFT else ()
        if not (to_left or to_right):
            return node
        after = Join(
            filtered(node.left, to_left),
            filtered(node.right, to_right),
            node.kind,
            node.on,
            node.predicate,
            node.asof,
        )
        context.fired("infer_filters", node, after)
        return after

    return transform(root, infer)


def _implied(
    parts: frozenset[Expression], join: Join, known: frozenset[Expression], *, flip: bool
) -> tuple[Expression, ...]:
    """Return what parts known of one side say of the other side's keys, and it does not know."""
    keys: dict[str, Expression] = {}
    for a, b in join.on:
        source, target = join.left.schema.field(a), join.right.schema.field(b)
        if flip:
            source, target = target, source
        # -0.0 and 0.0 are one key, but not one text; numbers of two types are not one expression.
        if source.type == target.type and source.type not in FLOATS:
            keys.setdefault(source.name, Column(target.name, target.type, target.nullable))
    found = {
        substitute(part, keys)
        for part in parts
        if (columns := columns_of(part)) and columns <= keys.keys()
    }
    return tuple(sorted(found - known, key=str))


class _Facts:
    """Conditions that are true of every row of a relation, as far as the plan itself says."""

    def __init__(self) -> None:
        self._known: dict[Relation, frozenset[Expression]] = {}

    def of(self, relation: Relation) -> frozenset[Expression]:
        found = self._known.get(relation)
        if found is None:
            found = self._known[relation] = self._find(relation)
        return found

    def _find(self, relation: Relation) -> frozenset[Expression]:
        match relation:
            case Filter(input, predicate):
                parts = (part for part in conjuncts(predicate) if not stays(part))
                return self.of(input) | {part for part in parts if may_move(part)}
            case Select(input, outputs) | Aggregate(input, outputs):
                return _renamed(self.of(input), outputs)
            case Sort(input) | Limit(input) | Distinct(input) | Window(input) | Sample(input):
                return self.of(input)
            case Join(left, right, JoinKind.INNER | JoinKind.CROSS):
                return self.of(left) | self.of(right)
            case Join(left, _, JoinKind.LEFT | JoinKind.SEMI | JoinKind.ANTI | JoinKind.ASOF):
                return self.of(left)
            case Join(_, right, JoinKind.RIGHT):
                return self.of(right)
        return frozenset()


def _renamed(parts: frozenset[Expression], outputs: tuple[Named, ...]) -> frozenset[Expression]:
    """Return those of `parts` that can be said of the outputs, in their names."""
    if not parts:
        return parts
    above = {
        output.expression: Column(output.name, output.expression.type, output.expression.nullable)
        for output in outputs
    }
    renamed = (_lifted(part, above) for part in parts)
    return frozenset(part for part in renamed if part is not None)


def _lifted(root: Expression, above: dict[Expression, Column]) -> Expression | None:
    lost = False

    def lift(node: Node) -> Node:
        nonlocal lost
        found = above.get(node) if isinstance(node, Expression) else None
        if found is not None:
            return found
        lost = lost or isinstance(node, Column)
        return node.map_nodes(lift)

    result = lift(root)
    return result if isinstance(result, Expression) and not lost else None
