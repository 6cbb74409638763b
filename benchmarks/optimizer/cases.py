"""The cases of choice: queries over two tables, and every place where the tables may lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import pyarrow as pa

import wayfed as wf
from wayfed.calibration.workload import GROUPS, tables
from wayfed.dataset import Dataset

PARQUET, MEMORY, POSTGRESQL, SLOW, SQLITE = "parquet", "memory", "postgresql", "slow", "sqlite"

HERE = (PARQUET, MEMORY)
"""What lies where only DuckDB reads it."""

SIZES: Mapping[str, float] = {POSTGRESQL: 1.0, PARQUET: 1.0, MEMORY: 1.0, SQLITE: 0.5, SLOW: 0.2}
"""What part of the rows a place has: where reading takes long, fewer tell as much."""

On = Callable[[str, Dataset], Dataset]
"""Puts the part of a query that has a name on the platform that is tried."""


def _few_groups(facts: Dataset, others: Dataset, on: On) -> Dataset:
    grouped = on("facts", facts.group_by("k").agg(n=wf.count(), s=wf.sum("y")))
    return on("top", grouped.filter(wf.col("n") > 3))


def _many_groups(facts: Dataset, others: Dataset, on: On) -> Dataset:
    return on("facts", facts.group_by("g").agg(n=wf.count(), s=wf.sum("x")))


def _distinct_counts(facts: Dataset, others: Dataset, on: On) -> Dataset:
    return on("facts", facts.group_by("k").agg(n=wf.count_distinct("g")))


def _medians(facts: Dataset, others: Dataset, on: On) -> Dataset:
    return on("facts", facts.group_by("k").agg(m=wf.median("x"), n=wf.count()))


def _ranked(facts: Dataset, others: Dataset, on: On) -> Dataset:
    ranked = facts.with_columns(r=wf.row_number().over(partition_by="k", order_by="x"))
    return on("facts", ranked.filter(wf.col("r") == 3).select("k", "x"))


def _pattern(facts: Dataset, others: Dataset, on: On) -> Dataset:
    found = facts.filter(wf.col("note").like("%amber%north%"))
    return on("facts", found.group_by("k").agg(n=wf.count()))


def _words(facts: Dataset, others: Dataset, on: On) -> Dataset:
    words = facts.with_columns(word=wf.col("note").split_part(" ", 3))
    return on("facts", words.group_by("word").agg(n=wf.count(), s=wf.sum("x")))


def _computed(facts: Dataset, others: Dataset, on: On) -> Dataset:
    x, y = wf.col("x"), wf.col("y")
    terms = (x * 2.5 + y * (x - 0.5) - y / 3) * (x + y) / (y * y + 1) + (x - y) * (x - 0.25) * y
    return on("facts", facts.group_by().agg(s=wf.sum(terms), m=wf.max(terms - x)))


def _sorted(facts: Dataset, others: Dataset, on: On) -> Dataset:
    return on("facts", facts.select("x", "id", "y").sort("x"))


def _first_few(facts: Dataset, others: Dataset, on: On) -> Dataset:
    return on("facts", facts.sort("y", "id", descending=True).limit(20))


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


def _half_matched(facts: Dataset, others: Dataset, on: On) -> Dataset:
    half = on("others", others.filter(wf.col("v") < 0.5))
    return on("top", on("facts", facts.select("id", "g", "x")).join(half, on="g"))


def _described(facts: Dataset, labels: Dataset, on: On) -> Dataset:
    some = on("facts", facts.filter(wf.col("x") < 0.5).select("id", "k", "y"))
    return on("top", some.join(on("others", labels), on="k"))


@dataclass(frozen=True)
class Query:
    """A query, the parts of it that have a choice, and its second table, if it reads one."""

    ask: Callable[[Dataset, Dataset, On], Dataset]
    parts: tuple[str, ...] = ("facts",)
    second: str = "others"


ALONE: Mapping[str, Query] = {
    "few groups": Query(_few_groups),
    "many groups": Query(_many_groups),
    "distinct counts": Query(_distinct_counts),
    "medians": Query(_medians),
    "ranked": Query(_ranked),
    "pattern": Query(_pattern),
    "words": Query(_words),
    "computed": Query(_computed),
    "sorted": Query(_sorted),
    "first few": Query(_first_few),
}
"""Over one table, by name."""

JOINS: Mapping[str, Query] = {
    "join": Query(_join, ("facts", "top")),
    "few joined": Query(_few_joined, ("facts", "top")),
    "first joined": Query(_first_joined, ("facts", "top")),
    "some others": Query(_some_others, ("others", "top")),
    "half matched": Query(_half_matched, ("others", "top")),
    "described": Query(_described, ("facts", "top"), "labels"),
}
"""Over two, by name."""

QUERIES: Mapping[str, Query] = {**ALONE, **JOINS}

_PAIRS = (
    (POSTGRESQL, POSTGRESQL),
    (SLOW, SLOW),
    (SQLITE, SQLITE),
    (POSTGRESQL, PARQUET),
    (PARQUET, POSTGRESQL),
    (SLOW, PARQUET),
    (MEMORY, SLOW),
    (SQLITE, MEMORY),
    (PARQUET, SQLITE),
    (SLOW, SQLITE),
    (POSTGRESQL, SQLITE),
)
_CAPPED = ("many groups", "medians", "sorted", "ranked")


@dataclass(frozen=True)
class Case:
    """A query over tables in certain places, of a certain size.

    Parameters
    ----------
    query
        By name.
    facts, others
        Where the two tables lie.
    rows
        Of the larger one.
    capped
        Whether DuckDB has little memory.
    """

    query: str
    facts: str
    others: str
    rows: int
    capped: bool = False

    @property
    def name(self) -> str:
        """For people."""
        places = self.facts if self.query in ALONE else f"{self.facts} {self.others}"
        return f"{self.query} · {places} · {self.rows}" + (" · capped" if self.capped else "")

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the query that have a choice."""
        return QUERIES[self.query].parts

    @property
    def second(self) -> str:
        """The name of the second table."""
        return QUERIES[self.query].second

    def dataset(self, facts: Dataset, others: Dataset, on: On) -> Dataset:
        """Return the query."""
        return QUERIES[self.query].ask(facts, others, on)

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


def cases(rows: int) -> tuple[Case, ...]:
    """Return all cases, whose tables have so many rows, or a part of them."""
    alone = ((query, (place, place)) for query, place in product(ALONE, (POSTGRESQL, SLOW, SQLITE)))
    pairs = tuple(product(JOINS, _PAIRS))[::2]
    free = (
        Case(query, *where, round(rows * min(map(SIZES.__getitem__, where))))
        for query, where in (*alone, *pairs)
    )
    capped = (Case(query, POSTGRESQL, POSTGRESQL, rows, capped=True) for query in _CAPPED)
    return (*free, *capped)


def rows_of(size: int) -> Mapping[str, pa.Table]:
    """Return the rows of the tables, the largest of which has so many."""
    found = tables(size)
    text = pa.array(
        [f"group {number}: " + "what there is to say of it; " * 8 for number in range(GROUPS)]
    )
    labels = pa.table({"k": found["groups"]["k"], "label": text})
    return {"facts": found["facts"], "others": found["others"], "labels": labels}
