"""What the rewrite rules did, step by step: the part of the plan that a rule changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.relations import Relation, walk_once
from wayfed_optimizer.text import headline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wayfed_optimizer.rewrite import Step

_MOST_LINES: Final = 12


@dataclass(frozen=True, slots=True)
class RuleView:
    """One firing of a rewrite rule.

    Parameters
    ----------
    name
        Of the rule.
    before, after
        What it changed, a line a relation; what stayed as it was is one line that ends in ``…``.
    """

    name: str
    before: str
    after: str


def rule_view(step: Step) -> RuleView:
    """Return a step by the topmost relations in which before and after differ."""
    before, after = step.before, step.after
    while headline(before) == headline(after) and len(before.inputs) == len(after.inputs):
        pairs = zip(before.inputs, after.inputs, strict=True)
        changed = [pair for pair in pairs if pair[0] != pair[1]]
        if len(changed) != 1:
            break
        before, after = changed[0]
    common = set(walk_once(before)) & set(walk_once(after))
    return RuleView(step.rule, _text(before, common), _text(after, common))


def counts_of(rules: Iterable[RuleView]) -> dict[str, int]:
    """Return how often each rule fired, in the order in which they first did."""
    counts: dict[str, int] = {}
    for rule in rules:
        counts[rule.name] = counts.get(rule.name, 0) + 1
    return counts


def _text(relation: Relation, common: set[Relation]) -> str:
    lines = list(_lines(relation, common, 0))
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"… {len(lines) - _MOST_LINES} more lines"]
    return "\n".join(lines)


def _lines(relation: Relation, common: set[Relation], depth: int) -> Iterator[str]:
    stays = relation in common and relation.inputs
    yield "  " * depth + headline(relation) + (" …" if stays else "")
    for below in () if stays else relation.inputs:
        yield from _lines(below, common, depth + 1)
