"""Any plan gives the same rows rewritten or not, and whatever the order of its joins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from random import Random

import duckdb
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from tests.properties.conftest import examples
from tests.strategies import TABLES, plans, rows
from wayfed_optimizer.expressions import Named, SortKey, call, column, literal
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Filter,
    FirstMatches,
    Join,
    JoinKind,
    Limit,
    Read,
    Relation,
    Select,
    Sort,
    reads,
    transform,
    walk,
)
from wayfed_optimizer.rewrite import alternatives_of, rewrite
from wayfed_optimizer.rewrite.alternatives import Surroundings
from wayfed_optimizer.text import describe
from wayfed_optimizer.types import Schema
from wayfed_sql import DUCKDB, to_sql

SQL_TYPES = {"int64": "BIGINT", "text": "VARCHAR", "float64": "DOUBLE"}
FEW = examples(50)
JOINED = {f"t{i}": Schema.of(**{f"a{i}": "int64", f"b{i}": "int64"}) for i in range(5)}
KEYED = {
    f"k{i}": Schema.of(**{f"a{i}": "int64", f"b{i}": "int64", f"c{i}": "float64"}) for i in range(4)
}
"""Tables of which the first column is a key, NULLs aside."""
FUNCTIONS = ("sum", "min", "max", "mean", "count", "count_distinct")


class Database:
    """DuckDB with some tables, which answers plans."""

    def __init__(self, tables: Mapping[str, Schema]) -> None:
        self.tables = tables
        self.connection = duckdb.connect()
        for name, schema in tables.items():
            columns = [f"{f.name} {SQL_TYPES.get(str(f.type), str(f.type))}" for f in schema]
            self.connection.execute(f"CREATE TABLE {name} ({', '.join(columns)})")

    def fill(self, table: str, found: list[dict[str, object]]) -> None:
        self.connection.execute(f"DELETE FROM {table}")
        names = self.tables[table].names
        marks = ", ".join("?" * len(names))
        for row in found:
            values = [row[name] for name in names]
            self.connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)

    def answer(self, plan: Relation) -> Counter[tuple[object, ...]]:
        references = {name: TableReference((name,)) for name in self.tables}
        return Counter(self.connection.execute(to_sql(plan, DUCKDB, references)).fetchall())


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    database = Database(TABLES)
    with database.connection:
        yield database


@pytest.fixture(scope="module")
def joined() -> Iterator[Database]:
    database, random = Database(JOINED), Random(5)
    for table, schema in JOINED.items():
        values = [[random.choice([None, 1, 2, 3]) for _ in schema] for _ in range(5)]
        database.fill(table, [dict(zip(schema.names, row, strict=True)) for row in values])
    with database.connection:
        yield database


@pytest.fixture(scope="module")
def keyed() -> Iterator[Database]:
    database, random = Database(KEYED), Random(6)
    for table, schema in KEYED.items():
        keys: list[int | None] = [1, 2, 3, 4, None, None]
        values = [
            [key, random.choice([None, 1, 2, 3]), random.choice([0.5, 1.0, 2.25, None])]
            for key in keys
        ]
        database.fill(table, [dict(zip(schema.names, row, strict=True)) for row in values])
    with database.connection:
        yield database


@given(plans())
@examples(80)
def test_a_rewritten_plan_has_the_same_columns_and_nothing_left_to_rewrite(plan: Relation) -> None:
    rewritten = rewrite(plan).relation
    assert rewritten.schema == plan.schema
    assert rewrite(rewritten).relation == rewritten


@given(
    plan=plans(),
    data=st.fixed_dictionaries({name: rows(schema) for name, schema in TABLES.items()}),
)
@FEW
def test_a_rewritten_plan_gives_the_same_rows(
    database: Database, plan: Relation, data: Mapping[str, list[dict[str, object]]]
) -> None:
    for table, found in data.items():
        database.fill(table, found)
    rewritten = rewrite(plan)
    note(f"{describe(plan)}\n=> {[step.rule for step in rewritten.trace]}")
    note(describe(rewritten.relation))
    assert database.answer(rewritten.relation) == database.answer(plan)


@st.composite
def join_trees(
    draw: st.DrawFn,
    tables: Mapping[str, Schema] = JOINED,
    least: int = 3,
    kinds: tuple[JoinKind, ...] = (JoinKind.INNER, JoinKind.INNER, JoinKind.LEFT),
) -> Relation:
    """Inner and left joins of some of the tables, in any shape, with selects between."""
    order = draw(st.permutations(sorted(tables)))[: draw(st.integers(least, len(tables)))]
    units: list[Relation] = [Read(name, tables[name]) for name in order]
    while len(units) > 1:
        position = draw(st.integers(0, len(units) - 2))
        left, right = units[position], units.pop(position + 1)
        kind = draw(st.sampled_from(kinds))
        key = st.tuples(st.sampled_from(left.schema.names), st.sampled_from(right.schema.names))
        on = draw(st.lists(key, min_size=1, max_size=2, unique=True))
        predicate = None
        if draw(st.integers(0, 4)) == 0:
            a, b = draw(key)
            predicate = call("less", column(left.schema, a), column(right.schema, b))
        joined: Relation = Join(left, right, kind, tuple(on), predicate)
        if draw(st.integers(0, 3)) == 0:
            names = draw(st.lists(st.sampled_from(joined.schema.names), min_size=1, unique=True))
            joined = Select(
                joined,
                tuple(Named(f"{name}_{position}", column(joined.schema, name)) for name in names),
            )
        units[position] = joined
    return units[0]


@given(tree=join_trees(), homes=st.lists(st.sampled_from("pqr"), min_size=5, max_size=5))
@FEW
def test_another_order_of_joins_gives_the_same_rows_and_ends_the_search(
    joined: Database, tree: Relation, homes: list[str]
) -> None:
    home = dict(zip(JOINED, homes, strict=True))

    def stores(relation: Relation) -> list[str]:
        return [home[read.table] for read in reads(relation)]

    for node in (*walk(tree), *walk(rewrite(tree).relation)):
        for other in alternatives_of(node, Surroundings(stores)):
            note(f"{describe(node)}\n=>\n{describe(other)}")
            assert other.schema == node.schema
            assert joined.answer(other) == joined.answer(node)
            first_join = next(below for below in walk(other) if isinstance(below, Join))
            assert alternatives_of(first_join, Surroundings(stores)) == ()


MOSTLY_INNER = (JoinKind.INNER, JoinKind.INNER, JoinKind.INNER, JoinKind.LEFT)
OUTER = (JoinKind.INNER, JoinKind.LEFT, JoinKind.LEFT, JoinKind.RIGHT, JoinKind.FULL)


@st.composite
def groups_of_joins(
    draw: st.DrawFn, kinds: tuple[JoinKind, ...] = MOSTLY_INNER, filters: bool = False
) -> Relation:
    """Joins by keys, grouped or not; of some only the first rows in an order."""
    plan = draw(join_trees(KEYED, 2, kinds))
    names = st.sampled_from(plan.schema.names)
    if filters and draw(st.booleans()):
        asked = draw(st.lists(names, min_size=1, max_size=2))
        parts = [call("greater", column(plan.schema, name), literal(1)) for name in asked]
        plan = Filter(plan, parts[0] if len(parts) < 2 else call("or", *parts))
    if filters and draw(st.booleans()):
        kept = draw(st.lists(names, min_size=1, max_size=4, unique=True))
        plan = Select(plan, tuple(Named(name, column(plan.schema, name)) for name in kept))
        names = st.sampled_from(plan.schema.names)
        plan = Distinct(plan) if draw(st.booleans()) else plan
    if draw(st.integers(0, 3)):
        keys = draw(st.lists(names, max_size=3, unique=True))
        functions = draw(st.lists(st.sampled_from(FUNCTIONS), max_size=2))
        totals = [call(function, column(plan.schema, draw(names))) for function in functions]
        plan = Aggregate(
            plan,
            tuple(Named(name, column(plan.schema, name)) for name in keys),
            tuple(Named(f"total {i}", each) for i, each in enumerate([*totals, call("count")])),
        )
    if draw(st.booleans()):
        names = st.sampled_from(plan.schema.names)
        order = draw(st.lists(names, min_size=1, max_size=2, unique=True))
        flags = draw(st.tuples(st.booleans(), st.booleans()))
        plan = Sort(plan, tuple(SortKey(column(plan.schema, name), *flags) for name in order))
        plan = Limit(plan, draw(st.integers(1, 4)), draw(st.integers(0, 2)))
    return plan


@given(plan=groups_of_joins(), homes=st.lists(st.sampled_from("pq"), min_size=4, max_size=4))
@examples(80)
def test_an_alternative_gives_the_same_rows_wherever_tables_lie(
    keyed: Database, plan: Relation, homes: list[str]
) -> None:
    home = dict(zip(KEYED, homes, strict=True))

    def stores(relation: Relation) -> list[str]:
        return [home[read.table] for read in reads(relation)]

    around = Surroundings(stores, first_is_key)
    for node in walk(rewrite(plan, first_is_key).relation):
        for other in alternatives_of(node, around):
            note(f"{describe(node)}\n=>\n{describe(other)}")
            assert other.schema == node.schema
            if isinstance(node, Limit):
                assert_first_rows(keyed, node, other)
            else:
                assert keyed.answer(other) == keyed.answer(node)


@given(plan=groups_of_joins(OUTER, filters=True))
@examples(80)
def test_a_plan_over_tables_with_keys_gives_the_same_rows_rewritten(
    keyed: Database, plan: Relation
) -> None:
    rewritten = rewrite(plan, first_is_key)
    note(f"{describe(plan)}\n=> {[step.rule for step in rewritten.trace]}")
    note(describe(rewritten.relation))
    assert rewritten.relation.schema == plan.schema
    if isinstance(plan, Limit):
        assert_first_rows(keyed, plan, rewritten.relation)
    else:
        assert keyed.answer(rewritten.relation) == keyed.answer(plan)


def first_is_key(table: str) -> tuple[frozenset[str], ...]:
    return (frozenset({KEYED[table].names[0]}),) if table in KEYED else ()


def assert_first_rows(database: Database, limit: Limit, other: Relation) -> None:
    """Both have rows of the whole that are equally far up; of those that tie it may be any."""
    assert isinstance(limit.input, Sort)
    found, whole = database.answer(looked_up_at_once(other)), database.answer(limit.input.input)
    assert found <= whole
    order = Select(
        limit, tuple(Named(f"{i}", key.expression) for i, key in enumerate(limit.input.keys))
    )
    again = Select(looked_up_at_once(other), order.outputs)
    assert database.answer(again) == database.answer(order)


def looked_up_at_once(plan: Relation) -> Relation:
    """The plan with every candidate looked up: what is more than enough is cut off above."""

    def change(relation: Relation) -> Relation:
        if not isinstance(relation, FirstMatches):
            return relation
        variable, candidates = relation.variable, relation.candidates

        def fill(read: Relation) -> Relation:
            if not isinstance(read, Read) or read.table != variable:
                return read
            outputs = (Named(name, column(read.schema, name)) for name in read.schema.names)
            return Select(candidates, tuple(outputs))

        return transform(relation.body, fill)

    return transform(plan, change)
