"""The ends of keys shipped to a store: chosen where there are many, of a part of the table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.placement.synthetic import PaperPlatform, environment, read
from wayfed_optimizer.cost import CostProfile
from wayfed_optimizer.environment import Environment
from wayfed_optimizer.relations import Join, JoinKind, walk
from wayfed_optimizer.stages import plan
from wayfed_optimizer.statistics import ColumnStatistics, TableStatistics

ORDERS, CUSTOMERS = 1_000_000, 10_000_000


def orders_and_customers(first: int | None, last: int | None, distinct: float) -> Environment:
    """An engine with orders of the customers of some numbers, and a store with all customers."""
    env = environment(
        [
            PaperPlatform("engine", CostProfile(default_per_row=1e-8)),
            PaperPlatform("store", CostProfile(default_per_row=2e-8, per_byte_out=5e-8)),
        ],
        {"order": ("engine", ORDERS), "customer": ("store", CUSTOMERS)},
    )
    of_orders = ColumnStatistics(distinct=distinct, low=first, high=last)
    of_customers = ColumnStatistics(distinct=CUSTOMERS, low=1, high=CUSTOMERS)
    known = {
        "order": TableStatistics(env.sources["order"].statistics().rows, {"order_id": of_orders}),
        "customer": TableStatistics(
            env.sources["customer"].statistics().rows, {"customer_id": of_customers}
        ),
    }
    return replace(env, statistics=known)


def semi_joins(env: Environment, kind: JoinKind = JoinKind.INNER) -> list[tuple[str, str]]:
    """What fragments keep rows by, and where: by keys, or by what lies between their ends."""
    orders, customers = read(env, "order"), read(env, "customer")
    stages = plan(Join(orders, customers, kind, (("order_id", "customer_id"),)), env)
    return [
        (fragment.platform, "keys" if node.on else "ends")
        for fragment in stages.physical.fragments
        for node in walk(fragment.relation)
        if isinstance(node, Join) and node.kind is JoinKind.SEMI
    ]


@pytest.mark.parametrize("kind", [JoinKind.INNER, JoinKind.LEFT])
def test_of_many_neighbours_only_the_ends_are_shipped(kind: JoinKind):
    assert semi_joins(orders_and_customers(5_000_001, 6_000_000, 1e6), kind) == [("store", "ends")]


def test_a_few_keys_are_shipped_themselves():
    assert semi_joins(orders_and_customers(5_000_001, 6_000_000, 1e3)) == [("store", "keys")]


def test_keys_from_everywhere_have_no_ends_worth_shipping():
    assert semi_joins(orders_and_customers(1, CUSTOMERS, 2e5)) == [("store", "keys")]


def test_what_is_not_known_of_keys_is_not_guessed():
    assert ("store", "ends") not in semi_joins(orders_and_customers(None, None, 1e6))


def test_a_full_join_needs_what_lies_outside_too():
    assert semi_joins(orders_and_customers(5_000_001, 6_000_000, 1e6), JoinKind.FULL) == []
