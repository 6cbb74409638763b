"""Joins as a graph: what is joined, and the conditions between, apart from the order of joining."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from wayfed_optimizer.dependencies import holds_floats
from wayfed_optimizer.expressions import (
    Column,
    Expression,
    columns_of,
    conjunction,
    conjuncts,
    substitute,
)
from wayfed_optimizer.relations import Filter, Join, JoinKind, Relation, Select
from wayfed_optimizer.rewrite.predicates import may_move, stays
from wayfed_optimizer.types import DataType, is_float

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

Shape: TypeAlias = "Relation | tuple[Shape, Shape]"
"""Which relation is joined with which, and nothing else."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Some of a graph's relations joined: the plan for it, its shape and its relations in order."""

    relation: Relation
    shape: Shape
    leaves: tuple[Relation, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Attached:
    """How a left join attaches its right side."""

    on: tuple[tuple[str, str], ...]
    predicate: Expression | None


@dataclass(slots=True)
class JoinGraph:
    """A tree of inner and left joins, taken apart.

    Columns go by their names in the relations that are joined, which must differ throughout; what
    selects between the joins rename is undone.

    Attributes
    ----------
    leaves
        The relations that inner joins combine, in the order they are written.
    attached
        The right sides of left joins, and how each is attached.
    names
        For each column of the whole, its name in the relation that it comes from.
    shape
        The order in which the tree is written.
    """

    leaves: list[Relation] = field(default_factory=list)
    attached: dict[Relation, _Attached] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    shape: Shape = field(init=False)
    _owners: dict[str, Relation] = field(default_factory=dict)
    _keys: list[tuple[str, str]] = field(default_factory=list)
    _predicates: list[Expression] = field(default_factory=list)
    _classes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Relation, least: int = 3) -> JoinGraph | None:
        """Take a tree of joins apart; None where another order might mean something else.

        None also where it joins fewer than `least` relations.
        """
        graph = cls()
        try:
            graph.names, graph.shape = graph._add(root)
        except _FixedOrder:
            return None
        if len(graph.leaves) + len(graph.attached) < least:
            return None
        graph._classes = _classes_of(graph._keys)
        if any(graph._equates(leaf) for leaf in graph.leaves):
            return None
        return graph

    def _equates(self, leaf: Relation) -> bool:
        """Say whether the keys make two columns of one relation equal, which no one join does."""
        own = [self._classes[name] for name in leaf.schema.names if name in self._classes]
        return len(own) > len(set(own))

    def _add(self, node: Relation) -> tuple[dict[str, str], Shape]:
        match node:
            case Join(left, right, JoinKind.INNER, on, predicate) if on:
                (names, left_shape), (others, right_shape) = self._add(left), self._add(right)
                names |= others
                inner = {name for leaf in self.leaves for name in leaf.schema.names}
                for a, b in on:
                    self._add_key(names[a], names[b], inner)
                if predicate is not None:
                    self._add_predicate(predicate, names, inner)
                return names, (left_shape, right_shape)
            case Join(left, right, JoinKind.LEFT, on, predicate) if on:
                names, left_shape = self._add(left)
                names |= self._own(right)
                if predicate is not None:
                    predicate = self._renamed(predicate, names)
                self.attached[right] = _Attached(
                    tuple((names[a], names[b]) for a, b in on), predicate
                )
                return names, (left_shape, right)
            case Select(Join() | Filter() | Select() as below, outputs) if all(
                isinstance(output.expression, Column) for output in outputs
            ):
                names, shape = self._add(below)
                return {
                    output.name: names[output.expression.name]
                    for output in outputs
                    if isinstance(output.expression, Column)
                }, shape
            case Filter(Join() as below, predicate):
                names, shape = self._add(below)
                inner = {name for leaf in self.leaves for name in leaf.schema.names}
                self._add_predicate(predicate, names, inner)
                return names, shape
        names = self._own(node)
        self.leaves.append(node)
        return names, node

    def _own(self, leaf: Relation) -> dict[str, str]:
        for name in leaf.schema.names:
            self._require(self._owners.setdefault(name, leaf) is leaf)
        self._require(leaf not in self.attached and leaf not in self.leaves)
        return {name: name for name in leaf.schema.names}

    def _add_key(self, a: str, b: str, inner: set[str]) -> None:
        self._require(a in inner and b in inner)
        # Equality of a float with an exact number is not transitive: both may equal a third.
        self._require(is_float(self._type(a)) == is_float(self._type(b)))
        self._keys.append((a, b))

    def _type(self, name: str) -> DataType:
        return self._owners[name].schema.field(name).type

    def _add_predicate(
        self, predicate: Expression, names: Mapping[str, str], inner: set[str]
    ) -> None:
        for part in conjuncts(self._renamed(predicate, names)):
            self._require(columns_of(part) <= inner)
            # What speaks of one relation alone belongs to no join: it has been pushed there.
            self._require(len({id(self._owners[name]) for name in columns_of(part)}) > 1)
            self._predicates.append(part)

    def _renamed(self, predicate: Expression, names: Mapping[str, str]) -> Expression:
        self._require(may_move(predicate) and not stays(predicate))
        columns = {
            name: Column(names[name], self._type(names[name])) for name in columns_of(predicate)
        }
        return substitute(predicate, columns)

    def _require(self, holds: bool) -> None:
        if not holds:
            raise _FixedOrder

    def owner(self, name: str) -> Relation:
        """Return the relation that a column comes from."""
        return self._owners[name]

    def equal_to(self, name: str) -> frozenset[str]:
        """Return the columns that the keys make equal to one, and itself."""
        number = self._classes.get(name)
        same = (other for other, its in self._classes.items() if its == number)
        return frozenset((name, *(same if number is not None else ())))

    @property
    def predicates(self) -> tuple[Expression, ...]:
        """What the joins ask besides equal keys."""
        return tuple(self._predicates)

    def tells_zeros_apart(self, own: Set[str]) -> bool:
        """Say whether a condition may see what groups do not: which of -0.0 and 0.0 a value is.

        So where it reads a float among the columns `own`, which are grouped first, and others.
        """
        return any(
            holds_floats(self._type(name))
            for part in self._predicates
            if not columns_of(part) <= own
            for name in columns_of(part) & own
        )

    def unit(self, leaf: Relation) -> Unit:
        """Return a relation of the graph on its own."""
        return Unit(leaf, leaf, (leaf,), leaf.schema.names)

    def key_class(self, name: str) -> int | None:
        """Return the number of the class of equal columns that a column is in, if it is a key."""
        return self._classes.get(name)

    def connected(self, left: Unit, right: Unit) -> bool:
        """Say whether two units have a key in common."""
        return bool(self._keys_between(left, right))

    def join(self, left: Unit, right: Unit) -> Unit:
        """Join two units on all that the graph says of both."""
        both = (*left.columns, *right.columns)
        parts = tuple(
            part
            for part in self._predicates
            if columns_of(part) <= set(both)
            and not columns_of(part) <= set(left.columns)
            and not columns_of(part) <= set(right.columns)
        )
        relation = Join(
            left.relation,
            right.relation,
            JoinKind.INNER,
            self._keys_between(left, right),
            conjunction(parts) if parts else None,
        )
        return Unit(relation, (left.shape, right.shape), left.leaves + right.leaves, both)

    def joined(self, units: Sequence[Unit]) -> Unit | None:
        """Join units in the order in which they have keys in common with those before them.

        None where there are none, or where that would need a cross product.
        """
        whole, waiting = (units[0] if units else None), list(units[1:])
        while whole is not None and waiting:
            near = next((unit for unit in waiting if self.connected(whole, unit)), None)
            if near is None:
                return None
            waiting.remove(near)
            whole = self.join(whole, near)
        return whole

    def _keys_between(self, left: Unit, right: Unit) -> tuple[tuple[str, str], ...]:
        # One pair for each class of equal columns is enough: each unit makes its own ones equal.
        first: dict[int, str] = {}
        for name in right.columns:
            if name in self._classes:
                first.setdefault(self._classes[name], name)
        pairs: dict[int, tuple[str, str]] = {}
        for name in left.columns:
            number = self._classes.get(name)
            if number is not None and number in first:
                pairs.setdefault(number, (name, first[number]))
        return tuple(pairs.values())

    def can_attach(self, leaf: Relation, unit: Unit) -> bool:
        """Say whether a unit has all that a left join needs to attach a relation."""
        attached = self.attached[leaf]
        needed = {a for a, _ in attached.on}
        if attached.predicate is not None:
            needed |= columns_of(attached.predicate) - set(leaf.schema.names)
        return needed <= set(unit.columns)

    def attach(self, leaf: Relation, unit: Unit) -> Unit:
        """Attach a relation by its left join."""
        attached = self.attached[leaf]
        relation = Join(unit.relation, leaf, JoinKind.LEFT, attached.on, attached.predicate)
        return Unit(
            relation,
            (unit.shape, leaf),
            (*unit.leaves, leaf),
            (*unit.columns, *leaf.schema.names),
        )

    def built(self, shape: Shape, instead: Mapping[Relation, Relation]) -> Unit:
        """Return the joins of a shape; other rows may stand for relations that are joined."""
        if not isinstance(shape, tuple):
            own = instead.get(shape, shape)
            return Unit(own, shape, (shape,), shape.schema.names)
        left, right = shape
        unit = self.built(left, instead)
        if not isinstance(right, tuple) and right in self.attached:
            return self.attach(right, unit)
        return self.join(unit, self.built(right, instead))


class _FixedOrder(Exception):  # ends a search; nothing has failed
    """A condition that another order of joins might evaluate on other rows."""


def _classes_of(keys: list[tuple[str, str]]) -> dict[str, int]:
    """Return the number of the class of equal columns for each that is a key."""
    classes: dict[str, int] = {}
    for number, (a, b) in enumerate(keys):
        known = {classes[name] for name in (a, b) if name in classes}
        classes[a] = classes[b] = number
        for name, other in classes.items():
            if other in known:
                classes[name] = number
    return classes
