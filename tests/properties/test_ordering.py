"""Joins in the order of their sizes, their tables reduced by others, give the same rows."""

from __future__ import annotations

from hypothesis import given, note
from hypothesis import strategies as st

from tests.properties.conftest import examples
from tests.properties.test_rewriting import JOINED, Database, join_trees, joined
from wayfed_optimizer.relations import Join, Relation, reads
from wayfed_optimizer.rewrite.alternatives import Surroundings
from wayfed_optimizer.rewrite.alternatives.orders import order_joins
from wayfed_optimizer.statistics import Cardinalities, ColumnStatistics, Estimate, TableStatistics
from wayfed_optimizer.text import describe

__all__ = ["joined"]
FEW = examples(50)


def estimates(sizes: list[int]) -> Cardinalities:
    """Estimates of tables with so many rows, and half as many values in each column."""
    tables = {
        name: TableStatistics(
            Estimate.exactly(size),
            {f.name: ColumnStatistics(distinct=max(1.0, size / 2)) for f in schema},
        )
        for (name, schema), size in zip(JOINED.items(), sizes, strict=True)
    }
    return Cardinalities(tables.__getitem__)


SIZES = st.lists(st.sampled_from([10, 1000, 100_000, 10_000_000]), min_size=5, max_size=5)
HOMES = st.lists(st.sampled_from(["p", "q", "anywhere"]), min_size=5, max_size=5)


@given(tree=join_trees(), sizes=SIZES, homes=HOMES)
@FEW
def test_joins_in_the_order_of_their_sizes_give_the_same_rows(
    joined: Database,  # the fixture of that name
    tree: Relation,
    sizes: list[int],
    homes: list[str],
) -> None:
    home = dict(zip(JOINED, homes, strict=True))
    around = Surroundings(
        lambda relation: sorted(home[read.table] for read in reads(relation)),
        rows=estimates(sizes),
    )
    while not isinstance(tree, Join):
        (tree,) = tree.inputs
    other = order_joins(tree, around)
    if other is not None:
        note(f"{describe(tree)}\n=>\n{describe(other)}")
        assert other.schema == tree.schema
        assert joined.answer(other) == joined.answer(tree)
