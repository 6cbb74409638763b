"""The order of joins by their sizes: what gives the fewest rows on the way."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, permutations

import pytest

from tests.unit.placement.synthetic import PaperPlatform, environment, read
from wayfed_optimizer.relations import Join, Relation, walk
from wayfed_optimizer.rewrite.alternatives import Surroundings
from wayfed_optimizer.rewrite.alternatives.orders import order_joins
from wayfed_optimizer.statistics import (
    Cardinalities,
    ColumnStatistics,
    Estimate,
    TableStatistics,
)

SIZES = {"a": 1e6, "b": 1e6, "c": 10.0, "d": 1e5}


@pytest.fixture
def env():
    made = environment([PaperPlatform("p")], {name: ("p", size) for name, size in SIZES.items()})
    known = {
        name: TableStatistics(
            Estimate.exactly(size),
            {f"{name}_id": ColumnStatistics(distinct=size / 2), f"{name}_x": ColumnStatistics()},
        )
        for name, size in SIZES.items()
    }
    return replace(made, statistics=known)


def chain(env, names) -> Join:
    made: Relation = read(env, names[0])
    for before, name in pairwise(names):
        made = Join(made, read(env, name), on=((f"{before}_id", f"{name}_id"),))
    assert isinstance(made, Join)
    return made


def rows_on_the_way(plan: Relation, rows: Cardinalities) -> float:
    return sum(rows.rows(node).likely for node in walk(plan) if isinstance(node, Join))


@pytest.mark.parametrize("names", [*permutations("abc")])
def test_the_small_table_is_joined_first_wherever_it_is_written(env, names):
    rows = Cardinalities(env.statistics_of)
    written = chain(env, names)

    other = order_joins(written, Surroundings(lambda _: (), rows=rows))

    best = other or written
    assert best.schema == written.schema
    assert rows_on_the_way(best, rows) <= rows_on_the_way(written, rows)
    first = [node for node in walk(best) if isinstance(node, Join)][-1]
    assert "c_id" in first.schema


def test_an_order_that_is_found_is_not_ordered_again(env):
    around = Surroundings(lambda _: (), rows=Cardinalities(env.statistics_of))
    other = order_joins(chain(env, "abdc"), around)

    assert other is not None
    joined = next(node for node in walk(other) if isinstance(node, Join))
    assert order_joins(joined, around) is None
