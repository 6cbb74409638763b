"""How far runs are, asked while they go on."""

from __future__ import annotations

import threading

import pyarrow as pa
import pytest

import wayfed as wf
from wayfed_optimizer.errors import PlanError


@pytest.fixture
def ctx():
    with wf.context() as context:
        yield context


def states(progress):
    return [(each.platform, each.state) for each in progress]


def test_a_context_in_which_nothing_runs_lists_nothing(ctx):
    ctx.read({"id": [1, 2]}).to_arrow()
    assert list(ctx.progress()) == []
    assert repr(ctx.progress()).startswith("0 fragments of what runs now")


def test_rows_are_counted_as_they_are_handed_out(ctx):
    batches = ctx.read(pa.table({"id": range(300_000)})).filter("id >= 0").to_batches()
    seen = 0
    for batch in batches:
        seen += batch.num_rows
        (fragment,) = ctx.progress()
        assert fragment.state in ("running", "done")
        assert seen <= fragment.rows <= 300_000
        assert fragment.engine["rows"] == fragment.rows
        assert fragment.rate > 0
    assert seen == 300_000
    assert list(ctx.progress()) == []


def test_another_thread_sees_what_waits_and_what_runs(ctx):
    working, go_on = threading.Event(), threading.Event()

    def slow(batch):
        working.set()
        assert go_on.wait(120)
        return batch

    small = ctx.read({"id": [1, 2, 3]}).map_batches(slow, schema={"id": "int64"})
    found = []
    thread = threading.Thread(target=lambda: found.append(small.filter("id > 1").to_arrow()))
    thread.start()
    assert working.wait(120)
    seen = states(ctx.progress())
    go_on.set()
    thread.join()

    assert ("python", "running") in seen
    assert found[0]["id"].to_pylist() == [2, 3]


def test_a_closed_context_has_no_progress(ctx):
    ctx.close()
    with pytest.raises(PlanError, match="closed"):
        ctx.progress()
