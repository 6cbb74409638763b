"""Tables of a store that others there reduce, whatever they are joined with elsewhere."""

from __future__ import annotations

import pytest

from wayfed_optimizer.expressions import call, column, literal
from wayfed_optimizer.relations import Filter, Join, JoinKind, Limit, Read, Relation, reads, walk
from wayfed_optimizer.rewrite.alternatives import Surroundings
from wayfed_optimizer.rewrite.alternatives.orders import order_joins
from wayfed_optimizer.statistics import Cardinalities, ColumnStatistics, Estimate, TableStatistics
from wayfed_optimizer.types import Schema

TABLES = {
    "customers": (Schema.of(customer="int64", lives_in="int64"), 150_000),
    "suppliers": (Schema.of(supplier="int64", works_in="int64"), 10_000),
    "countries": (Schema.of(country="int64", area="int64"), 25),
    "parcels": (Schema.of(by="int64", to="int64"), 6_000_000),
}
FILES = {"parcels"}


def rows() -> Cardinalities:
    known = {
        table: TableStatistics(
            Estimate.exactly(size),
            {
                name: ColumnStatistics(distinct=min(size, 25 if name.endswith("_in") else size))
                for name in schema.names
            },
        )
        for table, (schema, size) in TABLES.items()
    }
    return Cardinalities(known.__getitem__)


def stores(relation: Relation) -> list[str]:
    return ["anywhere" if read.table in FILES else "bank" for read in reads(relation)]


def table(name: str) -> Read:
    return Read(name, TABLES[name][0])


def of_one_area() -> Relation:
    countries = table("countries")
    return Filter(countries, call("equal", column(countries.schema, "area"), literal(3)))


def parcels_within(countries: Relation) -> Join:
    """Parcels whose sender and receiver are of the same one of some countries."""
    received = Join(table("customers"), table("parcels"), on=(("customer", "to"),))
    sent = Join(received, table("suppliers"), on=(("by", "supplier"), ("lives_in", "works_in")))
    return Join(sent, countries, on=(("works_in", "country"),))


def semi_joins(plan: Relation | None) -> dict[str, set[str]]:
    """What each table that is reduced is reduced by."""
    assert plan is not None
    joins = [n for n in walk(plan) if isinstance(n, Join) and n.kind is JoinKind.SEMI]
    return {
        read.table: {by.table for by in reads(join.right)}
        for join in joins
        for read in reads(join.left)
    }


def test_a_table_is_reduced_by_what_another_of_its_store_is_joined_with():
    plan = parcels_within(of_one_area())

    other = order_joins(plan, Surroundings(stores, rows=rows()))

    # Either customers or suppliers are joined with countries there; the others need them too.
    assert other is not None
    assert other.schema == plan.schema
    assert [*semi_joins(other).values()] == [{"countries"}]


@pytest.mark.parametrize(
    "countries",
    [table("countries"), Limit(of_one_area(), 3)],
    ids=["what leaves all rows", "what may differ each time"],
)
def test_nothing_is_reduced_by(countries):
    other = order_joins(parcels_within(countries), Surroundings(stores, rows=rows()))

    assert other is None or not semi_joins(other)


def test_files_are_not_reduced_before_they_are_read():
    everywhere = Surroundings(lambda relation: ["anywhere" for _ in reads(relation)], rows=rows())

    other = order_joins(parcels_within(of_one_area()), everywhere)

    assert other is None or not semi_joins(other)


def test_what_is_reduced_is_not_reduced_again():
    around = Surroundings(stores, rows=rows())
    other = order_joins(parcels_within(of_one_area()), around)
    assert other is not None

    again = order_joins(next(n for n in walk(other) if isinstance(n, Join)), around)

    assert again is None or semi_joins(again) == semi_joins(other)
