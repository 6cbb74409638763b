"""How far one row of a table reaches: how many rows of a plan's result it can change.

Noise is made for a number of changed rows of the result. A plan may copy a row, join it to many, or
let it steer others; what it may do is decided here, from the plan alone, as stability in PINQ
(McSherry, Privacy integrated queries, SIGMOD 2009). Where no number is known, what the changed rows
have in common still is: a group made of just that is one group again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from wayfed_optimizer.expressions import Column, Subquery, WindowCall, columns_of, may_raise
from wayfed_optimizer.expressions import walk as walk_expression
from wayfed_optimizer.relations import (
    Aggregate,
    Cache,
    Distinct,
    Explode,
    Filter,
    Hint,
    Join,
    JoinKind,
    MapBatches,
    MapKind,
    Read,
    Relation,
    Sample,
    Select,
    SetOperation,
    Sort,
    TimeWindow,
    Watermark,
    Window,
    expressions_of,
    reads,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wayfed_optimizer.expressions import Expression

Keys: TypeAlias = "Callable[[str], tuple[tuple[str, ...], ...]]"

_CHANGES: Final = 2
"""A group's row, or a row that finds its first match, is taken away and another put in."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What adding or removing one row of a table changes in a relation.

    Parameters
    ----------
    rows
        At most so many rows of it; infinity where any number may be.
    same
        Columns in which all changed rows are alike.
    """

    rows: float
    same: frozenset[str]


_Reaches: TypeAlias = "dict[str, Reach]"


@dataclass(frozen=True, slots=True)
class _Tracer:
    """Keys, and what was found of each relation: a plan may name one part many times."""

    keys: Keys
    failing: bool
    changes: int
    known: dict[Relation, _Reaches]


_ANY: Final = Reach(math.inf, frozenset())
_FILLING: Final = (JoinKind.LEFT, JoinKind.FULL, JoinKind.ASOF)


def reach(plan: Relation, keys: Keys, *, failing: bool = False) -> Mapping[str, float]:
    """Return for each table of a plan how many rows of its result one of its rows can change.

    Parameters
    ----------
    plan
        The plan, over published tables.
    keys
        Columns by which a table's rows are known to differ.
    failing
        Whether a row also counts that makes the plan fail: it changes the whole result.

    Examples
    --------
    >>> from wayfed_optimizer.expressions import Named, call, column
    >>> from wayfed_optimizer.types import Schema
    >>> tx = Read("tx", Schema.of(customer="int64", amount="float64"))
    >>> by_customer = (Named("customer", column(tx.schema, "customer")),)
    >>> total = (Named("total", call("sum", column(tx.schema, "amount"))),)
    >>> reach(tx, lambda table: ())
    {'tx': 1.0}
    >>> reach(Aggregate(tx, by_customer, total), lambda table: ())
    {'tx': 2.0}
    """
    found = _reaches(plan, _Tracer(keys, failing, _CHANGES, {}))
    return {table: each.rows for table, each in sorted(found.items())}


def copies(plan: Relation, keys: Keys) -> Mapping[str, float]:
    """Return for each table in how many rows of a plan's result one of its rows can be.

    Fewer than it can change: a row is in one group, and changes what that was to what it is.

    Examples
    --------
    >>> from wayfed_optimizer.relations import SetKind
    >>> from wayfed_optimizer.types import Schema
    >>> tx = Read("tx", Schema.of(amount="float64"))
    >>> copies(SetOperation(SetKind.UNION, tx, tx, all=True), lambda table: ())
    {'tx': 2.0}
    """
    found = _reaches(plan, _Tracer(keys, failing=False, changes=1, known={}))
    return {table: each.rows for table, each in sorted(found.items())}


def _reaches(node: Relation, tracer: _Tracer) -> _Reaches:
    known = tracer.known.get(node)
    if known is None:
        known = tracer.known[node] = _traced(node, tracer)
    return known


def _traced(node: Relation, tracer: _Tracer) -> _Reaches:
    found = _below(node, tracer)
    for expression in expressions_of(node):
        if tracer.failing and may_raise(expression):
            found = dict.fromkeys(found, _ANY)
        # One row may change what a subquery says, and that any number of rows.
        for part in walk_expression(expression):
            if isinstance(part, Subquery):
                found |= dict.fromkeys(_tables(part.relation), _ANY)
    names = frozenset(node.schema.names)
    return {table: _whole(each, names) for table, each in found.items()}


def _whole(each: Reach, names: frozenset[str]) -> Reach:
    """Return a reach within columns; a single row is like itself in all of them."""
    return Reach(1.0, names) if each.rows <= 1 else Reach(each.rows, each.same & names)


def _below(node: Relation, tracer: _Tracer) -> _Reaches:
    match node:
        case Read():
            return {node.table: Reach(1.0, frozenset(node.schema.names))}
        case Filter(input) | Sort(input) | Cache(input) | Hint(input) | Watermark(input):
            return _reaches(input, tracer)
        case Sample(input) if node.keys:
            return _reaches(input, tracer)
        case Select(input, outputs):
            named = [(output.name, output.expression) for output in outputs]
            return _each(_reaches(input, tracer), lambda r: Reach(r.rows, _kept(named, r.same)))
        case Distinct(input) if not node.on:
            return _reaches(input, tracer)
        case Aggregate(input):
            return _each(_reaches(input, tracer), lambda r: _grouped(node, r, tracer.changes))
        case Window(input):
            return _each(_reaches(input, tracer), lambda r: _windowed(node, r))
        case MapBatches(input) if node.kind is MapKind.ROW:
            return _each(_reaches(input, tracer), lambda r: Reach(r.rows, frozenset()))
        case Explode(input, column):
            return _each(_reaches(input, tracer), lambda r: Reach(math.inf, r.same - {column}))
        case TimeWindow(input):
            copies = max(1, math.ceil(node.size_seconds / node.slide_seconds))
            return _each(_reaches(input, tracer), lambda r: Reach(r.rows * copies, r.same))
        case SetOperation(_, left, right):
            renamed = dict(zip(right.schema.names, left.schema.names, strict=True))
            other = _each(
                _reaches(right, tracer),
                lambda r: Reach(r.rows, frozenset(renamed[name] for name in r.same)),
            )
            return _together(_reaches(left, tracer), other)
        case Join():
            return _joined(node, tracer)
    return dict.fromkeys(_tables(node), _ANY)


def _each(found: _Reaches, change: Callable[[Reach], Reach]) -> _Reaches:
    return {table: change(each) for table, each in found.items()}


def _together(one: _Reaches, other: _Reaches) -> _Reaches:
    both = {
        table: Reach(one[table].rows + other[table].rows, frozenset())
        for table in one.keys() & other.keys()
    }
    return {**one, **other, **both}


def _kept(outputs: Iterable[tuple[str, Expression]], same: frozenset[str]) -> frozenset[str]:
    """Return the outputs that are made of nothing but columns in which rows are alike."""
    return frozenset(
        name
        for name, expression in outputs
        if columns_of(expression) <= same
        and not any(isinstance(p, Subquery | WindowCall) for p in walk_expression(expression))
    )


def _grouped(node: Aggregate, below: Reach, changes: int) -> Reach:
    kept = _kept([(key.name, key.expression) for key in node.keys], below.same)
    groups = 1.0 if len(kept) == len(node.keys) else below.rows
    return Reach(changes * groups, kept)


def _windowed(node: Window, below: Reach) -> Reach:
    """Every row of the changed rows' partitions may change."""
    same = below.same
    for output in node.outputs:
        for part in walk_expression(output.expression):
            if isinstance(part, WindowCall):
                same &= {each.name for each in part.partition_by if isinstance(each, Column)}
    return Reach(math.inf, same)


