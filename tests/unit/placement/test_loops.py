"""Loops in the search: what is computed how often, and where that makes it worth to be."""

from __future__ import annotations

import pytest

from tests.unit.placement.synthetic import PaperPlatform, environment, read
from wayfed_optimizer.cost import CostProfile
from wayfed_optimizer.errors import InvalidPlan
from wayfed_optimizer.expressions import Named, call, column
from wayfed_optimizer.placement import Loops
from wayfed_optimizer.relations import (
    Iterate,
    Join,
    JoinKind,
    Read,
    Relation,
    Select,
    SetKind,
    SetOperation,
)
from wayfed_optimizer.types import Schema

ROWS = Schema.of(a_id="int64", a_x="float64")
CURRENT = Read("current", ROWS)
OTHER = Read("other", ROWS)


def moved(current: Relation, step: Relation) -> Relation:
    """Add a step to the rows, of a table with columns b_id and b_x."""
    joined = Join(current, step, JoinKind.INNER, (("a_id", "b_id"),))
    x = call("add", column(joined.schema, "a_x"), column(joined.schema, "b_x"))
    return Select(joined, (Named("a_id", column(joined.schema, "a_id")), Named("a_x", x)))


def stores(**costs: CostProfile):
    platforms = [PaperPlatform(name, each) for name, each in costs.items()]
    return environment(platforms, {"a": ("one", 1000), "b": ("two", 1000)})


def test_what_reads_the_rows_of_no_loop_is_computed_once():
    env = stores(one=CostProfile(), two=CostProfile())
    step = read(env, "b")
    inner = Iterate(CURRENT, moved(OTHER, step), "other", 5)
    loop = Iterate(read(env, "a"), inner, "current", 100)
    loops = Loops(loop, env.sources)

    assert [loops.times(each) for each in (step, loop, CURRENT, inner, OTHER)] == [1, 1, 10, 10, 50]
    assert loops.innermost(moved(OTHER, step)) == "other"
    assert loops.innermost(inner) == "current"


def test_a_variable_is_called_like_no_table():
    env = stores(one=CostProfile(), two=CostProfile())

    with pytest.raises(InvalidPlan, match="as a table is called"):
        Loops(Iterate(read(env, "a"), Read("b", ROWS), "b", 3), env.sources)


def test_the_rows_of_a_loop_are_read_within_it_only():
    env = stores(one=CostProfile(), two=CostProfile())
    loop = Iterate(read(env, "a"), CURRENT, "current", 3)

    with pytest.raises(InvalidPlan, match="'current' are read outside of it"):
        Loops(SetOperation(SetKind.UNION, loop, CURRENT), env.sources)
