"""Tables filtered by the keys that they are joined with, where these are in the statement.

Of a join with a list of constants PostgreSQL knows how many rows there are, not which: it reads the
table. Of ``column = ANY (array of constants)`` it knows both, and looks them up in an index. So the
filter is written besides the join; and where the keys are all that the join brings, each once,
instead of it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from wayfed_database.catalog import quoted
from wayfed_database.inline import InlineRows
from wayfed_optimizer.expressions import Column, Named
from wayfed_optimizer.relations import (
    Aggregate,
    Filter,
    Join,
    JoinKind,
    Read,
    Relation,
    Select,
    transform,
    walk,
    walk_once,
)
from wayfed_optimizer.types import DATE, TEXT, DataType, Field, is_integer
from wayfed_sql import POSTGRESQL, string

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa

    from wayfed_optimizer.platform import TableReference

_COMMENT_ENDS: Final = "*/"
_COMMENTS: Final = ("/*", _COMMENT_ENDS)

Tables = dict[str, "TableReference"]
"""What the reads of a relation are called in its statement."""


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """A filter of a table by the keys of other rows; until these are known, it keeps all rows.

    Parameters
    ----------
    rows, key
        The input that has the keys, and which of its columns they are.
    table, column
        The table that is filtered, and which of its columns they are looked up in.
    type
        Of both columns.
    """

    rows: str
    key: str
    table: str
    column: str
    type: DataType

    @property
    def unknown(self) -> str:
        """The filter as it stands in a statement before the keys are known.

        A quote that is not doubled is in no constant, one that is doubled in no other name.
        """
        return f"TRUE /* {quoted(self.column)} = ANY ({self.rows}'s {quoted(self.key)}) */"

    def known(self, keys: pa.Array) -> str:
        """Return the filter for some keys, of which none is NULL.

        They are one constant, not one each: that is read in half the time.
        """
        element = str if is_integer(self.type) else _element
        kind = "bigint" if is_integer(self.type) else POSTGRESQL.type_name(self.type)
        array = string(f"{{{','.join(map(element, keys.to_pylist()))}}}", POSTGRESQL)
        return f"{quoted(self.column)} = ANY (CAST({array} AS {kind}[]))"


def _element(key: object) -> str:
    """Return a key as an element of an array's text."""
    return '"' + str(key).replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class KeyFilters:
    """A statement's filters by keys.

    Parameters
    ----------
    filters
        Those in the statement.
    without_joins
        The statement without the joins that bring keys alone; the same where each key is once.
    once
        The filters whose keys have to be there once each for that.
    """

    filters: tuple[KeyFilter, ...]
    without_joins: str | None = None
    once: tuple[KeyFilter, ...] = ()

    def written(self, text: str, inputs: Mapping[str, object]) -> str:
        """Return the statement with the keys of its inputs, as far as these are in it."""
        keys = {f: found for f in self.filters if (found := _keys(f, inputs)) is not None}
        if self.without_joins is not None and len(keys) == len(self.filters):
            rows = (inputs[f.rows] for f in self.once)
            if all(
                isinstance(each, InlineRows) and each.rows.num_rows == len(keys[f])
                for f, each in zip(self.once, rows, strict=True)
            ):
                text = self.without_joins
        if not keys:
            return text
        known = {each.unknown: each.known(found) for each, found in keys.items()}
        # All at once: a key may look like what another filter is written as.
        return re.sub("|".join(map(re.escape, known)), lambda found: known[found[0]], text)


def _keys(of: KeyFilter, inputs: Mapping[str, object]) -> pa.Array | None:
    value = inputs.get(of.rows)
    if not isinstance(value, InlineRows):
        return None
    return value.rows.column(of.key).drop_null().unique()


