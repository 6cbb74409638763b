"""Writing plans."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from wayfed_optimizer.errors import InvalidPlan, Unsupported, suggestion
from wayfed_optimizer.expressions import Expression
from wayfed_optimizer.relations import FirstMatches, Hint, Iterate, Read, Relation
from wayfed_optimizer.wire.fields import write_fields
from wayfed_optimizer.wire.versions import (
    FUNCTION_VERSIONS,
    MAX_BYTES,
    PLAN_VERSIONS,
    Size,
    Totals,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from wayfed_optimizer.node import Node


def to_wire(relation: Relation, *, names: Collection[str] | None = None) -> bytes:
    """Write a plan as bytes that `from_wire` reads back.

    Equal parts are written once, so a plan that uses a part twice is hardly larger for it, and
    equal plans are equal bytes.

    Parameters
    ----------
    relation
        The plan.
    names
        The tables that the receiver has, where that is another party: the plan then may read no
        others, and what is only known here (hints of platforms and row counts) is left out.

    Raises
    ------
    Unsupported
        Where the plan holds a Python function, or reads what is not in `names`.
    InvalidPlan
        Where it is larger than a plan may be.

    Examples
    --------
    >>> from wayfed_optimizer.types import Schema
    >>> plan = Read("flights", Schema.of(origin="text"))
    >>> to_wire(plan)[:54]
    b'{"wayfed":1,"functions":2,"plan":[{"node":"Read","tabl'
    """
    writer = _Writer(names)
    writer.write(relation)
    header = f'{{"wayfed":{PLAN_VERSIONS[-1]},"functions":{FUNCTION_VERSIONS[-1]},"plan":['
    try:
        data = (header + ",".join(writer.entries) + "]}").encode()
    except UnicodeEncodeError as error:
        raise InvalidPlan(f"a plan holds text that is not Unicode: {error.object!r:.60}") from error
    if len(data) > MAX_BYTES:
        raise InvalidPlan(
            f"the plan is {len(data):,} bytes, more than {MAX_BYTES:,}",
            hint="put long lists of constants into a table and join it",
        )
    return data


def plan_hash(relation: Relation) -> str:
    """Return what identifies a plan on every machine: the SHA-256 of its bytes, in hexadecimal.

    Raises
    ------
    Unsupported, InvalidPlan
        Where the plan cannot be written.

    Examples
    --------
    >>> from wayfed_optimizer.types import Schema
    >>> len(plan_hash(Read("flights", Schema.of(origin="text"))))
    64
    """
    return hashlib.sha256(to_wire(relation)).hexdigest()


class _Writer:
    """Fills the list of entries, parts before what they are part of; without recursion."""

    def __init__(self, names: Collection[str] | None) -> None:
        self.names = names
        self.entries: list[str] = []
        self._position: dict[str, int] = {}
        self._written: dict[int, int] = {}
        self._sizes: list[Size] = []
        self._totals = Totals()

    def write(self, root: Relation) -> None:
        stack: list[Node] = [root]
        open_nodes: set[int] = set()
        while stack:
            node = self._sent(stack[-1])
            if id(node) in self._written:
                stack.pop()
            elif id(node) in open_nodes:
                stack.pop()
                self._add(node)
            else:
                open_nodes.add(id(node))
                self._check(node, root)
                stack.extend(reversed([*_entries_of(node)]))

    def _sent(self, node: Node) -> Node:
        while self.names is not None and isinstance(node, Hint):
            node = node.input
        return node

    def _add(self, node: Node) -> None:
        fields = {"node": type(node).__name__, **write_fields(node, self._refer)}
        entry = json.dumps(fields, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        position = self._position.setdefault(entry, len(self.entries))
        self._written[id(node)] = position
        if position == len(self.entries):
            size = Size()
            for part in _entries_of(node):
                size = size.over(self._sizes[self._refer(part)])
            self.entries.append(entry)
            self._sizes.append(size)
            self._totals.add(size, len(node.schema) if isinstance(node, Relation) else 0)

    def _refer(self, node: Node) -> int:
        return self._written[id(self._sent(node))]

    def _check(self, node: Node, root: Relation) -> None:
        if isinstance(node, FirstMatches):
            raise Unsupported(
                "FirstMatches in a plan that travels", reason="the optimizer makes it"
            )
        if self.names is None or not isinstance(node, Read) or node.table in self.names:
            return
        if node.table not in _variables(root):
            raise Unsupported(
                f"reading '{node.table}' at another party",
                reason="it is not a table that all of them have",
                available=sorted(self.names),
                hint=suggestion(node.table, self.names),
            )


def _entries_of(node: Node) -> Iterator[Node]:
    for part in node.nodes():
        if isinstance(part, Relation | Expression):
            yield part
        else:
            yield from _entries_of(part)


def _variables(root: Relation) -> frozenset[str]:
    """Return the names by which loops read their own rows: tables of nobody's catalog."""
    found: set[str] = set()
    seen: set[int] = set()
    stack: list[Node] = [root]
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            stack.extend(node.nodes())
            if isinstance(node, Iterate):
                found.add(node.variable)
    return frozenset(found)
