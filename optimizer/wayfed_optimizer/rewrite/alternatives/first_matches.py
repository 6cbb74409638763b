"""Top-N, then look-up: the first rows before a join, and what belongs to these only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zlib import crc32

from wayfed_optimizer.dependencies import Dependencies
from wayfed_optimizer.expressions import (
    Column,
    Expression,
    Named,
    SortKey,
    columns_of,
    substitute,
)
from wayfed_optimizer.relations import (
    Aggregate,
    FirstMatches,
    Limit,
    Read,
    Relation,
    Select,
    Sort,
    walk_once,
)
from wayfed_optimizer.relations.varying import varies
from wayfed_optimizer.rewrite.alternatives.join_graph import JoinGraph, Unit
from wayfed_optimizer.rewrite.alternatives.totals import total_of
from wayfed_optimizer.rewrite.engine import RewriteContext
from wayfed_optimizer.rewrite.predicates import may_move, stays
from wayfed_optimizer.rewrite.prune import prune_columns
from wayfed_optimizer.text import describe
from wayfed_optimizer.types import is_float

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wayfed_optimizer.rewrite.alternatives.surroundings import Surroundings
    from wayfed_optimizer.types import Field

_MOST: Final = 10_000
"""To ask for more rows than these in batches is no better than a join."""

_ANYWHERE: Final = "anywhere"
"""The store of what lies in memory or in files, which any engine reads."""


def look_up_after_top(node: Limit, around: Surroundings) -> Relation | None:
    """Take the first of what is sorted before a join; look up what belongs to these only.

    So where one side of a join, in a store of its own, adds columns to rows or drops some of them,
    and the order does not ask for its columns. Where rows are grouped, its keys are unique, so
    that groups can be made before. No foreign key is needed: candidates are looked up in batches
    until there are enough.
    """
    match node:
        case Limit(Sort(below, order), int(count), offset) if 0 < count + offset <= _MOST:
            top = _Top.of(below, order) if around.knows(below) else None
            for store in top.stores(around) if top else ():
                split = top.split(store, around) if top else None
                if split is not None:
                    return split.looked_up(node)
    return None


@dataclass(frozen=True, slots=True)
class _Top:
    """What is sorted: `outputs` and `order` over groups, or rows, of a graph of joins.

    Parameters
    ----------
    outputs
        The columns of the result, over those of the groups or rows.
    order
        The sort keys, over the same.
    columns
        For each of these columns, where it comes from: a name in the graph.
    totals
        The aggregates over the graph's columns, and what makes the asked for of each.
    grouped
        Whether rows are grouped.
    """

    outputs: tuple[Named, ...]
    order: tuple[SortKey, ...]
    columns: dict[str, Column]
    totals: tuple[tuple[Named, Expression], ...]
    grouped: bool
    graph: JoinGraph

    @classmethod
    def of(cls, below: Relation, order: tuple[SortKey, ...]) -> _Top | None:
        outputs = tuple(Named(f.name, Column(f.name, f.type, f.nullable)) for f in below.schema)
        while isinstance(below, Select):
            if any(stays(output.expression) for output in below.outputs):
                return None
            made = {output.name: output.expression for output in below.outputs}
            outputs = tuple(Named(o.name, substitute(o.expression, made)) for o in outputs)
            order = _sorted_by(order, made)
            below = below.input
        if not all(may_move(key.expression) for key in order):
            return None
        grouped = isinstance(below, Aggregate)
        joined = below.input if isinstance(below, Aggregate) else below
        graph = JoinGraph.of(joined, least=2)
        if graph is None or graph.attached:
            return None
        if isinstance(below, Aggregate):
            plain = {k.name: k.expression for k in below.keys if isinstance(k.expression, Column)}
            totals = _totals(below, graph)
            if len(plain) < len(below.keys) or totals is None:
                return None
            columns = {name: _in_graph(column, graph) for name, column in plain.items()}
            return cls(outputs, order, columns, totals, grouped, graph)
        used = _columns_of([o.expression for o in outputs] + [key.expression for key in order])
        columns = {
            f.name: _in_graph(Column(f.name, f.type, f.nullable), graph)
            for f in below.schema
            if f.name in used
        }
        return cls(outputs, order, columns, (), grouped, graph)

    def stores(self, around: Surroundings) -> list[str]:
        """Return the stores of which something might be looked up."""
        homes = {home for leaf in self.graph.leaves for home in around.stores(leaf)}
        return sorted(homes - {_ANYWHERE}) if len(homes) > 1 else []

    def split(self, store: str, around: Surroundings) -> _Split | None:
        """Part the joins into those before the sort, and what of a store is looked up after it."""
        asked = _columns_of(total.expression for total, _ in self.totals)
        asked |= self._ordering(store, around)
        later = [
            leaf
            for leaf in self.graph.leaves
            if set(around.stores(leaf)) == {store} and not asked & set(leaf.schema.names)
        ]
        unit = self.graph.unit
        first = self.graph.joined([unit(leaf) for leaf in self.graph.leaves if leaf not in later])
        second = self.graph.joined([*map(unit, later)])
        if first is None or second is None:
            return None
        if any(map(varies, walk_once(second.relation))):
            return None  # it is computed batch by batch
        split = _Split(self, first, second, self._candidates(first, second))
        if not split.is_complete or not split.is_sortable:
            return None
        if self.grouped:
            if self.graph.tells_zeros_apart(set(first.columns)):
                return None
            known = Dependencies(around.keys).of(second.relation)
            if not known.is_unique(split.linked, nulls_aside=True):
                return None
        return split

    def _ordering(self, store: str, around: Surroundings) -> set[str]:
        """Return what the order asks of the graph, and no other store has as well."""
        found = set()
        for name in _columns_of(key.expression for key in self.order) & self.columns.keys():
            at = self.columns[name].name
            owners = (self.graph.owner(other) for other in _alike(at, self.graph))
            if all(set(around.stores(owner)) == {store} for owner in owners):
                found.add(at)
        return found

    def _candidates(self, first: Unit, second: Unit) -> tuple[str, ...]:
        """Return the columns of the first joins by which to group, or to keep, what is sorted."""
        found: dict[str, None] = {}
        for column in self.columns.values():
            if column.name in first.columns:
                found[column.name] = None
            else:
                same = _alike(column.name, self.graph) or {column.name}
                both = self.graph.equal_to(column.name)
                own = [n for n in first.columns if n in same] or [
                    n for n in first.columns if n in both
                ]
                found.update(dict.fromkeys(own[:1]))
        if not self.grouped:
            for predicate in self.graph.predicates:
                if not columns_of(predicate) <= set(first.columns):
                    found.update((n, None) for n in first.columns if n in columns_of(predicate))
            for name in second.columns:
                equal = self.graph.equal_to(name)
                if not equal & found.keys():
                    found.update(dict.fromkeys([n for n in first.columns if n in equal][:1]))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Split:
    """The joins before the sort and those after it, and the columns that lead to the latter."""

    top: _Top
    first: Unit
    second: Unit
    candidates: tuple[str, ...]

    @property
    def linked(self) -> frozenset[str]:
        """The columns that are looked up by."""
        return frozenset(
            name
            for name in self.second.columns
            if self.top.graph.equal_to(name) & set(self.first.columns)
        )

    @property
    def is_complete(self) -> bool:
        """Whether the candidates have all that decides what belongs to them."""
        graph, own = self.top.graph, set(self.first.columns)
        by_keys = all(graph.equal_to(name) & set(self.candidates) for name in self.linked)
        spanning = (
            columns_of(part) & own
            for part in graph.predicates
            if not columns_of(part) <= own and not columns_of(part) <= set(self.second.columns)
        )
        return bool(self.linked) and by_keys and all(s <= set(self.candidates) for s in spanning)

    @property
    def is_sortable(self) -> bool:
        """Whether the candidates have all that the order asks for."""
        return self._order() is not None

    def _order(self) -> tuple[SortKey, ...] | None:
        made: dict[str, Expression] = {}
        for name, column in self.top.columns.items():
            alike = _alike(column.name, self.top.graph)
            own = next((n for n in self.candidates if n in alike), None)
            if own is not None:
                made[name] = Column(own, column.type, column.nullable)
        for total, asked in self.top.totals:
            roomy = Column(total.name, total.expression.type, total.expression.nullable)
            bare = all(
                isinstance(key.expression, Column) or total.name not in columns_of(key.expression)
                for key in self.top.order
            )
            if bare or isinstance(asked, Column):
                made[total.name] = self._named(roomy)
        used = _columns_of(key.expression for key in self.top.order)
        return _sorted_by(self.top.order, made) if used <= made.keys() else None

    def _named(self, total: Column) -> Column:
        """Return a total's column under a name that no column of the joins has."""
        names = {*self.first.columns, *self.second.columns}
        name = total.name
        while name in names:
            name = f"{name} of all"
        return Column(name, total.type, total.nullable)

    def looked_up(self, node: Limit) -> Relation:
        """Return the rows of a limit: candidates first, then what belongs to the first of them."""
        order = self._order()
        assert order is not None and node.count is not None  # noqa: S101  # what a split has
        whole = self.first.relation.schema
        kept = tuple(Named(n, _column(whole.field(n))) for n in self.candidates)
        totals = {t.name: self._named(_column_of(t)) for t, _ in self.top.totals}
        made = _selected(self.first.relation, kept)
        if self.top.grouped:
            named = (Named(totals[t.name].name, t.expression) for t, _ in self.top.totals)
            made = Aggregate(self.first.relation, kept, tuple(named))
        candidates = Sort(made, order)
        wanted = node.count + node.offset
        # Two look-ups of a plan may share their candidates, but never the name of a batch.
        told = (describe(candidates), describe(self.second.relation), *map(str, self.top.outputs))
        variable = f"candidates_{crc32(repr((*told, wanted)).encode()):08x}"
        batch = Read(variable, candidates.schema)
        unit = Unit(batch, batch, (), candidates.schema.names)
        pairs = self.top.graph.join(unit, self.second).relation
        body = _selected(pairs, self._body_outputs(pairs))
        found = FirstMatches(candidates, body, variable, wanted)
        outputs = self._outputs(totals)
        above = Select(Limit(Sort(found, order), node.count, node.offset), outputs)
        return prune_columns(above, RewriteContext())

    def _body_outputs(self, pairs: Relation) -> tuple[Named, ...]:
        wanted = {column.name for column in self.top.columns.values()}
        totals = {self._named(_column_of(t)).name for t, _ in self.top.totals}
        return tuple(
            Named(f.name, _column(f))
            for f in pairs.schema
            if f.name in wanted or f.name in totals or f.name in self.candidates
        )

    def _outputs(self, totals: dict[str, Column]) -> tuple[Named, ...]:
        made: dict[str, Expression] = dict(self.top.columns)
        for total, asked in self.top.totals:
            made[total.name] = substitute(asked, {total.name: totals[total.name]})
        return tuple(Named(o.name, substitute(o.expression, made)) for o in self.top.outputs)


