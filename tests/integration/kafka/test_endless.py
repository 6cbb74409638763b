"""Reads without an end: what comes is there at once, and closing ends them."""

from __future__ import annotations

import itertools
import queue
import threading
from time import monotonic

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

import wayfed as wf
from tests.integration.kafka.records import NUMBERS, numbers, rows, send
from wayfed.errors import Cancelled, UnboundedResult
from wayfed_kafka import following, reading

pytestmark = pytest.mark.kafka


def test_a_read_without_an_end_says_so_and_gives_what_it_is_asked_for(kafka, ctx, topic):
    name = topic()
    send(kafka, name, *rows(1, 2))
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS, end="never")
    assert not read.bounded
    with pytest.raises(UnboundedResult, match=r"to_arrow\(\) needs all rows"):
        read.to_arrow()
    with pytest.raises(UnboundedResult, match=r"count\(\) needs all rows"):
        read.count()
    assert numbers(read.limit(2)) == [1, 2]
    with read.to_batches() as batches:
        seen = next(batches).to_pydict()["n"]
        send(kafka, name, *rows(3))
        while 3 not in seen:
            seen += next(batches).to_pydict()["n"]
        (progress,) = ctx.progress()
        assert progress.engine["records"] == 3
        assert progress.engine["records/s"] > 0
    assert seen == [1, 2, 3]


def test_partitions_that_are_added_are_read_where_there_is_no_end(kafka, ctx, topic):
    name = topic()
    send(kafka, name, *rows(1))
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS, end="never")
    with read.to_batches() as batches:
        assert next(batches).to_pydict() == {"n": [1]}
        admin = AdminClient(kafka.client())
        admin.create_partitions([NewPartitions(name, 2)])[name].result(120)
        send(kafka, name, *rows(2), partition=1)
        assert next(batches).to_pydict() == {"n": [2]}


def test_silence_does_not_end_a_read_without_an_end_of_which_a_filter_wants_a_part(
    kafka, topic, monkeypatch
):
    hours = itertools.count(step=3600.0)  # at each look at its clock an hour has passed
    monkeypatch.setattr(reading, "monotonic", lambda: next(hours))
    looks: queue.SimpleQueue[float] = queue.SimpleQueue()

    def look() -> float:
        looks.put(now := monotonic())
        return now

    monkeypatch.setattr(following, "monotonic", look)
    name = topic()
    send(kafka, name, *rows(1))

    def send_more() -> None:
        for _ in range(looks.qsize() + 9):  # more than there are at one poll
            looks.get(timeout=120)
        send(kafka, name, *rows(2, 3))

    with wf.context() as context:
        read = context.read(
            kafka.url(name), format="json", schema=NUMBERS, end="never", metadata="offset"
        )
        with read.filter("offset < 2").select("n").to_batches() as batches:
            assert next(batches).to_pydict() == {"n": [1]}
            later = threading.Thread(target=send_more, daemon=True)
            later.start()
            assert next(batches).to_pydict() == {"n": [2]}
            assert next(batches, None) is None
        later.join()


def test_a_read_that_waits_is_stopped_by_closing_its_stream_or_context(kafka, topic):
    name = topic()
    with wf.context() as context:
        read = context.read(kafka.url(name), format="raw", end="never")
        batches = read.to_batches()
        failed: list[BaseException] = []

        def wait() -> None:
            try:
                next(batches)
            except wf.errors.WayfedError as error:
                failed.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not context.progress():
            pass
    waiting.join(120)
    assert not waiting.is_alive()
    assert isinstance(failed[0], Cancelled)
