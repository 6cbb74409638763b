"""The wire form of every class: its fields in the order they are written, and their codecs.

A relation or an expression is an entry of the plan's list, and others hold its index; what only
exists within one of them (named outputs, sort keys, frames) is written in place.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import InvalidPlan, PlanError, suggestion
from wayfed_optimizer.expressions import (
    Call,
    Case,
    Cast,
    Column,
    Expression,
    Frame,
    InList,
    Literal,
    Member,
    Named,
    Opaque,
    Parameter,
    Record,
    SortKey,
    Subquery,
    SubqueryKind,
    WindowCall,
)
from wayfed_optimizer.relations import (
    Aggregate,
    Cache,
    Distinct,
    Explode,
    Filter,
    Hint,
    Iterate,
    Join,
    JoinKind,
    Limit,
    MapBatches,
    MapKind,
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
    Write,
    WriteMode,
)
from wayfed_optimizer.wire.values import (
    FLAG,
    FLOAT,
    FUNCTION,
    INTEGER,
    NUMBER,
    SCHEMA,
    TEXT,
    TYPE,
    Codec,
    Refer,
    Refused,
    Resolve,
    many,
    one_of,
    optional,
    read_constant,
    refuse,
    row,
    write_constant,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.node import Node


def _reference(kind: type[Node]) -> Codec:
    return Codec(
        lambda node, refer: refer(node), lambda found, place, resolve: resolve(found, place, kind)
    )


def _in_place(kind: type[Node]) -> Codec:
    return Codec(
        lambda node, refer: write_fields(node, refer),  # noqa: PLW0108  # defined below
        lambda found, place, resolve: read_fields(kind, found, place, resolve),
    )


_RELATION: Final = _reference(Relation)
_EXPRESSION: Final = _reference(Expression)
_LITERAL: Final = _reference(Literal)
_OUTPUTS: Final = many(_in_place(Named))
_SORT_KEYS: Final = many(_in_place(SortKey))
_ARGUMENTS: Final = many(_EXPRESSION)
_NAMES: Final = many(TEXT)
_COLUMN_PAIR: Final = row(TEXT, TEXT)

_CONSTANT: Final = Codec(lambda value, _: value, lambda found, _, __: found)
"""A literal's value, which only its type gives a meaning."""

EXPRESSION_FIELDS: Final[Mapping[type[Node], Mapping[str, Codec]]] = MappingProxyType(
    {
        Column: {"name": TEXT, "type": TYPE, "nullable": FLAG},
        Literal: {"value": _CONSTANT, "type": TYPE},
        Call: {
            "function": TEXT,
            "args": _ARGUMENTS,
            "distinct": FLAG,
            "order_by": _SORT_KEYS,
        },
        Cast: {"arg": _EXPRESSION, "type": TYPE, "safe": FLAG},
        Case: {"branches": many(row(_EXPRESSION, _EXPRESSION)), "otherwise": _EXPRESSION},
        InList: {"arg": _EXPRESSION, "values": many(_LITERAL)},
        Member: {"arg": _EXPRESSION, "name": TEXT},
        Record: {"names": _NAMES, "args": _ARGUMENTS},
        Subquery: {
            "kind": one_of(SubqueryKind),
            "relation": _RELATION,
            "arg": optional(_EXPRESSION),
        },
        WindowCall: {
            "function": TEXT,
            "args": _ARGUMENTS,
            "partition_by": _ARGUMENTS,
            "order_by": _SORT_KEYS,
            "frame": optional(_in_place(Frame)),
            "ignore_nulls": FLAG,
        },
        Parameter: {"name": TEXT, "type": TYPE, "nullable": FLAG},
        Opaque: {"name": TEXT, "function": FUNCTION, "args": _ARGUMENTS, "type": TYPE},
    }
)

