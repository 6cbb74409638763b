"""Where the columns of a result come from, and which columns steer what rows there are.

Policies are decided on this: statically, before a row is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from wayfed_optimizer.expressions import Call, Cast, Column, Subquery, SubqueryKind, columns_of
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
    partners
        For each column that the plan joins by, the columns that it is compared with. Compared with
        what is no copy of a column, such as a literal, it decides which rows there are.
    """

    values: Mapping[str, Mapping[Origin, Use]]
    uses: Mapping[Origin, frozenset[Use]]
    partners: Mapping[Origin, frozenset[Origin]] = field(
        default_factory=lambda: MappingProxyType({})
    )


_T = TypeVar("_T")
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
    return Lineage(values, _frozen(tracer.uses), _frozen(tracer.partners))


def _frozen(found: Mapping[Origin, set[_T]]) -> Mapping[Origin, frozenset[_T]]:
    return {origin: frozenset(each) for origin, each in found.items()}


class _Tracer:
    def __init__(self, loops: frozenset[str]) -> None:
        self._loops = loops
        self.uses: dict[Origin, set[Use]] = {}
        self.partners: dict[Origin, set[Origin]] = {}
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
            case Join():
                self._note_join(relation, below)
            case Aggregate(input, keys, _):
                for key in keys:
                    self._note_origins(key.expression, below, Use.JOIN_KEY)
                    if not self._is_copy_of(key.expression, input):
                        self._note_origins(key.expression, below, Use.CONTROL)
            case Filter() | Sort():
                for expression in expressions_of(relation):
                    self._note_origins(expression, below, Use.CONTROL)
            case Sample(_, names):
                self._note_columns(names, below, Use.CONTROL)
            case Watermark(_, column) | TimeWindow(_, column) | Explode(_, column):
                self._note_columns((column,), below, Use.CONTROL)
            case Distinct(_, on) if on:
                self._note_columns(on, below, Use.JOIN_KEY)
            case SetOperation():
                self._note_set_operation(relation, below)
            case Distinct() | MapBatches() | Iterate():
                # Whole values decide which rows there are, also those that the result drops.
                self._note_columns(below, below, Use.VALUE)

    def _note_set_operation(self, relation: SetOperation, below: _Columns) -> None:
        if relation.kind is SetKind.UNION and relation.all:
            return
        self._note_columns(below, below, Use.VALUE)
        if relation.kind is not SetKind.UNION:
            for name in below:
                self._note_partners(relation.inputs, (name, name), below)

    def _note_join(self, join: Join, below: _Columns) -> None:
        for pair in (*join.on, *((join.asof,) if join.asof else ())):
            self._note_columns(pair, below, Use.JOIN_KEY)
            self._note_partners(join.inputs, pair, below)
        if join.predicate is not None:
            self._note_origins(join.predicate, below, Use.CONTROL)

    def _note_partners(
        self, sides: tuple[Relation, ...], pair: tuple[str, str], below: _Columns
    ) -> None:
        """Note what the rows of two sides are alike in; if it may be a literal, what it is not."""
        found = [set(self.columns(side)[name]) for side, name in zip(sides, pair, strict=True)]
        for own, other in (found, reversed(found)):
            for origin in own:
                self.partners.setdefault(origin, set()).update(other)
        if not all(self._is_copy(side, name) for side, name in zip(sides, pair, strict=True)):
            self._note_columns((name for name in pair if name in below), below, Use.CONTROL)

    def _is_copy(self, relation: Relation, name: str) -> bool:
        """Say whether all values of a column are those of a table's column, as they stand there."""
        match relation:
            case Read():
                return relation.table not in self._loops
            case Values() | MapBatches() | Iterate():
                return False
            case Select(input, outputs):
                found = next(each.expression for each in outputs if each.name == name)
                return self._is_copy_of(found, input)
            case Aggregate(input, keys, _):
                return any(k.name == name and self._is_copy_of(k.expression, input) for k in keys)
            case SetOperation(_, left, right):
                place = left.schema.names.index(name)
                names = left.schema.names[place], right.schema.names[place]
                return self._is_copy(left, names[0]) and self._is_copy(right, names[1])
            case Explode(_, column) if name == column:
                return False
        above = [each for each in relation.inputs if name in each.schema]
        return bool(above) and all(self._is_copy(each, name) for each in above)

    def _is_copy_of(self, expression: Expression, below: Relation) -> bool:
        while isinstance(expression, Cast):
            expression = expression.arg
        return isinstance(expression, Column) and self._is_copy(below, expression.name)

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
