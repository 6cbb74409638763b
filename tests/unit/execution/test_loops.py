"""Loops: when they end, what they read once, what their errors say, and how they are stopped."""

from __future__ import annotations

import threading
import warnings
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

import wayfed as wf
from wayfed.dataset import Dataset
from wayfed.execution.keeping import keep
from wayfed_arrow import Stream
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import (
    Cancelled,
    ExecutionError,
    InvalidOption,
    InvalidPlan,
    NotConverged,
    PlanError,
    TypeMismatch,
    UnboundedResult,
)
from wayfed_optimizer.placement import Loops
from wayfed_optimizer.platform import Run
from wayfed_optimizer.relations import Iterate, Read, SetKind, SetOperation
from wayfed_optimizer.types import Schema

NUMBER = {"n": "int64"}


def one(ctx: wf.Context, *numbers: int | None) -> Dataset:
    return ctx.read(pa.table({"n": pa.array(numbers, pa.int64())}))


def increased(rows: Dataset) -> Dataset:
    return rows.select(n=wf.col("n") + 1)


def beyond(limit: int):
    return lambda rows: rows.group_by().agg(most=wf.max("n")).select(done=wf.col("most") > limit)


def numbers_of(dataset: Dataset) -> list[int | None]:
    return sorted(dataset.to_arrow()["n"].to_pylist(), key=repr)


def moved_by(step: Dataset, rows: Dataset) -> Dataset:
    return rows.join(step, how="cross").select(n=wf.col("n") + wf.col("step"))


class Counted:
    """A function over batches that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        self.calls += 1
        return batch


def test_a_loop_ends_as_soon_as_its_condition_is_true_of_what_the_body_gave(ctx: wf.Context):
    looped = one(ctx, 0).iterate(increased, until=beyond(3), max_iterations=100)

    assert numbers_of(looped) == [4]


def test_the_body_is_applied_once_where_the_condition_was_true_before(ctx: wf.Context):
    assert numbers_of(one(ctx, 9).iterate(increased, until=beyond(3), max_iterations=5)) == [10]


def test_without_a_condition_a_loop_goes_to_its_limit_and_nobody_is_warned(ctx: wf.Context):
    assert numbers_of(one(ctx, 0).iterate(increased, max_iterations=7)) == [7]


def test_a_loop_that_comes_to_its_limit_gives_its_rows_and_warns_at_the_users_line(
    ctx: wf.Context,
):
    looped = one(ctx, 0).iterate(increased, until=beyond(100), max_iterations=3)

    with pytest.warns(NotConverged, match="after 3 iterations, its limit") as warned:
        assert numbers_of(looped) == [3]

    assert warned[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConverged)
        note, *_ = looped.explain(analyze=True).notes
    assert note.endswith("was not true: 3 iterations done, stopped by the limit")


def test_null_is_no_true_condition(ctx: wf.Context):
    nulls = one(ctx, None)

    with pytest.warns(NotConverged):
        assert numbers_of(nulls.iterate(increased, until=beyond(3), max_iterations=2)) == [None]


def test_a_loop_over_no_rows_has_none(ctx: wf.Context):
    assert numbers_of(one(ctx).iterate(increased, max_iterations=3)) == []


def test_what_a_body_does_not_use_is_still_there_at_the_end(ctx: wf.Context):
    rows = ctx.read(pa.table({"name": ["a", "b"], "n": [1, 2]}))

    looped = rows.iterate(lambda r: r.with_columns(n=lambda t: t.n * 2), max_iterations=3)

    assert looped.to_arrow().to_pydict() == {"name": ["a", "b"], "n": [8, 16]}


def test_a_body_may_give_the_columns_in_another_order(ctx: wf.Context):
    rows = ctx.read({"name": ["a"], "n": [1]})

    looped = rows.iterate(lambda r: r.select("n", "name"), max_iterations=2)

    assert looped.columns == ("name", "n")
    assert looped.to_arrow().to_pydict() == {"name": ["a"], "n": [1]}


def test_an_inner_loop_reads_the_rows_of_the_outer_one(ctx: wf.Context):
    """Each outer iteration adds its own rows' maximum three times."""

    def outer(rows: Dataset) -> Dataset:
        step = rows.group_by().agg(step=wf.max("n"))
        return rows.iterate(partial(moved_by, step), max_iterations=3)

    assert numbers_of(one(ctx, 1, 2).iterate(outer, max_iterations=2)) == [31, 32]