def _joined(node: Join, tracer: _Tracer) -> _Reaches:
    pairs = node.on
    left = _each(
        _reaches(node.left, tracer),
        lambda r: _of_side(
            r,
            pairs,
            one_match=node.kind is JoinKind.ASOF
            or _is_unique(node.right, _second(pairs), tracer.keys),
            only_filters=node.kind in (JoinKind.SEMI, JoinKind.ANTI),
            changes=tracer.changes if node.kind in (JoinKind.RIGHT, JoinKind.FULL) else None,
        ),
    )
    turned = tuple((there, here) for here, there in pairs)
    shown = frozenset(node.schema.names)
    right = _each(
        _reaches(node.right, tracer),
        lambda r: _of_other_side(
            r,
            turned,
            one_match=_is_unique(node.left, _second(turned), tracer.keys)
            and node.kind is not JoinKind.ASOF,
            changes=tracer.changes if node.kind in _FILLING else None,
            shown=shown,
        ),
    )
    return _together_joined(left, right)


def _of_side(
    each: Reach,
    pairs: tuple[tuple[str, str], ...],
    *,
    one_match: bool,
    only_filters: bool,
    changes: int | None,
) -> Reach:
    """Follow changed rows of the left side; `changes`, where right rows without them stay."""
    if only_filters:
        return each
    rows = each.rows if one_match else math.inf
    if changes is not None:
        return Reach(changes * rows, frozenset(b for a, b in pairs if a in each.same))
    return Reach(rows, each.same)


def _of_other_side(
    each: Reach,
    pairs: tuple[tuple[str, str], ...],
    *,
    one_match: bool,
    changes: int | None,
    shown: frozenset[str],
) -> Reach:
    """Follow changed rows of the right side; `changes`, where left rows without them stay."""
    rows = each.rows if one_match else math.inf
    partners = frozenset(b for a, b in pairs if a in each.same)
    if changes is not None:
        return Reach(changes * rows, partners)
    return Reach(rows, (each.same | partners) & shown)


def _together_joined(left: _Reaches, right: _Reaches) -> _Reaches:
    """Of a table on both sides, changed rows also meet each other."""
    both = {
        table: Reach(
            left[table].rows + right[table].rows + left[table].rows * right[table].rows,
            frozenset(),
        )
        for table in left.keys() & right.keys()
    }
    return {**left, **right, **both}


def _is_unique(node: Relation, columns: frozenset[str], keys: Keys) -> bool:
    """Say whether rows of `node` are known to differ in `columns`."""
    match node:
        case Read():
            return any(columns >= set(key) for key in keys(node.table) if key)
        case Filter(input) | Sort(input) | Cache(input) | Hint(input) | Sample(input):
            return _is_unique(input, columns, keys)
        case Select(input, outputs):
            kept = (each.expression for each in outputs if each.name in columns)
            renamed = frozenset(each.name for each in kept if isinstance(each, Column))
            return _is_unique(input, renamed, keys)
        case Aggregate():
            return columns >= {key.name for key in node.keys}
        case Distinct():
            return columns >= set(node.on or node.schema.names)
        case Join(left) if node.kind in (JoinKind.SEMI, JoinKind.ANTI):
            return _is_unique(left, columns, keys)
    return False


def _second(pairs: tuple[tuple[str, str], ...]) -> frozenset[str]:
    return frozenset(there for _, there in pairs)


def _tables(node: Relation) -> set[str]:
    """Return all tables of a plan, those of its subqueries among them."""
    return {read.table for read in reads(node)}
