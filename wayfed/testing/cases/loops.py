"""Loops, caches and functions of Python: what runs between engines, over the rows of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import wayfed as wf
from wayfed.testing.case import Failure, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.dataset import Dataset

    Tables = Mapping[str, Dataset]


def _increased(rows: Dataset) -> Dataset:
    return rows.with_columns(q=lambda t: t.q + 1)


def _largest_beyond(limit: int) -> Any:
    """Return the condition that the largest q is beyond a limit."""
    return lambda rows: rows.group_by().agg(most=wf.max("q")).select(done=wf.col("most") > limit)


def _known(tables: Tables) -> Dataset:
    return tables["pairs"].filter(lambda t: t.p.is_not_null() & t.q.is_not_null())


def _nested(tables: Tables) -> Dataset:
    """Add the outer loop's largest q twice, in each of two outer iterations."""

    def outer(rows: Dataset) -> Dataset:
        most = rows.group_by().agg(most=wf.max("q"))

        def inner(current: Dataset) -> Dataset:
            return current.join(most, how="cross").select("p", q=wf.col("q") + wf.col("most"))

        return rows.iterate(inner, max_iterations=2)

    return _known(tables).iterate(outer, max_iterations=2)


def _joined_with_itself(rows: Dataset) -> Dataset:
    """Read the current rows three times: each row with the number and the sum of all q."""
    counted = rows.group_by().agg(n=wf.count(), total=wf.sum("q"))
    some = rows.filter(lambda t: t.q > 1).select(other="p").distinct()
    return (
        rows.join(counted, how="cross")
        .join(some, left_on="p", right_on="other", how="semi")
        .select("p", q=wf.col("total") + wf.col("n"))
    )


def _reads_two(tables: Tables) -> Dataset:
    names = (
        tables["customers"]
        .filter(lambda t: t.name.is_not_null())
        .group_by("code")
        .agg(names=wf.count())
    )
    spent = tables["orders"].group_by("customer").agg(spent=wf.sum("amount"))
    return (
        names.filter(lambda t: t.code.is_not_null())
        .select("code", total=wf.lit(0.0))
        .iterate(
            lambda rows: (
                rows.join(spent, left_on="code", right_on="customer", how="left")
                .join(names, on="code")
                .select(
                    "code",
                    total=wf.col("total") + wf.coalesce(wf.col("spent"), 0.5) * wf.col("names"),
                )
            ),
            max_iterations=3,
        )
    )


def _half(row: Any) -> dict[str, object]:
    return {"id": row.id, "half": None if row.amount is None else row.amount / 2}


def _raises(row: Any) -> dict[str, object]:
    raise ValueError(f"not {row.id}")