def test_what_a_body_reads_of_outside_is_computed_once(ctx: wf.Context):
    steps, inner_steps = Counted(), Counted()
    step = one(ctx, 1).map_batches(steps, schema=NUMBER).rename({"n": "step"})
    inner_step = one(ctx, 1).map_batches(inner_steps, schema=NUMBER).rename({"n": "step"})

    def body(rows: Dataset) -> Dataset:
        moved = rows.iterate(
            lambda inner: inner.join(inner_step, how="cross").select(
                n=wf.col("n") + wf.col("step")
            ),
            max_iterations=3,
        )
        return moved_by(step, moved)

    assert numbers_of(one(ctx, 0).iterate(body, max_iterations=4)) == [16]
    assert (steps.calls, inner_steps.calls) == (1, 1)


def test_an_inner_loop_that_reads_nothing_of_the_outer_one_runs_once(ctx: wf.Context):
    calls = Counted()

    def body(rows: Dataset) -> Dataset:
        aside = one(ctx, 0).iterate(
            lambda inner: increased(inner.map_batches(calls, schema=NUMBER)), max_iterations=2
        )
        return rows.join(aside.rename({"n": "m"}), how="cross").select(n=wf.col("n") + wf.col("m"))

    assert numbers_of(one(ctx, 0).iterate(body, max_iterations=5)) == [10]
    assert calls.calls == 2


def test_two_loops_side_by_side_share_what_they_read(ctx: wf.Context):
    calls = Counted()
    step = one(ctx, 1).map_batches(calls, schema=NUMBER).rename({"n": "step"})

    first, second = (
        one(ctx, start).iterate(partial(moved_by, step), max_iterations=limit)
        for start, limit in ((0, 2), (10, 3))
    )
    both = first.union(second)

    assert numbers_of(both) == [13, 2]
    assert calls.calls == 1


def test_a_function_of_the_users_own_may_be_the_body(ctx: wf.Context):
    looped = one(ctx, 0).iterate(
        lambda rows: rows.map(lambda row: {"n": row.n + 2}, schema=NUMBER), max_iterations=3
    )

    assert numbers_of(looped) == [6]


def test_a_cache_of_a_loops_rows_is_of_one_iteration_only(ctx: wf.Context):
    def body(rows: Dataset) -> Dataset:
        kept = increased(rows).cache()
        return kept.join(kept.rename({"n": "m"}), how="cross").select(n=wf.col("n") + wf.col("m"))

    assert numbers_of(one(ctx, 0).iterate(body, max_iterations=2)) == [6]


def test_an_error_in_a_body_names_the_loop_and_the_iteration(ctx: wf.Context):
    def third(row):
        if row.n == 2:
            raise ValueError("two is too much")
        return {"n": row.n + 1}

    looped = one(ctx, 0).iterate(lambda rows: rows.map(third, schema=NUMBER), max_iterations=5)

    place = r"in iteration 3 of the loop at test_loops.py, line \d+: python, f\d+: function 'third'"
    with pytest.raises(ExecutionError, match=place) as raised:
        looped.count()
    assert isinstance(raised.value.__cause__, ValueError)
    assert "test_loops.py" in (raised.value.where or "")


def test_an_engines_error_in_a_body_names_the_iteration(ctx: wf.Context):
    looped = one(ctx, 1 << 61).iterate(
        lambda rows: rows.select(n=wf.col("n") * 2), max_iterations=5
    )

    with pytest.raises(ExecutionError, match=r"in iteration 2 of the loop at test_loops\.py"):
        looped.count()


@pytest.mark.parametrize(("rows", "number"), [((1, 2), 2), ((), 0)], ids=["several", "no"])
def test_a_condition_of_several_rows_or_of_none_is_an_error(ctx: wf.Context, rows, number):
    looped = one(ctx, *rows).iterate(
        increased, until=lambda r: r.select(done=wf.col("n") > 1), max_iterations=3
    )

    with pytest.raises(ExecutionError, match=f"its condition gave {number} rows"):
        looped.count()


def test_what_is_wrong_with_a_loop_is_said_while_it_is_written(ctx: wf.Context):
    rows = one(ctx, 1)

    with pytest.raises(TypeMismatch, match="must keep the columns and types"):
        rows.iterate(lambda r: r.select(n=wf.col("n") / 2), max_iterations=3)
    with pytest.raises(TypeMismatch, match="the condition that ends a loop is one boolean"):
        rows.iterate(increased, until=lambda r: r, max_iterations=3)


def test_what_is_no_body_is_said_as_such(ctx: wf.Context):
    rows = ctx.read({"n": [1]})
    with pytest.raises(InvalidOption, match="body is a str, not a function"):
        rows.iterate("n + 1", max_iterations=1)
    with pytest.raises(PlanError, match="a bool is not a dataset"):
        rows.iterate(lambda d: d, until=lambda d: True, max_iterations=1)
    with pytest.raises(InvalidOption, match="max_iterations of 1 or more, as an int"):
        rows.iterate(lambda d: d, max_iterations=1.5)
    with pytest.raises(TypeMismatch, match=r"it makes \(n int64, m int64\) of \(n int64\)"):
        rows.iterate(lambda d: d.with_columns(m=1), max_iterations=1)


