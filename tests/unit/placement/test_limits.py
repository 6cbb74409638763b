"""What planning does with plans and statistics at their limits."""

from __future__ import annotations

import pytest

from tests.unit.placement.synthetic import PaperPlatform, environment, read
from wayfed_optimizer.errors import PlanError
from wayfed_optimizer.expressions import call, column, literal
from wayfed_optimizer.relations import Distinct, Filter, Read, Relation
from wayfed_optimizer.stages import plan
from wayfed_optimizer.statistics import (
    Cardinalities,
    ColumnStatistics,
    Estimate,
    TableStatistics,
)
from wayfed_optimizer.types import Schema


def test_a_plan_too_deep_to_be_planned_says_so():
    env = environment([PaperPlatform("p")], {"t": ("p", 10)})
    deep: Relation = read(env, "t")
    for number in range(2000):
        deep = Distinct(deep, (("t_id", "t_x")[number % 2],))
        hash(deep)

    with pytest.raises(PlanError, match="nested too deeply"):
        plan(deep, env)


def test_less_than_one_distinct_value_makes_no_negative_rows():
    table = Read("t", Schema.of(a="int64"))
    few = TableStatistics(Estimate.exactly(2), {"a": ColumnStatistics(distinct=0.5)})
    one = call("equal", column(table.schema, "a"), literal(1))

    rows = Cardinalities(lambda _: few).rows(Filter(table, call("not", one)))

    assert rows.likely == 0
