"""The tables and the plans that platforms are measured with: each operator, alone and with others.

The rows are the same on every machine and every platform; nothing here is anyone's data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import wayfed as wf
from wayfed_optimizer.relations import Read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from wayfed.dataset import Dataset
    from wayfed.local import Context

GROUPS: Final = 1000
_SEED: Final = 20130101
_WORDS: Final = [
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "flint",
    "grove",
    "heron",
    "ivory",
    "jetty",
    "knoll",
    "larch",
    "maple",
    "north",
]


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of the workload as datasets of a context, wherever they lie.

    Parameters
    ----------
    facts
        The large one: ``id k g x y at price code note``.
    others
        Half as many rows: ``g v``; its `g` is a key.
    groups
        A row for each `k`: ``k name weight``.
    """

    facts: Dataset
    others: Dataset
    groups: Dataset

    @property
    def names(self) -> tuple[str, ...]:
        """How the context calls them."""
        read = (each.relation for each in (self.facts, self.others, self.groups))
        return tuple(each.table for each in read if isinstance(each, Read))


def tables(rows: int) -> Mapping[str, pa.Table]:
    """Return the rows of the tables, the largest of which has `rows`."""
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(_SEED)
    half = max(1, rows // 2)
    words = np.array(_WORDS)
    codes = pa.array([f"c{number:05d}" for number in range(5000)])
    notes = pa.array([" ".join(random.choice(words, 6)) for _ in range(2000)])
    facts = pa.table(
        {
            "id": pa.array(np.arange(rows)),
            "k": pa.array(random.integers(0, GROUPS, rows)),
            "g": pa.array(random.integers(0, half, rows)),
            "x": pa.array(random.random(rows)),
            "y": pa.array(random.integers(-(1 << 20), 1 << 20, rows) / 1024),
            "at": pa.array(random.integers(10_000, 16_000, rows).astype("int32")).cast("date32"),
            "price": pa.array(random.integers(0, 10**6, rows)).cast(pa.decimal128(21, 2)),
            "code": codes.take(pa.array(random.integers(0, 5000, rows))),
            "note": notes.take(pa.array(random.integers(0, 2000, rows))),
        }
    )
    facts = facts.set_column(6, "price", facts["price"].cast(pa.decimal128(12, 2)))
    others = pa.table({"g": pa.array(random.permutation(half)), "v": pa.array(random.random(half))})
    groups = pa.table(
        {
            "k": pa.array(np.arange(GROUPS)),
            "name": pa.array([f"group {number}" for number in range(GROUPS)]),
            "weight": pa.array(random.random(GROUPS)),
        }
    )
    return {"facts": facts, "others": others, "groups": groups}


PLANS: Final[Mapping[str, Callable[[Tables], Dataset]]] = {
    "nothing": lambda t: t.groups.group_by().agg(n=wf.count()),
    "numbers": lambda t: t.facts.select("id", "x", "y"),
    "number": lambda t: t.facts.select("g"),
    "texts": lambda t: t.facts.select("code", "note"),
    "prices": lambda t: t.facts.select("price", "at"),
    "few of many": lambda t: t.facts.filter(wf.col("x") < 0.01).select("id", "code", "y"),
    "half": lambda t: t.facts.filter((wf.col("x") < 0.5) & (wf.col("y") > -900)).select("id", "y"),
    "conditions": lambda t: (
        t.facts.filter((wf.col("x") * 2 + wf.col("y") > 0.5) & (wf.col("k") + wf.col("g") > 100))
        .group_by()
        .agg(n=wf.count())
    ),
    "pattern": lambda t: (
        t.facts.filter(wf.col("note").like("%amber%north%")).group_by().agg(n=wf.count())
    ),
    "words": lambda t: (
        t.facts.with_columns(word=wf.col("note").split_part(" ", 3))
        .group_by("word")
        .agg(n=wf.count())
    ),
    "sum": lambda t: t.facts.group_by().agg(s=wf.sum("x")),
    "sums": lambda t: t.facts.group_by().agg(
        a=wf.sum("x"), b=wf.mean("y"), c=wf.max("y"), d=wf.min("x"), e=wf.count("id")
    ),
    "computed": lambda t: t.facts.group_by().agg(
        s=wf.sum(wf.col("x") * 2.5 + wf.col("y") * (wf.col("x") - 0.5) - wf.col("y") / 3)
    ),
    "few groups": lambda t: t.facts.group_by("k").agg(n=wf.count(), s=wf.sum("x")),
    "many groups": lambda t: t.facts.group_by("g").agg(n=wf.count(), s=wf.sum("x")),
    "groups by text": lambda t: t.facts.group_by("code").agg(n=wf.count(), s=wf.mean("y")),
    "different": lambda t: t.facts.group_by().agg(n=wf.count_distinct("g")),
    "medians": lambda t: t.facts.group_by("k").agg(m=wf.median("x")),
    "distinct": lambda t: t.facts.select("k", "at").distinct(),
    "small join": lambda t: t.facts.join(t.groups, on="k").group_by().agg(s=wf.sum("weight")),
    "grouped join": lambda t: (
        t.facts.join(t.groups, on="k").group_by("name").agg(n=wf.count(), s=wf.sum("y"))
    ),
    "large join": lambda t: (
        t.facts.join(t.others, on="g").group_by().agg(s=wf.sum("v"), n=wf.count())
    ),
    "joined rows": lambda t: t.facts.join(t.others, on="g").select("id", "x", "v"),
    "few joined": lambda t: (
        t.facts.filter(wf.col("x") < 0.02).join(t.others, on="g").group_by().agg(s=wf.sum("v"))
    ),
    "few matched": lambda t: (
        t.facts.join(t.others.filter(wf.col("v") < 0.02), on="g").group_by().agg(s=wf.sum("x"))
    ),
    "semi join": lambda t: (
        t.facts.join(t.others.filter(wf.col("v") < 0.3), on="g", how="semi")
        .group_by()
        .agg(n=wf.count())
    ),
    "sorted": lambda t: t.facts.select("x", "id").sort("x"),
    "first few": lambda t: t.facts.select("x", "id").sort("x").limit(10),
    "ranked": lambda t: (
        t.facts.with_columns(r=wf.row_number().over(partition_by="k", order_by="x"))
        .group_by()
        .agg(s=wf.max("r"))
    ),
    "pairs": lambda t: (
        t.groups.join(
            t.groups.rename({"k": "k2", "name": "name2", "weight": "weight2"}),
            how="inner",
            predicate=wf.col("weight") + wf.col("weight2") < 0.1,
        )
        .group_by()
        .agg(n=wf.count())
    ),
}
"""By name; each gives few rows, or rows of few columns, so that handing them out is told apart."""


def in_memory(context: Context, rows: Mapping[str, pa.Table]) -> Tables:
    """Return tables as they lie in memory."""
    return Tables(**{name: context.read(table) for name, table in rows.items()})
