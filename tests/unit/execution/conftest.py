"""A context with a table of three batches."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

import wayfed as wf


@pytest.fixture
def ctx() -> Iterator[wf.Context]:
    with wf.context() as context:
        context.register("numbers", pa.table({"n": pa.array(range(300_000))}))
        yield context


@pytest.fixture
def numbers(ctx: wf.Context) -> wf.Dataset:
    return ctx.read("numbers")
