"""Leaves out columns that nobody reads: a walk down for what is needed, a walk up to rebuild."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.dependencies import one_to_one
from wayfed_optimizer.expressions import Named, column, columns_of
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Explode,
    Filter,
    Hint,
    Join,
    JoinKind,
    Limit,
    Read,
    Relation,
    Sample,
    Select,
    SetKind,
    SetOperation,
    Sort,
    TimeWindow,
    Watermark,
    Window,
)
from wayfed_optimizer.rewrite.predicates import is_trivial

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from wayfed_optimizer.dependencies import Dependencies
    from wayfed_optimizer.expressions import Expression
    from wayfed_optimizer.rewrite.engine import RewriteContext
    from wayfed_optimizer.types import DataType

_BYTES: Final = {"bool": 1, "int8": 1, "int16": 2, "int32": 4, "float32": 4, "date": 4}
_WIDE: Final = {"decimal": 16, "text": 32, "binary": 32, "list": 64, "struct": 64}


def prune_columns(root: Relation, context: RewriteContext) -> Relation:
    """Return the plan without the columns that neither reach its result nor decide it.

    A relation that is used in several places keeps what any of them needs, so that it stays one.
    Where only the rows are counted, the narrowest column stays. A join that adds nothing but such
    columns, and neither drops nor repeats a row, is left out as well.
    """
    after = _Pruner(root, context.dependencies).pruned(root)
    if after == root:
        return root
    context.fired("prune_columns", root, after)
    return after


class _Pruner:
    def __init__(self, root: Relation, dependencies: Dependencies) -> None:
        self._dependencies = dependencies
        self._needed: dict[Relation, frozenset[str]] = {root: frozenset(root.schema.names)}
        self._pruned: dict[Relation, Relation] = {}
        self._only: dict[Relation, Relation] = {}
        for node in _parents_first(root):
            needed = self._needed.get(node)
            if needed is None:  # it was left out, with the join that it was for
                continue
            only = self._only_needed(node, needed)
            if only is not None:
                self._only[node] = only
                self._needed[node] = needed or _cheapest(only)
                self._needed[only] = self._needed.get(only, frozenset()) | self._needed[node]
                continue
            needed = self._needed[node] = needed or _cheapest(node)
            for below, names in zip(node.inputs, _needs(node, needed), strict=True):
                self._needed[below] = self._needed.get(below, frozenset()) | names

    def _only_needed(self, node: Relation, needed: frozenset[str]) -> Relation | None:
        """Return the side of an outer join of which each row is one of the join, if only it is."""
        match node:
            case Join(left, right, JoinKind.LEFT):
                by = (b for _, b in one_to_one(node))
            case Join(right, left, JoinKind.RIGHT):
                by = (a for a, _ in one_to_one(node))
            case _:
                return None
        if needed & set(right.schema.names):
            return None
        known = self._dependencies.of(right)
        return left if known.is_unique(by, nulls_aside=True) else None

    def pruned(self, node: Relation) -> Relation:
        found = self._pruned.get(node)
        if found is None:
            found = self._pruned[node] = self._rebuilt(node, self._needed[node])
        return found

    def _rebuilt(self, node: Relation, needed: frozenset[str]) -> Relation:
        if node in self._only:
            return self.pruned(self._only[node])
        match node:
            case Read(table, schema, is_bounded):
                if len(needed) == len(schema):
                    return node
                return Read(
                    table, schema.select(n for n in schema.names if n in needed), is_bounded
                )
            case Select(input, outputs):
                return _changed(node, Select, self.pruned(input), _kept(outputs, needed))
            case Window(input, outputs):
                kept = _kept(outputs, needed)
                below = self.pruned(input)
                return _changed(node, Window, below, kept) if kept else below
            case Aggregate(input, keys, aggregates):
                kept = _aggregates_kept(node, needed)
                below = self.pruned(input)
                if below is input and len(kept) == len(aggregates):
                    return node
                return Aggregate(below, keys, kept)
            case Join() | SetOperation():
                needs = iter(_needs(node, needed))
                return node.with_inputs(lambda below: _narrowed(self.pruned(below), next(needs)))
        return node.with_inputs(self.pruned)


def _changed(
    node: Select | Window,
    kind: type[Select | Window],
    input: Relation,
    outputs: tuple[Named, ...],
) -> Relation:
    if input is node.input and len(outputs) == len(node.outputs):
        return node
    return kind(input, outputs)


def _parents_first(root: Relation) -> list[Relation]:
    """Return the relations of a plan, each once and before all that it is computed from."""
    finished: dict[Relation, None] = {}
    stack = [(root, False)]
    while stack:
        node, below_done = stack.pop()
        if below_done:
            finished.setdefault(node)
        elif node not in finished:
            stack.append((node, True))
            stack.extend((below, False) for below in node.inputs)
    return [*reversed(finished)]


def _needs(node: Relation, needed: frozenset[str]) -> tuple[frozenset[str], ...]:
    """Return the columns that a relation needs of each input, where `needed` is needed of it."""
    match node:
        case Select(_, outputs):
            return (_read_by(o.expression for o in _kept(outputs, needed)),)
        case Filter(_, predicate):
            return (needed | columns_of(predicate),)
        case Join(left, right, _, on, predicate, asof):
            pairs = (*on, asof) if asof else on
            used = needed.union(*pairs, columns_of(predicate) if predicate is not None else ())
            return used & set(left.schema.names), used & set(right.schema.names)
        case Aggregate(_, keys):
            kept = (*keys, *_aggregates_kept(node, needed))
            return (_read_by(named.expression for named in kept),)
        case Window(input, outputs):
            passed = needed & set(input.schema.names)
            return (passed | _read_by(o.expression for o in _kept(outputs, needed)),)
        case Sort(_, keys):
            return (needed | _read_by(key.expression for key in keys),)
        case Limit() | Hint():
            return (needed,)
        case Distinct(_, on) if on:
            return (needed | set(on),)
        case SetOperation(SetKind.UNION, _, _, True):
            return needed, needed
        case Sample(_, keys):
            return (needed | set(keys),)
        case Watermark(input, column) | TimeWindow(input, column) | Explode(input, column):
            return ((needed & set(input.schema.names)) | {column},)
    return tuple(frozenset(below.schema.names) for below in node.inputs)


def _read_by(expressions: Iterable[Expression]) -> frozenset[str]:
    return frozenset().union(*map(columns_of, expressions))


def _kept(outputs: tuple[Named, ...], needed: Set[str]) -> tuple[Named, ...]:
    return tuple(output for output in outputs if output.name in needed)


def _aggregates_kept(node: Aggregate, needed: Set[str]) -> tuple[Named, ...]:
    kept = _kept(node.aggregates, needed)
    return kept if kept or node.keys else node.aggregates[:1]


def _narrowed(relation: Relation, needed: frozenset[str]) -> Relation:
    """Return a relation with exactly the columns that are needed, at least one."""
    schema = relation.schema
    names = [name for name in schema.names if name in (needed or _cheapest(relation))]
    if len(names) == len(schema):
        return relation
    return Select(relation, tuple(Named(name, column(schema, name)) for name in names))


def _cheapest(relation: Relation) -> frozenset[str]:
    """Return the column that costs least where any will do."""
    costly: set[str] = set()
    if isinstance(relation, Select):
        costly = {o.name for o in relation.outputs if not is_trivial(o.expression)}
    cheapest = min(relation.schema, key=lambda f: (f.name in costly, _width(f.type)), default=None)
    return frozenset() if cheapest is None else frozenset({cheapest.name})


def _width(kind: DataType) -> int:
    return _BYTES.get(kind.name) or _WIDE.get(kind.name, 8)
