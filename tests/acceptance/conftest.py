"""What the acceptance tests share: a context, and the rows of a small bank."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import wayfed as wf


@pytest.fixture
def ctx() -> Iterator[wf.Context]:
    """A local context with a catalog of one table, `transactions`."""
    with wf.context() as context:
        context.register(
            "transactions",
            {
                "account_id": [1, 2, 2],
                "amount": [10.0, 20.0, 30.0],
                "currency": ["EUR", "EUR", "CHF"],
            },
        )
        yield context


@pytest.fixture
def transactions(ctx: wf.Context) -> wf.Dataset:
    """Three transactions of two accounts."""
    return ctx.read("transactions")
