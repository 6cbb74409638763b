"""Functions of a row among others."""

from __future__ import annotations

from typing import Final

from wayfed_optimizer.coercion import fixed, is_any, same, shifted
from wayfed_optimizer.functions.row import Function, Kind, Nulls
from wayfed_optimizer.types import INT64, is_integer

WINDOWS: Final = (
    Function("row_number", fixed(INT64), "", "1, 2, 3 …", Kind.WINDOW, Nulls.NEVER),
    Function("rank", fixed(INT64), "", "Rank with gaps after ties.", Kind.WINDOW, Nulls.NEVER),
    Function("dense_rank", fixed(INT64), "", "Rank without gaps.", Kind.WINDOW, Nulls.NEVER),
    Function("ntile", fixed(INT64, is_integer), "n", "Bucket 1 to n.", Kind.WINDOW, Nulls.NEVER),
    Function("lag", shifted, "x[, n[, default]]", "x, n rows before.", Kind.WINDOW, Nulls.MAY),
    Function("lead", shifted, "x[, n[, default]]", "x, n rows after.", Kind.WINDOW, Nulls.MAY),
    Function("first_value", same(is_any), "x", "First x of the frame.", Kind.WINDOW, Nulls.MAY),
    Function("last_value", same(is_any), "x", "Last x of the frame.", Kind.WINDOW, Nulls.MAY),
)