LOOPS: Final = (
    Plan(
        "Iterate",
        "I1",
        "until the condition is true",
        lambda t: _known(t).iterate(_increased, until=_largest_beyond(4), max_iterations=50),
        ((1, 4), (1, 5)),
    ),
    Plan(
        "Iterate",
        "I1",
        "of which the condition was true before",
        lambda t: _known(t).iterate(_increased, until=_largest_beyond(0), max_iterations=50),
        ((1, 2), (1, 3)),
    ),
    Plan(
        "Iterate",
        "I1",
        "without a condition",
        lambda t: t["pairs"].iterate(_increased, max_iterations=3),
        ((1, 4), (1, 5), (1, None), (None, 4), (None, None)),
    ),
    Plan(
        "Iterate",
        "I3",
        "in the body of a loop",
        _nested,
        ((1, 17), (1, 18)),
    ),
    Plan(
        "Iterate",
        "I3",
        "whose body reads the current rows three times",
        lambda t: _known(t).iterate(_joined_with_itself, max_iterations=2),
        ((1, 12), (1, 12)),
    ),
    Plan(
        "Iterate",
        "I4",
        "over no rows",
        lambda t: t["nothing"].iterate(
            lambda rows: rows.with_columns(n=lambda r: r.n + 1), max_iterations=3
        ),
        (),
    ),
    Plan(
        "Iterate",
        "I4",
        "whose body leaves no rows",
        lambda t: t["pairs"].iterate(lambda rows: rows.filter(lambda r: r.p > 5), max_iterations=3),
        (),
    ),
    Plan(
        "Iterate",
        "I5",
        "whose body reads two tables of outside",
        _reads_two,
        ((10, 36.0), (20, 3.0)),
    ),
    Plan(
        "Iterate",
        "I5",
        "whose body is a function of Python over a join",
        lambda t: (
            t["orders"]
            .select("id", amount="amount")
            .iterate(
                lambda rows: (
                    rows.join(t["orders"].select(other="id"), left_on="id", right_on="other")
                    .map(_half, schema={"id": "int64", "half": "float64"})
                    .rename({"half": "amount"})
                ),
                max_iterations=2,
            )
        ),
        ((1, 1.25), (2, 1.75), (3, None), (4, 0.25), (5, 0.625)),
    ),
    Plan(
        "Cache",
        "I6",
        "read once",
        lambda t: t["pairs"].filter(lambda r: r.p == 1).cache().select("q"),
        ((1,), (2,), (None,)),
    ),
    Plan(
        "Cache",
        "I6",
        "read twice",
        lambda t: _twice(_known(t).cache()),
        ((1, 1), (1, 2), (2, 1), (2, 2)),
    ),
    Plan("Cache", "I6", "of no rows", lambda t: t["nothing"].cache(), ()),
    Plan(
        "Cache",
        "I6",
        "of the current rows of a loop",
        lambda t: _known(t).iterate(lambda rows: _increased(rows).cache(), max_iterations=2),
        ((1, 3), (1, 4)),
    ),
    Plan(
        "MapBatches",
        "O2",
        "over no rows",
        lambda t: t["nothing"].map(lambda row: {"id": 1 / 0}, schema={"id": "int64"}),
        (),
    ),
    Plan(
        "MapBatches",
        "O2",
        "that makes no rows",
        lambda t: t["orders"].flat_map(lambda row: [], schema={"id": "int64"}),
        (),
    ),
    Plan(
        "MapBatches",
        "O2",
        "of several batches for one",
        lambda t: (
            t["orders"]
            .select("id")
            .map_batches(lambda batch: iter([batch, batch]), schema={"id": "int64"})
            .group_by("id")
            .agg(n=wf.count())
        ),
        ((1, 2), (2, 2), (3, 2), (4, 2), (5, 2)),
    ),
)
"""Cases of lines I and O."""

LOOP_FAILURES: Final = (
    Failure(
        "Iterate",
        "I2",
        "whose condition has no row",
        lambda t: t["nothing"].iterate(
            lambda rows: rows,
            until=lambda rows: rows.select(done=wf.col("n") > 1),
            max_iterations=3,
        ),
    ),
    Failure(
        "Iterate",
        "I2",
        "whose condition has several rows",
        lambda t: t["pairs"].iterate(
            lambda rows: rows,
            until=lambda rows: rows.select(done=wf.col("q") > 1),
            max_iterations=3,
        ),
    ),
    Failure(
        "Iterate",
        "I2",
        "whose body overflows",
        lambda t: (
            t["extremes"]
            .select("id", n=wf.col("id") * 2**61)
            .filter(lambda r: r.id == 1)
            .iterate(lambda rows: rows.with_columns(n=lambda r: r.n * 2), max_iterations=3)
        ),
    ),
    Failure(
        "MapBatches",
        "O3",
        "that raises",
        lambda t: t["orders"].map(_raises, schema={"id": "int64"}),
    ),
    Failure(
        "MapBatches",
        "O3",
        "that returns another type",
        lambda t: t["orders"].map(lambda row: {"id": "x"}, schema={"id": "int64"}),
    ),
    Failure(
        "MapBatches",
        "O3",
        "that returns a fraction for an integer",
        lambda t: t["orders"].map(lambda row: {"id": 1.5}, schema={"id": "int64"}),
    ),
    Failure(
        "MapBatches",
        "O3",
        "that returns nothing for several rows",
        lambda t: t["orders"].flat_map(lambda row: None, schema={"id": "int64"}),
    ),
)
"""What has no answer in lines I and O."""


def _twice(kept: Dataset) -> Dataset:
    """Pair the rows of a cache with its own rows."""
    return kept.select(a="q").join(kept.select(b="q"), how="cross")
