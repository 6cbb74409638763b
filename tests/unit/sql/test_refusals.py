"""What engines refuse is what writing it would show, also where nothing is written."""

from __future__ import annotations

import pytest

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import Named, SortKey, column
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.relations import (
    Distinct,
    Join,
    JoinKind,
    Limit,
    Read,
    Relation,
    Select,
    Sort,
)
from wayfed_optimizer.types import PLAIN, Decimal, List, Schema
from wayfed_sql import DUCKDB, FLINK, POSTGRESQL, SPARK, SQLITE, Dialect, to_sql
from wayfed_sql.refusals import refusal

_LONG = "n" * 70
_TABLE = Read(
    "t",
    Schema.of(
        **PLAIN,
        **{"x": "int64", "X": "int64", _LONG: "int64"},
        d=Decimal(38, 2),
        l=List(PLAIN["date"]),
    ),
)
_OTHER = Read("u", Schema.of(key="int64", **{f"{_LONG}u": "text"}))


def _columns(*names: str) -> Relation:
    return Select(_TABLE, tuple(Named(name, column(_TABLE.schema, name)) for name in names))


def _plain() -> list[Relation]:
    every = tuple(SortKey(column(_TABLE.schema, name), descending=True) for name in PLAIN)
    joins = [
        Join(rows, _OTHER, kind, (("int64", "key"),))
        for rows in (_columns("int64", "text"), _columns("int64", "x", "X"))
        for kind in JoinKind
        if kind not in (JoinKind.CROSS, JoinKind.ASOF)
    ]
    renamed = Select(_TABLE, (Named("text", column(_TABLE.schema, "x")),))
    return [
        _columns(*PLAIN, "d", "l"),
        _columns("x", "X"),
        _columns(_LONG),
        renamed,
        Sort(_columns(*PLAIN), every),
        Limit(_columns("text", "d"), 3, 1),
        Limit(_columns("x", "X"), None, 1),
        Distinct(_columns(*PLAIN)),
        Distinct(_columns("date", "x"), ("date",)),
        *joins,
    ]


@pytest.mark.parametrize(
    "dialect", [DUCKDB, POSTGRESQL, SQLITE, SPARK, FLINK], ids=lambda d: d.name
)
def test_what_only_names_columns_is_refused_where_writing_it_fails(dialect: Dialect) -> None:
    for relation in _plain():
        assert refusal(relation, dialect) == _found_by_writing(relation, dialect), relation


def _found_by_writing(relation: Relation, dialect: Dialect) -> tuple[str, str] | None:
    names = iter("tu")
    alone = relation.with_inputs(lambda each: Read(next(names), each.schema))
    try:
        to_sql(alone, dialect, {name: TableReference((name,)) for name in "tu"})
    except Unsupported as error:
        return error.operation, error.reason or "not available there"
    return None
