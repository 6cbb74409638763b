"""Relations but joins: set operations, groups, orders, functions of Python, samples, subqueries."""

from __future__ import annotations

from hashlib import md5
from typing import TYPE_CHECKING, Any, Final

import wayfed as wf
from wayfed.testing.case import Plan, Row
from wayfed.testing.cases.subqueries import CORRELATED
from wayfed_optimizer.expressions import Expression, Subquery, SubqueryKind, call, column
from wayfed_optimizer.relations import Filter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed.dataset import Dataset

    Tables = Mapping[str, Dataset]

_A: Final = (1, "a")
_SETS: Final = (
    Plan(
        "union",
        "R8",
        "of all rows",
        lambda t: t["left_rows"].union(t["right_rows"]),
        (_A,) * 5 + ((2, None),) * 3 + ((None, "b"),) * 2 + ((3, "c"), (4, "d")),
    ),
    Plan(
        "union",
        "R9",
        "of different rows",
        lambda t: t["left_rows"].union(t["right_rows"], distinct=True),
        (_A, (2, None), (None, "b"), (3, "c"), (4, "d")),
    ),
    Plan(
        "intersect",
        "R9",
        "of different rows",
        lambda t: t["left_rows"].intersect(t["right_rows"]),
        (_A, (2, None), (None, "b")),
    ),
    Plan(
        "intersect all",
        "R8",
        "as often as both have them",
        lambda t: t["left_rows"].intersect(t["right_rows"], distinct=False),
        (_A, _A, (2, None), (None, "b")),
    ),
    Plan(
        "except",
        "R9",
        "of different rows",
        lambda t: t["left_rows"].except_(t["right_rows"]),
        ((3, "c"),),
    ),
    Plan(
        "except all",
        "R8",
        "as often as the left has more",
        lambda t: t["left_rows"].except_(t["right_rows"], distinct=False),
        (_A, (2, None), (3, "c")),
    ),
    Plan(
        "union",
        "R9",
        "with nothing",
        lambda t: t["orders"].select(n="id").union(t["nothing"].select("n")),
        tuple((i,) for i in range(1, 6)),
    ),
    Plan(
        "Distinct",
        "R9",
        "of whole rows, NULL among them",
        lambda t: t["left_rows"].distinct(),
        (_A, (2, None), (None, "b"), (3, "c")),
    ),
    Plan(
        "Distinct",
        "R10",
        "by a column",
        lambda t: t["left_rows"].filter(lambda row: row.x != 3).distinct("x"),
        (_A, (2, None)),
    ),
    Plan("Distinct", "R9", "of nothing", lambda t: t["nothing"].distinct(), ()),
)

_GROUPS: Final = (
    Plan(
        "Aggregate",
        "R11",
        "by a key that is NULL at times",
        lambda t: t["orders"].group_by("customer").agg(n=wf.count(), total=wf.sum("amount")),
        ((10, 2, 12.0), (20, 1, None), (None, 1, 1.0), (99, 1, 2.5)),
    ),
    Plan(
        "Aggregate",
        "R12",
        "of nothing is one row",
        lambda t: (
            t["nothing"]
            .group_by()
            .agg(n=wf.count(), k=wf.count("n"), s=wf.sum("n"), low=wf.min("label"))
        ),
        ((0, 0, None, None),),
    ),
    Plan(
        "Aggregate",
        "R12",
        "of nothing by key is no row",
        lambda t: t["nothing"].group_by("id").agg(n=wf.count()),
        (),
    ),
    Plan(
        "Aggregate",
        "R12",
        "of what no row passes",
        lambda t: (
            t["orders"]
            .filter(lambda row: row.amount > 100)
            .group_by()
            .agg(n=wf.count(), top=wf.max("amount"))
        ),
        ((0, None),),
    ),
    Plan(
        "Aggregate",
        "A2",
        "of rows and of different values",
        lambda t: (
            t["orders"]
            .group_by()
            .agg(n=wf.count(), d=wf.count_distinct("customer"), c=wf.count("customer"))
        ),
        ((5, 3, 4),),
    ),
    Plan(
        "Aggregate",
        "R11",
        "by an expression, then filtered",
        lambda t: (
            t["orders"]
            .group_by(even=lambda row: row.id % 2 == 0)
            .agg(n=wf.count())
            .filter(lambda row: row.n > 2)
        ),
        ((False, 3),),
    ),
    Plan(
        "Aggregate",
        "R11",
        "of an aggregate",
        lambda t: (
            t["orders"]
            .group_by("customer")
            .agg(n=wf.count())
            .group_by()
            .agg(most=wf.max("n"), groups=wf.count())
        ),
        ((2, 4),),
    ),
    Plan(
        "Aggregate",
        "R11",
        "by keys alone",
        lambda t: t["left_rows"].group_by("x").agg(n=wf.count()).select("x"),
        ((1,), (2,), (None,), (3,)),
    ),
)

