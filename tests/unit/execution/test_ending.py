"""Runs that end before their end: closed, cancelled, failed, abandoned, from any thread."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import pytest

import wayfed as wf
from wayfed.execution import Execution, execute
from wayfed.execution.run import RunResources
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import Cancelled, ExecutionError, TransferError
from wayfed_optimizer.stages import plan

SCHEMA = {"n": "int64"}


def run(dataset: wf.Dataset) -> Execution:
    return dataset.context.run(dataset.relation)


def elsewhere(work) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


class Gate:
    """A function over batches that waits at its second batch until it is let through."""

    def __init__(self) -> None:
        self.reached, self.open, self.batches = threading.Event(), threading.Event(), 0

    def __call__(self, batch):
        self.batches += 1
        if self.batches > 1:
            self.reached.set()
            assert self.open.wait(120)
        return batch


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


def test_a_run_that_another_thread_closed_tells_its_reader_so(numbers: wf.Dataset):
    execution = run(numbers)
    next(execution.stream)

    elsewhere(execution.close)

    with pytest.raises(Cancelled, match="the result was closed before its end"):
        for _ in execution.stream:
            pass


def test_closing_a_stream_stops_a_reader_that_waits_for_its_next_batch(
    numbers: wf.Dataset, gate: Gate
):
    execution = run(numbers.map_batches(gate, schema=SCHEMA))
    stream = execution.stream
    told: list[BaseException] = []

    def read() -> None:
        try:
            for _ in stream:
                pass
        except Cancelled as error:
            told.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    assert gate.reached.wait(120)
    closing = threading.Thread(target=stream.close)
    closing.start()
    assert execution._token.wait(120)
    gate.open.set()
    reader.join(120)
    closing.join(120)

    assert len(told) == 1
    assert gate.batches == 2


def test_closing_the_context_ends_a_run_that_nobody_reads(ctx: wf.Context, numbers: wf.Dataset):
    execution = run(numbers)
    directory = execution._resources.run.directory()

    ctx.close()

    assert not directory.exists()
    with pytest.raises(Cancelled, match="the context was closed"):
        for _ in execution.stream:
            pass


def test_an_abandoned_run_leaves_neither_directory_nor_threads(numbers: wf.Dataset):
    before = set(threading.enumerate())
    execution = run(numbers)
    directory = execution._resources.run.directory()
    next(execution.stream)

    del execution
    for _ in iter(directory.exists, False):  # a thread may still be at the next batch
        gc.collect()

    for thread in set(threading.enumerate()) - before:
        thread.join(120)
        assert not thread.is_alive()


def test_a_stream_is_read_once(numbers: wf.Dataset):
    stream = numbers.to_batches()
    assert stream.read_all().num_rows == 300_000

    with pytest.raises(TransferError, match="already read"):
        stream.read_all()


def test_a_run_whose_token_was_cancelled_before_does_not_begin(ctx: wf.Context, numbers):
    token = CancellationToken()
    token.cancel("changed my mind")
    environment = ctx.environment

    with pytest.raises(Cancelled, match="changed my mind"):
        execute(plan(numbers.relation, environment), environment, token=token)


def test_a_fragment_that_fails_while_its_consumer_reads_is_the_error(numbers: wf.Dataset):
    def late(batch):
        if batch["n"][0].as_py() > 0:
            raise ValueError("the second batch")
        return batch

    mapped = numbers.map_batches(late, schema=SCHEMA)
    joined = numbers.join(mapped.rename({"n": "m"}), left_on="n", right_on="m")

    with pytest.raises(ExecutionError, match="batch 1 raised ValueError: the second batch") as e:
        joined.group_by("n").agg(count=wf.count()).to_arrow()

    assert isinstance(e.value.__cause__, ValueError)


def test_the_latest_to_join_a_run_is_told_first_that_it_stops():
    token, told = CancellationToken(), []

    with token.calling(lambda: told.append("run")), token.calling(lambda: told.append("engine")):
        token.cancel()

    assert told == ["engine", "run"]


class Opening:
    """A platform that needs the run's directory to open its session, and whose close fails."""

    name = "opening"
    closed = 0

    def open(self, run):
        self.directory: Path = run.directory()
        return self

    def close(self) -> None:
        self.closed += 1
        raise OSError("cannot close")


def test_a_platform_may_use_the_runs_directory_while_it_is_opened():
    platform = Opening()
    resources = RunResources({"opening": platform}, MappingProxyType({}), CancellationToken())

    resources.session("opening")

    assert platform.directory.is_dir()
    with pytest.raises(OSError, match="cannot close"):
        resources.close()
    assert not platform.directory.exists()


def test_a_session_that_cannot_be_closed_keeps_no_other_open():
    platforms = {"one": Opening(), "two": Opening()}
    resources = RunResources(platforms, MappingProxyType({}), CancellationToken())
    for name in platforms:
        resources.session(name)

    with pytest.raises(OSError, match="cannot close"):
        resources.close()

    assert [each.closed for each in platforms.values()] == [1, 1]
