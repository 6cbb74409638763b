"""Where the columns of a result come from, and which columns steer what rows there are.

Policies are decided on this: statically, before a row is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from wayfed_optimizer.expressions import Call, Subquery, SubqueryKind, columns_of
from wayfed_optimizer.expressions import walk as walk_expression
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Explode,
    Filter,
    Iterate,
    Join,
    MapBatches,
    Read,
    Relation,
    Sample,
    Select,
    SetKind,
    SetOperation,
    Sort,
    TimeWindow,
    Values,
    Watermark,
    Window,
    expressions_of,
    variables,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wayfed_optimizer.expressions import Expression


class Use(Enum):
    """What a plan does with a column of a table."""

    VALUE = "as a value of the result"
    AGGREGATED = "within an aggregate of the result"
    JOIN_KEY = "as a key of a join or a group"
    CONTROL = "to decide which rows there are, or their order"


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A column of a table of the catalog."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a plan uses.

    Parameters
    ----------
    values
        For each column of the result, the columns it is computed from; and whether through an
        aggregate only.
    uses
        For each column that the plan reads, everything that is done with it.
    """

    values: Mapping[str, Mapping[Origin, Use]]
    uses: Mapping[Origin, frozenset[Use]]


_Origins: TypeAlias = dict[Origin, Use]
_Columns: TypeAlias = dict[str, _Origins]


def lineage(root: Relation) -> Lineage:
    """Trace the columns of a plan's result, and whatever steers it, back to the tables.

    Examples
    --------
    >>> from wayfed_optimizer.expressions import call, column, literal
    >>> from wayfed_optimizer.types import Schema
    >>> t = Read("t", Schema.of(a="int64", b="int64"))
    >>> found = lineage(Filter(t, call("greater", column(t.schema, "b"), literal(0))))
    >>> sorted(use.name for use in found.uses[Origin("t", "b")])
    ['CONTROL', 'VALUE']
    """
    tracer = _Tracer(variables(root))
    values = tracer.columns(root)
    for origins in values.values():
        for origin, use in origins.items():
            tracer.note(origin, use)
    return Lineage(values, {origin: frozenset(uses) for origin, uses in tracer.uses.items()})


class _Tracer:
    def __init__(self, loops: frozenset[str]) -> None:
        self._loops = loops
        self.uses: dict[Origin, set[Use]] = {}
        self._known: dict[Relation, _Columns] = {}

    def note(self, origin: Origin, use: Use) -> None:
        self.uses.setdefault(origin, set()).add(use)

    def columns(self, relation: Relation) -> _Columns:
        """Return the origins of each column of `relation`, noting what steers its rows."""
        known = self._known.get(relation)
        if known is None:
            known = self._known[relation] = self._trace(relation)
        return known

    def _trace(self, relation: Relation) -> _Columns:
        if isinstance(relation, Read):
            if relation.table in self._loops:
                # Nothing yet: all that its loop reads is noted for the loop itself, as a whole.
                return {f.name: {} for f in relation.schema}
            return {f.name: {Origin(relation.table, f.name): Use.VALUE} for f in relation.schema}
        if isinstance(relation, Values):
            return {f.name: {} for f in relation.schema}
        below = self._below(relation)
        self._note_steering(relation, below)
        match relation:
            case Select(_, outputs):
                return {o.name: self._origins(o.expression, below) for o in outputs}
            case Aggregate(_, keys, aggregates):
                grouped = {k.name: self._origins(k.expression, below) for k in keys}
                computed = {a.name: self._aggregated(a.expression, below) for a in aggregates}
                return grouped | computed
            case Window(_, outputs):
                return below | {o.name: self._origins(o.expression, below) for o in outputs}
            case MapBatches() | Iterate():
                # From iteration to iteration, any column may become any other one.
                return {f.name: _merged(below.values()) for f in relation.schema}
            case TimeWindow(_, column):
                return below | {"window_start": below[column], "window_end": below[column]}
        return {f.name: below[f.name] for f in relation.schema}

    def _aggregated(self, expression: Expression, below: _Columns) -> _Origins:
        """Return what an aggregate is computed from; as values where it gives those of rows."""
        origins = self._origins(expression, below)
        if isinstance(expression, Call) and expression.row.reveals:
            return origins
        return dict.fromkeys(origins, Use.AGGREGATED)

    def _below(self, relation: Relation) -> _Columns:
        below: _Columns = {}
        for source in relation.inputs:
            for name, origins in self.columns(source).items():
                below[name] = _merged((below.get(name, {}), origins))
        return below

    def _note_steering(self, relation: Relation, below: _Columns) -> None:
        match relation:
            case Join(on=on, predicate=predicate, asof=asof):
                pairs = (*on, *((asof,) if asof else ()))
                self._note_columns((name for pair in pairs for name in pair), below, Use.JOIN_KEY)
                if predicate is not None:
                    self._note_origins(predicate, below, Use.CONTROL)
            case Aggregate(_, keys, _):
                for key in keys:
                    self._note_origins(key.expression, below, Use.JOIN_KEY)
            case Filter() | Sort():
                for expression in expressions_of(relation):
                    self._note_origins(expression, below, Use.CONTROL)
            case Sample(_, names):
                self._note_columns(names, below, Use.CONTROL)
            case Watermark(_, column) | TimeWindow(_, column) | Explode(_, column):
                self._note_columns((column,), below, Use.CONTROL)
            case Distinct(_, on) if on:
                self._note_columns(on, below, Use.JOIN_KEY)
            case SetOperation(SetKind.UNION, all=True):
                pass
            case Distinct() | SetOperation() | MapBatches() | Iterate():
                # Whole values decide which rows there are, also those that the result drops.
                self._note_columns(below, below, Use.VALUE)

    def _note_columns(self, names: Iterable[str], below: _Columns, use: Use) -> None:
        for name in names:
            for origin in below[name]:
                self.note(origin, use)

    def _note_origins(self, expression: Expression, below: _Columns, use: Use) -> None:
        for origin in self._origins(expression, below):
            self.note(origin, use)

    def _origins(self, expression: Expression, below: _Columns) -> _Origins:
        """Return what a value is computed from, the conditions that choose it included."""
        found = [below[name] for name in sorted(columns_of(expression))]
        for node in walk_expression(expression):
            if isinstance(node, Subquery):
                columns = self.columns(node.relation)
                if node.kind is not SubqueryKind.EXISTS:
                    found += columns.values()
        return _merged(found)


def _merged(several: Iterable[_Origins]) -> _Origins:
    """Put origins together; one that arrives plain anywhere counts as plain."""
    merged: _Origins = {}
    for origins in several:
        for origin, use in origins.items():
            plain = Use.VALUE in (use, merged.get(origin))
            merged[origin] = Use.VALUE if plain else use
    return merged
