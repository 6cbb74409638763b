"""The cases of choice: queries over two tables, and every place where the tables may lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import wayfed as wf
from wayfed.dataset import Dataset

PARQUET, MEMORY, POSTGRESQL, SLOW, SQLITE = "parquet", "memory", "postgresql", "slow", "sqlite"
CAPPED = "capped"
"""Parquet, read by a DuckDB that may hold 100 MB."""

HERE = (PARQUET, MEMORY, CAPPED)
"""What lies where only DuckDB reads it."""

On = Callable[[str, Dataset], Dataset]
"""Puts the part of a query that has a name on the platform that is tried."""


def _few_groups(facts: Dataset, others: Dataset, on: On) -> Dataset:
    grouped = on("facts", facts.group_by("k").agg(n=wf.count(), s=wf.sum("y")))
    return on("top", grouped.filter(wf.col("n") > 3))


def _many_groups(facts: Dataset, others: Dataset, on: On) -> Dataset:
    return on("top", on("facts", facts.group_by("g").agg(n=wf.count(), s=wf.sum("x"))))


def _medians(facts: Dataset, others: Dataset, on: On) -> Dataset:
    ranked = facts.with_columns(r=wf.row_number().over(partition_by="k", order_by="x"))
    return on("top", ranked.filter(wf.col("r") == 3).select("k", "x"))


def _join(facts: Dataset, others: Dataset, on: On) -> Dataset:
    joined = on("facts", facts.select("g", "k", "y")).join(on("others", others), on="g")
    return on("top", joined.group_by("k").agg(s=wf.sum("v"), n=wf.count()))


def _few_joined(facts: Dataset, others: Dataset, on: On) -> Dataset:
    few = on("facts", facts.filter(wf.col("x") < 0.002).select("id", "g", "y"))
    return on("top", few.join(on("others", others), on="g"))


def _first_joined(facts: Dataset, others: Dataset, on: On) -> Dataset:
    few = on("facts", facts.sort("y", descending=True).limit(20).select("id", "g", "y"))
    return on("top", few.join(on("others", others), on="g"))


def _some_others(facts: Dataset, others: Dataset, on: On) -> Dataset:
    few = on("others", others.filter(wf.col("v") < 0.001))
    joined = on("facts", facts.select("g", "x")).join(few, on="g")
    return on("top", joined.group_by().agg(s=wf.sum("x"), n=wf.count()))


QUERIES: Mapping[str, tuple[Callable[[Dataset, Dataset, On], Dataset], tuple[str, ...]]] = {
    "few groups": (_few_groups, ("facts",)),
    "many groups": (_many_groups, ("facts",)),
    "ranked": (_medians, ("top",)),
    "join": (_join, ("facts", "top")),
    "few joined": (_few_joined, ("facts", "top")),
    "first joined": (_first_joined, ("facts", "top")),
    "some others": (_some_others, ("others", "top")),
}
"""By name: the query, and the parts of it that have a choice."""

_ALONE = (POSTGRESQL, SLOW, SQLITE)
_PAIRS = (
    (POSTGRESQL, POSTGRESQL),
    (POSTGRESQL, PARQUET),
    (PARQUET, POSTGRESQL),
    (SLOW, PARQUET),
    (SLOW, SLOW),
    (MEMORY, SLOW),
    (CAPPED, POSTGRESQL),
    (SQLITE, SQLITE),
    (SQLITE, MEMORY),
    (PARQUET, SQLITE),
    (SLOW, SQLITE),
)


@dataclass(frozen=True)
class Case:
    """A query over tables in certain places, of a certain size."""

    query: str
    facts: str
    others: str
    rows: int

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.query} · {self.facts} {self.others} · {self.rows}"

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the query that have a choice."""
        return QUERIES[self.query][1]

    def dataset(self, facts: Dataset, others: Dataset, on: On) -> Dataset:
        """Return the query."""
        return QUERIES[self.query][0](facts, others, on)

    def choices(self, names: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
        """Yield all placements of the parts; `names` are those of the platforms by place."""
        stores = dict.fromkeys(names[place] for place in (self.facts, self.others))
        own = {"facts": names[self.facts], "others": names[self.others]}
        for where in product(*(self._where(part, own, tuple(stores)) for part in self.parts)):
            yield dict(zip(self.parts, where, strict=True))

    @staticmethod
    def _where(part: str, own: Mapping[str, str], stores: tuple[str, ...]) -> tuple[str, ...]:
        at = stores if part == "top" else (own[part],)
        return tuple(dict.fromkeys((*at, "duckdb")))


def cases(sizes: tuple[int, ...]) -> tuple[Case, ...]:
    """Return all cases."""
    alone = product(("few groups", "many groups", "ranked"), ((p, p) for p in _ALONE), sizes)
    pairs = product(("join", "few joined", "first joined", "some others"), _PAIRS, sizes[:1])
    return tuple(Case(query, *where, rows) for query, where, rows in (*alone, *pairs))
