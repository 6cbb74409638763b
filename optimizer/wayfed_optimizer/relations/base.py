"""What all relations have in common."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from operator import is_
from typing import TYPE_CHECKING, ClassVar

from wayfed_optimizer.expressions import Column, Expression, Named, SortKey, Subquery, facts_of
from wayfed_optimizer.expressions import walk as walk_expression
from wayfed_optimizer.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wayfed_optimizer.relations.sources import Read
    from wayfed_optimizer.types import Schema


class Relation(Node):
    """A multiset of rows.

    Attributes
    ----------
    schema
        Its columns.
    """

    __slots__ = ("_all_below", "_everything", "_expressions", "_inputs", "_reads", "_subqueries")
    _below: ClassVar[tuple[str, ...]] = ("input",)
    schema: Schema
    _all_below: tuple[Relation, ...]
    _everything: frozenset[Relation]
    _expressions: tuple[Expression, ...]
    _inputs: tuple[Relation, ...]
    _reads: tuple[Read, ...]
    _subqueries: tuple[Relation, ...]

    _flows: ClassVar[bool] = False
    """Whether the first rows come out when the first ones have gone in."""

    @property
    def _ends(self) -> bool:
        return True

    @property
    def _stops(self) -> bool:
        """Whether rows come to an end here, whatever comes in."""
        return False

    @property
    def inputs(self) -> tuple[Relation, ...]:
        """The relations that this one is computed from."""
        try:
            return self._inputs
        except AttributeError:
            found = [getattr(self, name) for name in self._below]
            inputs = tuple([relation for relation in found if relation is not None])
            object.__setattr__(self, "_inputs", inputs)
            return inputs

    @property
    def bounded(self) -> bool:
        """Whether the rows come to an end."""
        waiting: list[tuple[Relation, bool]] = [(self, False)]
        while waiting:
            relation, stopped = waiting.pop()
            stopped = relation._stops or (stopped and relation._flows)
            if not relation._ends and not stopped:
                return False
            waiting.extend((each, stopped) for each in relation.inputs)
        return True

    def with_inputs(self, change: Callable[[Relation], Relation]) -> Relation:
        """Return this relation over changed inputs; itself where nothing changed."""
        old = self.inputs
        new = tuple(map(change, old))
        if all(map(is_, old, new)):
            return self
        if all([before.schema == after.schema for before, after in zip(old, new, strict=True)]):
            return self._over(new)
        values = dict(zip(self.__match_args__, self.parts(), strict=True))
        return type(self)(**(values | dict(zip(self._below, new, strict=False))))

    def _over(self, inputs: tuple[Relation, ...]) -> Relation:
        """Return this relation over inputs with the columns of its own: what was checked holds."""
        kind = type(self)
        made = object.__new__(kind)
        set_field = object.__setattr__
        for name in _fields_of(kind):  # type: ignore[arg-type]  # classes have a hash of their own
            set_field(made, name, getattr(self, name))
        for name, relation in zip(self._below, inputs, strict=False):
            set_field(made, name, relation)
        return made

    @property
    def below(self) -> tuple[Relation, ...]:
        """The inputs, and then the relations of subqueries in the relation's own expressions."""
        try:
            return self._all_below
        except AttributeError:
            below = self.inputs + _subqueries_in(self)
            object.__setattr__(self, "_all_below", below)
            return below

    def with_below(self, change: Callable[[Relation], Relation]) -> Relation:
        """Return this relation over changed inputs and subqueries, in the order of `below`."""
        if not _subqueries_in(self):
            return self.with_inputs(change)

        def in_expression(node: Node) -> Node:
            match node:
                case Relation():
                    return node
                case Subquery(kind, relation, arg):
                    return Subquery(kind, change(relation), arg and _expression(arg))
                case Expression() if not facts_of(node).fixed:
                    return node
            return node.map_nodes(in_expression)

        def _expression(arg: Expression) -> Expression:
            changed = in_expression(arg)
            assert isinstance(changed, Expression)  # noqa: S101  # what an expression becomes
            return changed

        return self.with_inputs(change).map_nodes(in_expression)


@cache
def _fields_of(kind: type[Relation]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))  # type: ignore[arg-type]  # it is a dataclass


def expressions_of(relation: Relation) -> tuple[Expression, ...]:
    """Return the expressions that a relation evaluates itself; found on first use."""
    try:
        return relation._expressions
    except AttributeError:
        found = tuple(_expressions_in(relation))
        object.__setattr__(relation, "_expressions", found)
        return found


def _expressions_in(relation: Relation) -> Iterator[Expression]:
    for node in relation.nodes():
        if isinstance(node, Named | SortKey):
            yield node.expression
        elif isinstance(node, Expression):
            yield node


def _subqueries_in(relation: Relation) -> tuple[Relation, ...]:
    try:
        return relation._subqueries
    except AttributeError:
        found = tuple(
            [
                node.relation
                for root in expressions_of(relation)
                if type(root) is not Column and facts_of(root).fixed
                for node in walk_expression(root)
                if isinstance(node, Subquery)
            ]
        )
        object.__setattr__(relation, "_subqueries", found)
        return found
