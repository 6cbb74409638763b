"""Rules that group by less: by what decides the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.dependencies import holds_floats
from wayfed_optimizer.expressions import Column, Expression, Literal, Named, facts_of, substitute
from wayfed_optimizer.relations import Aggregate, Relation, Select

if TYPE_CHECKING:
    from wayfed_optimizer.rewrite.engine import RewriteContext


def remove_group_keys(node: Aggregate, _: RewriteContext) -> Relation | None:
    """Group by columns, and compute what follows from them, or from nothing, for each group."""
    plain = {
        key.expression.name: Column(key.name, key.expression.type, key.expression.nullable)
        for key in reversed(node.keys)
        if isinstance(key.expression, Column)
    }
    kept = [key for key in node.keys if not _follows(key, plain)]
    # Without any key there would be a group of no rows, too.
    kept = kept or list(node.keys[:1])
    if len(kept) == len(node.keys):
        return None
    made: dict[str, Expression] = {
        key.name: substitute(key.expression, plain) for key in node.keys if key not in kept
    }
    grouped = Aggregate(node.input, tuple(kept), node.aggregates)
    columns = {f.name: Column(f.name, f.type, f.nullable) for f in node.schema}
    return Select(grouped, tuple(Named(name, made.get(name, c)) for name, c in columns.items()))


def _follows(key: Named, plain: dict[str, Column]) -> bool:
    match key.expression:
        case Literal():
            return True
        case Column(name):
            return plain[name].name != key.name
    facts = facts_of(key.expression)
    # Of -0.0 and 0.0, which are one group, an expression may make two.
    floats = any(holds_floats(read.type) for read in facts.reads)
    return not facts.fixed and not floats and bool(facts.columns) and facts.columns <= plain.keys()
