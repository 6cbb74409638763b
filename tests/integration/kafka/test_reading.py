"""Topics of a real broker as tables: exact between fixed offsets, with both clients."""

from __future__ import annotations

import datetime
import threading

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions

import wayfed as wf
from tests.integration.kafka.records import (
    NEW_YEAR,
    NUMBERS,
    as_bytes,
    numbers,
    rows,
    send,
    transaction,
)

pytestmark = pytest.mark.kafka


# What is read


def test_the_columns_of_values_and_what_kafka_says_of_records(kafka, ctx, topic):
    name = topic(2)
    send(kafka, name, {"n": 1}, key=b"a", timestamp=NEW_YEAR, headers=[("h", b"\xff"), ("h", None)])
    send(kafka, name, {"n": 2}, partition=1, timestamp=NEW_YEAR + 1)
    table = ctx.read(kafka.url(name), format="json", schema=NUMBERS, metadata=True).to_arrow()
    instant = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    assert sorted(table.to_pylist(), key=lambda row: row["n"]) == [
        {
            "n": 1,
            "key": "a",
            "partition": 0,
            "offset": 0,
            "timestamp": instant,
            "headers": [{"key": "h", "value": b"\xff"}, {"key": "h", "value": None}],
        },
        {
            "n": 2,
            "key": None,
            "partition": 1,
            "offset": 0,
            "timestamp": instant + datetime.timedelta(milliseconds=1),
            "headers": [],
        },
    ]


def test_values_and_keys_as_they_are(kafka, ctx, topic):
    name = topic()
    send(kafka, name, b"\x00\xff", None, b"", key=b"\xfe")
    read = ctx.read(kafka.url(name), format="raw", metadata="key", key_format="raw")
    assert read.to_arrow().to_pydict() == {
        "value": [b"\x00\xff", None, b""],
        "key": [b"\xfe", b"\xfe", b"\xfe"],
    }


def test_aborted_and_open_transactions_are_not_read(kafka, ctx, topic):
    name = topic()
    transaction(kafka, name, *rows(1, 2), end="commit")
    transaction(kafka, name, *rows(3, 4), end="abort")
    send(kafka, name, *rows(5))
    transaction(kafka, name, *rows(6), end="commit")
    still_open = transaction(kafka, name, *rows(7), end="none")
    send(kafka, name, *rows(8))
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS)
    assert numbers(read) == [1, 2, 5, 6]
    everything = ctx.read(
        kafka.url(name), format="json", schema=NUMBERS, isolation="read_uncommitted"
    )
    assert numbers(everything) == [1, 2, 3, 4, 5, 6, 7, 8]
    still_open.commit_transaction(20)
    assert numbers(read) == [1, 2, 5, 6]
    assert numbers(ctx.read(kafka.url(name), format="json", schema=NUMBERS)) == [1, 2, 5, 6, 7, 8]


def test_a_topic_that_ends_in_markers_or_has_nothing_else_comes_to_its_end(kafka, ctx, topic):
    name = topic(2)
    transaction(kafka, name, *rows(1), end="abort")
    transaction(kafka, name, *rows(2), end="abort", partition=1)
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS)
    assert numbers(read) == []
    assert "partition 1: offsets 0 to 2" in str(read.explain())


def test_what_arrives_later_is_not_of_a_range_that_was_fixed(kafka, ctx, topic):
    name = topic(2)
    send(kafka, name, *rows(1))
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS)
    send(kafka, name, *rows(2))
    send(kafka, name, *rows(3), partition=1)
    admin = AdminClient(kafka.client())
    admin.create_partitions([NewPartitions(name, 3)])[name].result(120)
    assert numbers(read) == [1]
    assert numbers(read) == [1]


def test_holes_of_compaction_are_no_rows_and_tombstones_are_rows_of_nulls(kafka, ctx, topic):
    name = topic(
        cleanup_policy="compact",
        segment_ms=100,
        max_compaction_lag_ms=100,
        min_cleanable_dirty_ratio=0.01,
        delete_retention_ms=600_000,
    )
    producer = Producer({**kafka.client(), "linger.ms": 0})
    for number in range(20):
        producer.produce(name, as_bytes({"n": number}), key=b"same")
    producer.produce(name, None, key=b"gone")
    assert producer.flush(120) == 0

    def offsets() -> list[int]:
        # Only what is written afterwards makes the broker close the segment that it compacts.
        producer.produce(name, as_bytes({"n": -1}), key=b"rolling")
        producer.flush(120)
        read = ctx.read(kafka.url(name), format="raw", metadata="offset")
        return read.select("offset").to_arrow().column("offset").to_pylist()

    deadline = threading.Event()
    for _ in range(200):
        found = offsets()
        if len(found) < found[-1] - 15:
            break
        deadline.wait(0.1)
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS, metadata=("key", "offset"))
    kept = read.filter("key <> 'rolling'").sort("offset").select("n", "key").to_arrow()
    assert kept.to_pydict() == {"n": [19, None], "key": ["same", "gone"]}
    without = ctx.read(
        kafka.url(name), format="json", schema=NUMBERS, metadata="key", tombstones="skip"
    )
    assert without.filter("key <> 'rolling'").select("n").to_arrow().to_pydict() == {"n": [19]}


