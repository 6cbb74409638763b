"""Joins to SQL: which sides can stand in one FROM, and where their conditions go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Column
from wayfed_optimizer.relations import Filter, Join, JoinKind, Read, Relation, Select
from wayfed_sql.block import Block, conjunction
from wayfed_sql.templates import COMPARISON, EQUAL_OTHERWISE, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed_sql.query import QueryPrinter

_WORDS: Final = {
    JoinKind.INNER: "JOIN",
    JoinKind.LEFT: "LEFT JOIN",
    JoinKind.RIGHT: "RIGHT JOIN",
    JoinKind.FULL: "FULL JOIN",
    JoinKind.ASOF: "ASOF LEFT JOIN",
}
_WITHOUT_KEYS: Final = "full join without keys"
_NULLS_LEFT: Final = (JoinKind.RIGHT, JoinKind.FULL)
_NULLS_RIGHT: Final = (JoinKind.LEFT, JoinKind.FULL, JoinKind.ASOF)


def join_blocks(printer: QueryPrinter, join: Join) -> Block:
    """Return a join as a block.

    Raises
    ------
    Unsupported
        Where the engine does not have such joins.
    """
    if join.kind not in printer.dialect.joins:
        raise printer.dialect.refuse(f"{join.kind.value} join")
    if join.kind in (JoinKind.SEMI, JoinKind.ANTI):
        return _exists(printer, join)
    if join.kind is JoinKind.FULL and not join.on and _WITHOUT_KEYS in printer.dialect.without:
        raise printer.dialect.refuse(_WITHOUT_KEYS)
    left = _side(printer, join.left, padded=join.kind in _NULLS_LEFT)
    if left.joined and join.kind in _NULLS_LEFT and not printer.dialect.pads_joins:
        left = printer.derived(left, join.left.schema)
    right = _looked_up(printer, join, padded=join.kind in _NULLS_RIGHT)
    # A condition on the side that is padded with NULLs belongs to the pairing, not after it.
    if join.kind is JoinKind.ASOF and right.where:
        right = printer.derived(right, join.right.schema)
    left, right = _unconditional(printer, join, left, right)
    columns = {**left.columns, **right.columns}
    conditions = _pairing(printer, join, left, right)
    where = (*left.where, *right.where)
    if join.kind is JoinKind.LEFT:
        where = left.where
        conditions.extend(right.where)
    elif join.kind is JoinKind.RIGHT:
        where = right.where
        conditions.extend(left.where)
    other = f"({right.source})" if right.joined else right.source
    if join.kind in (JoinKind.INNER, JoinKind.CROSS) and not conditions:
        source = f"{left.source} CROSS JOIN {other}"
    else:
        on = conjunction(conditions) if conditions else "1 = 1"
        source = f"{left.source} {_WORDS[join.kind]} {other} ON {on}"
    pairing = _held(printer, join, left, right, conditions)
    return Block(columns, source, joined=True, pairing=pairing, where=where)


def _held(
    printer: QueryPrinter, join: Join, left: Block, right: Block, conditions: Sequence[Text]
) -> tuple[Text, ...]:
    """Return what is true of every row of a join, and cannot be told before the join is made."""
    if join.kind in (JoinKind.INNER, JoinKind.CROSS):
        return (*left.pairing, *right.pairing, *conditions)
    kept = () if join.kind in _NULLS_LEFT else left.pairing
    kept += () if join.kind in _NULLS_RIGHT else right.pairing
    keys = _keys(printer, join, left, right)
    return (*kept, Text(f"COALESCE({conjunction(keys)}, 1 = 1)")) if keys else kept


def _side(printer: QueryPrinter, relation: Relation, *, padded: bool) -> Block:
    """Return a side of a join; `padded` sides have NULLs where nothing matches."""
    block = printer.block(relation)
    if not block.takes_rows or (padded and not block.is_plain):
        return printer.derived(block, relation.schema)
    return replace(block, order=())


def _looked_up(printer: QueryPrinter, join: Join, *, padded: bool) -> Block:
    """Return the right side of a join, so that the engine can look its keys up."""
    if not (printer.dialect.fences_joins and join.on) or _has_index(printer, join):
        return _side(printer, join.right, padded=padded)
    return printer.derived(printer.block(join.right), join.right.schema, fenced=True)


def _has_index(printer: QueryPrinter, join: Join) -> bool:
    """Say whether the engine looks the keys of the right side up in a table as it lies."""
    relation, keys = join.right, {key for _, key in join.on}
    while isinstance(relation, Filter | Select):
        if isinstance(relation, Select):
            named = (each for each in relation.outputs if each.name in keys)
            keys = {n.expression.name for n in named if isinstance(n.expression, Column)}
        relation = relation.input
    if not isinstance(relation, Read):
        return False
    table = printer.tables[relation.table]
    return table.temporary or not table.indexed.isdisjoint(keys)


def _unconditional(
    printer: QueryPrinter, join: Join, left: Block, right: Block
) -> tuple[Block, Block]:
    """Return the sides of a full join, neither of which can have conditions of its own."""
    if join.kind is not JoinKind.FULL:
        return left, right
    if left.where:
        left = printer.derived(left, join.left.schema)
    if right.where:
        right = printer.derived(right, join.right.schema)
    return left, right


def _keys(printer: QueryPrinter, join: Join, left: Block, right: Block) -> list[Text]:
    return [
        _compared(printer, left.columns[a], "=", right.columns[b], join.left.schema[a].type.name)
        for a, b in join.on
    ]


def _pairing(printer: QueryPrinter, join: Join, left: Block, right: Block) -> list[Text]:
    conditions = _keys(printer, join, left, right)
    if join.asof is not None:
        a, b = join.asof
        kind = join.left.schema[a].type.name
        conditions.append(_compared(printer, left.columns[a], ">=", right.columns[b], kind))
    if join.predicate is not None:
        columns = {**left.columns, **right.columns}
        conditions.append(printer.expressions.text(join.predicate, columns))
    return conditions


def _compared(printer: QueryPrinter, left: Text, symbol: str, right: Text, kind: str) -> Text:
    form = printer.dialect.orders.get(kind)
    if form is not None:
        left, right = Text(form.format(left.sql)), Text(form.format(right.sql))
    first = left
    if kind == "text" and max(left.collated, right.collated) >= EQUAL_OTHERWISE:
        first = Text(f"{left.within(COMPARISON)} COLLATE {printer.dialect.collation}")
    sql = f"{first.within(COMPARISON)} {symbol} {right.within(COMPARISON)}"
    return Text(sql, COMPARISON)


def _exists(printer: QueryPrinter, join: Join) -> Block:
    left = printer.block(join.left)
    if not left.takes_rows:
        left = printer.derived(left, join.left.schema)
    right = _looked_up(printer, join, padded=False)
    conditions = (*right.where, *_pairing(printer, join, left, right))
    inner = replace(right, where=conditions).sql(["1"])
    condition = Text(f"EXISTS ({inner})")
    if join.kind is JoinKind.ANTI:
        condition = Text(f"NOT {condition.sql}", 3)
    if not printer.dialect.semi_joins:
        return printer.keep(left, condition)
    other = f"({right.source})" if right.joined else right.source
    word = f"{join.kind.value.upper()} JOIN"
    source = f"{left.source} {word} {other} ON {conjunction(conditions) if conditions else '1 = 1'}"
    return replace(left, source=source, joined=True, pairing=(*left.pairing, condition))
