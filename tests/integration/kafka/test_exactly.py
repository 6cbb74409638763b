"""Rows among transactions of every end, holes and tombstones: each once, none else."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from confluent_kafka import Producer

import wayfed as wf
from wayfed.testing.servers.kafka import KafkaServer

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PARTITIONS = 6
MANY, VERY_MANY = 200_000, 1_000_000
IN_A_TRANSACTION = 20_000
TOMBSTONES = 600
REPLACED = 3_000


def value(number: int) -> bytes:
    return b'{"id":%d,"x":%d}' % (number, number * 7919 % 1024)


class Writer:
    """Writes numbers in transactions, to all partitions in turn."""

    def __init__(self, kafka: KafkaServer, topic: str) -> None:
        self._topic = topic
        settings = {**kafka.client(), "linger.ms": 20, "batch.size": 1 << 20}
        self._producer = Producer({**settings, "transactional.id": uuid.uuid4().hex})
        self._producer.init_transactions(30)

    def begin(self) -> None:
        self._producer.begin_transaction()

    def write(self, number: int, *, key: bytes | None = None, tombstone: bool = False) -> None:
        content = None if tombstone else value(number)
        while True:
            try:
                partition = number % PARTITIONS
                self._producer.produce(self._topic, content, key=key, partition=partition)
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)

    def commit(self) -> None:
        self._producer.commit_transaction(60)

    def abort(self) -> None:
        assert self._producer.flush(60) == 0
        self._producer.abort_transaction(60)

    def leave_open(self) -> None:
        assert self._producer.flush(60) == 0


@pytest.fixture(scope="module", params=[MANY, pytest.param(VERY_MANY, marks=pytest.mark.soak)])
def written(kafka: KafkaServer, request: Any) -> tuple[str, int, Writer]:
    """A topic, how many rows of it count, and the writer whose transaction stays open.

    Numbers from 0 to that are each written once and count; those above are in transactions
    that were aborted or are open, or stand behind an open one; those below 0 are compacted away.
    """
    committed = request.param
    topic = kafka.create_topic(
        f"exactly-{uuid.uuid4().hex[:8]}",
        partitions=PARTITIONS,
        settings={
            "cleanup.policy": "compact",
            "segment.ms": 200,
            "max.compaction.lag.ms": 200,
            "min.cleanable.dirty.ratio": 0.01,
            "delete.retention.ms": 3_600_000,
        },
    )
    good, bad = Writer(kafka, topic), Writer(kafka, topic)
    good.begin()
    for number in range(REPLACED):  # of each partition's, compaction leaves the last
        good.write(-1 - number, key=b"again")
    good.commit()
    for start in range(0, committed, IN_A_TRANSACTION):
        good.begin()
        bad.begin()
        for number in range(start, start + IN_A_TRANSACTION):
            good.write(number, key=b"%d" % number)
            if number % 10 == 0:
                bad.write(committed + number, key=b"aborted")
        good.commit()
        bad.abort()
    good.begin()
    for number in range(TOMBSTONES):
        good.write(number, key=b"gone %d" % number, tombstone=True)
    good.commit()
    still_open = Writer(kafka, topic)
    still_open.begin()
    for number in range(PARTITIONS):
        still_open.write(committed + number, key=b"open")
    still_open.leave_open()
    good.begin()
    for number in range(PARTITIONS):  # committed, but behind a transaction that is open
        good.write(committed + number, key=b"behind")
    good.commit()
    return topic, committed, still_open


@pytest.mark.parametrize("client", ["confluent", "kafka-python"])
def test_many_rows_are_each_read_once_by_both_clients(kafka, written, client):
    topic, committed, _ = written
    with wf.context(kafka={"client": client}) as ctx:
        read = ctx.read(
            kafka.url(topic),
            format="json",
            schema={"id": "int64", "x": "int64"},
            metadata=("key", "partition", "offset"),
        )
        rows = read.cache()
        numbers = rows.filter("id >= 0")
        total = numbers.group_by().agg(
            n=wf.count(),
            ids=wf.sum("id"),
            xs=wf.sum("x"),
            least=wf.min("id"),
            most=wf.max("id"),
        )
        assert total.to_arrow().to_pylist() == [
            {
                "n": committed,
                "ids": committed * (committed - 1) // 2,
                "xs": sum(number * 7919 % 1024 for number in range(committed)),
                "least": 0,
                "most": committed - 1,
            }
        ]
        assert numbers.filter("id % 6 <> partition or cast(id as text) <> key").count() == 0
        assert rows.filter("id is null").count() == TOMBSTONES
        assert rows.filter("id < 0").count() <= REPLACED
        assert rows.distinct("partition", "offset").count() == rows.count()