# From where to where


def test_a_range_is_said_in_offsets_instants_and_words(kafka, ctx, topic):
    name = topic(2)
    for number in range(5):
        send(kafka, name, *rows(number), timestamp=NEW_YEAR + number)
        send(kafka, name, *rows(10 + number), partition=1, timestamp=NEW_YEAR + number)

    def read(**given: object) -> list[int]:
        return numbers(ctx.read(kafka.url(name), format="json", schema=NUMBERS, **given))

    assert read(start={0: 3}, end={1: 2}) == [3, 4, 10, 11]
    assert read(start="2024-01-01T00:00:00.003+00:00") == [3, 4, 13, 14]
    assert read(end=datetime.datetime(2024, 1, 1, 0, 0, 0, 1000, datetime.UTC)) == [0, 10]
    assert read(start="2034-01-01T00:00:00+00:00") == []
    assert read(start="latest") == []


def test_records_of_no_day_in_the_calendar_are_counted_all_the_same(kafka, ctx, topic):
    name = topic(message_timestamp_after_max_ms=str(2**63 - 1))
    send(kafka, name, *rows(1, 2), timestamp=NEW_YEAR * 1000)  # whose producer says microseconds

    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS, metadata="timestamp")

    assert "~2 rows" in str(read.select("n").explain())
    assert numbers(read.select("n")) == [1, 2]


def test_filters_on_partition_offset_and_timestamp_choose_what_is_fetched(kafka, ctx, topic):
    name = topic(2)
    for number, instant in enumerate([5, 1, 9, 2]):
        send(kafka, name, *rows(number), timestamp=NEW_YEAR + instant)
        send(kafka, name, *rows(10 + number), partition=1, timestamp=NEW_YEAR + instant)
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS, metadata=True)
    some = read.filter("partition = 1 and offset >= 1 and offset < 3").select("n")
    assert "partition 1: offsets 1 to 3" in str(some.explain())
    assert "partition 0" not in str(some.explain())
    assert numbers(some) == [11, 12]
    late = read.filter(
        wf.col("timestamp") > datetime.datetime(2024, 1, 1, 0, 0, 0, 4000, datetime.UTC)
    )
    assert "from the first record at or after 2024-01-01T00:00:00.004" in str(late.explain())
    assert numbers(late) == [0, 2, 10, 12]
    assert numbers(read.filter("partition in (1) and timestamp < '2024-01-01T00:00:00.002Z'")) == [
        11
    ]


def test_how_many_records_are_of_an_hour_is_told_without_reading_them(kafka, ctx, topic):
    name = topic(2)
    producer = Producer(kafka.client())
    for minute in range(100):
        instant, (row,) = NEW_YEAR + 60_000 * minute, rows(minute)
        producer.produce(name, as_bytes(row), partition=minute % 2, timestamp=instant)
    assert producer.flush(60) == 0

    def estimated(**options: object) -> str:
        read = ctx.read(kafka.url(name), format="json", schema=NUMBERS, metadata=True, **options)
        late = wf.col("timestamp") >= datetime.datetime(2024, 1, 1, 1, 20, tzinfo=datetime.UTC)
        return str(read.filter(late).explain())

    assert "~19 rows" in estimated()
    assert "~21 rows" in estimated(start={0: 30})  # that range has another first record: a guess


@pytest.mark.parametrize("milliseconds", [-1, -2, -315_619_200_000])
def test_an_instant_before_1970_is_before_all_records(kafka, ctx, topic, milliseconds):
    name = topic()
    send(kafka, name, *rows(1, 2))
    since = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(
        milliseconds=milliseconds
    )
    given = {"format": "json", "schema": NUMBERS, "metadata": "timestamp"}
    read = ctx.read(kafka.url(name), **given)
    assert numbers(read.filter(wf.col("timestamp") >= since)) == [1, 2]
    assert numbers(ctx.read(kafka.url(name), **given, start=since)) == [1, 2]
    assert numbers(ctx.read(kafka.url(name), **given, end=since)) == []


def test_a_field_called_offset_is_filtered_by_its_value(kafka, ctx, topic):
    name = topic()
    send(kafka, name, {"offset": 7}, {"offset": 0}, {"offset": None})
    read = ctx.read(kafka.url(name), format="json", schema={"offset": "int64"})
    assert read.filter("offset > 5").to_arrow().to_pydict() == {"offset": [7]}


def test_rows_are_counted_off_before_or_after_a_filter_as_the_plan_says(kafka, ctx, topic):
    name = topic()
    send(kafka, name, *rows(*range(10)))
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS, metadata="offset")
    assert numbers(read.limit(3).filter("offset >= 2")) == [2]
    assert numbers(read.filter("offset >= 2").limit(3)) == [2, 3, 4]
    assert read.count() == 10


# Columns


def test_inferred_columns_are_shown(kafka, ctx, topic):
    name = topic(2)
    send(kafka, name, {"n": 1, "at": "2024-01-01T00:00:00Z"}, None)
    send(kafka, name, {"n": 99999999999999999999}, partition=1)
    read = ctx.read(kafka.url(name), format="json")
    assert [str(field) for field in read.schema] == ["n decimal(38,0)", "at timestamp_utc"]
    assert "inferred from 2 records" in str(read.explain())
