"""Rules for selects: one above another becomes one, one that changes nothing goes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from wayfed_optimizer.expressions import Column, Named, substitute, walk
from wayfed_optimizer.relations import Select
from wayfed_optimizer.rewrite.predicates import is_trivial, stays

if TYPE_CHECKING:
    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.rewrite.engine import RewriteContext


def merge_selects(node: Select, _: RewriteContext) -> Relation | None:
    """Make one select of two, unless something would be computed more than once for it.

    What only Python can compute stays in a select of its own, so that the rest need not run there.
    """
    below = node.input
    if not isinstance(below, Select):
        return None
    made = {output.name: output.expression for output in below.outputs}
    once = [name for name, expression in made.items() if not is_trivial(expression)]
    if once:
        uses = Counter(
            part.name
            for output in node.outputs
            for part in walk(output.expression)
            if isinstance(part, Column)
        )
        if any(uses[name] > 1 for name in once) or not _may_merge(node, below):
            return None
    return Select(
        below.input,
        tuple(Named(output.name, substitute(output.expression, made)) for output in node.outputs),
    )


def _may_merge(above: Select, below: Select) -> bool:
    if all(is_trivial(output.expression) for output in above.outputs):
        return True
    return not any(stays(output.expression) for output in (*above.outputs, *below.outputs))


def remove_plain_select(node: Select, _: RewriteContext) -> Relation | None:
    """Remove a select of all columns in their order."""
    plain = len(node.outputs) == len(node.input.schema) and all(
        output.is_plain and output.name == name
        for output, name in zip(node.outputs, node.input.schema.names, strict=True)
    )
    return node.input if plain and node.schema == node.input.schema else None
