"""A semi join above joins goes down to the input whose columns it compares, where that pays."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from wayfed_optimizer.expressions import Named, column
from wayfed_optimizer.relations import Join, JoinKind, Read, Relation, Select
from wayfed_optimizer.rewrite.alternatives import Surroundings
from wayfed_optimizer.rewrite.alternatives.semi_joins import lower_semi_join
from wayfed_optimizer.statistics import Cardinalities, ColumnStatistics, Estimate, TableStatistics
from wayfed_optimizer.types import Schema

ORDERS = Read("orders", Schema.of(order="int64", customer="int64"))
ITEMS = Read("items", Schema.of(item_order="int64", price="float64"))
WANTED = Read("wanted", Schema.of(wanted="int64"))
ON = (("order", "item_order"),)
MILLIONS: Mapping[str, tuple[float, Mapping[str, float]]] = {
    "orders": (1e6, {"order": 1e6}),
    "items": (4e6, {"item_order": 1e6}),
}


def around(wanted: float) -> Surroundings:
    """Of a million orders, so many are wanted."""

    def known(table: str) -> TableStatistics:
        rows, distinct = MILLIONS.get(table, (wanted, {"wanted": wanted}))
        columns = {name: ColumnStatistics(distinct=number) for name, number in distinct.items()}
        return TableStatistics(Estimate.exactly(rows), columns)

    return Surroundings(lambda relation: ("here",), rows=Cardinalities(known))


def semi(rows: Relation, name: str) -> Join:
    return Join(rows, WANTED, JoinKind.SEMI, ((name, "wanted"),))


def test_orders_that_few_are_wanted_of_are_kept_before_their_items_are_joined():
    joined = Join(ORDERS, ITEMS, JoinKind.INNER, ON)
    lowered = Join(semi(ORDERS, "order"), ITEMS, JoinKind.INNER, ON)
    assert lower_semi_join(semi(joined, "order"), around(100)) == lowered
    assert lower_semi_join(lowered, around(100)) is None


def test_it_goes_below_other_names_of_the_columns():
    joined = Join(ORDERS, ITEMS, JoinKind.INNER, ON)
    renamed = Select(joined, (Named("number", column(joined.schema, "order")),))
    lowered = Join(semi(ORDERS, "order"), ITEMS, JoinKind.INNER, ON)
    assert lower_semi_join(semi(renamed, "number"), around(100)) == Select(lowered, renamed.outputs)


@pytest.mark.parametrize("kind", [JoinKind.RIGHT, JoinKind.FULL])
def test_rows_that_a_join_fills_with_nulls_are_asked_for_after_it(kind: JoinKind):
    assert lower_semi_join(semi(Join(ORDERS, ITEMS, kind, ON), "order"), around(100)) is None


def test_where_most_are_wanted_it_stays():
    joined = Join(ORDERS, ITEMS, JoinKind.INNER, ON)
    assert lower_semi_join(semi(joined, "order"), around(9e5)) is None
