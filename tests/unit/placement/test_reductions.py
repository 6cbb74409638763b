"""Keys shipped to a store: chosen where few rows of a large table match, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.placement.synthetic import PaperPlatform, environment, read
from wayfed_optimizer.cost import CostProfile
from wayfed_optimizer.expressions import Column, Named, call
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Hint,
    Join,
    JoinKind,
    Limit,
    Read,
    Select,
    walk,
)
from wayfed_optimizer.relations.varying import varies
from wayfed_optimizer.rewrite import ALTERNATIVES, Rewritten
from wayfed_optimizer.stages import Stages, place_rewritten, plan
from wayfed_optimizer.statistics import ColumnStatistics, Estimate, TableStatistics
from wayfed_optimizer.types import TEXT, Schema

REDUCTIONS = frozenset({"reduce_left", "reduce_right"})


def orders_and_customers(customers_asked_for: float):
    """An engine with a million orders of some customers, and a store with ten million customers."""
    env = environment(
        [
            PaperPlatform("engine", CostProfile(default_per_row=1e-8)),
            PaperPlatform("store", CostProfile(default_per_row=2e-8, per_byte_out=5e-8)),
        ],
        {"order": ("engine", 1e6), "customer": ("store", 1e7)},
    )
    distinct = {"order": customers_asked_for, "customer": 1e7}
    known = {
        name: TableStatistics(
            source.statistics().rows, {f"{name}_id": ColumnStatistics(distinct=distinct[name])}
        )
        for name, source in env.sources.items()
    }
    return replace(env, statistics=known)


def joined(env, kind=JoinKind.INNER, *, flipped: bool = False) -> Join:
    orders, customers = read(env, "order"), read(env, "customer")
    if flipped:
        return Join(customers, orders, kind, (("customer_id", "order_id"),))
    return Join(orders, customers, kind, (("order_id", "customer_id"),))


def looked_up(stages: Stages) -> list[str]:
    """The platforms of the fragments that keep rows by shipped keys."""
    return [
        fragment.platform
        for fragment in stages.physical.fragments
        for node in walk(fragment.relation)
        if isinstance(node, Join) and node.kind is JoinKind.SEMI
    ]


@pytest.mark.parametrize("kind", [JoinKind.INNER, JoinKind.LEFT])
def test_the_keys_of_a_few_customers_are_shipped_to_their_store(kind: JoinKind):
    env = orders_and_customers(1_000)

    stages = plan(joined(env, kind), env)

    assert looked_up(stages) == ["store"]
    assert stages.physical.result.platform == "engine"
    assert stages.physical.result.relation.schema == joined(env, kind).schema


def test_a_right_join_ships_the_keys_of_its_right_side():
    env = orders_and_customers(1_000)
    assert looked_up(plan(joined(env, JoinKind.RIGHT, flipped=True), env)) == ["store"]


def test_what_ships_its_keys_is_computed_once_and_costs_once():
    env = orders_and_customers(1_000)
    stages = plan(joined(env), env)
    known = {table: env.statistics_of(table) for table in env.sources}
    others = [rule for rule in ALTERNATIVES if rule.name not in REDUCTIONS]
    without = place_rewritten(joined(env), Rewritten(joined(env)), env, known, rules=others)

    computed = [(f.platform, f.computes) for f in stages.physical.fragments]
    assert len(set(computed)) == len(computed)
    assert stages.physical.cost.seconds < without.physical.cost.seconds


def test_more_than_half_of_the_keys_are_not_shipped():
    env = orders_and_customers(1e6)
    few = replace(env.statistics["customer"], rows=Estimate.exactly(1.5e6))
    env = replace(env, statistics={**env.statistics, "customer": few})
    assert looked_up(plan(joined(env), env)) == []


def test_a_full_join_needs_all_rows():
    env = orders_and_customers(1_000)
    assert looked_up(plan(joined(env, JoinKind.FULL), env)) == []


def test_the_keys_are_those_of_the_other_side_each_once():
    env = orders_and_customers(1_000)
    stages = plan(joined(env), env)

    (keys,) = (f for f in stages.physical.fragments if isinstance(f.relation, Distinct))

    assert isinstance(keys.relation, Distinct)
    assert isinstance(keys.relation.input, Select)
    assert keys.rows.likely == pytest.approx(1_000, rel=0.01)


@pytest.mark.parametrize("rows", [None, 900_000])
def test_rows_that_any_run_may_choose_otherwise_are_chosen_once(rows: int | None):
    env = orders_and_customers(1_000)
    some = Limit(read(env, "order"), 900_000)
    known = some if rows is None else Hint(some, rows=rows)
    plain = joined(env, JoinKind.LEFT)

    stages = plan(Join(known, plain.right, plain.kind, plain.on), env)

    nodes = [node for f in stages.physical.fragments for node in walk(f.relation)]
    assert sum(isinstance(node, Limit) for node in nodes) == 1


def test_texts_that_engines_make_otherwise_are_computed_once():
    name = Column("name", TEXT)
    rows = Read("people", Schema.of(name="text"))
    assert varies(Select(rows, (Named("n", call("lower", name)),)))
    assert varies(Aggregate(rows, (), (Named("n", call("any_value", name)),)))
    assert not varies(Aggregate(rows, (), (Named("n", call("max", name)),)))
