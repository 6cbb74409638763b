"""Groups that are joined instead of the rows that they were made of give the same aggregates."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from tests.properties.conftest import examples
from tests.properties.test_rewriting import Database
from wayfed_optimizer.expressions import Named, call, column, literal
from wayfed_optimizer.relations import Aggregate, Filter, Join, JoinKind, Read, Relation, Select
from wayfed_optimizer.rewrite import RewriteContext, rewrite
from wayfed_optimizer.rewrite.normalise.reused_groups import reuse_groups
from wayfed_optimizer.text import describe
from wayfed_optimizer.types import Schema

TABLES = {
    "orders": Schema.of(o1="int64", o2="int64"),
    "customers": Schema.of(c1="int64", c2="int64"),
    "items": Schema.of(i1="int64", i2="int64", i3="float64"),
}
FUNCTIONS = ("sum", "min", "max", "mean", "count")


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    database, random = Database(TABLES), Random(11)
    for table, schema in TABLES.items():
        values = [[random.choice([None, 1, 2, 3, 4]) for _ in schema] for _ in range(9)]
        database.fill(table, [dict(zip(schema.names, row, strict=True)) for row in values])
    with database.connection:
        yield database


def read(table: str) -> Read:
    return Read(table, TABLES[table])


@st.composite
def aggregates(draw: st.DrawFn, prefix: str) -> tuple[Named, ...]:
    found = []
    for number in range(draw(st.integers(1, 3))):
        if draw(st.integers(0, 4)) == 0:
            function = call("count")
        else:
            name = draw(st.sampled_from(["i1", "i2", "i3"]))
            function = call(draw(st.sampled_from(FUNCTIONS)), column(TABLES["items"], name))
        found.append(Named(f"{prefix}{number}", function))
    return tuple(found)


@st.composite
def kept(draw: st.DrawFn, rows: Relation, key: str) -> Relation:
    """Rows of which a column is a key of groups of items that pass a condition."""
    by = draw(st.sampled_from(["i1", "i1", "i1", "i2"]))
    groups = Aggregate(
        read("items"),
        (Named(by, column(TABLES["items"], by)),),
        (Named("g", call("count", column(TABLES["items"], "i2"))), *draw(aggregates("h"))),
    )
    passing = Filter(groups, call("greater", column(groups.schema, "g"), literal(1)))
    own = draw(st.sampled_from([f"key of {key}", f"{key}_0"]))
    keys = Select(passing, (Named(own, column(passing.schema, by)),))
    return Join(rows, keys, JoinKind.SEMI, ((key, own),))


@st.composite
def plans(draw: st.DrawFn) -> Relation:
    rows: Relation = read("orders")
    if draw(st.booleans()):
        rows = Join(rows, read("customers"), on=(("o2", "c1"),))
    sides = [rows, read("items")] if draw(st.booleans()) else [read("items"), rows]
    on = ("o1", "i1") if sides[0] is rows else ("i1", "o1")
    rows = Join(sides[0], sides[1], on=(on,))
    for key in draw(st.sampled_from([["o1"], ["i1"], ["o1", "o2"], ["o2", "o1"], ["o1", "i1"]])):
        rows = draw(kept(rows, key))
    names = draw(st.lists(st.sampled_from(["o1", "o2", "i1"]), unique=True, max_size=2))
    keys = tuple(Named(f"by {name}", column(rows.schema, name)) for name in names)
    return Aggregate(rows, keys, draw(aggregates("a")))


@given(plan=plans())
@examples(60)
def test_groups_joined_instead_of_their_rows_give_the_same(
    database: Database, plan: Relation
) -> None:
    assert isinstance(plan, Aggregate)
    for other in (reuse_groups(plan, RewriteContext()), rewrite(plan).relation):
        if other is not None:
            note(f"{describe(plan)}\n=>\n{describe(other)}")
            assert other.schema == plan.schema
            assert database.answer(other) == database.answer(plan)
