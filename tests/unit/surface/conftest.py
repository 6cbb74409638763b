"""A context with two small tables: three orders, two customers."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pyarrow as pa
import pytest

import wayfed as wf


@pytest.fixture
def ctx() -> Iterator[wf.Context]:
    with wf.context() as context:
        yield context


@pytest.fixture
def orders(ctx: wf.Context) -> wf.Dataset:
    rows = pa.table(
        {
            "id": [1, 2, 3],
            "customer": [1, 1, 2],
            "amount": [10.0, 20.0, None],
            "day": [datetime.date(2024, 1, day) for day in (1, 2, 3)],
        }
    )
    ctx.register("orders", rows)
    return ctx.read("orders")


@pytest.fixture
def customers(ctx: wf.Context) -> wf.Dataset:
    ctx.register("customers", {"customer": [1, 2], "name": ["Ada", "Bo"], "amount": [5, 6]})
    return ctx.read("customers")
