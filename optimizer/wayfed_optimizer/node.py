"""What expressions and relations have in common: immutable trees that compare by structure."""

from __future__ import annotations

from functools import cache
from operator import attrgetter, is_
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

N = TypeVar("N", bound="Node")


class Node:
    """An immutable tree node; subclasses are frozen dataclasses with slots and ``eq=False``.

    Two nodes are equal when they are of one class and their compared fields are equal. The hash is
    computed once and kept, so that a tree can be a key as cheaply as a leaf; so is what a node was
    found to be equal to, so that trees are compared once and not again for each tree around them.
    """

    __slots__ = ("_hash", "_twin")
    __match_args__: tuple[str, ...] = ()
    _hash: int
    _twin: Node

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            value = hash((type(self).__name__, *self.parts()))
            object.__setattr__(self, "_hash", value)
            return value

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other):
            return False
        try:
            if self._hash != other._hash:
                return False
        except AttributeError:
            if hash(self) != hash(other):
                return False
        twin = getattr(other, "_twin", other)
        if getattr(self, "_twin", self) is twin:
            return True
        if self.parts() != other.parts():
            return False
        object.__setattr__(self, "_twin", twin)
        return True

    def parts(self) -> tuple[object, ...]:
        """Return the values of the fields that make up the node's identity."""
        of = _parts_of(type(self))  # type: ignore[arg-type]  # classes have a hash of their own
        return of(self)

    def derive(self, **values: object) -> None:
        """Set fields that follow from the others; only for ``__post_init__``."""
        set_field = object.__setattr__
        for name, value in values.items():
            set_field(self, name, value)

    def map_nodes(self, change: Callable[[Node], Node]) -> Self:
        """Return this node with `change` applied to each node directly below it.

        Returns `self`, not a copy, when nothing changed.
        """
        old = self.parts()
        new = _map_values(old, change)
        if all(map(is_, old, new)):
            return self
        return type(self)(**dict(zip(self.__match_args__, new, strict=True)))

    def nodes(self) -> Iterator[Node]:
        """Yield the nodes directly below this one, left to right."""
        for part in self.parts():
            if isinstance(part, Node):
                yield part
            elif isinstance(part, tuple):
                yield from _nodes_in(part)


@cache
def _parts_of(kind: type[Node]) -> Callable[[Node], tuple[object, ...]]:
    names = kind.__match_args__
    if len(names) > 1:
        return attrgetter(*names)
    return lambda node: tuple(getattr(node, name) for name in names)


def _map_values(values: tuple[object, ...], change: Callable[[Node], Node]) -> tuple[object, ...]:
    """Change the nodes in `values`, and in tuples there; few frames deep, for deep trees."""
    new: list[object] = []
    for value in values:
        if isinstance(value, Node):
            new.append(change(value))
        elif isinstance(value, tuple) and value:
            below = _map_values(value, change)
            new.append(value if all(map(is_, value, below)) else below)
        else:
            new.append(value)
    return tuple(new)


def _nodes_in(values: tuple[object, ...]) -> Iterator[Node]:
    for value in values:
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            yield from _nodes_in(value)
