"""Caches: computed once for a context, by whoever asks first, and only if all went well."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

import wayfed as wf
from wayfed_optimizer.errors import Cancelled, ExecutionError, PlanError

NUMBER = {"n": "int64"}


class Counted:
    """A function over batches that counts its calls, and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.calls, self.failures = 0, failures

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        self.calls += 1
        if self.calls <= self.failures:
            raise ValueError("not yet")
        return batch


def few(ctx: wf.Context) -> wf.Dataset:
    return ctx.read({"n": [1, 2, 3]})


def test_a_cache_is_computed_once_for_all_that_is_made_of_it(ctx: wf.Context):
    calls = Counted()
    cached = few(ctx).map_batches(calls, schema=NUMBER).cache()

    assert cached.filter("n > 1").count() == 2
    assert cached.join(cached.rename({"n": "m"}), how="cross").count() == 9
    assert cached.to_numpy()["n"].tolist() == [1, 2, 3]
    assert calls.calls == 1


def test_what_is_above_a_cache_does_not_change_what_it_keeps(ctx: wf.Context):
    cached = few(ctx).cache()

    assert cached.limit(1).count() == 1
    assert cached.count() == 3


def test_a_cache_of_a_cache_is_computed_from_it(ctx: wf.Context):
    calls = Counted()
    below = few(ctx).map_batches(calls, schema=NUMBER).cache()
    above = below.filter("n > 1").cache()

    assert above.count() == 2
    assert (below.count(), above.count(), calls.calls) == (3, 2, 1)


def test_many_threads_compute_a_cache_once(ctx: wf.Context):
    calls = Counted()
    mapped = ctx.read("numbers").map_batches(calls, schema=NUMBER)
    mapped.count()
    once, calls.calls = calls.calls, 0
    cached = mapped.cache()

    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(lambda _: cached.count(), range(8)))

    assert counts == [300_000] * 8
    assert calls.calls == once


def test_a_cache_that_cannot_be_computed_leaves_nothing_and_is_tried_again(ctx: wf.Context):
    calls = Counted(failures=1)
    cached = few(ctx).map_batches(calls, schema=NUMBER).cache()

    with pytest.raises(ExecutionError, match="not yet"):
        cached.count()

    assert cached.count() == 3
    assert calls.calls == 2


def test_who_waits_for_a_cache_computes_it_where_the_first_one_fails(ctx: wf.Context):
    begun, go_on, calls = threading.Event(), threading.Event(), []

    def first_fails(batch: pa.RecordBatch) -> pa.RecordBatch:
        calls.append(1)
        begun.set()
        if len(calls) == 1:
            assert go_on.wait(120)
            raise ValueError("the first one")
        return batch

    cached = few(ctx).map_batches(first_fails, schema=NUMBER).cache()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(cached.count)
        assert begun.wait(120)
        second = threads.submit(cached.count)
        go_on.set()

        assert isinstance(first.exception(30), ExecutionError)
        assert second.result(30) == 3


def test_closing_the_context_ends_the_computation_and_those_who_wait_for_it(ctx: wf.Context):
    begun, go_on = threading.Event(), threading.Event()

    def slow(batch: pa.RecordBatch) -> pa.RecordBatch:
        begun.set()
        assert go_on.wait(120)
        return batch

    cached = ctx.read("numbers").map_batches(slow, schema=NUMBER).cache()
    with ThreadPoolExecutor(3) as threads:
        runs = [threads.submit(cached.count) for _ in range(2)]
        assert begun.wait(120)
        closing = threads.submit(ctx.close)
        while repr(ctx) != "Context: closed":
            pass
        go_on.set()
        closing.result(30)

        # The second may begin when all is over, and is told so.
        assert all(isinstance(run.exception(30), Cancelled | PlanError) for run in runs)


def test_explain_tells_a_cache_that_is_computed_from_one_that_is_not(ctx: wf.Context):
    cached = few(ctx).cache()

    before = cached.explain()
    cached.count()
    after = cached.explain()

    assert [fragment.platform for fragment in before.fragments] == ["duckdb", "python"]
    assert before.notes[0].startswith("a cache is a barrier to pushdown")
    (fragment,) = after.fragments
    assert fragment.sources[0].description == "kept by cache(), computed before"
    assert fragment.rows.likely == 3


def test_a_body_reads_a_cache_that_is_computed_before_the_loop(ctx: wf.Context):
    calls = Counted()
    step = few(ctx).map_batches(calls, schema=NUMBER).cache().group_by().agg(step=wf.max("n"))

    looped = few(ctx).iterate(
        lambda rows: rows.join(step, how="cross").select(n=wf.col("n") + wf.col("step")),
        max_iterations=3,
    )

    assert sorted(looped.to_numpy()["n"].tolist()) == [10, 11, 12]
    assert calls.calls == 1