def with_key_filters(
    relation: Relation,
    tables: Tables,
    few: frozenset[str],
    compile: Callable[[Relation, Tables], str],
) -> tuple[str, KeyFilters | None]:
    """Return the statement for a relation, and its filters by keys if there are some.

    Parameters
    ----------
    tables
        What its reads are called.
    few
        The reads whose rows are to stand in the statement.
    compile
        Writes a statement.
    """
    found = dict(_found(relation, tables, few)) if few else {}
    if not found:
        return compile(relation, tables), None
    filters = tuple(found.values())
    filtered = dict(tables)
    for each in filters:
        filtered[each.table] = _filtered(filtered[each.table], each)
    once: list[KeyFilter] = []

    def without_join(node: Relation) -> Relation:
        of = found.get(node)
        if of is None or not isinstance(node, Join) or (alone := _alone(node, of)) is None:
            return node
        if node.kind is not JoinKind.SEMI:
            once.append(of)
        return alone

    shorter = transform(relation, without_join)
    statement = compile(relation, filtered)
    if shorter == relation:
        return statement, KeyFilters(filters)
    return statement, KeyFilters(filters, compile(shorter, filtered), tuple(once))


class _Origin(NamedTuple):
    """The read that a column comes from unchanged, and the column there."""

    read: Read
    field: Field


def _found(
    relation: Relation, tables: Tables, few: frozenset[str]
) -> Iterator[tuple[Relation, KeyFilter]]:
    """Yield joins of stored tables with rows in the statement, and what these filter."""
    times = Counter(node.table for node in walk(relation) if isinstance(node, Read))
    for node in walk_once(relation):
        if not isinstance(node, Join) or node.kind not in (JoinKind.INNER, JoinKind.SEMI):
            continue
        for left, right in node.on:
            one, other = _origin(node.left, left), _origin(node.right, right)
            of = _filter(one, other, few) or _filter(other, one, few)
            # Of a table that is read twice, the other time may want all rows.
            if of is not None and times[of.table] == 1 and _is_stored(tables[of.table], of):
                yield node, of
                break


def _filter(keys: _Origin | None, stored: _Origin | None, few: frozenset[str]) -> KeyFilter | None:
    if keys is None or stored is None or keys.read.table not in few or stored.read.table in few:
        return None
    kinds = keys.field.type, stored.field.type
    same = kinds[0] == kinds[1] and kinds[0] in (TEXT, DATE)
    if not same and not all(map(is_integer, kinds)):
        return None
    return KeyFilter(
        keys.read.table, keys.field.name, stored.read.table, stored.field.name, stored.field.type
    )


def _is_stored(table: TableReference, of: KeyFilter) -> bool:
    named = not table.temporary and table.query is None
    # In PostgreSQL a comment may hold others, which have to end too.
    return named and not any(mark in name for mark in _COMMENTS for name in (of.column, of.key))


def _origin(relation: Relation, column: str) -> _Origin | None:
    """Return where a column comes from, if filtering there is filtering here."""
    match relation:
        case Read():
            return _Origin(relation, relation.schema.field(column))
        case Filter(input):
            return _origin(input, column)
        case Select(input, outputs):
            plain = next(o.expression for o in outputs if o.name == column)
            return _origin(input, plain.name) if isinstance(plain, Column) else None
        case Aggregate(input, keys):
            grouped = next((k.expression for k in keys if k.name == column), None)
            return _origin(input, grouped.name) if isinstance(grouped, Column) else None
        case Join(left, right, kind) if kind in (JoinKind.INNER, JoinKind.SEMI):
            return _origin(left if column in left.schema else right, column)
    return None


def _filtered(table: TableReference, of: KeyFilter) -> TableReference:
    so_far = f"SELECT * FROM {quoted(*table.name)} WHERE" if table.query is None else table.query
    return replace(table, query=f"{so_far}{' AND' if table.query else ''} {of.unknown}")


def _alone(join: Join, of: KeyFilter) -> Relation | None:
    """Return a join's other side, where the keys are all that the rows bring to it."""
    rows_are_left = isinstance(join.left, Read) and join.left.table == of.rows
    rows, other = (join.left, join.right) if rows_are_left else (join.right, join.left)
    brings_keys = isinstance(rows, Read) and rows.schema.names == (of.key,)
    if not brings_keys or len(join.on) > 1 or join.predicate is not None:
        return None
    if join.kind is JoinKind.SEMI:
        return None if rows_are_left else other
    ((left, right),) = join.on
    name = right if rows_are_left else left
    kept = other.schema.field(name)
    if kept.type != rows.schema.field(of.key).type:
        return None
    return Select(
        other,
        tuple(
            Named(f.name, Column(name, kept.type, kept.nullable))
            if f.name == of.key
            else Named(f.name, Column(f.name, f.type, f.nullable))
            for f in join.schema
        ),
    )
