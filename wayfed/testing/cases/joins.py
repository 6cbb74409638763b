"""Joins of every kind, with duplicate keys, NULL keys, and conditions besides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import wayfed as wf
from wayfed.testing.case import Plan, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wayfed.dataset import Dataset

    Tables = Mapping[str, Dataset]

_PAIRED: Final = ((1, "ann"), (2, "ann"), (3, "bob"), (3, "bea"))
_JOINED: Final[tuple[tuple[str, tuple[Row, ...]], ...]] = (
    ("inner", _PAIRED),
    ("left", (*_PAIRED, (4, None), (5, None))),
    ("right", (*_PAIRED, (None, None), (None, "nil"))),
    ("full", (*_PAIRED, (4, None), (5, None), (None, None), (None, "nil"))),
    ("semi", ((1,), (2,), (3,))),
    ("anti", ((4,), (5,))),
)


def _joins() -> Iterator[Plan]:
    def joined(how: Any) -> Callable[[Tables], Dataset]:
        wanted = ("id",) if how in ("semi", "anti") else ("id", "name")
        return lambda t: (
            t["orders"]
            .join(t["customers"], left_on="customer", right_on="code", how=how)
            .select(*wanted)
        )

    def with_nothing(how: Any) -> Callable[[Tables], Dataset]:
        wanted = ("code",) if how in ("semi", "anti") else ("code", "n")
        return lambda t: (
            t["customers"]
            .join(t["nothing"], left_on="code", right_on="id", how=how)
            .select(*wanted)
        )

    for how, expected in _JOINED:
        yield Plan(f"{how} join", "R3", "with duplicate and NULL keys", joined(how), expected)
    codes = (10, 20, 20, 30, None)
    for how in ("inner", "left", "right", "full", "semi", "anti"):
        rows: tuple[Row, ...] = ()
        if how in ("left", "full"):
            rows = tuple((code, None) for code in codes)
        if how == "anti":
            rows = tuple((code,) for code in codes)
        yield Plan(f"{how} join", "R4", "with no rows on the right", with_nothing(how), rows)


JOINS: Final = (
    *_joins(),
    Plan(
        "cross join",
        "R3",
        "with nothing",
        lambda t: t["nothing"].join(t["customers"], how="cross").select("n", "code"),
        (),
    ),
    Plan(
        "cross join",
        "R3",
        "of duplicates and NULL",
        lambda t: (
            t["right_rows"]
            .select("x")
            .join(t["other_pairs"].select("r"), how="cross")
            .filter(lambda row: (row.x == 1) | row.x.is_null())
        ),
        tuple((x, r) for x in (1, 1, None) for r in (1, 1, None, 2)),
    ),
    Plan(
        "inner join",
        "R5",
        "on two keys, NULL in either",
        lambda t: (
            t["pairs"]
            .join(t["other_pairs"], left_on=["p", "q"], right_on=["r", "s"])
            .select("p", "q")
        ),
        ((1, 1),),
    ),
    Plan(
        "left join",
        "R5",
        "on two keys, NULL in either",
        lambda t: (
            t["pairs"]
            .join(t["other_pairs"], left_on=["p", "q"], right_on=["r", "s"], how="left")
            .select("p", "q", "s")
        ),
        ((1, 1, 1), (1, 2, None), (1, None, None), (None, 1, None), (None, None, None)),
    ),
    Plan(
        "anti join",
        "R5",
        "on two keys, NULL in either",
        lambda t: t["pairs"].join(
            t["other_pairs"], left_on=["p", "q"], right_on=["r", "s"], how="anti"
        ),
        ((1, 2), (1, None), (None, 1), (None, None)),
    ),
    Plan(
        "left join",
        "R6",
        "whose condition decides who is a partner, not who is kept",
        lambda t: (
            t["orders"]
            .join(
                t["customers"],
                left_on="customer",
                right_on="code",
                how="left",
                predicate=lambda a, b: a.amount > 6,
            )
            .select("id", "name")
        ),
        ((1, None), (2, "ann"), (3, None), (4, None), (5, None)),
    ),
    Plan(
        "full join",
        "R6",
        "whose condition decides who is a partner, not who is kept",
        lambda t: (
            t["orders"]
            .join(
                t["customers"],
                left_on="customer",
                right_on="code",
                how="full",
                predicate=lambda a, b: b.name == "bob",
            )
            .select("id", "name")
        ),
        (
            (3, "bob"),
            *((i, None) for i in (1, 2, 4, 5)),
            *((None, name) for name in ("ann", "bea", None, "nil")),
        ),
    ),
    Plan(
        "inner join",
        "R6",
        "by a condition alone",
        lambda t: (
            t["pairs"]
            .join(t["other_pairs"], predicate=lambda a, b: a.q > b.r)
            .select("p", "q", "r")
        ),
        ((1, 2, 1), (1, 2, 1)),
    ),
    Plan(
        "semi join",
        "R6",
        "by a condition besides the key",
        lambda t: (
            t["orders"]
            .join(
                t["customers"],
                left_on="customer",
                right_on="code",
                how="semi",
                predicate=lambda a, b: b.name == "bea",
            )
            .select("id")
        ),
        ((3,),),
    ),
    Plan(
        "asof join",
        "R7",
        "with the last that is not after",
        lambda t: (
            t["orders"]
            .select("id", since="id")
            .join(
                t["other_pairs"].filter(lambda row: row.s.is_null()).select("r"),
                how="asof",
                predicate=lambda a, b: a.since >= b.r,
            )
            .select("id", "r")
        ),
        ((1, 1), (2, 1), (3, 1), (4, 1), (5, 1)),
    ),
    Plan(
        "asof join",
        "R7",
        "within equal keys, NULL in either and in the times",
        lambda t: (
            t["pairs"]
            .join(
                t["other_pairs"],
                left_on="p",
                right_on="r",
                how="asof",
                predicate=lambda a, b: a.q >= b.s,
            )
            .select("p", "q", "s")
        ),
        ((1, 1, 1), (1, 2, 1), (1, None, None), (None, 1, None), (None, None, None)),
    ),
    Plan(
        "asof join",
        "R7",
        "with the latest of several, none of which may be later",
        lambda t: (
            t["customers"]
            .drop_null("code")
            .select(at=wf.col("code") - 5)
            .join(
                t["orders"].select("customer"),
                how="asof",
                predicate=lambda a, b: a.at >= b.customer,
            )
            .select("at", "customer")
        ),
        ((5, None), (15, 10), (15, 10), (25, 20)),
    ),
    Plan(
        "asof join",
        "R7",
        "with nothing",
        lambda t: (
            t["orders"]
            .join(t["nothing"].select("n"), how="asof", predicate=lambda a, b: a.id >= b.n)
            .select("id", "n")
        ),
        tuple((i, None) for i in range(1, 6)),
    ),
    Plan(
        "full join",
        "R6",
        "by a condition alone",
        lambda t: (
            t["orders"]
            .join(t["customers"], how="full", predicate=lambda a, b: a.customer > b.code)
            .select("id", "name")
        ),
        (
            *((3, "ann"), (5, "ann"), (5, "bob"), (5, "bea"), (5, None)),
            *((1, None), (2, None), (4, None), (None, "nil")),
        ),
    ),
    Plan(
        "inner join",
        "R3",
        "of a table with itself",
        lambda t: (
            t["orders"]
            .join(t["orders"].select("customer", other="id"), on="customer")
            .filter(wf.col("id") < wf.col("other"))
            .select("id", "other")
        ),
        ((1, 2),),
    ),
    Plan(
        "left join",
        "R3",
        "of three tables",
        lambda t: (
            t["orders"]
            .join(t["customers"], left_on="customer", right_on="code", how="left")
            .join(t["other_pairs"], left_on="id", right_on="r", how="left")
            .select("id", "name", "s")
        ),
        (
            *((1, "ann", 1), (1, "ann", None), (2, "ann", 1)),
            *((3, "bob", None), (3, "bea", None), (4, None, None), (5, None, None)),
        ),
    ),
)
"""Plans that join."""
