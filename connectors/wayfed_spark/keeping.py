"""Rows that Spark computes once, though it is asked for them more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame


def kept_rows(rows: DataFrame, at_the_end: Callable[[Callable[[], object]], object]) -> DataFrame:
    """Return a frame whose rows are computed once, in memory or on disk.

    Spark keeps rows by the plan that makes them, for all sessions, the user's too: a filter that
    lets all of them pass makes it a plan that is nobody else's.

    Parameters
    ----------
    rows
        What to keep.
    at_the_end
        Called with what drops the rows.
    """
    kept = rows.filter(f"'{uuid4().hex}' IS NOT NULL").persist()
    at_the_end(kept.unpersist)
    return kept
