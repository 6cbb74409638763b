"""Reads that cannot be, or come to a bad end: told with their place, and in time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

import wayfed as wf
from tests.integration.kafka.records import CLIENTS, NUMBERS, numbers, rows, send
from wayfed.errors import DuplicateColumn, ExecutionError, InvalidOption, SourceChanged, SourceError
from wayfed.testing.servers.kafka import KafkaServer

pytestmark = pytest.mark.kafka


def test_a_topic_that_is_not_there_is_told_with_those_that_are(kafka, ctx, topic):
    name = topic()
    with pytest.raises(SourceError, match=f"no topic '{name}x'") as told:
        ctx.read(kafka.url(f"{name}x"), format="json", schema=NUMBERS)
    assert name in told.value.available
    assert told.value.hint == f"did you mean '{name}'?"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_cluster_that_does_not_answer_is_told_when_the_plan_is_made(client):
    with (
        wf.context(kafka={"client": client}) as context,
        pytest.raises(SourceError, match=r"no answer from Kafka at 127\.0\.0\.1:1"),
    ):
        context.read("kafka://127.0.0.1:1/payments", format="raw")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "format= says of what"),
        ({"format": "jsn"}, "'jsn' is not a choice"),
        ({"format": "raw", "strat": "earliest"}, "'strat' is not an option"),
        ({"format": "raw", "start": "yesterday"}, "start= says no place"),
        ({"format": "raw", "start": "2024-01-01"}, "has no zone"),
        ({"format": "raw", "start": {5: 0}}, "partition 5, which"),
        ({"format": "raw", "end": {0: 5}}, "names offset 5 of partition 0"),
        ({"format": "raw", "metadata": "ofset"}, "'ofset' is not a choice"),
        ({"format": "raw", "on_error": "dead_letter"}, "belong together"),
        ({"format": "raw", "table": "t"}, "table= is for databases"),
        ({"format": "avro"}, "do not say their schema"),
        ({"format": "json"}, "no record of topic"),
    ],
)
def test_an_option_that_cannot_be_is_told(kafka, fast, topic, options, told):
    with pytest.raises((InvalidOption, SourceError), match=told):
        fast.read(kafka.url(topic()), **options)


def test_a_column_of_the_values_that_has_a_name_of_kafkas_is_told(kafka, fast, topic):
    with pytest.raises(DuplicateColumn, match="the values have a column 'offset' too"):
        fast.read(kafka.url(topic()), format="json", schema={"offset": "int64"}, metadata="offset")


def deleted_up_to(kafka: KafkaServer, topic: str, offset: int) -> None:
    """Take records away, as retention does."""
    admin = AdminClient(kafka.client())
    for future in admin.delete_records([TopicPartition(topic, 0, offset)]).values():
        future.result(120)


def test_records_that_retention_removed_end_the_run_before_any_row(kafka, ctx, topic):
    name = topic()
    send(kafka, name, *rows(0, 1, 2))
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS)
    deleted_up_to(kafka, name, 2)
    with pytest.raises(SourceChanged, match="offset 0 was the first to read, 2 is the first"):
        read.to_arrow()
    assert numbers(ctx.read(kafka.url(name), format="json", schema=NUMBERS)) == [2]
    with pytest.raises(SourceError, match=r"offset 1 of partition 0 .* is gone: there is 2 to 3"):
        ctx.read(kafka.url(name), format="raw", start={0: 1})


@pytest.mark.slow
def test_records_that_retention_removes_in_a_read_end_it(kafka, ctx, topic):
    name = topic()
    for _ in range(6):  # more than clients keep waiting
        send(kafka, name, *[b"x" * 100_000] * 100)
    with ctx.read(kafka.url(name), format="raw").to_batches() as batches:
        next(batches)
        deleted_up_to(kafka, name, 599)
        with pytest.raises(SourceChanged, match="that the plan was to read are gone"):
            batches.read_all()


def test_a_topic_that_was_made_anew_is_another_one(kafka, ctx, topic):
    name = topic()
    send(kafka, name, *rows(1))
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS)
    admin = AdminClient(kafka.client())
    admin.delete_topics([name])[name].result(120)
    with pytest.raises(SourceChanged, match="no topic"):
        read.to_arrow()
    kafka.create_topic(name)
    with pytest.raises(SourceChanged, match="made anew"):
        read.to_arrow()


def test_two_topics_of_a_cluster_share_its_platform_and_join_elsewhere(kafka, fast, topic):
    left, right = topic(), topic()
    send(kafka, left, *rows(1, 2))
    send(kafka, right, *rows(2, 3))
    a = fast.read(kafka.url(left), format="json", schema=NUMBERS)
    b = fast.read(kafka.url(right), format="json", schema=NUMBERS)
    assert [each.name for each in fast.platforms()] == ["duckdb", "python", "kafka:127.0.0.1"]
    assert numbers(a.join(b, on="n").select("n")) == [2]


def test_a_context_speaks_to_a_cluster_in_one_way(kafka, fast, topic):
    name = topic()
    fast.read(kafka.url(name), format="raw", timeout=20)
    with pytest.raises(InvalidOption, match="with another client"):
        fast.read(kafka.url(name), format="raw", client="kafka-python")


@pytest.mark.slow
def test_a_broker_that_dies_ends_in_time_the_reads_that_have_an_end_and_those_that_have_none():
    def read_on(batches):
        with pytest.raises(ExecutionError, match="no answer from Kafka"):
            for _ in batches:
                pass

    with KafkaServer.start() as dying, ExitStack() as stack:
        big, quiet = dying.create_topic("big"), dying.create_topic("quiet")
        for _ in range(15):  # more than clients keep waiting
            send(dying, big, *[b"x" * 100_000] * 100)
        send(dying, quiet, *rows(1))
        going = []
        for client in CLIENTS:
            context = stack.enter_context(wf.context(kafka={"client": client, "timeout": 30}))
            endless = context.read(dying.url(quiet), format="json", schema=NUMBERS, end="never")
            waiting = stack.enter_context(endless.to_batches())
            assert next(waiting).to_pydict() == {"n": [1]}
            reading = stack.enter_context(context.read(dying.url(big), format="raw").to_batches())
            next(reading)
            going += [waiting, reading]
        dying.kill()
        with ThreadPoolExecutor(len(going)) as threads:
            assert list(threads.map(read_on, going)) == [None] * len(going)