_IDS: Final = tuple((i,) for i in range(1, 6))
_ORDERS: Final = (
    Plan(
        "Sort",
        "R13",
        "NULL last upwards",
        lambda t: t["orders"].sort("amount").select("id"),
        ((4,), (5,), (1,), (2,), (3,)),
        True,
    ),
    Plan(
        "Sort",
        "R13",
        "NULL last downwards",
        lambda t: t["orders"].sort("amount", descending=True).select("id"),
        ((2,), (1,), (5,), (4,), (3,)),
        True,
    ),
    Plan(
        "Sort",
        "R13",
        "NULL first where said",
        lambda t: t["orders"].sort("amount", nulls_first=True).select("id"),
        ((3,), (4,), (5,), (1,), (2,)),
        True,
    ),
    Plan(
        "Sort",
        "L11",
        "text by code point",
        lambda t: (
            t["orders"]
            .union(t["orders"].select("id", "customer", "amount", note=wf.lit("B")).limit(1))
            .select("note")
            .distinct()
            .sort("note")
        ),
        (("B",), ("a",), ("b",), ("𝄞",), (None,)),
        True,
    ),
    Plan(
        "Sort",
        "R13",
        "by two keys, each its own way",
        lambda t: t["orders"].sort(wf.col("note").desc(), "id").select("id"),
        ((5,), (2,), (1,), (3,), (4,)),
        True,
    ),
    Plan(
        "Sort",
        "R14",
        "leaves no column behind that it was by",
        lambda t: t["orders"].sort(lambda row: -row.id).select("note"),
        (("𝄞",), (None,), ("a",), ("b",), ("a",)),
        True,
    ),
    Plan(
        "Limit",
        "R15",
        "of the first",
        lambda t: t["orders"].sort("id").limit(2).select("id"),
        ((1,), (2,)),
        True,
    ),
    Plan(
        "Limit",
        "R15",
        "after an offset",
        lambda t: t["orders"].sort("id").limit(2, offset=3).select("id"),
        ((4,), (5,)),
        True,
    ),
    Plan(
        "Limit",
        "R15",
        "beyond the end",
        lambda t: t["orders"].sort("id").limit(9, offset=5).select("id"),
        (),
        True,
    ),
    Plan("Limit", "R15", "of none", lambda t: t["orders"].limit(0).select("id"), ()),
    Plan(
        "Limit",
        "R15",
        "below an aggregate",
        lambda t: t["orders"].sort("id").limit(2).group_by().agg(total=wf.sum("amount")),
        ((12.0,),),
    ),
)

_ROWS: Final = (
    Plan("Read", "R1", "of all rows", lambda t: t["orders"].select("id"), _IDS),
    Plan("Read", "R1", "of none", lambda t: t["nothing"], ()),
    Plan(
        "Select",
        "R1",
        "of computed columns",
        lambda t: t["orders"].select("id", twice=wf.col("amount") * 2).filter(lambda r: r.id > 2),
        ((3, None), (4, 2.0), (5, 5.0)),
    ),
    Plan(
        "Filter",
        "R2",
        "keeps no row of which it is not known",
        lambda t: t["orders"].filter(lambda row: row.amount > 2).select("id"),
        ((1,), (2,), (5,)),
    ),
    Plan(
        "Filter",
        "R2",
        "and its negation leave NULL out",
        lambda t: t["orders"].filter(lambda row: ~(row.amount > 2)).select("id"),
        ((4,),),
    ),
    Plan(
        "Filter",
        "R2",
        "by NULL keeps nothing",
        lambda t: t["orders"].filter(wf.lit(None) == wf.col("id")).select("id"),
        (),
    ),
    Plan(
        "Filter",
        "L1",
        "compares a float with an integer",
        lambda t: t["orders"].filter(lambda row: row.amount == 5).select("id"),
        ((1,),),
    ),
    Plan(
        "Filter",
        "E1",
        "comes before what may raise above it",
        lambda t: (
            t["extremes"]
            .filter(lambda row: row.n == 1)
            .select(up=wf.col("n") + 1, number=wf.col("text").cast("int64"))
        ),
        ((2, 12),),
    ),
    Plan(
        "Filter",
        "R2",
        "of a case",
        lambda t: (
            t["orders"]
            .filter(wf.when(wf.col("amount") > 6).then("large").otherwise("small") == "large")
            .select("id")
        ),
        ((2,),),
    ),
    Plan(
        "Window",
        "R16",
        "keeps its input's columns and rows",
        lambda t: t["left_rows"].select("y", n=wf.count().over(partition_by="y")),
        (("a", 3),) * 3 + ((None, 2),) * 2 + (("b", 1), ("c", 1)),
    ),
    Plan(
        "Window",
        "R16",
        "is filtered after it",
        lambda t: (
            t["orders"]
            .with_columns(place=wf.row_number().over(partition_by="customer", order_by="id"))
            .filter(lambda row: row.place == 1)
            .select("id")
        ),
        ((1,), (3,), (4,), (5,)),
    ),
)


def _twice(row: Any) -> dict[str, object]:
    return {"id": row.id, "half": None if row.amount is None else row.amount / 2}


def _each(row: Any) -> list[dict[str, object]]:
    return [{"letter": letter} for letter in row.note or ""]


def _counted(batch: Any) -> dict[str, list[int]]:
    return {"rows": [batch.num_rows]}


