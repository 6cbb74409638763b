"""What decides how many rows a relation has, whatever else it looks like.

Two relations with one structure have the same rows: the order of joins and conditions, columns that
nobody asks for, names, and sorts make no difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from wayfed_optimizer.expressions import Column, Expression, Literal, conjuncts
from wayfed_optimizer.relations import (
    Aggregate,
    Cache,
    Filter,
    Hint,
    Join,
    JoinKind,
    Read,
    Relation,
    Select,
    Sort,
    Window,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.node import Node

Key: TypeAlias = tuple[object, ...]


class Structure(NamedTuple):
    """What a relation is: its tables, the key of its rows, and what each of its columns is."""

    tables: frozenset[str]
    key: Key
    columns: Mapping[str, Expression]


class Structures:
    """The structures of relations; remembers them."""

    def __init__(self) -> None:
        self._tables: dict[Relation, frozenset[str]] = {}
        self._found: dict[Relation, Structure | None] = {}

    def __len__(self) -> int:
        return len(self._tables)

    def tables(self, relation: Relation) -> frozenset[str]:
        """Return the tables below a relation."""
        known = self._tables.get(relation)
        if known is None:
            if isinstance(relation, Read):
                known = frozenset({relation.table})
            else:
                known = frozenset().union(*map(self.tables, relation.below))
            self._tables[relation] = known
        return known

    def of(self, relation: Relation) -> Structure | None:
        """Return the structure of a relation; None where it is known by its exact form only."""
        if relation not in self._found:
            self._found[relation] = self._find(relation)
        return self._found[relation]

    def key(self, relation: Relation) -> Key:
        """Return what relations with the same rows have in common."""
        found = self.of(relation)
        return ("as it is", relation) if found is None else found.key

    def _find(self, relation: Relation) -> Structure | None:
        match relation:
            case Read(table, schema):
                read: dict[str, Expression] = {
                    f.name: Column(f"{table}.{f.name}", f.type, f.nullable) for f in schema
                }
                return Structure(frozenset({table}), ("read", table), read)
            case Hint(source) | Cache(source) | Sort(source):
                return self.of(source)
        found = [self.of(source) for source in relation.inputs]
        if not found or None in found or len(relation.inputs) != len(relation.below):
            return None
        inputs = [each for each in found if each is not None]
        match relation:
            case Select(_, outputs):
                below = inputs[0]
                named = {o.name: _substituted(o.expression, below.columns) for o in outputs}
                return Structure(below.tables, below.key, named)
            case Window(_, outputs):
                below = inputs[0]
                named = {o.name: _substituted(o.expression, below.columns) for o in outputs}
                return Structure(below.tables, below.key, {**below.columns, **named})
            case Filter(_, predicate):
                return _with_conditions(inputs[0], predicate)
            case Aggregate(_, keys, aggregates):
                below = inputs[0]
                by = frozenset(_substituted(key.expression, below.columns) for key in keys)
                columns = {
                    o.name: _substituted(o.expression, below.columns) for o in (*keys, *aggregates)
                }
                return Structure(below.tables, ("group", below.key, by), columns)
            case Join():
                return _joined(relation, *inputs)
        return None


def _with_conditions(below: Structure, predicate: Expression) -> Structure:
    parts = frozenset(_substituted(part, below.columns) for part in conjuncts(predicate))
    match below.key:
        case ("join", leaves, conditions):
            key: Key = ("join", leaves, conditions | parts)  # type: ignore[operator]  # both are sets
        case _:
            key = ("join", frozenset({below.key}), parts)
    return Structure(below.tables, key, below.columns)


def _joined(join: Join, left: Structure, right: Structure) -> Structure | None:
    """Return an inner join as its inputs and conditions; others as they are written.

    Of a table that is on both sides, columns could not be told apart.
    """
    if left.tables & right.tables:
        return None
    columns = {**left.columns, **right.columns}
    conditions = frozenset(
        frozenset((left.columns[a], right.columns[b])) for a, b in join.on
    ) | frozenset(
        _substituted(part, columns)
        for part in (conjuncts(join.predicate) if join.predicate is not None else ())
    )
    tables = left.tables | right.tables
    if join.kind in (JoinKind.INNER, JoinKind.CROSS):
        leaves, known = zip(*(_parts(side.key) for side in (left, right)), strict=True)
        key: Key = ("join", leaves[0] | leaves[1], conditions | known[0] | known[1])
        return Structure(tables, key, columns)
    key = (join.kind, left.key, right.key, conditions, join.asof)
    is_one_sided = join.kind in (JoinKind.SEMI, JoinKind.ANTI)
    return Structure(tables, key, left.columns if is_one_sided else columns)


def _parts(key: Key) -> tuple[frozenset[object], frozenset[object]]:
    match key:
        case ("join", frozenset() as leaves, frozenset() as conditions):
            return leaves, conditions
    return frozenset({key}), frozenset()


def _substituted(expression: Expression, columns: Mapping[str, Expression]) -> Expression:
    def change(node: Node) -> Node:
        if isinstance(node, Column):
            return columns.get(node.name, node)
        if isinstance(node, Literal | Relation):
            return node
        return node.map_nodes(change)

    changed = change(expression)
    assert isinstance(changed, Expression)  # noqa: S101  # what an expression becomes
    return changed
