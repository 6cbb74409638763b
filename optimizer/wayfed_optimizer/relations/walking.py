"""Walks over plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.relations.lookups import FirstMatches
from wayfed_optimizer.relations.loops import Iterate
from wayfed_optimizer.relations.sources import Read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wayfed_optimizer.relations.base import Relation


def walk(root: Relation) -> Iterator[Relation]:
    """Yield `root` and all below it, parents first, shared ones as often as used."""
    waiting = [root]
    while waiting:
        relation = waiting.pop()
        yield relation
        waiting.extend(reversed(relation.below))


def walk_once(root: Relation) -> Iterator[Relation]:
    """Yield `root` and all below it, each once, in the order in which `walk` meets them."""
    seen: set[Relation] = set()
    waiting = [root]
    while waiting:
        relation = waiting.pop()
        if relation in seen:
            continue
        seen.add(relation)
        yield relation
        waiting.extend(reversed(relation.below))


def everything_below(root: Relation) -> frozenset[Relation]:
    """Return all relations below one, for questions in which their order is nothing."""
    try:
        return root._everything
    except AttributeError:
        below = root.below
        found = frozenset(below).union(*map(everything_below, below))
        root.derive(_everything=found)
        return found


def variables(root: Relation) -> frozenset[str]:
    """Return the names by which the loops of a plan read their own rows: tables of no catalog."""
    return frozenset(r.variable for r in walk_once(root) if isinstance(r, Iterate | FirstMatches))


def reads(root: Relation) -> tuple[Read, ...]:
    """Return the reads of a plan, in the order they are written, each once; found on first use."""
    waiting = [] if hasattr(root, "_reads") else [root]
    while waiting:
        relation = waiting[-1]
        below = [each for each in relation.below if not hasattr(each, "_reads")]
        if below:
            waiting += below
            continue
        waiting.pop()
        if isinstance(relation, Read):
            found: tuple[Read, ...] = (relation,)
        elif len(relation.below) == 1:
            found = relation.below[0]._reads
        else:
            found = tuple(dict.fromkeys(read for each in relation.below for read in each._reads))
        relation.derive(_reads=found)
    return root._reads


def transform(root: Relation, change: Callable[[Relation], Relation]) -> Relation:
    """Return the plan with `change` applied to every relation, inputs first; shared ones once."""
    done: dict[Relation, Relation] = {}

    def visit(relation: Relation) -> Relation:
        found = done.get(relation)
        if found is None:
            found = done[relation] = change(relation.with_below(visit))
        return found

    return visit(root)