def _totals(node: Aggregate, graph: JoinGraph) -> tuple[tuple[Named, Expression], ...] | None:
    names = {f.name: _in_graph(_column(f), graph) for f in node.input.schema}
    made = (total_of(Named(a.name, substitute(a.expression, names))) for a in node.aggregates)
    found = tuple(total for total in made if total is not None)
    return found if len(found) == len(node.aggregates) else None


def _alike(name: str, graph: JoinGraph) -> frozenset[str]:
    """Return the columns that hold the same value as one, in the same form."""
    kind = graph.owner(name).schema.field(name).type
    if is_float(kind):
        return frozenset((name,))
    return frozenset(
        other
        for other in graph.equal_to(name)
        if graph.owner(other).schema.field(other).type == kind
    )


def _in_graph(column: Column, graph: JoinGraph) -> Column:
    return Column(graph.names[column.name], column.type, column.nullable)


def _selected(relation: Relation, outputs: tuple[Named, ...]) -> Relation:
    plain = tuple(output.name for output in outputs) == relation.schema.names
    return relation if plain else Select(relation, outputs)


def _column(field: Field) -> Column:
    return Column(field.name, field.type, field.nullable)


def _column_of(named: Named) -> Column:
    return Column(named.name, named.expression.type, named.expression.nullable)


def _columns_of(expressions: Iterable[Expression]) -> set[str]:
    return set().union(*map(columns_of, expressions))


def _sorted_by(order: tuple[SortKey, ...], made: Mapping[str, Expression]) -> tuple[SortKey, ...]:
    return tuple(
        SortKey(substitute(key.expression, made), key.descending, key.nulls_first) for key in order
    )
