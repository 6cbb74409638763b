"""Plan and train over data where it lives.

::

    import wayfed as wf

    ctx = wf.context()
    orders = ctx.read("orders/*.parquet").filter(lambda t: t.amount > 0)
    orders.group_by("customer").agg(total=wf.sum("amount")).to_numpy()

Everything starts from `context`. What is listed here is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from wayfed.context import context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed import errors, models
    from wayfed.arrays import Arrays, PartitionedArrays
    from wayfed.columns import Column, Order, col, lit
    from wayfed.conditions import when
    from wayfed.dataset import Dataset
    from wayfed.federated.features import features
    from wayfed.federated.privacy import dp
    from wayfed.federated.split import by_hash, by_time
    from wayfed.functions import (
        abs,
        any_value,
        bool_and,
        bool_or,
        ceil,
        coalesce,
        concat,
        concat_ws,
        cos,
        count,
        count_distinct,
        count_if,
        dense_rank,
        exp,
        first_value,
        floor,
        greatest,
        lag,
        last_value,
        lead,
        least,
        list,
        list_agg,
        ln,
        log10,
        make_date,
        max,
        mean,
        median,
        min,
        ntile,
        power,
        rank,
        round,
        row_number,
        sign,
        sin,
        sqrt,
        stddev,
        struct,
        sum,
        variance,
    )
    from wayfed.local import Context
    from wayfed.tracing import Row
    from wayfed_optimizer.errors import WayfedError
    from wayfed_optimizer.types import Schema

__all__ = [
    "Arrays",
    "Column",
    "Context",
    "Dataset",
    "Order",
    "PartitionedArrays",
    "Row",
    "Schema",
    "WayfedError",
    "abs",
    "any_value",
    "bool_and",
    "bool_or",
    "by_hash",
    "by_time",
    "ceil",
    "coalesce",
    "col",
    "concat",
    "concat_ws",
    "context",
    "cos",
    "count",
    "count_distinct",
    "count_if",
    "dense_rank",
    "dp",
    "errors",
    "exp",
    "features",
    "first_value",
    "floor",
    "greatest",
    "lag",
    "last_value",
    "lead",
    "least",
    "list",
    "list_agg",
    "lit",
    "ln",
    "log10",
    "make_date",
    "max",
    "mean",
    "median",
    "min",
    "models",
    "ntile",
    "power",
    "rank",
    "round",
    "row_number",
    "sign",
    "sin",
    "sqrt",
    "stddev",
    "struct",
    "sum",
    "variance",
    "when",
]

_MODULES: Final = {"models": "wayfed.models", "errors": "wayfed.errors"}
_HOMES: Final = {
    "Arrays": "wayfed.arrays",
    "Column": "wayfed.columns",
    "Context": "wayfed.local",
    "Dataset": "wayfed.dataset",
    "Order": "wayfed.columns",
    "PartitionedArrays": "wayfed.arrays",
    "Row": "wayfed.tracing",
    "Schema": "wayfed_optimizer.types",
    "WayfedError": "wayfed_optimizer.errors",
    "by_hash": "wayfed.federated.split",
    "by_time": "wayfed.federated.split",
    "col": "wayfed.columns",
    "dp": "wayfed.federated.privacy",
    "features": "wayfed.federated.features",
    "lit": "wayfed.columns",
    "when": "wayfed.conditions",
}
"""Where names live; those that are not here are functions of `wayfed.functions`."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'wayfed' has no attribute '{name}'")
    if name in _MODULES:
        value: object = import_module(_MODULES[name])
    else:
        value = getattr(import_module(_HOMES.get(name, "wayfed.functions")), name)
    globals()[name] = value
    return value


def __dir__() -> Sequence[str]:
    return sorted({*globals(), *__all__})
