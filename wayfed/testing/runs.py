"""Tests of runs: stopped before their end, and many of them at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

import pytest

import wayfed as wf
from wayfed.testing.platform import forced
from wayfed_optimizer.errors import Cancelled
from wayfed_optimizer.types import INT64, Field, Schema

if TYPE_CHECKING:
    from wayfed.dataset import Dataset
    from wayfed.testing.platform import PlatformUnderTest

__all__ = [
    "test_a_loop_that_is_stopped_ends_within_its_iteration_and_leaves_the_platform_usable",
    "test_threads_that_share_a_context_get_their_own_answers",
]

_SCHEMA: Final = Schema((Field("n", INT64, True),))
_THREADS: Final = 4
_STOPPED_AT: Final = 3


def _numbers(platform: PlatformUnderTest, name: str) -> Dataset:
    import pyarrow as pa

    return platform.read(name, pa.table({"n": pa.array([1, 2, 3], pa.int64())}), _SCHEMA)


def test_a_loop_that_is_stopped_ends_within_its_iteration_and_leaves_the_platform_usable(
    platform_under_test: PlatformUnderTest,
) -> None:
    """Whoever holds a run's token stops it, whatever it is at."""
    from wayfed.execution import execute
    from wayfed_optimizer.stages import plan

    context = platform_under_test.context
    numbers = _numbers(platform_under_test, "stopped_numbers")
    token = context.new_token()
    calls = 0

    def stop(batch: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == _STOPPED_AT:
            # From elsewhere, as a person does: what stops a run waits until it has ended.
            Thread(target=token.cancel, args=("it is enough",)).start()
            assert token.wait(60)
        return batch

    def body(rows: Any) -> Any:
        added = rows.with_columns(n=lambda t: t.n + 1).on(platform_under_test.name)
        return added.map_batches(stop, schema=_SCHEMA).on("python")

    looped = numbers.iterate(body, max_iterations=1_000)
    environment = context.environment
    with pytest.raises(Cancelled, match="it is enough"):
        execute(
            plan(forced(looped.relation, platform_under_test.name), environment),
            environment,
            token=token,
        )

    assert calls == _STOPPED_AT
    assert platform_under_test.answer(numbers.relation).num_rows == len([1, 2, 3])


def test_threads_that_share_a_context_get_their_own_answers(
    platform_under_test: PlatformUnderTest,
) -> None:
    """Each thread runs a plan of its own, with a loop and a cache that all of them share."""
    numbers = _numbers(platform_under_test, "shared_numbers")
    most = numbers.group_by().agg(most=wf.max("n")).cache()

    def moved(limit: int) -> list[int]:
        looped = numbers.iterate(
            lambda rows: rows.join(most, how="cross").select(n=wf.col("n") + wf.col("most")),
            max_iterations=limit,
        )
        return sorted(platform_under_test.answer(looped.relation)["n"].to_pylist())

    with ThreadPoolExecutor(_THREADS) as threads:
        found = list(threads.map(moved, range(1, _THREADS + 1)))

    assert found == [[n + 3 * limit for n in (1, 2, 3)] for limit in range(1, _THREADS + 1)]
