"""Which columns follow from others, and which are different in every row: for estimates only.

Other than a rule, an estimate may take for a key what looks like one: a column with as many values
as there are rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

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

_LEFT_ONLY: Final = (JoinKind.SEMI, JoinKind.ANTI)


class Dependence:
    """What follows from what in relations, for estimates; remembers it.

    Parameters
    ----------
    is_key
        Says it of tables.
    """

    def __init__(self, is_key: IsKey) -> None:
        self._is_key = is_key
        self._determined: dict[tuple[Relation, frozenset[str]], frozenset[str]] = {}
        self._unique: dict[tuple[Relation, frozenset[str]], bool] = {}

    def determined(self, relation: Relation, names: frozenset[str]) -> frozenset[str]:
        """Return the columns that have one value for each combination of values of some."""
        key = (relation, names)
        known = self._determined.get(key)
        if known is None:
            known = self._determined[key] = self._find(relation, names)
        return known

    def _find(self, relation: Relation, names: frozenset[str]) -> frozenset[str]:
        match relation:
            case Read():
                return frozenset(relation.schema.names) if self._is_key(relation, names) else names
            case Select(source, outputs):
                return self._renamed(source, outputs, names)
            case Aggregate(_, keys, _):
                by = {key.name for key in keys}
                return frozenset(relation.schema.names) if by <= names else names
            case Join(left, _, kind) if kind in _LEFT_ONLY:
                return self.determined(left, names)
            case Join():
                return self._joined(relation, names)
            case Distinct(_, on) if set(on or relation.schema.names) <= names:
                return frozenset(relation.schema.names)
            case Filter() | Sort() | Limit() | Sample() | Hint() | Window() | Cache() | Distinct():
                (source,) = relation.inputs
                return names | self.determined(source, names & set(source.schema.names))
        return names

    def is_unique(self, relation: Relation, names: frozenset[str]) -> bool:
        """Say whether no two rows of a relation are equal in some columns."""
        key = (relation, names)
        known = self._unique.get(key)
        if known is None:
            known = self._unique[key] = self._find_unique(relation, names)
        return known

    def _find_unique(self, relation: Relation, names: frozenset[str]) -> bool:
        match relation:
            case Read():
                return self._is_key(relation, names)
            case Select(source, outputs):
                below = (of for name, of in _columns(outputs) if name in names)
                return self.is_unique(source, frozenset(below))
            case Aggregate(_, keys, _):
                return {key.name for key in keys} <= names
            case Join(left, _, kind) if kind in _LEFT_ONLY:
                return self.is_unique(left, names)
            case Join(left, right, JoinKind.INNER | JoinKind.LEFT | JoinKind.CROSS):
                known = self.determined(relation, names)
                return all(
                    self.is_unique(side, known & set(side.schema.names)) for side in (left, right)
                )
            case Distinct(_, on) if set(on or relation.schema.names) <= names:
                return True
            case Filter() | Sort() | Limit() | Sample() | Hint() | Window() | Cache() | Distinct():
                (source,) = relation.inputs
                return self.is_unique(source, names & set(source.schema.names))
        return False

    def _renamed(
        self, source: Relation, outputs: tuple[Named, ...], names: frozenset[str]
    ) -> frozenset[str]:
        passed = dict(_columns(outputs))
        below = self.determined(source, frozenset(passed[n] for n in names if n in passed))
        return names | {name for name, of in passed.items() if of in below}

    def _joined(self, join: Join, names: frozenset[str]) -> frozenset[str]:
        """Go from side to side over the keys until nothing new follows."""
        found = set(names)
        sides = [(side, frozenset(side.schema.names)) for side in (join.left, join.right)]
        while True:
            before = len(found)
            for side, columns in sides:
                found |= self.determined(side, columns & found)
            _over_keys(join, found)
            if len(found) == before:
                return frozenset(found)


def _columns(outputs: tuple[Named, ...]) -> list[tuple[str, str]]:
    """Return the outputs that are columns of the input: their names, and those of the columns."""
    return [
        (output.name, output.expression.name)
        for output in outputs
        if isinstance(output.expression, Column)
    ]


def _over_keys(join: Join, found: set[str]) -> None:
    for a, b in join.on:
        if a in found:
            found.add(b)
        elif b in found and join.kind is JoinKind.INNER:
            found.add(a)
