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
    from wayfed.aggregates import (
        approx_count_distinct,
        bit_and,
        bit_or,
        bit_xor,
        corr,
        covar_pop,
        covar_samp,
        first,
        last,
        mode,
        quantile,
        quantile_disc,
        regr_avgx,
        regr_avgy,
        regr_count,
        regr_intercept,
        regr_r2,
        regr_slope,
        regr_sxx,
        regr_sxy,
        regr_syy,
        stddev_pop,
        string_agg,
        variance_pop,
    )
    from wayfed.arrays import Arrays, PartitionedArrays
    from wayfed.columns import Column, Order, col, lit
    from wayfed.conditions import when
    from wayfed.dataset import Dataset
    from wayfed.federated.features.recipe import features
    from wayfed.federated.features.split import by_hash, by_time
    from wayfed.federated.privacy.dp import dp
    from wayfed.federated.runs.stopping import early_stopping
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
        exp,
        floor,
        greatest,
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
        power,
        round,
        sign,
        sin,
        sqrt,
        stddev,
        struct,
        sum,
        variance,
    )
    from wayfed.local import Context
    from wayfed.positions import (
        cume_dist,
        dense_rank,
        first_value,
        lag,
        last_value,
        lead,
        nth_value,
        ntile,
        percent_rank,
        rank,
        row_number,
    )
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
    "approx_count_distinct",
    "bit_and",
    "bit_or",
    "bit_xor",
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
    "corr",
    "cos",
    "count",
    "count_distinct",
    "count_if",
    "covar_pop",
    "covar_samp",
    "cume_dist",
    "dense_rank",
    "dp",
    "early_stopping",
    "errors",
    "exp",
    "features",
    "first",
    "first_value",
    "floor",
    "greatest",
    "lag",
    "last",
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
    "mode",
    "models",
    "nth_value",
    "ntile",
    "percent_rank",
    "power",
    "quantile",
    "quantile_disc",
    "rank",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "round",
    "row_number",
    "sign",
    "sin",
    "sqrt",
    "stddev",
    "stddev_pop",
    "string_agg",
    "struct",
    "sum",
    "variance",
    "variance_pop",
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
    "by_hash": "wayfed.federated.features.split",
    "by_time": "wayfed.federated.features.split",
    "col": "wayfed.columns",
    "dp": "wayfed.federated.privacy.dp",
    "early_stopping": "wayfed.federated.runs.stopping",
    "features": "wayfed.federated.features.recipe",
    "lit": "wayfed.columns",
    "when": "wayfed.conditions",
    **dict.fromkeys(
        (
            "approx_count_distinct",
            "bit_and",
            "bit_or",
            "bit_xor",
            "corr",
            "covar_pop",
            "covar_samp",
            "first",
            "last",
            "mode",
            "quantile",
            "quantile_disc",
            "regr_avgx",
            "regr_avgy",
            "regr_count",
            "regr_intercept",
            "regr_r2",
            "regr_slope",
            "regr_sxx",
            "regr_sxy",
            "regr_syy",
            "stddev_pop",
            "string_agg",
            "variance_pop",
        ),
        "wayfed.aggregates",
    ),
    **dict.fromkeys(
        (
            "cume_dist",
            "dense_rank",
            "first_value",
            "lag",
            "last_value",
            "lead",
            "nth_value",
            "ntile",
            "percent_rank",
            "rank",
            "row_number",
        ),
        "wayfed.positions",
    ),
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
