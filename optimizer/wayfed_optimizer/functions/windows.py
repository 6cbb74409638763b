"""Functions of a row among others."""

from __future__ import annotations

from typing import Final

from wayfed_optimizer.coercion import fixed, is_any, same, shifted
from wayfed_optimizer.functions.row import Function, Kind, Nulls
from wayfed_optimizer.types import FLOAT64, INT64, is_integer

WINDOWS: Final = (
    Function("row_number", fixed(INT64), "", "1, 2, 3 …", Kind.WINDOW, Nulls.NEVER),
    Function("rank", fixed(INT64), "", "Rank with gaps after ties.", Kind.WINDOW, Nulls.NEVER),
    Function("dense_rank", fixed(INT64), "", "Rank without gaps.", Kind.WINDOW, Nulls.NEVER),
    Function("ntile", fixed(INT64, is_integer), "n", "Bucket 1 to n.", Kind.WINDOW),
    *(
        Function(name, fixed(FLOAT64), "", doc, Kind.WINDOW, Nulls.NEVER)
        for name, doc in (
            ("percent_rank", "(rank - 1) / (rows - 1); 0 for a single row."),
            ("cume_dist", "Share of the rows that come no later in the order."),
        )
    ),
    *(
        Function(name, rule, parameters, doc, Kind.WINDOW, Nulls.MAY, skips_nulls=True)
        for name, rule, parameters, doc in (
            ("lag", shifted, "x[, n[, default]]", "x, n rows before."),
            ("lead", shifted, "x[, n[, default]]", "x, n rows after."),
            ("first_value", same(is_any), "x", "First x of the frame."),
            ("last_value", same(is_any), "x", "Last x of the frame."),
            ("nth_value", same(is_any, INT64), "x, n", "The nth x of the frame, from 1."),
        )
    ),
)
