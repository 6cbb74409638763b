"""What has no answer: every platform says so, and none makes one up."""

from __future__ import annotations

from typing import Final

import wayfed as wf
from wayfed.testing.case import Failure

FAILURES: Final = (
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
)
"""Cases of lines E."""