RELATION_FIELDS: Final[Mapping[type[Node], Mapping[str, Codec]]] = MappingProxyType(
    {
        Read: {"table": TEXT, "schema": SCHEMA, "is_bounded": FLAG},
        Values: {"schema": SCHEMA, "rows": many(many(_LITERAL))},
        Select: {"input": _RELATION, "outputs": _OUTPUTS},
        Filter: {"input": _RELATION, "predicate": _EXPRESSION},
        Join: {
            "left": _RELATION,
            "right": _RELATION,
            "kind": one_of(JoinKind),
            "on": many(_COLUMN_PAIR),
            "predicate": optional(_EXPRESSION),
            "asof": optional(_COLUMN_PAIR),
        },
        Aggregate: {"input": _RELATION, "keys": _OUTPUTS, "aggregates": _OUTPUTS},
        Window: {"input": _RELATION, "outputs": _OUTPUTS},
        Sort: {"input": _RELATION, "keys": _SORT_KEYS},
        Limit: {"input": _RELATION, "count": optional(INTEGER), "offset": INTEGER},
        Distinct: {"input": _RELATION, "on": _NAMES},
        SetOperation: {
            "kind": one_of(SetKind),
            "left": _RELATION,
            "right": _RELATION,
            "all": FLAG,
        },
        Explode: {"input": _RELATION, "column": TEXT, "keep_empty": FLAG},
        MapBatches: {
            "input": _RELATION,
            "name": TEXT,
            "function": FUNCTION,
            "kind": one_of(MapKind),
            "schema": SCHEMA,
        },
        Sample: {
            "input": _RELATION,
            "keys": _NAMES,
            "low": FLOAT,
            "high": FLOAT,
            "seed": INTEGER,
        },
        Cache: {"input": _RELATION, "key": TEXT},
        Iterate: {
            "initial": _RELATION,
            "body": _RELATION,
            "variable": TEXT,
            "max_iterations": INTEGER,
            "until": optional(_RELATION),
        },
        Watermark: {"input": _RELATION, "column": TEXT, "delay_seconds": FLOAT},
        TimeWindow: {
            "input": _RELATION,
            "column": TEXT,
            "size_seconds": FLOAT,
            "slide_seconds": FLOAT,
        },
        Write: {"input": _RELATION, "target": TEXT, "mode": one_of(WriteMode)},
        Hint: {"input": _RELATION, "platform": optional(TEXT), "rows": optional(INTEGER)},
    }
)

_PARTS: Final[Mapping[type[Node], Mapping[str, Codec]]] = {
    Named: {"name": TEXT, "expression": _EXPRESSION},
    SortKey: {"expression": _EXPRESSION, "descending": FLAG, "nulls_first": FLAG},
    Frame: {
        "units": TEXT,
        "start": optional(NUMBER),
        "end": optional(NUMBER),
        "unit": TEXT,
        "exclude": TEXT,
    },
}

_FIELDS: Final = MappingProxyType({**EXPRESSION_FIELDS, **RELATION_FIELDS, **_PARTS})
CLASSES: Final = MappingProxyType(
    {kind.__name__: kind for kind in (*EXPRESSION_FIELDS, *RELATION_FIELDS)}
)
"""The classes that are entries of the list, by the name that says so."""

_DEFAULTS: Final[Mapping[type[Node], Mapping[str, Any]]] = {
    kind: {f.name: f.default for f in fields(kind) if f.init and f.default is not MISSING}  # type: ignore[arg-type]  # every class here is a dataclass
    for kind in _FIELDS
}


def write_fields(node: Node, refer: Refer) -> dict[str, object]:
    """Return the JSON of a node's fields; those at their default are left out."""
    kind = type(node)
    defaults = _DEFAULTS[kind]
    written: dict[str, object] = {}
    for name, codec in _FIELDS[kind].items():
        value = getattr(node, name)
        if name not in defaults or value != defaults[name]:
            written[name] = codec.write(value, refer)
    if isinstance(node, Literal):
        written["value"] = write_constant(node.value, node.type)
    return written


def read_fields(kind: type[Node], found: object, place: str, resolve: Resolve) -> Node:
    """Return the node of a class that stands at `place`.

    Raises
    ------
    PlanError
        InvalidPlan where the JSON is not of its form; else what the node itself refuses. Either
        says the place.
    """
    if isinstance(found, Refused) or not isinstance(found, dict):
        raise refuse(found, f"a {kind.__name__}", place)
    codecs, defaults = _FIELDS[kind], _DEFAULTS[kind]
    for key in found:
        if key not in codecs and key != "node":
            raise InvalidPlan(
                f"{kind.__name__} has no '{key:.60}'",
                available=codecs,
                hint=suggestion(key[:60], codecs),
                where=place,
            )
    values: dict[str, Any] = {}
    for name, codec in codecs.items():
        if name in found:
            values[name] = codec.read(found[name], f"{place}.{name}", resolve)
        elif name not in defaults:
            raise InvalidPlan(f"{kind.__name__} lacks its '{name}'", where=place)
    if kind is Literal:
        values["value"] = read_constant(values["value"], values["type"], f"{place}.value")
    try:
        return kind(**values)
    except PlanError as error:
        error.where = place
        raise
