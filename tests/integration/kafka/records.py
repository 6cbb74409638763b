"""Records put in topics by a plain client, for tests of what is read."""

from __future__ import annotations

import json
import uuid

from confluent_kafka import Producer

import wayfed as wf
from wayfed.testing.servers.kafka import KafkaServer

CLIENTS = ["confluent", "kafka-python"]
NUMBERS = {"n": "int64"}
NEW_YEAR = 1_704_067_200_000


def send(kafka: KafkaServer, topic: str, *values: object, partition: int = 0, **given) -> None:
    """Put records in a partition; what is no bytes and not None is put as JSON."""
    producer = Producer({**kafka.client(), "linger.ms": 0})
    for value in values:
        producer.produce(topic, as_bytes(value), partition=partition, **given)
    assert producer.flush(120) == 0


def as_bytes(value: object) -> bytes | None:
    return value if value is None or isinstance(value, bytes) else json.dumps(value).encode()


def transaction(kafka: KafkaServer, topic: str, *values: object, end: str, partition: int = 0):
    """Put records in a partition in a transaction of their own; `end` says how it ends."""
    given = {**kafka.client(), "transactional.id": uuid.uuid4().hex}
    producer = Producer(given)
    producer.init_transactions(120)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, as_bytes(value), partition=partition)
    assert producer.flush(120) == 0
    if end == "commit":
        producer.commit_transaction(120)
    elif end == "abort":
        producer.abort_transaction(120)
    return producer


def numbers(dataset: wf.Dataset) -> list[int]:
    return sorted(dataset.to_arrow().column("n").to_pylist())


def rows(*values: int) -> list[dict[str, int]]:
    return [{"n": value} for value in values]
