"""Which columns follow from others, and which are different in every row: for estimates only.

Other than a rule, an estimate may take for a key what looks like one: a column with as many values
as there are rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from wayfed_optimizer.expressions import Column
from wayfed_optimizer.relations import (
    Aggregate,
    Cache,
    Distinct,
    Filter,
    Hint,
    Join,
    JoinKind,
    Limit,
    Read,
    Relation,
    Sample,
    Select,
    Sort,
    Window,
)

if TYPE_CHECKING:
    from wayfed_optimizer.expressions import Named

IsKey: TypeAlias = Callable[[Read, frozenset[str]], bool]
"""Says whether no two rows of a table are equal in some columns."""

_LEFT_ONLY = frozenset({JoinKind.SEMI, JoinKind.ANTI})


def determined(relation: Relation, names: frozenset[str], is_key: IsKey) -> frozenset[str]:
    """Return the columns of which there is one value for each combination of values of `names`."""
    match relation:
        case Read():
            return frozenset(relation.schema.names) if is_key(relation, names) else names
        case Select(source, outputs):
            return _named(source, outputs, names, is_key)
        case Aggregate(_, keys, _):
            by = {key.name for key in keys}
            return frozenset(relation.schema.names) if by <= names else names
        case Join(left, _, kind) if kind in _LEFT_ONLY:
            return determined(left, names, is_key)
        case Join():
            return _joined(relation, names, is_key)
        case Distinct(_, on) if set(on or relation.schema.names) <= names:
            return frozenset(relation.schema.names)
        case Filter() | Sort() | Limit() | Sample() | Hint() | Window() | Cache() | Distinct():
            (source,) = relation.inputs
            below = determined(source, names & set(source.schema.names), is_key)
            return names | below
    return names


def is_unique(relation: Relation, names: frozenset[str], is_key: IsKey) -> bool:
    """Say whether no two rows of a relation are equal in some columns."""
    match relation:
        case Read():
            return is_key(relation, names)
        case Select(source, outputs):
            below = {o.expression.name for o in _columns(outputs) if o.name in names}  # type: ignore[attr-defined]  # they are columns
            return is_unique(source, frozenset(below), is_key)
        case Aggregate(_, keys, _):
            return {key.name for key in keys} <= names
        case Join(left, _, kind) if kind in _LEFT_ONLY:
            return is_unique(left, names, is_key)
        case Join(left, right, JoinKind.INNER | JoinKind.LEFT | JoinKind.CROSS):
            known = determined(relation, names, is_key)
            return all(
                is_unique(side, known & set(side.schema.names), is_key) for side in (left, right)
            )
        case Distinct(_, on) if set(on or relation.schema.names) <= names:
            return True
        case Filter() | Sort() | Limit() | Sample() | Hint() | Window() | Cache() | Distinct():
            (source,) = relation.inputs
            return is_unique(source, names & set(source.schema.names), is_key)
    return False


def _columns(outputs: tuple[Named, ...]) -> list[Named]:
    return [output for output in outputs if isinstance(output.expression, Column)]


def _named(
    source: Relation, outputs: tuple[Named, ...], names: frozenset[str], is_key: IsKey
) -> frozenset[str]:
    passed = {o.name: o.expression.name for o in _columns(outputs)}  # type: ignore[attr-defined]  # they are columns
    below = determined(source, frozenset(passed[n] for n in names if n in passed), is_key)
    return names | {name for name, of in passed.items() if of in below}


def _joined(join: Join, names: frozenset[str], is_key: IsKey) -> frozenset[str]:
    """Go from side to side over the keys until nothing new follows."""
    found = set(names)
    asked: dict[Relation, frozenset[str]] = {}
    while True:
        before = len(found)
        for side in (join.left, join.right):
            here = frozenset(found) & set(side.schema.names)
            if asked.get(side) != here:
                follows = determined(side, here, is_key)
                asked[side] = here | follows
                found |= follows
        _over_keys(join, found)
        if len(found) == before:
            return frozenset(found)


def _over_keys(join: Join, found: set[str]) -> None:
    for a, b in join.on:
        if a in found:
            found.add(b)
        elif b in found and join.kind is JoinKind.INNER:
            found.add(a)
