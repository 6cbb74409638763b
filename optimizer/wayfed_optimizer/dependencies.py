"""Which columns of a relation are keys of it, which determine others, and which cannot be NULL.

What stores promise of their tables is followed through a plan (Paulley and Larson, "Exploiting
uniqueness in query optimization", CASCON 1993). Values are compared as groups compare them: NULL
equals NULL, and -0.0 equals 0.0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from wayfed_optimizer.expressions import (
    Call,
    Column,
    Expression,
    Literal,
    conjuncts,
    facts_of,
    rejects_null,
)
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
    SetKind,
    SetOperation,
    Sort,
    Values,
    Window,
)
from wayfed_optimizer.relations.single import has_one_row
from wayfed_optimizer.types import DataType, List, Struct, is_float

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wayfed_optimizer.expressions import Named
    from wayfed_optimizer.types import Schema

Keys: TypeAlias = Callable[[str], tuple[frozenset[str], ...]]
"""Gives the sets of columns of which a table has no two equal rows, NULLs aside."""

_MOST_KEYS: Final = 8
"""Joins multiply keys; what a rule asks for is among the first."""

_EMPTY: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Dependency:
    """Rows that are equal on `columns`, and have no NULL in `unless_null`, are equal on `others`.

    A key has no `others`: there are no two such rows.
    """

    columns: frozenset[str]
    unless_null: frozenset[str] = _EMPTY
    others: frozenset[str] = _EMPTY


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a relation's rows.

    Parameters
    ----------
    keys
        Each of which no two rows are equal on.
    dependencies
        What determines what besides.
    filled
        The columns that hold no NULL.
    """

    keys: tuple[Dependency, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    filled: frozenset[str] = _EMPTY

    def determined_by(self, columns: Iterable[str]) -> frozenset[str]:
        """Return all columns on which rows are equal that are equal on `columns`."""
        found = frozenset(columns)
        growing = True
        while growing:
            growing = False
            for each in self.dependencies:
                if each.columns <= found and not each.others <= found and self._holds(each):
                    found |= each.others
                    growing = True
        return found

    def is_unique(self, columns: Iterable[str], *, nulls_aside: bool = False) -> bool:
        """Say whether no two rows are equal on `columns`; or none that have no NULL there."""
        given = frozenset(columns)
        known = replace(self, filled=self.filled | given) if nulls_aside else self
        found = known.determined_by(given)
        return any(key.columns <= found and known._holds(key) for key in self.keys)

    def _holds(self, each: Dependency) -> bool:
        return each.unless_null <= self.filled


_NOTHING: Final = Known()


class Dependencies:
    """What is known of the relations of a plan; found on first use, and remembered.

    Parameters
    ----------
    keys
        What tables promise.

    Examples
    --------
    >>> from wayfed_optimizer.types import Field, Schema, INT64, TEXT
    >>> customers = Read("customers", Schema((Field("id", INT64, False), Field("name", TEXT))))
    >>> known = Dependencies(lambda table: (frozenset({"id"}),)).of(customers)
    >>> known.is_unique({"id"}), known.is_unique({"name"}), sorted(known.determined_by({"id"}))
    (True, False, ['id', 'name'])
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._known: dict[Relation, Known] = {}

    def of(self, relation: Relation) -> Known:
        """Return what is known of a relation's rows."""
        known = self._known.get(relation)
        if known is None:
            known = self._find(relation)
            if has_one_row(relation):
                known = replace(known, keys=(Dependency(_EMPTY),))
            known = self._known[relation] = _complete(known, relation.schema)
        return known

    def _find(self, relation: Relation) -> Known:
        match relation:
            case Read(table):
                return self._of_table(table, relation.schema)
            case Values(_, rows) if len(rows) <= 1:
                return Known((Dependency(_EMPTY),), (), _filled(relation.schema))
            case Filter(input, predicate):
                return _filtered(self.of(input), input.schema, predicate)
            case Select(input, outputs):
                return _selected(self.of(input), outputs)
            case Aggregate(input, keys):
                return _grouped(self.of(input), keys, relation.schema)
            case Distinct(input, on):
                known = self.of(input)
                return _with_key(known, on or input.schema.names)
            case Window(input):
                known = self.of(input)
                return replace(known, filled=known.filled | _filled(relation.schema))
            case Join():
                return self._joined(relation)
            case SetOperation(kind, left, _, all):
                known = _NOTHING if kind is SetKind.UNION else self.of(left)
                known = replace(known, filled=known.filled | _filled(relation.schema))
                return known if all else _with_key(known, relation.schema.names)
            case Sort(input) | Limit(input) | Sample(input) | Hint(input) | Cache(input):
                return self.of(input)
        return replace(_NOTHING, filled=_filled(relation.schema))

    def _of_table(self, table: str, schema: Schema) -> Known:
        filled = _filled(schema)
        names = frozenset(schema.names)
        keys = tuple(Dependency(key, key - filled) for key in self._keys(table) if key <= names)
        return Known(keys, (), filled)

    def _joined(self, join: Join) -> Known:
        left, right = self.of(join.left), self.of(join.right)
        ours = frozenset(a for a, _ in join.on)
        theirs = frozenset(b for _, b in join.on)
        pairs = one_to_one(join)
        one_right = right.is_unique((b for _, b in pairs), nulls_aside=True)
        one_left = left.is_unique((a for a, _ in pairs), nulls_aside=True)
        match join.kind:
            case JoinKind.SEMI:
                return replace(left, filled=left.filled | ours)
            case JoinKind.ANTI | JoinKind.ASOF:
                return left
            case JoinKind.INNER | JoinKind.CROSS:
                keys = _keys_of_pairs(left, right, one_left=one_left, one_right=one_right)
                both = (*left.dependencies, *right.dependencies, *_equalities(join))
                known = Known(keys, both, left.filled | right.filled | ours | theirs)
                return (
                    known
                    if join.predicate is None
                    else _filtered(known, join.schema, join.predicate)
                )
            case JoinKind.LEFT:
                return _outer(join, left, right, _where(ours, one_right, join), one_right)
            case JoinKind.RIGHT:
                return _outer(join, right, left, _where(theirs, one_left, join), one_left)
            case JoinKind.FULL:
                return Known(_pairs(left, right), (*_extended(left), *_extended(right)))
        return _NOTHING


def one_to_one(join: Join) -> tuple[tuple[str, str], ...]:
    """Return the keys of a join of which a value equals one value of the other side at most.

    Two great integers may equal one float.
    """
    left, right = join.left.schema, join.right.schema
    return tuple(
        (a, b) for a, b in join.on if is_float(left.field(a).type) == is_float(right.field(b).type)
    )


def _filled(schema: Schema) -> frozenset[str]:
    return frozenset(field.name for field in schema if not field.nullable)


def _complete(known: Known, schema: Schema) -> Known:
    """Let each key determine all columns, and leave out what comes twice."""
    names = frozenset(schema.names)
    keys = tuple(dict.fromkeys(known.keys))[:_MOST_KEYS]
    made = (Dependency(key.columns, key.unless_null, names) for key in keys)
    return Known(keys, tuple(dict.fromkeys((*known.dependencies, *made))), known.filled)


def _with_key(known: Known, columns: Iterable[str]) -> Known:
    return replace(known, keys=(*known.keys, Dependency(frozenset(columns))))


def _filtered(known: Known, schema: Schema, predicate: Expression) -> Known:
    parts = conjuncts(predicate)
    filled = {name for part in parts for name in rejects_null(part)}
    made: list[Dependency] = []
    for part in parts:
        match part:
            case Call("equal", (Column(a, kind), Column(b, other))):
                made += _both_ways(a, b) if kind == other and not is_float(kind) else ()
            case Call("equal", (Column(a, kind), Literal())) | Call(
                "equal", (Literal(), Column(a, kind))
            ) if not is_float(kind):
                made.append(Dependency(_EMPTY, _EMPTY, frozenset((a,))))
    return Known(
        known.keys, (*known.dependencies, *made), known.filled | (filled & set(schema.names))
    )


def _both_ways(a: str, b: str) -> tuple[Dependency, Dependency]:
    one, other = frozenset((a,)), frozenset((b,))
    return Dependency(one, _EMPTY, other), Dependency(other, _EMPTY, one)


def _selected(known: Known, outputs: tuple[Named, ...]) -> Known:
    above: dict[str, str] = {}
    made: list[Dependency] = []
    filled: set[str] = set()
    for output in outputs:
        expression = output.expression
        if isinstance(expression, Column):
            first = above.setdefault(expression.name, output.name)
            if first != output.name:
                made += _both_ways(first, output.name)
            if expression.name in known.filled:
                filled.add(output.name)
        elif not expression.nullable:
            filled.add(output.name)
    for output in outputs:
        facts = facts_of(output.expression)
        # Of -0.0 and 0.0, which are equal, an expression may make two values.
        floats = any(holds_floats(read.type) for read in facts.reads)
        computed = not isinstance(output.expression, Column)
        if computed and not facts.fixed and not floats and facts.columns <= above.keys():
            used = frozenset(above[name] for name in facts.columns)
            made.append(Dependency(used, _EMPTY, frozenset((output.name,))))
    keys = tuple(_renamed(key, above) for key in known.keys if key.columns <= above.keys())
    kept = (_renamed(each, above) for each in known.dependencies if each.columns <= above.keys())
    return Known(keys, (*(each for each in kept if each.others), *made), frozenset(filled))


def holds_floats(kind: DataType) -> bool:
    """Say whether two values of a type may be one group, and not be alike: -0.0 and 0.0."""
    return is_float(kind) or isinstance(kind, List | Struct)


def _renamed(each: Dependency, names: Mapping[str, str]) -> Dependency:
    columns, unless, others = (
        frozenset(names[name] for name in part if name in names)
        for part in (each.columns, each.unless_null, each.others)
    )
    return Dependency(columns, unless, others)


def _grouped(known: Known, keys: tuple[Named, ...], schema: Schema) -> Known:
    below, names = _selected(known, keys), frozenset(key.name for key in keys)
    determined = (replace(key, others=names) for key in below.keys)
    return Known(
        (Dependency(names),), (*below.dependencies, *determined), below.filled | _filled(schema)
    )


def _equalities(join: Join) -> Iterable[Dependency]:
    for a, b in join.on:
        left, right = join.left.schema.field(a).type, join.right.schema.field(b).type
        # -0.0 and 0.0 are equal, but not alike; so are numbers of two types.
        if left == right and not is_float(left):
            yield from _both_ways(a, b)


def _keys_of_pairs(
    left: Known, right: Known, *, one_left: bool, one_right: bool
) -> tuple[Dependency, ...]:
    keys: list[Dependency] = []
    if one_right:
        keys += left.keys
    if one_left:
        keys += right.keys
    if not keys:
        keys += (
            Dependency(a.columns | b.columns, a.unless_null | b.unless_null)
            for a in left.keys
            for b in right.keys
        )
    return tuple(keys[:_MOST_KEYS])


def _where(columns: frozenset[str], unique: bool, join: Join) -> frozenset[str] | None:
    """Return what says which row of the optional side a row has, where it is one at most."""
    return columns if unique and join.predicate is None else None


def _outer(
    join: Join, kept: Known, optional: Known, by: frozenset[str] | None, unique: bool
) -> Known:
    """Return what is known where each row of one side is kept, with NULLs where nothing matches."""
    other = join.right if join.kind is JoinKind.LEFT else join.left
    dependencies = (*kept.dependencies, *_extended(optional))
    if by is not None:
        dependencies += (Dependency(by, _EMPTY, frozenset(other.schema.names)),)
    return Known(kept.keys if unique else _pairs(kept, optional), dependencies, kept.filled)


def _pairs(left: Known, right: Known) -> tuple[Dependency, ...]:
    """Return the keys of pairs of rows, of which one may be NULL throughout."""
    keys = _keys_of_pairs(left, right, one_left=False, one_right=False)
    return tuple(replace(key, unless_null=key.columns) for key in keys)


def _extended(known: Known) -> Iterable[Dependency]:
    """Return the dependencies that also hold among rows that are NULL throughout."""
    for each in known.dependencies:
        if each.columns & known.filled:
            yield each
        elif each.columns:
            yield replace(each, unless_null=each.columns)
