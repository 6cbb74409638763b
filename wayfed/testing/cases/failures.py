"""What has no answer: every platform says so, and none makes one up."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import wayfed as wf
from wayfed.testing.case import Failure
from wayfed.testing.cases.subqueries import SEVERAL_VALUES
from wayfed_optimizer.expressions import Named, Subquery, SubqueryKind, call, column, literal
from wayfed_optimizer.relations import Filter, Select

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed.dataset import Dataset


def _outside(
    function: str, moment: dt.date, count: int
) -> Callable[[Mapping[str, Dataset]], Dataset]:
    """Make the plan that adds to a constant what leads beyond the years that there are."""

    def plan(tables: Mapping[str, Dataset]) -> Dataset:
        orders = tables["orders"]
        several = call("multiply", column(orders.schema, "id"), literal(count))
        moved = Named("moved", call(function, literal(moment), several))
        return orders.with_relation(Select(orders.relation, (moved,)))

    return plan


def _read_as(text: str) -> Callable[[Mapping[str, Dataset]], Dataset]:
    """Make the plan that reads a text as a date."""

    def plan(tables: Mapping[str, Dataset]) -> Dataset:
        repeated = wf.lit(text).repeat(wf.col("id") * 0 + 1)
        return tables["orders"].select(at=repeated.strptime("%Y-%m-%d"))

    return plan


def _cast_to(kind: str, text: str) -> Callable[[Mapping[str, Dataset]], Dataset]:
    """Make the plan that casts a text."""

    def plan(tables: Mapping[str, Dataset]) -> Dataset:
        repeated = wf.lit(text).repeat(wf.col("id") * 0 + 1)
        return tables["orders"].select(at=repeated.cast(kind))

    return plan


_FIRST: Final = dt.datetime(1, 1, 1)
_LAST: Final = dt.datetime(9999, 12, 31)


def _ambiguous(tables: Mapping[str, Dataset]) -> Dataset:
    """Compare with the one value of a subquery that has several."""
    orders = tables["orders"]
    several = Subquery(SubqueryKind.SCALAR, orders.select("id").relation)
    equal = call("equal", column(orders.schema, "id"), several)
    return orders.with_relation(Filter(orders.relation, equal))


FAILURES: Final = (
    Failure("add_days", "D5", "beyond the year 9999", _outside("add_days", _LAST.date(), 1)),
    Failure("add_days", "D5", "before the year 1", _outside("add_days", _FIRST, -1)),
    Failure(
        "make_date",
        "D9",
        "of February 30",
        lambda t: t["orders"].select(d=wf.make_date(2024, 2, wf.col("id") + 29)),
    ),
    Failure(
        "make_date",
        "D9",
        "beyond the year 9999",
        lambda t: t["orders"].select(d=wf.make_date(wf.col("id") + 9999, 1, 1)),
    ),
    *(
        Failure("strptime", "D11", f"of {text}", _read_as(text))
        for text in ("2024-1-5", "2024-02-30", " 2024-01-05", "0000-01-01", "today")
    ),
    Failure("add_months", "D7", "beyond the year 9999", _outside("add_months", _LAST, 1)),
    Failure("add_months", "D7", "before the year 1", _outside("add_months", _FIRST.date(), -1)),
    Failure(
        "add_microseconds",
        "D8",
        "beyond the year 9999",
        _outside("add_microseconds", _LAST, 86_400_000_000),
    ),
    Failure(
        "add_microseconds", "D8", "before the year 1", _outside("add_microseconds", _FIRST, -1)
    ),
    Failure("Subquery", "R19", "as a value of several rows", _ambiguous),
    *SEVERAL_VALUES,
    Failure(
        "add", "E2", "of integers beyond int64", lambda t: t["extremes"].select(up=wf.col("n") + 1)
    ),
    Failure(
        "subtract",
        "E2",
        "of integers beyond int64",
        lambda t: t["extremes"].select(down=wf.col("n") - 1),
    ),
    Failure(
        "multiply",
        "E2",
        "of integers beyond int64",
        lambda t: t["extremes"].select(twice=wf.col("n") * 2),
    ),
    Failure("negate", "E2", "of the least int64", lambda t: t["extremes"].select(up=-wf.col("n"))),
    Failure(
        "sum",
        "E2",
        "of integers beyond int64",
        lambda t: t["extremes"].filter(lambda row: row.n > 0).group_by().agg(s=wf.sum("n")),
    ),
    Failure(
        "cast",
        "E3",
        "of an int64 to int32",
        lambda t: t["extremes"].select(small=wf.col("n").cast("int32")),
    ),
    Failure(
        "cast",
        "E3",
        "of a float beyond int64",
        lambda t: t["extremes"].select(whole=wf.col("amount").cast("int64")),
    ),
    Failure(
        "cast",
        "E3",
        "of an integer to a shorter decimal",
        lambda t: t["extremes"].select(few=wf.col("n").cast("decimal(4,2)")),
    ),
    Failure(
        "cast",
        "E3",
        "of text that is no number",
        lambda t: t["extremes"].select(number=wf.col("text").cast("int64")),
    ),
    Failure(
        "cast",
        "E3",
        "of text that is no date",
        lambda t: t["extremes"].select(day=wf.col("text").cast("date")),
    ),
    *(
        Failure("cast", "E3", f"of '{text}' to {kind}", _cast_to(kind, text))
        for kind, text in (("date", "2023-02-29"), ("timestamp", "2024-02-30 00:00:00"))
    ),
)
"""Cases of lines E."""