def test_the_rows_of_a_loop_are_of_no_use_outside_of_it(ctx: wf.Context):
    given: list[Dataset] = []

    def body(rows: Dataset) -> Dataset:
        given.append(rows)
        return rows

    ctx.read({"n": [1]}).iterate(body, max_iterations=1)
    with pytest.raises(InvalidPlan, match=r"rows of the loop at .* are read outside of it"):
        given[0].count()


def test_rows_that_never_end_have_no_loop(ctx: wf.Context):
    endless = ctx.dataset(Read("ticks", Schema.of(n="int64"), is_bounded=False))

    with pytest.raises(UnboundedResult, match="a loop needs all rows"):
        endless.iterate(increased, max_iterations=3)


def test_two_loops_of_one_plan_have_two_variables():
    rows = Read("t", Schema.of(n="int64"))
    current = Read("rows", rows.schema)
    loops = [Iterate(rows, current, "rows", limit) for limit in (2, 3)]

    with pytest.raises(InvalidPlan, match="two loops call their rows 'rows'"):
        Loops(SetOperation(SetKind.UNION, *loops))


def test_closing_the_context_ends_a_loop_between_its_iterations(ctx: wf.Context):
    reached, told = threading.Event(), []

    def mark(batch: pa.RecordBatch) -> pa.RecordBatch:
        reached.set()
        return batch

    def run() -> None:
        try:
            one(ctx, 0).iterate(
                lambda rows: increased(rows.map_batches(mark, schema=NUMBER)),
                max_iterations=1_000_000,
            ).count()
        except Cancelled as error:
            told.append(str(error))

    runner = threading.Thread(target=run)
    runner.start()
    assert reached.wait(120)
    ctx.close()
    runner.join(120)

    assert not runner.is_alive()
    assert len(told) == 1
    assert "the context was closed" in told[0]


def test_closing_the_context_ends_a_loop_within_an_iteration(ctx: wf.Context):
    reached, told = threading.Event(), []

    def endless(batch: pa.RecordBatch) -> pa.RecordBatch:
        reached.set()
        return batch

    def run() -> None:
        many = ctx.read("numbers").map_batches(endless, schema=NUMBER)
        pairs = many.join(many.rename({"n": "m"}), how="cross")
        try:
            one(ctx, 0).iterate(
                lambda rows: (
                    rows.join(pairs, how="cross", suffix="_pair")
                    .group_by()
                    .agg(n=wf.max(wf.col("n_pair") - wf.col("m") + wf.col("n")))
                ),
                max_iterations=3,
            ).count()
        except Cancelled as error:
            told.append(str(error))

    runner = threading.Thread(target=run)
    runner.start()
    assert reached.wait(120)
    ctx.close()
    runner.join(120)

    assert not runner.is_alive()
    assert len(told) == 1


def test_rows_too_many_for_memory_are_kept_in_a_file_that_is_gone_with_them(tmp_path: Path):
    batches = [pa.record_batch({"n": pa.array(range(at, at + 100))}) for at in range(0, 500, 100)]
    run = Run("run", CancellationToken(), lambda: tmp_path)
    before = pa.total_allocated_bytes()

    kept = keep(Stream(batches[0].schema, iter(batches)), run, most_bytes=1000)

    assert kept["n"].to_pylist() == list(range(500))
    assert kept.nbytes == 4000
    assert pa.total_allocated_bytes() - before < kept.nbytes
    assert list(tmp_path.iterdir()) == []


def test_rows_that_cannot_be_kept_leave_no_file(tmp_path: Path):
    def broken():
        yield pa.record_batch({"n": [1, 2]})
        raise ValueError("no more")

    run = Run("run", CancellationToken(), lambda: tmp_path)

    with pytest.raises(ValueError, match="no more"):
        keep(Stream(pa.schema({"n": pa.int64()}), broken()), run, most_bytes=1)

    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_for_kept_rows_is_told(tmp_path: Path):
    missing = tmp_path / "missing"
    rows = pa.table({"n": [1, 2]})
    run = Run("run", CancellationToken(), lambda: missing)

    with pytest.raises(ExecutionError, match=r"kept cannot be written to .*missing"):
        keep(Stream(rows.schema, iter(rows.to_batches())), run, most_bytes=1)


def test_the_current_rows_say_whose_they_are(ctx: wf.Context):
    shown: list[str] = []

    def look(rows: Dataset) -> Dataset:
        shown.append(repr(rows))
        return increased(rows)

    one(ctx, 0).iterate(look, max_iterations=1)

    assert "the current rows of the loop at test_loops.py, line" in shown[0]
