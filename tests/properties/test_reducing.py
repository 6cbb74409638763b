"""A join whose one side is reduced by the other's keys, or their ends, gives the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from random import Random
from typing import cast

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from tests.properties.conftest import examples
from tests.properties.test_rewriting import Database
from wayfed_optimizer.expressions import Named, call, column, literal
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    JoinKind,
    Read,
    Relation,
    Select,
    SetKind,
    SetOperation,
    reads,
    walk,
)
from wayfed_optimizer.rewrite.alternatives import Surroundings
from wayfed_optimizer.rewrite.alternatives.ranges import range_left, range_right
from wayfed_optimizer.rewrite.alternatives.reductions import reduce_left, reduce_right
from wayfed_optimizer.rewrite.alternatives.semi_joins import lower_semi_join
from wayfed_optimizer.statistics import Cardinalities, ColumnStatistics, Estimate
from wayfed_optimizer.text import describe
from wayfed_optimizer.types import Schema

FEW = examples(60)
KINDS = [JoinKind.INNER, JoinKind.LEFT, JoinKind.RIGHT, JoinKind.SEMI, JoinKind.ANTI]
RULES = (reduce_left, reduce_right, range_left, range_right, lower_semi_join)
TABLES = {name: Schema.of(**{f"{name}1": "int64", f"{name}2": "int64"}) for name in "abcd"}


class AlwaysWorthIt:
    """Estimates by which every reduction leaves few of many rows."""

    def __init__(self) -> None:
        # The keys of what is to be reduced are asked for first, then those that reduce it.
        self._greatest = cycle((1_000_000, 50_000))

    def rows(self, relation: Relation) -> Estimate:
        few = isinstance(relation, Join) and relation.kind in (JoinKind.SEMI, JoinKind.ANTI)
        return Estimate.exactly(10 if few else 1e6)

    def column(self, relation: Relation, name: str) -> ColumnStatistics:
        return ColumnStatistics(low=1, high=next(self._greatest))

    def assume(self, relation: Relation, rows: Estimate) -> None:
        """Believe nothing else."""


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    database, random = Database(TABLES), Random(3)
    for table, schema in TABLES.items():
        values = [[random.choice([None, 1, 2, 3, 4]) for _ in schema] for _ in range(6)]
        found = (
            [] if table == "d" else [dict(zip(schema.names, row, strict=True)) for row in values]
        )
        database.fill(table, found)
    with database.connection:
        yield database


@st.composite
def inputs(draw: st.DrawFn, tables: list[str], depth: int = 3) -> Relation:
    """A relation that takes each of its tables at most once, so that no two columns clash."""
    table = tables.pop()
    made: Relation = Read(table, TABLES[table])
    for _ in range(draw(st.integers(0, depth))):
        names = made.schema.names
        first, last = column(made.schema, names[0]), column(made.schema, names[-1])
        match draw(st.integers(0, 6)):
            case 0:
                made = Filter(made, call("greater", last, literal(draw(st.integers(0, 3)))))
            case 1:
                made = Distinct(made)
            case 2:
                total = Named(f"{names[0]}_n", call("count", last))
                made = Aggregate(made, (Named(names[0], first),), (total,))
            case 3:
                outputs = [Named(f"{name}_", column(made.schema, name)) for name in names]
                made = Select(made, tuple(reversed(outputs)))
            case 4:
                same = tuple(Named(name, column(made.schema, name)) for name in names)
                kind = draw(st.sampled_from(SetKind))
                made = SetOperation(kind, made, Select(made, same), draw(st.booleans()))
            case 5 if tables:
                made = draw(joins(made, tables, depth - 1))
    return made


@st.composite
def joins(draw: st.DrawFn, left: Relation, tables: list[str], depth: int = 3) -> Join:
    right = draw(inputs(tables, depth))
    pair = st.tuples(st.sampled_from(left.schema.names), st.sampled_from(right.schema.names))
    on = tuple(draw(st.lists(pair, min_size=1, max_size=2, unique=True)))
    return Join(left, right, draw(st.sampled_from(KINDS)), on)


@st.composite
def joined(draw: st.DrawFn) -> Join:
    tables = list(draw(st.permutations(sorted(TABLES))))
    return draw(joins(draw(inputs(tables[:2])), tables[2:]))


@FEW
@given(join=joined(), homes=st.lists(st.sampled_from("pqr"), min_size=4, max_size=4))
def test_a_reduced_join_has_the_rows_of_the_whole_one(
    database: Database, join: Join, homes: list[str]
) -> None:
    home = dict(zip(TABLES, homes, strict=True))

    def stores(relation: Relation) -> list[str]:
        return sorted({home[read.table] for read in reads(relation)})

    around = Surroundings(stores, rows=cast("Cardinalities", AlwaysWorthIt()))
    for node in walk(join):
        for rule in RULES:
            reduced = rule(node, around) if isinstance(node, Join) else None
            if reduced is not None:
                note(f"{describe(node)}\n=> {rule.__name__}\n{describe(reduced)}")
                assert reduced.schema == node.schema
                assert database.answer(reduced) == database.answer(node)
