"""Which relations have the same rows, however they are written."""

from __future__ import annotations

import pytest

from wayfed_optimizer.expressions import Named, SortKey, call, column, literal
from wayfed_optimizer.relations import (
    Filter,
    Hint,
    Join,
    JoinKind,
    Read,
    Relation,
    Select,
    Sort,
)
from wayfed_optimizer.statistics.structure import Structures
from wayfed_optimizer.types import Schema

A = Read("a", Schema.of(a1="int64", a2="int64"))
B = Read("b", Schema.of(b1="int64", b2="int64"))
C = Read("c", Schema.of(c1="int64"))


def key(relation: Relation) -> object:
    return Structures().key(relation)


def over(relation: Relation, name: str, value: int) -> Filter:
    return Filter(relation, call("greater", column(relation.schema, name), literal(value)))


def test_the_order_of_joins_makes_no_difference():
    left = Join(Join(A, B, on=(("a1", "b1"),)), C, on=(("b2", "c1"),))
    right = Join(Join(C, B, on=(("c1", "b2"),)), A, on=(("b1", "a1"),))
    assert key(left) == key(right)


def test_where_a_condition_stands_makes_no_difference_to_inner_joins():
    above = over(Join(A, B, on=(("a1", "b1"),)), "b2", 5)
    twice = over(over(Join(A, B, on=(("a1", "b1"),)), "b2", 5), "a2", 1)
    assert key(over(above, "a2", 1)) == key(twice)
    assert key(above) != key(twice)


@pytest.mark.parametrize(
    "same",
    [
        Hint(over(A, "a2", 5), rows=3),
        Sort(over(A, "a2", 5), (SortKey(column(A.schema, "a1")),)),
        Select(over(A, "a2", 5), (Named("x", column(A.schema, "a1")),)),
        over(Read("a", Schema.of(a2="int64")), "a2", 5),
    ],
    ids=["hint", "sort", "select", "fewer columns"],
)
def test_what_keeps_the_rows_makes_no_difference(same):
    assert key(same) == key(over(A, "a2", 5))


def test_names_make_no_difference_but_columns_do():
    renamed = Select(A, (Named("x", column(A.schema, "a2")), Named("a2", column(A.schema, "a1"))))
    assert key(over(renamed, "x", 5)) == key(over(A, "a2", 5))
    assert key(over(renamed, "a2", 5)) != key(over(A, "a2", 5))


def test_kinds_of_joins_are_told_apart():
    kinds = (JoinKind.INNER, JoinKind.LEFT, JoinKind.SEMI, JoinKind.ANTI)
    assert len({key(Join(A, B, kind, (("a1", "b1"),))) for kind in kinds}) == len(kinds)


def test_a_table_that_is_joined_with_itself_is_known_by_its_form():
    other = Select(A, (Named("b1", column(A.schema, "a1")), Named("b2", column(A.schema, "a2"))))
    one, two = Join(A, other, on=(("a1", "b2"),)), Join(A, other, on=(("a2", "b1"),))
    assert key(one) != key(two)
    assert key(one) == key(Join(A, other, on=(("a1", "b2"),)))
