"""UNION, INTERSECT and EXCEPT: two queries with the same columns, or made to have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.coercion import common_type
from wayfed_optimizer.errors import InvalidSql, TypeMismatch
from wayfed_optimizer.expressions import Column, Literal, Named, cast_to
from wayfed_optimizer.relations import Relation, Select, SetKind, SetOperation, Values
from wayfed_optimizer.types import NULL, DataType, Field, Schema

if TYPE_CHECKING:
    from collections.abc import Sequence


def put_together(
    kind: SetKind, left: Relation, right: Relation, *, every: bool, by_name: bool = False
) -> SetOperation:
    """Return a set operation; each column gets the common type of both sides.

    Parameters
    ----------
    every
        Whether duplicates are kept.
    by_name
        Whether columns are paired by their names; what one side is without is NULL there.

    Raises
    ------
    InvalidSql, TypeMismatch
        Where the sides differ in the number of columns, or a column has no type for both.
    """
    if by_name:
        left, right = _with_columns_of(left, right), _with_columns_of(right, left)
        right = _in_order(right, left.schema.names)
    if len(left.schema) != len(right.schema):
        raise InvalidSql(
            f"the sides of a {kind.value} have {len(left.schema)} and {len(right.schema)} columns"
        )
    types = [_common(kind, left, right, index) for index in range(len(left.schema))]
    names = left.schema.names
    return SetOperation(kind, _shaped(left, names, types), _shaped(right, names, types), all=every)


def _common(kind: SetKind, left: Relation, right: Relation, index: int) -> DataType:
    a, b = left.schema.fields[index], right.schema.fields[index]
    types = [NULL if _is_bare(left, index) else a.type, NULL if _is_bare(right, index) else b.type]
    found = common_type(types)
    if found is None:
        raise TypeMismatch(
            f"the sides of a {kind.value} differ: {a} and {b}", hint="cast one of them"
        )
    return a.type if found == NULL else found


def _is_bare(relation: Relation, index: int) -> bool:
    """Say whether a column is NULL as it is written: of whatever type its neighbours are."""
    match relation:
        case Select(_, outputs):
            expression = outputs[index].expression
            return isinstance(expression, Literal) and expression.value is None
        case Values(_, rows):
            return all(row[index].value is None for row in rows)
        case SetOperation(_, left, right):
            return _is_bare(left, index) and _is_bare(right, index)
    return False


def _typed(relation: Relation, index: int, kind: DataType) -> Relation:
    """Return a relation whose column of bare NULLs has a type."""
    null = Literal(None, kind)
    match relation:
        case Select(input, outputs):
            changed = Named(outputs[index].name, null)
            return Select(input, (*outputs[:index], changed, *outputs[index + 1 :]))
        case Values(schema, rows):
            fields = list(schema.fields)
            fields[index] = Field(fields[index].name, kind)
            changed_rows = (tuple((*row[:index], null, *row[index + 1 :])) for row in rows)
            return Values(Schema(fields), tuple(changed_rows))
    return relation.with_inputs(lambda each: _typed(each, index, kind))


def _shaped(relation: Relation, names: Sequence[str], types: Sequence[DataType]) -> Relation:
    """Return a side of a set operation with the names and types that both sides have."""
    for index, kind in enumerate(types):
        if relation.schema.fields[index].type != kind and _is_bare(relation, index):
            relation = _typed(relation, index, kind)
    outputs = tuple(
        Named(name, cast_to(Column(f.name, f.type, f.nullable), kind))
        for f, name, kind in zip(relation.schema, names, types, strict=True)
    )
    return relation if all(output.is_plain for output in outputs) else Select(relation, outputs)


def _with_columns_of(relation: Relation, other: Relation) -> Relation:
    """Return a relation with NULL in the columns that another has and it has not."""
    have = {name.lower() for name in relation.schema.names}
    missing = [f for f in other.schema if f.name.lower() not in have]
    if not missing:
        return relation
    own = (Named(f.name, Column(f.name, f.type, f.nullable)) for f in relation.schema)
    return Select(relation, (*own, *(Named(f.name, Literal(None, f.type)) for f in missing)))


def _in_order(relation: Relation, names: Sequence[str]) -> Relation:
    by_name = {f.name.lower(): f for f in relation.schema}
    fields = [by_name[name.lower()] for name in names]
    if [f.name for f in fields] == list(relation.schema.names):
        return relation
    return Select(
        relation, tuple(Named(f.name, Column(f.name, f.type, f.nullable)) for f in fields)
    )
