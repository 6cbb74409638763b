"""What is known of a topic's values: how many there are, of the latest records."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer

import wayfed as wf
from tests.waiting import wait_until
from wayfed.testing.servers import KafkaServer
from wayfed_kafka import statistics
from wayfed_optimizer.statistics import TableStatistics

pytestmark = pytest.mark.kafka

RECORDS = 40_000
COLUMNS = {"few": "int64", "many": "int64", "same": "text", "name": "text"}


@pytest.fixture
def ctx(monkeypatch) -> Iterator[wf.Context]:
    """A context that waits for what a topic has, on a machine however busy."""
    monkeypatch.setattr(statistics, "_SECONDS", 60.0)
    monkeypatch.setattr(statistics, "_MOST_SECONDS", 60.0)
    with wf.context() as context:
        yield context


def filled(kafka: KafkaServer, record: Callable[[int], object]) -> str:
    """Make a topic of two partitions, and return its URL."""
    name = kafka.create_topic(f"t-{uuid.uuid4().hex[:12]}", partitions=2)
    producer = Producer(kafka.client())
    for number in range(RECORDS):
        producer.produce(name, json.dumps(record(number)).encode(), partition=number % 2)
        if number % 10_000 == 0:
            producer.flush(120)
    assert producer.flush(120) == 0
    return kafka.url(name)


def known(context: wf.Context, url: str) -> TableStatistics:
    return statistics_of(context, context.read(url, format="json", schema=COLUMNS))


def statistics_of(context: wf.Context, read: wf.Dataset) -> TableStatistics:
    return context.environment.statistics_of(read.relation.table)


def test_the_latest_records_tell_how_many_values_columns_have(kafka, ctx):
    url = filled(
        kafka,
        # A step that has no factor in common with the rows: each of 20,000 numbers is there twice.
        lambda i: {"few": i % 7, "many": i * 7919 % 20_000, "same": "x", "name": f"n{i % 10}"},
    )
    columns = known(ctx, url).columns
    assert columns["few"].distinct == 7
    assert columns["many"].distinct > 4_000
    assert columns["name"].distinct == 10
    assert columns["name"].width == 2.0


def test_a_column_of_one_value_in_the_latest_records_tells_nothing(kafka, ctx):
    url = filled(kafka, lambda i: {"few": i % 7, "same": str(i // 20_000)})
    assert "same" not in known(ctx, url).columns


def test_no_plan_waits_for_records_that_come_late(kafka, monkeypatch):
    monkeypatch.setattr(statistics, "_SECONDS", 0.0)
    monkeypatch.setattr(statistics, "_MOST_SECONDS", 60.0)
    url = filled(kafka, lambda i: {"few": i % 7})
    with wf.context() as context:
        read = context.read(url, format="json", schema=COLUMNS)
        source = context.environment.sources[read.relation.table]
        assert source.statistics().rows.likely == RECORDS
        wait_until(lambda: "few" in source.statistics().columns)
        assert source.statistics() is source.statistics()


def test_records_that_are_not_of_the_format_tell_nothing_and_fail_no_plan(kafka, ctx):
    url = filled(kafka, lambda i: {"few": i} if i % 2 else {"few": "no number"})
    read = ctx.read(url, format="json", schema=COLUMNS)
    found = statistics_of(ctx, read)
    assert found.rows.likely == RECORDS
    assert "few" not in found.columns
    assert read.group_by("few").agg(n=wf.count()).explain()
