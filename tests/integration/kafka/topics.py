"""Topics as a plain client sees them, for tests of what was written."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple
from uuid import uuid4

import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, TopicPartition

from wayfed.testing.servers import KafkaServer
from wayfed_arrow import schema_from_arrow
from wayfed_kafka import CONNECTOR
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.platform import Target, TargetRequest
from wayfed_optimizer.relations import WriteMode


class Message(NamedTuple):
    partition: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: list[tuple[str, bytes]] | None


def new_name() -> str:
    return f"topic-{uuid4().hex[:10]}"


def messages(server: KafkaServer, topic: str, *, committed: bool = True) -> list[Message]:
    """Return what stands in a topic now."""
    isolation = "read_committed" if committed else "read_uncommitted"
    settings = {
        **server.client(),
        "group.id": "tests",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "isolation.level": isolation,
        "fetch.queue.backoff.ms": 5,
    }
    consumer = Consumer(settings)
    try:
        left = set(consumer.list_topics(topic, timeout=120).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in left])
        found = []
        while left:
            for message in consumer.consume(10_000, 0.2):
                error = message.error()
                if error is None:
                    found.append(_message(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                elif not error.retriable():
                    raise AssertionError(error)
        return found
    finally:
        consumer.close()


def values(server: KafkaServer, topic: str, *, committed: bool = True) -> list[bytes | None]:
    """Return the values in a topic now, sorted."""
    found = (message.value for message in messages(server, topic, committed=committed))
    return sorted(found, key=lambda value: value or b"")


def open_target(
    stack: ExitStack,
    url: str,
    table: pa.Table,
    options: Mapping[str, Any],
    *,
    mode: str = "append",
    settings: Mapping[str, Any] | None = None,
) -> Target:
    """Return a topic as a target of a table's rows, without a context; `stack` lets go of it."""
    store = CONNECTOR.store(url, settings or {}, new=True)
    stack.callback(store.close)
    schema = schema_from_arrow(table.schema)
    return CONNECTOR.target(TargetRequest(url, schema, WriteMode(mode), options=options), store)


def _message(message: Any) -> Message:
    return Message(
        message.partition(),
        message.key(),
        message.value(),
        message.timestamp()[1],
        message.headers(),
    )


def write_and_die(url: str, transactional_id: str, client: str) -> None:
    """Write some rows and end as a crash would, before they are committed."""
    table = pa.table({"n": list(range(20_000))})

    def batches() -> Any:
        yield from table.to_batches()
        os.kill(os.getpid(), signal.SIGKILL)

    reader = pa.RecordBatchReader.from_batches(table.schema, batches())
    options = {"transactional_id": transactional_id}
    with ExitStack() as stack:
        written = open_target(stack, url, table, options, settings={"client": client})
        written.write(reader, CancellationToken())


if __name__ == "__main__":
    write_and_die(*sys.argv[1:])