_OPAQUE: Final = (
    Plan(
        "MapBatches",
        "O1",
        "of rows to rows",
        lambda t: t["orders"].map(_twice, schema={"id": "int64", "half": "float64"}),
        ((1, 2.5), (2, 3.5), (3, None), (4, 0.5), (5, 1.25)),
    ),
    Plan(
        "MapBatches",
        "O1",
        "of rows to any number of rows",
        lambda t: t["orders"].flat_map(_each, schema={"letter": "text"}),
        (("a",), ("b",), ("a",), ("𝄞",)),
    ),
    Plan(
        "MapBatches",
        "O1",
        "of batches",
        lambda t: t["orders"].map_batches(_counted, schema={"rows": "int64"}),
        ((5,),),
    ),
)


def _drawn(seed: int, fraction: float) -> tuple[Row, ...]:
    """Return the ids of orders in a sample: those whose hash is in that part of 60 bits."""
    limit = round(fraction * 2**60)
    hashes = {
        i: md5(f"{seed}|{i}".encode(), usedforsecurity=False).hexdigest() for i in range(1, 6)
    }
    return tuple((i,) for i, digest in hashes.items() if int(digest[:15], 16) < limit)


def _reunited(tables: Tables) -> Dataset:
    some, others = tables["orders"].split(0.5, by="id")
    return some.union(others).select("id")


_SAMPLES: Final = (
    *(
        Plan(
            "Sample",
            "R17",
            f"of {fraction} by seed {seed}",
            lambda t, fraction=fraction, seed=seed: (  # type: ignore[misc]  # bound in a loop
                t["orders"].sample(fraction, by="id", seed=seed).select("id")
            ),
            _drawn(seed, fraction),
        )
        for seed, fraction in ((0, 0.5), (1, 0.5), (7, 0.3))
    ),
    Plan("Sample", "R17", "of all", lambda t: t["orders"].sample(1.0, by="id").select("id"), _IDS),
    Plan("Sample", "R17", "of none", lambda t: t["orders"].sample(0.0, by="id").select("id"), ()),
    Plan(
        "Sample",
        "R17",
        "of parts that are disjoint and together all",
        _reunited,
        _IDS,
    ),
)


def _where(
    kind: SubqueryKind,
    arg: str | None,
    inner: Callable[[Tables], Dataset],
    *,
    negated: bool = False,
) -> Callable[[Tables], Dataset]:
    """Make the plan of the ids of orders for which a subquery holds, or does not."""

    def plan(tables: Tables) -> Dataset:
        orders = tables["orders"]
        value = column(orders.schema, arg) if arg else None
        found: Expression = Subquery(kind, inner(tables).relation, value)
        if kind is SubqueryKind.SCALAR:
            found = call("greater_equal", column(orders.schema, "amount"), found)
        if negated:
            found = call("not", found)
        return orders.with_relation(Filter(orders.relation, found)).select("id")

    return plan


def _codes(tables: Tables) -> Dataset:
    return tables["customers"].select("code")


def _known_codes(tables: Tables) -> Dataset:
    return _codes(tables).drop_null()


def _none(tables: Tables) -> Dataset:
    return tables["nothing"].select("id")


def _mean(tables: Tables) -> Dataset:
    return tables["orders"].group_by().agg(mean=wf.mean("amount"))


def _no_mean(tables: Tables) -> Dataset:
    return tables["nothing"].select(n=wf.col("n").cast("float64"))


_IN, _EXISTS, _VALUE = SubqueryKind.IN, SubqueryKind.EXISTS, SubqueryKind.SCALAR
_SUBQUERIES: Final = (
    Plan(
        "Subquery", "R18", "in rows with NULL", _where(_IN, "customer", _codes), ((1,), (2,), (3,))
    ),
    Plan(
        "Subquery",
        "R18",
        "not in rows with NULL",
        _where(_IN, "customer", _codes, negated=True),
        (),
    ),
    Plan(
        "Subquery",
        "R18",
        "not in rows",
        _where(_IN, "customer", _known_codes, negated=True),
        ((5,),),
    ),
    Plan("Subquery", "R18", "in nothing", _where(_IN, "customer", _none), ()),
    Plan(
        "Subquery",
        "R18",
        "not in nothing, NULL neither",
        _where(_IN, "customer", _none, negated=True),
        _IDS,
    ),
    Plan("Subquery", "R18", "exists", _where(_EXISTS, None, _codes), _IDS),
    Plan("Subquery", "R18", "does not exist", _where(_EXISTS, None, _none, negated=True), _IDS),
    Plan("Subquery", "R19", "as a value", _where(_VALUE, None, _mean), ((1,), (2,))),
    Plan("Subquery", "R19", "as a value of no row is NULL", _where(_VALUE, None, _no_mean), ()),
)

RELATIONS: Final = (
    *_ROWS,
    *_SETS,
    *_GROUPS,
    *_ORDERS,
    *_OPAQUE,
    *_SAMPLES,
    *_SUBQUERIES,
    *CORRELATED,
)
"""Cases of lines R and O, and of others that show in whole plans only."""
